use std::io::Cursor;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::*;
use crate::disk::{Input, SimulatedDisk};
use crate::ops::archives::{docker_archive, layer, noise};
use crate::ops::{FsckLevel, FsckOptions, LoadOptions, SaveOptions};
use crate::task::Progress;

const QUICK: OptimizeOptions = OptimizeOptions { level: 5, max_duration: None };

fn new_store() -> Store {
    Store::create_on(Arc::new(SimulatedDisk::new()), Path::new("store")).unwrap()
}

/// An image whose files differ a little from one version to the next.
fn version(number: u64) -> Vec<u8> {
    let file = |seed| {
        let mut bytes = noise(seed, 60_000);
        bytes.splice(30_000..30_010, number.to_le_bytes());
        bytes
    };
    let files: Vec<_> = (0..10).map(|seed| (format!("usr/lib/{seed}"), file(seed))).collect();
    let files: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
    docker_archive(&format!("app:{number}"), &[layer(&files)])
}

fn load(store: &Store, archive: Vec<u8>) {
    let input = Input::Stream(Box::new(Cursor::new(archive)));
    store.load(input, &LoadOptions::default(), &Task::silent()).unwrap();
}

fn save(store: &Store, name: &str) -> Vec<u8> {
    let mut saved = Vec::new();
    store.save(&[name], &mut saved, &SaveOptions::default(), &Task::silent()).unwrap();
    saved
}

fn versions(count: u64) -> Store {
    let store = new_store();
    (0..count).for_each(|number| load(&store, version(number)));
    store
}

fn check_clean(store: &Store) {
    let checked = store.fsck(&FsckOptions::at(FsckLevel::Exact), &Task::silent()).unwrap();
    assert_eq!(checked.faults, []);
    assert_eq!(store.usage().unwrap().garbage_bytes, 0);
}

#[test]
fn two_versions_take_little_more_than_one_and_come_back_as_they_were() {
    let store = versions(2);
    let before: Vec<_> = (0..2).map(|number| save(&store, &format!("app:{number}"))).collect();
    let optimized = store.optimize(&QUICK, &Task::silent()).unwrap();
    assert!(optimized.bytes_after * 5 < optimized.bytes_before * 3, "{optimized:?}");
    assert!(optimized.frames_rewritten >= 2 && optimized.packs_removed == 2, "{optimized:?}");
    for (number, before) in before.iter().enumerate() {
        assert!(save(&store, &format!("app:{number}")) == *before, "version {number}");
    }
    check_clean(&store);
}

#[test]
fn what_is_optimised_is_left_alone_until_more_is_asked_for() {
    let store = versions(2);
    store.optimize(&QUICK, &Task::silent()).unwrap();
    let again = store.optimize(&QUICK, &Task::silent()).unwrap();
    let same = again.bytes_before;
    assert_eq!(again, Optimized { bytes_before: same, bytes_after: same, ..Optimized::default() });
    load(&store, version(7));
    let more = store.optimize(&QUICK, &Task::silent()).unwrap();
    assert_eq!(more.packs_removed, 1);
    let harder = OptimizeOptions { level: 6, ..QUICK };
    assert!(store.optimize(&harder, &Task::silent()).unwrap().frames_rewritten > 0);
    check_clean(&store);
}

/// A pack that `gc` makes of an optimised one and others is half optimised.
#[test]
fn a_collection_keeps_what_was_optimised() {
    let store = versions(2);
    store.optimize(&QUICK, &Task::silent()).unwrap();
    load(&store, version(3));
    store.remove("app:0", &crate::ops::RemoveOptions::default(), &Task::silent()).unwrap();
    store.gc(&Task::silent()).unwrap();
    store.optimize(&QUICK, &Task::silent()).unwrap();
    assert_eq!(store.optimize(&QUICK, &Task::silent()).unwrap().frames_rewritten, 0);
    check_clean(&store);
}

#[test]
fn without_time_nothing_is_done() {
    let store = versions(2);
    let options = OptimizeOptions { max_duration: Some(Duration::ZERO), ..QUICK };
    let optimized = store.optimize(&options, &Task::silent()).unwrap();
    assert!(optimized.is_unfinished);
    assert_eq!((optimized.frames_rewritten, optimized.bytes_after), (0, optimized.bytes_before));
}

