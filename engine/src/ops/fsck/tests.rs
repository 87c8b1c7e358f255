//! What a check finds, and what a repair makes of it.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::*;
use crate::disk::{Disk, Input, SimulatedDisk};
use crate::ops::archives::{docker_archive, layer, noise};
use crate::ops::{LoadOptions, RemoveOptions, RepairOptions, RepairSource, Repaired, SaveOptions};
use crate::task::{Event, Progress};

/// An image whose files lie in frames of their own, and another that shares the base.
fn archives() -> [Vec<u8>; 2] {
    let base =
        layer(&[("etc/passwd", b"root"), ("usr/big", &noise(1, 3_000_000)), ("usr/small", &noise(2, 900))]);
    let top = |seed| layer(&[("app", &noise(seed, 1_200_000)), ("etc/passwd", b"user")]);
    [docker_archive("app:1", &[base.clone(), top(3)]), docker_archive("app:2", &[base, top(4)])]
}

fn open(disk: &SimulatedDisk) -> Store {
    Store::open_on(Arc::new(disk.clone())).unwrap().expect("a store")
}

fn load(store: &Store, archive: &[u8]) {
    let input = Input::Stream(Box::new(Cursor::new(archive.to_vec())));
    store.load(input, &LoadOptions::default(), &Task::silent()).unwrap();
}

fn stored() -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    let store = Store::create_on(Arc::new(disk.clone()), Path::new("store")).unwrap();
    archives().iter().for_each(|archive| load(&store, archive));
    disk
}

fn check(store: &Store, level: FsckLevel) -> Checked {
    store.fsck(&FsckOptions::at(level), &Task::silent()).unwrap()
}

fn repair(store: &Store, from: Vec<RepairSource>) -> Repaired {
    store.repair(RepairOptions { level: FsckLevel::Exact, from }, &Task::silent()).unwrap()
}

fn archive_of(bytes: &[u8]) -> RepairSource {
    RepairSource::Archive(Input::Stream(Box::new(Cursor::new(bytes.to_vec()))))
}

fn saved(store: &Store, name: &str) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    store.save(&[name], &mut out, &SaveOptions::default(), &Task::silent())?;
    Ok(out)
}

/// The largest pack, and its bytes.
fn largest_pack(disk: &SimulatedDisk) -> (String, Vec<u8>) {
    let packs = disk.list("packs").unwrap().into_iter().map(|entry| format!("packs/{}", entry.name));
    let read = |name: String| {
        let file = disk.open(&name).unwrap();
        let mut bytes = vec![0; file.len().unwrap() as usize];
        file.read_exact_at(&mut bytes, 0).unwrap();
        (name, bytes)
    };
    packs.map(read).max_by_key(|(_, bytes)| bytes.len()).expect("a pack")
}

fn flip(disk: &SimulatedDisk, name: &str, at: usize) {
    let file = disk.open_writable(name).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at as u64).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at as u64).unwrap();
}

/// Where the bytes of a chunk lie: noise is kept as it is.
fn place_of(pack: &[u8], bytes: &[u8]) -> usize {
    pack.windows(64).position(|window| window == &bytes[bytes.len() - 64..]).expect("it is stored")
}

fn is_clean(store: &Store) {
    assert_eq!(check(store, FsckLevel::Exact).faults, []);
    store.gc(&Task::silent()).unwrap();
    assert_eq!(store.usage().unwrap().garbage_bytes, 0);
    assert_eq!(check(store, FsckLevel::Exact).faults, []);
}

