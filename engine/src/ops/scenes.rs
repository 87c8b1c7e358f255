//! Stores, and what is done to them, for the tests of what goes wrong meanwhile.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::archives::{docker_archive, layer, noise};
use super::optimize::Pace;
use super::{
    CommitOptions, CreateOptions, FsckLevel, ImageSummary, ImportOptions, LoadOptions, OptimizeOptions,
    RemoveContainerOptions, RemoveOptions, RepairOptions, RepairSource, SquashOptions, UndoOptions,
};
use crate::catalog::{Change, ContainerId};
use crate::disk::{Input, SimulatedDisk};
use crate::image::{ImageId, RunConfig};
use crate::store::{CompactionPolicy, Store};
use crate::task::Task;
use crate::{ErrorKind, Result};

/// A verb at work.
#[derive(Clone, Copy)]
pub struct Scene {
    pub name: &'static str,
    /// What is there before.
    pub prepare: fn(&Store),
    /// What is done.
    pub act: fn(&Store) -> Result<()>,
}

impl Scene {
    /// A disk on which it can begin.
    pub fn prepared(&self) -> SimulatedDisk {
        let disk = SimulatedDisk::new();
        (self.prepare)(&open(&disk).unwrap());
        disk
    }
}

const fn scene(name: &'static str, prepare: fn(&Store), act: fn(&Store) -> Result<()>) -> Scene {
    Scene { name, prepare, act }
}

pub const LOADS: &[Scene] = &[
    scene("load", with_nothing, |store| load(store, app(2))),
    scene("load of another version", with_an_image, |store| load(store, app(3))),
    scene("load that was interrupted before", with_an_interrupted_load, |store| load(store, app(3))),
];

/// Of these nothing that is named changes: the load is interrupted half way.
pub const INTERRUPTIONS: &[Scene] =
    &[scene("interrupted load", with_nothing, |store| interrupted(store, app(3)))];

pub const TAGS: &[Scene] =
    &[scene("tag", with_an_image, |store| store.tag("app:1", &"app:2".parse().unwrap()))];

pub const REMOVALS: &[Scene] = &[
    scene("rmi", with_two_images, |store| {
        store.remove("kept:1", &RemoveOptions::default(), &Task::silent()).map(drop)
    }),
    scene("rmi that keeps the space", with_two_images, |store| {
        let options = RemoveOptions { keep_space: true, ..RemoveOptions::default() };
        store.remove("kept:1", &options, &Task::silent()).map(drop)
    }),
    scene("rm", with_a_container, |store| {
        store.remove_container("web", &RemoveContainerOptions::default()).map(drop)
    }),
];

pub const UNDOINGS: &[Scene] = &[
    scene("undo of a removal", with_garbage, undo),
    scene("undo of a load", with_two_images, undo),
    scene("undo of an undo", with_an_undo, undo),
    scene("undo of a rename", with_a_renaming, undo),
];

pub const CREATIONS: &[Scene] = &[
    scene("create", with_an_image, |store| create(store, "web")),
    scene("rename", with_a_container, |store| store.rename_container("web", "app")),
];

pub const IMPORTS: &[Scene] = &[
    scene("import", with_nothing, |store| import(store, "flat:1")),
    scene("import under a name that is there", with_an_image, |store| import(store, "app:1")),
];

pub const SQUASHES: &[Scene] = &[
    scene("squash", with_an_image, |store| squash(store, "flat:1", None)),
    scene("squash of the top", with_an_image, |store| squash(store, "flat:1", Some("2"))),
    scene("squash in its place", with_an_image, |store| squash(store, "app:1", None)),
];

pub const COMMITS: &[Scene] = &[
    scene("commit", with_a_container, |store| commit(store, "web:1")),
    scene("commit under a name that is there", with_a_container, |store| commit(store, "kept:1")),
];

/// Of these nothing that is named changes.
pub const COLLECTIONS: &[Scene] = &[
    scene("gc beside containers", with_remains, |store| store.gc(&Task::silent()).map(drop)),
    scene("gc", with_garbage, |store| store.gc(&Task::silent()).map(drop)),
    scene("reclaim", with_garbage, |store| store.reclaim(&Task::silent()).map(drop)),
];

pub const COMPACTIONS: &[Scene] = &[
    scene("gc that compacts the journal", with_garbage, |store| {
        compacting(store).gc(&Task::silent()).map(drop)
    }),
    scene("undo in a compacted journal", with_a_compacted_journal, undo),
    scene("compaction of a compacted journal", with_a_compacted_journal, |store| {
        compacting(store).ledger(&Task::silent())?.compact().map(drop)
    }),
    scene("tag that compacts the journal", with_garbage, |store| {
        compacting(store).tag("app:1", &"app:2".parse().unwrap())
    }),
    scene("commits behind a compaction", with_garbage, |store| {
        let mut ledger = compacting(store).ledger(&Task::silent())?;
        // The journal is compacted by the first, come what may.
        ledger.commit("nothing", Vec::new())?;
        let mut named = ledger.catalog().references().next().unwrap()?;
        named.name = "docker.io/library/app:2".into();
        ledger.commit("tag", vec![Change::SetReference(named)])
    }),
];