#[test]
fn there_is_no_level_beyond_those_of_zstd() {
    for level in [0, 23, 255] {
        let error = new_store().optimize(&OptimizeOptions { level, ..QUICK }, &Task::silent()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}

/// Does something in the middle of the work.
struct Meanwhile<F>(Mutex<Option<F>>);

impl<F: FnOnce() + Send> Progress for Meanwhile<F> {
    fn report(&self, event: &Event<'_>) {
        if let Event::Advanced { item: "compressing", .. } = event
            && let Some(act) = self.0.lock().unwrap().take()
        {
            act();
        }
    }
}

fn with(act: impl FnOnce() + Send + 'static) -> Task {
    Task::with_progress(Arc::new(Meanwhile(Mutex::new(Some(act)))))
}

/// A load that relies on chunks in the packs that are about to go, and a save.
#[test]
fn others_use_the_store_meanwhile() {
    let disk: Arc<dyn crate::disk::Disk> = Arc::new(SimulatedDisk::new());
    let store = Store::create_on(Arc::clone(&disk), Path::new("store")).unwrap();
    (0..3).for_each(|number| load(&store, version(number)));
    let other = Store::open_on(disk).unwrap().unwrap();
    let before = save(&store, "app:1");
    let was = before.clone();
    let task = with(move || {
        assert!(save(&other, "app:1") == was);
        other.remove("app:2", &crate::ops::RemoveOptions::default(), &Task::silent()).unwrap();
        load(&other, version(2));
        load(&other, version(9));
    });
    store.optimize(&QUICK, &task).unwrap();
    assert!(save(&store, "app:1") == before);
    assert_eq!(store.images().unwrap().len(), 4);
    store.gc(&Task::silent()).unwrap();
    check_clean(&store);
}

#[test]
fn what_was_finished_before_a_stop_is_kept() {
    /// Stops the work when one part is done and the next under way.
    struct Stopping(Mutex<Option<Task>>);
    impl Progress for Stopping {
        fn report(&self, event: &Event<'_>) {
            if matches!(event, Event::Advanced { item: "compressing", done_bytes, .. } if *done_bytes > 1_300_000)
            {
                self.0.lock().unwrap().take().iter().for_each(Task::cancel);
            }
        }
    }
    let store = versions(6);
    let stopping = Arc::new(Stopping(Mutex::new(None)));
    let task = Task::with_progress(Arc::clone(&stopping) as Arc<dyn Progress>);
    *stopping.0.lock().unwrap() = Some(task.clone());
    let parts = Pace { step_bytes: 1 << 30, step_chunks: 1000, part_bytes: 1 << 20 };
    let error = store.optimize_at(&parts, &QUICK, &task).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let rest = store.optimize(&QUICK, &Task::silent()).unwrap();
    let whole = versions(6).optimize(&QUICK, &Task::silent()).unwrap();
    assert!(
        rest.frames_rewritten > 0 && rest.bytes_before < whole.bytes_before * 3 / 2,
        "{rest:?} {whole:?}"
    );
    check_clean(&store);
}

/// Damage is told of, and what is not damaged is optimised all the same.
#[test]
fn a_damaged_frame_is_left_where_it_is() {
    let disk: Arc<dyn crate::disk::Disk> = Arc::new(SimulatedDisk::new());
    let store = Store::create_on(Arc::clone(&disk), Path::new("store")).unwrap();
    (0..2).for_each(|number| load(&store, version(number)));
    let reader = Index::open(Arc::clone(&disk)).unwrap();
    let (_, id) = reader.packs().next().unwrap();
    let file = disk.open_writable(&id.file()).unwrap();
    file.write_all_at(&[0x55; 64], 3000).unwrap();
    let damaged =
        |store: &Store| store.fsck(&FsckOptions::at(FsckLevel::Exact), &Task::silent()).unwrap().faults;
    let before = damaged(&store);
    let optimized = store.optimize(&QUICK, &Task::silent()).unwrap();
    assert_eq!((optimized.damaged, optimized.packs_removed), (1, 1), "{optimized:?}");
    assert!(disk.open(&id.file()).is_ok());
    assert_eq!(damaged(&store).len(), before.len());
    let again = store.optimize(&QUICK, &Task::silent()).unwrap();
    assert_eq!((again.damaged, again.packs_removed, again.frames_rewritten), (1, 0, 0), "{again:?}");
}