#[test]
fn damage_is_told_as_the_images_layers_and_files_that_suffer() {
    let disk = stored();
    let (pack, bytes) = largest_pack(&disk);
    flip(&disk, &pack, place_of(&bytes, &noise(3, 1_200_000)));
    let store = open(&disk);
    assert_eq!(check(&store, FsckLevel::Quick).faults, [], "nobody has read it yet");
    let faults = check(&store, FsckLevel::Data).faults;
    let lost: Vec<_> = faults.iter().filter(|fault| !fault.images.is_empty()).collect();
    assert_eq!(lost.len(), 1, "{faults:?}");
    assert!(lost[0].place.starts_with("layer sha256:"), "{lost:?}");
    assert_eq!(
        (&lost[0].images[..], &lost[0].files[..]),
        (&["app:1".to_owned()][..], &[b"app".to_vec()][..])
    );
    // What is known is known to all that come later.
    assert_eq!(check(&store, FsckLevel::Quick).faults.len(), 1);
    assert!(saved(&store, "app:1").is_err());
    assert!(saved(&store, "app:2").is_ok());
}

#[test]
fn a_load_heals_what_is_known_to_be_damaged() {
    let disk = stored();
    let whole = saved(&open(&disk), "app:1").unwrap();
    let (pack, bytes) = largest_pack(&disk);
    flip(&disk, &pack, place_of(&bytes, &noise(3, 1_200_000)));
    let store = open(&disk);
    // A save that fails is enough to know it.
    assert!(saved(&store, "app:1").is_err());
    load(&store, &archives()[0]);
    assert_eq!(saved(&store, "app:1").unwrap(), whole);
    is_clean(&store);
}

#[test]
fn a_load_heals_what_was_in_a_pack_that_is_gone() {
    let disk = stored();
    let whole = ["app:1", "app:2"].map(|name| saved(&open(&disk), name).unwrap());
    let packs = disk.list("packs").unwrap();
    for pack in &packs {
        disk.remove(&format!("packs/{}", pack.name)).unwrap();
    }
    let store = open(&disk);
    assert!(!check(&store, FsckLevel::Quick).faults.is_empty());
    archives().iter().for_each(|archive| load(&store, archive));
    assert_eq!(["app:1", "app:2"].map(|name| saved(&store, name).unwrap()), whole);
    is_clean(&store);
}

/// Wherever in a pack a bit changes, it is noticed, and no more is lost than the chunk
/// that it is in; what is lost comes back from an archive or another store.
#[test]
fn a_flipped_bit_anywhere_in_a_pack_is_found_and_healed() {
    let disk = stored();
    let whole = ["app:1", "app:2"].map(|name| saved(&open(&disk), name).unwrap());
    let other = stored();
    let (pack, bytes) = largest_pack(&disk);
    let trailer = bytes.len() - 3000;
    let places =
        (0..48).chain((0..40).map(|n| 100 + n * (trailer / 40))).chain((trailer..bytes.len()).step_by(41));
    for (number, at) in places.enumerate() {
        let disk = disk.after_reboot(crate::disk::Survival::Everything);
        flip(&disk, &pack, at);
        let store = open(&disk);
        assert_ne!(check(&store, FsckLevel::Data).faults, [], "byte {at}");
        let from = match number % 3 {
            0 => Vec::new(),
            1 => archives().iter().map(|archive| archive_of(archive)).collect(),
            _ => vec![RepairSource::Store(open(&other))],
        };
        let has_source = !from.is_empty();
        let repaired = repair(&store, from);
        assert_ne!(repaired.checked.faults, [], "byte {at}");
        if has_source {
            assert_eq!(repaired.left, [], "byte {at}");
        }
        if !repaired.left.is_empty() {
            // Without a source the chunk is lost, and with it one file of one layer.
            let files: BTreeSet<_> = repaired.left.iter().flat_map(|fault| &fault.files).collect();
            assert!(files.len() <= 1, "byte {at}: {:?}", repaired.left);
            archives().iter().for_each(|archive| load(&store, archive));
        }
        assert_eq!(["app:1", "app:2"].map(|name| saved(&store, name).unwrap()), whole, "byte {at}");
        is_clean(&store);
    }
}