pub const OPTIMIZATIONS: &[Scene] = &[scene("optimize", with_much, optimize)];

/// Views that are lost are made again by whatever comes next.
pub const REBUILDS: &[Scene] = &[
    scene("a command without index runs", without_runs, |store| store.usage().map(drop)),
    scene("a load without index runs", without_runs, |store| load(store, app(4))),
];

/// Of what is damaged everything can be brought.
pub const REPAIRS: &[Scene] = &[scene("repair", with_damage, |store| {
    let archive = |seed| Input::Stream(Box::new(std::io::Cursor::new(app(seed))));
    let from = [2, 3].map(|seed| RepairSource::Archive(archive(seed))).into();
    let repaired = store.repair(RepairOptions { level: FsckLevel::Data, from }, &Task::silent())?;
    let left = || crate::Error::new(ErrorKind::Corrupt, format!("{:?}", repaired.left));
    if repaired.left.is_empty() { Ok(()) } else { Err(left()) }
})];

/// What a store shows of itself: its names, and what they name; of containers
/// the names, and their images.
pub type Shown = BTreeMap<String, ImageId>;

pub fn shown(store: &Store) -> Shown {
    let names = |image: ImageSummary| {
        let id = image.id;
        let dangling = image.references.is_empty().then(|| (id.to_string(), id));
        let named = image.references.into_iter().map(move |name| (name.familiar(), id));
        named.chain(dangling).collect::<Vec<_>>()
    };
    let containers = store.containers(false).unwrap().into_iter();
    let containers =
        containers.map(|container| (format!("container {}", container.name), container.image_id));
    store.images().unwrap().into_iter().flat_map(names).chain(containers).collect()
}

pub fn open(disk: &SimulatedDisk) -> Result<Store> {
    let disk: Arc<dyn crate::disk::Disk> = Arc::new(disk.clone());
    match Store::open_on(Arc::clone(&disk))? {
        Some(store) => Ok(store),
        None => Store::create_on(disk, Path::new("store")),
    }
}

pub fn load(store: &Store, archive: Vec<u8>) -> Result<()> {
    let input = Input::Stream(Box::new(std::io::Cursor::new(archive)));
    store.load(input, &LoadOptions::default(), &Task::silent()).map(drop)
}

fn base() -> Vec<u8> {
    layer(&[("etc/passwd", b"root"), ("bin/sh", &noise(1, 300_000)), ("empty", b"")])
}

pub fn app(seed: u64) -> Vec<u8> {
    let top = layer(&[("app", &noise(seed, 70_000)), ("etc/passwd", b"root")]);
    docker_archive("app:1", &[base(), top])
}

/// Loads an archive of which only the first `bytes` come before the load is interrupted.
pub fn load_interrupted_after(store: &Store, archive: Vec<u8>, bytes: u64) -> Result<()> {
    let task = Task::silent();
    let (stop, stopped) = (task.clone(), task.clone());
    let rest = std::io::Cursor::new(archive).take(bytes).chain(Stop(stop));
    store.load(Input::Stream(Box::new(rest)), &LoadOptions::default(), &stopped).map(drop)
}

/// A source that stops the work that reads it.
struct Stop(Task);

impl Read for Stop {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        self.0.cancel();
        Err(std::io::Error::other(crate::task::Cancelled))
    }
}

/// The base is there whole, and a part of the layer above it.
fn interrupted(store: &Store, archive: Vec<u8>) -> Result<()> {
    let bytes = archive.len() as u64 - 30_000;
    match load_interrupted_after(store, archive, bytes) {
        Err(error) if error.kind() == ErrorKind::Cancelled => Ok(()),
        other => other,
    }
}

fn with_an_interrupted_load(store: &Store) {
    interrupted(store, app(3)).unwrap();
}

fn with_nothing(_: &Store) {}

pub fn with_an_image(store: &Store) {
    load(store, app(2)).unwrap();
}

fn with_two_images(store: &Store) {
    load(store, app(2)).unwrap();
    store.tag("app:1", &"kept:1".parse().unwrap()).unwrap();
    load(store, app(3)).unwrap();
}

fn create(store: &Store, name: &str) -> Result<()> {
    // Without a name for the host the container's ID is one, and a commit keeps it.
    let (cmd, hostname) = (Some(vec!["x".into()]), Some(name.into()));
    let config = RunConfig { cmd, hostname, ..RunConfig::default() };
    let options = CreateOptions { name: Some(name.into()), config, ..CreateOptions::default() };
    store.create_container("app:1", &options).map(drop)
}

fn undo(store: &Store) -> Result<()> {
    store.undo(&UndoOptions::default(), &Task::silent()).map(drop)
}

/// Of a load, so that the second brings an image back whose bytes nothing needs.
fn with_an_undo(store: &Store) {
    with_two_images(store);
    undo(store).unwrap();
}

fn with_a_renaming(store: &Store) {
    with_a_container(store);
    store.rename_container("web", "app").unwrap();
}

/// A container whose image is gone.
pub fn with_a_container(store: &Store) {
    with_two_images(store);
    create(store, "web").unwrap();
    let id = store.inspect_container("web", false).unwrap().id;
    // Something that it wrote.
    let upper = format!("{}/upper", Store::container_dir(&id));
    store.disk().create_dir(&upper).unwrap();
    let file = store.disk().create(&format!("{upper}/file")).unwrap();
    file.write_all_at(b"written", 0).unwrap();
    file.sync().unwrap();
    for dir in [&upper, &Store::container_dir(&id)] {
        store.disk().sync_dir(dir).unwrap();
    }
    store
        .remove("app:1", &RemoveOptions { force: true, ..RemoveOptions::default() }, &Task::silent())
        .unwrap();
}

/// Imports a tar whose files are known in part.
pub fn import(store: &Store, name: &str) -> Result<()> {
    let tar = layer(&[("bin/sh", &noise(1, 300_000)), ("own", &noise(4, 90_000)), ("etc/passwd", b"root")]);
    let options = ImportOptions {
        reference: Some(name.parse().unwrap()),
        created: Some(jiff::Timestamp::UNIX_EPOCH),
        ..ImportOptions::default()
    };
    store.import(Input::Stream(Box::new(std::io::Cursor::new(tar))), &options, &Task::silent()).map(drop)
}

pub fn squash(store: &Store, name: &str, from: Option<&str>) -> Result<()> {
    let reference = Some(name.parse().unwrap());
    let options = SquashOptions { reference, from: from.map(str::to_owned), ..SquashOptions::default() };
    store.squash("app:1", &options, &Task::silent()).map(drop)
}

pub fn commit(store: &Store, name: &str) -> Result<()> {
    let options = CommitOptions {
        reference: Some(name.parse().unwrap()),
        created: Some(jiff::Timestamp::UNIX_EPOCH),
        ..CommitOptions::default()
    };
    store.commit("web", &options, &Task::silent()).map(drop)
}

/// In many small parts and several steps, each of which may be the last.
fn optimize(store: &Store) -> Result<()> {
    let pace = Pace { step_bytes: 400_000, step_chunks: 1000, part_bytes: 200_000 };
    let options = OptimizeOptions { level: 5, ..OptimizeOptions::default() };
    let optimized = store.optimize_at(&pace, &options, &Task::silent())?;
    assert_eq!((optimized.damaged, optimized.is_unfinished), (0, false));
    Ok(())
}

/// Beside a container what is left of one whose removal was cut short.
fn with_remains(store: &Store) {
    with_a_container(store);
    let gone = Store::container_dir(&ContainerId([7; 32]));
    store.disk().create_dir(&gone).unwrap();
    store.disk().sync_dir("containers").unwrap();
    store.disk().create(&format!("{gone}/file")).unwrap().write_all_at(b"x", 0).unwrap();
}

/// The same store, which compacts its journal whenever it may, and leaves a commit or two.
fn compacting(store: &Store) -> Store {
    let policy = CompactionPolicy { min_bytes: 1, commit_bytes: 1, history_bytes: 600, max_percent: 200 };
    store.with_compaction(policy)
}

fn with_a_compacted_journal(store: &Store) {
    with_garbage(store);
    let mut ledger = compacting(store).ledger(&Task::silent()).unwrap();
    let last = ledger.last_number();
    ledger.compact().unwrap();
    assert_eq!(ledger.last_number(), last);
}

fn with_garbage(store: &Store) {
    with_two_images(store);
    store.remove("kept:1", &RemoveOptions::default(), &Task::silent()).unwrap();
}

fn without_runs(store: &Store) {
    with_two_images(store);
    for run in store.disk().list("index").unwrap() {
        store.disk().remove(&format!("index/{}", run.name)).unwrap();
    }
    store.disk().sync_dir("index").unwrap();
}

/// The structure of one pack is damaged, and a chunk in the other.
fn with_damage(store: &Store) {
    with_two_images(store);
    for (number, pack) in store.disk().list("packs").unwrap().into_iter().enumerate() {
        let file = store.disk().open_writable(&format!("packs/{}", pack.name)).unwrap();
        let at = if number == 0 { file.len().unwrap() - 40 } else { 200 };
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 1], at).unwrap();
        file.sync().unwrap();
    }
}

fn with_much(store: &Store) {
    with_two_images(store);
    import(store, "flat:1").unwrap();
    store.remove("kept:1", &RemoveOptions::default(), &Task::silent()).unwrap();
}

/// Neither leaves anything that nobody needs.
#[test]
fn what_is_made_here_is_all_needed() {
    let store = open(&SimulatedDisk::new()).unwrap();
    with_a_container(&store);
    store.gc(&Task::silent()).unwrap();
    commit(&store, "web:1").unwrap();
    import(&store, "flat:1").unwrap();
    load(&store, app(5)).unwrap();
    squash(&store, "flat:2", Some("2")).unwrap();
    assert_eq!(store.usage().unwrap().garbage_bytes, 0);
    assert_eq!(store.history("web:1", None).unwrap().first().map(|step| step.empty_layer), Some(true));
}