/// The chunks are told by what is left of its trailer, or by its index runs and the
/// recipes of what needs them.
#[test]
fn a_pack_that_is_cut_short_loses_what_was_cut_off_and_no_more() {
    let flat = layer(&[("usr/big", &noise(1, 3_000_000)), ("own", b"own")]);
    for cut in [1, 40, 300, 1_500_000] {
        let disk = stored();
        // Its recipe lies in a pack of its own, the bytes of its file in the first.
        load(&open(&disk), &docker_archive("flat:1", std::slice::from_ref(&flat)));
        let names = ["app:1", "app:2", "flat:1"];
        let whole = names.map(|name| saved(&open(&disk), name).unwrap());
        let (pack, bytes) = largest_pack(&disk);
        disk.open_writable(&pack).unwrap().truncate((bytes.len() - cut) as u64).unwrap();
        let store = open(&disk);
        let repaired = repair(&store, Vec::new());
        assert!(repaired.saved_chunks > 10, "{cut}: {repaired:?}");
        assert!(cut < 1000 || !repaired.left.is_empty());
        let repaired = repair(&store, archives().iter().map(|archive| archive_of(archive)).collect());
        assert_eq!(repaired.left, [], "{cut}");
        assert_eq!(names.map(|name| saved(&store, name).unwrap()), whole);
        is_clean(&store);
    }
}

#[test]
fn what_cannot_be_healed_goes_with_its_image() {
    let disk = stored();
    let (pack, bytes) = largest_pack(&disk);
    flip(&disk, &pack, place_of(&bytes, &noise(3, 1_200_000)));
    let store = open(&disk);
    let repaired = repair(&store, Vec::new());
    assert_eq!(repaired.left.len(), 1, "{:?}", repaired.left);
    assert!(store.gc(&Task::silent()).is_err(), "it is not known what is needed");
    store.remove("app:1", &RemoveOptions::default(), &Task::silent()).unwrap();
    store.gc(&Task::silent()).unwrap();
    is_clean(&store);
    assert!(saved(&store, "app:2").is_ok());
}

#[test]
fn a_check_that_was_stopped_goes_on_where_it_was() {
    let disk = stored();
    let store = open(&disk);
    for level in [FsckLevel::Data, FsckLevel::Exact] {
        let all = check(&store, level);
        let no_time = FsckOptions { level, max_duration: Some(Duration::ZERO) };
        let none = store.fsck(&no_time, &Task::silent()).unwrap();
        assert!(none.is_unfinished && none.packed_bytes == 0 && none.bytes == 0);
        let resumed = check(&store, level);
        assert!(!resumed.is_unfinished && !resumed.is_resumed, "nothing was done before");
        assert_eq!((resumed.packed_bytes, resumed.bytes), (all.packed_bytes, all.bytes));
    }
    // Stopped in the middle, by whoever listens.
    let listener = Arc::new(StopAtBlobs::default());
    let task = Task::with_progress(Arc::clone(&listener) as Arc<dyn Progress>);
    listener.stop.set(task.stop_flag()).expect("it is not set yet");
    let stopped = store.fsck(&FsckOptions::at(FsckLevel::Exact), &task);
    assert_eq!(stopped.unwrap_err().kind(), crate::ErrorKind::Cancelled);
    let resumed = check(&store, FsckLevel::Exact);
    assert!(resumed.is_resumed && resumed.packed_bytes == 0 && resumed.bytes > 0, "{resumed:?}");
    assert!(!check(&store, FsckLevel::Exact).is_resumed);
}

/// Says stop when the first blob is made again.
#[derive(Default)]
struct StopAtBlobs {
    stop: OnceLock<Arc<AtomicBool>>,
}

impl Progress for StopAtBlobs {
    fn report(&self, event: &Event<'_>) {
        if let (Event::Advanced { item: "blobs", .. }, Some(stop)) = (event, self.stop.get()) {
            stop.store(true, Ordering::Relaxed);
        }
    }
}
