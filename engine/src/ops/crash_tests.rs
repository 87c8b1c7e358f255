//! Pull the plug after every operation of every verb that writes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::archives::{docker_archive, layer, noise};
use super::optimize::Pace;
use super::{
    CommitOptions, CreateOptions, FsckOptions, ImportOptions, LoadOptions, OptimizeOptions,
    RemoveContainerOptions, RemoveOptions, SquashOptions,
};
use crate::Result;
use crate::catalog::ContainerId;
use crate::disk::{Disk as _, Input, SimulatedDisk, Survival};
use crate::image::{ImageId, RunConfig};
use crate::store::Store;
use crate::task::Task;

/// What a store shows of itself: its names, and what they name; of containers
/// the names, and their images.
type Shown = BTreeMap<String, ImageId>;

fn shown(store: &Store) -> Shown {
    let names = |image: super::ImageSummary| {
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

fn open(disk: &SimulatedDisk) -> Result<Store> {
    let disk: Arc<dyn crate::disk::Disk> = Arc::new(disk.clone());
    match Store::open_on(Arc::clone(&disk))? {
        Some(store) => Ok(store),
        None => Store::create_on(disk, Path::new("store")),
    }
}

fn load(store: &Store, archive: Vec<u8>) -> Result<()> {
    let input = Input::Stream(Box::new(std::io::Cursor::new(archive)));
    store.load(input, &LoadOptions::default(), &Task::silent()).map(drop)
}

fn base() -> Vec<u8> {
    layer(&[("etc/passwd", b"root"), ("bin/sh", &noise(1, 300_000)), ("empty", b"")])
}

fn app(seed: u64) -> Vec<u8> {
    let top = layer(&[("app", &noise(seed, 70_000)), ("etc/passwd", b"root")]);
    docker_archive("app:1", &[base(), top])
}

/// Runs `act` on a store made by `prepare`, and cuts the power after each of
/// its operations in turn; what is found must be what was before or what
/// comes after, and the latter if `act` said that it was done.
fn cut_everywhere(what: &str, prepare: fn(&Store), act: fn(&Store) -> Result<()>) {
    let prepared = || {
        let disk = SimulatedDisk::new();
        prepare(&open(&disk).unwrap());
        disk
    };
    let disk = prepared();
    let before = shown(&open(&disk).unwrap());
    let start = disk.operations();
    act(&open(&disk).unwrap()).unwrap();
    let operations = disk.operations() - start;
    let after = shown(&open(&disk).unwrap());
    let mut cuts = 0;
    for stop in 0..=operations {
        let disk = prepared();
        let store = open(&disk).unwrap();
        disk.lose_power_after(stop);
        let told = act(&store);
        let survivals =
            [Survival::Nothing, Survival::Everything, Survival::Part(stop), Survival::Part(!stop)];
        for survival in survivals {
            let context = format!("{what}, cut after {stop} of {operations}, {survival:?}");
            check(&disk.after_reboot(survival), &before, &after, told.is_ok(), &context);
            cuts += 1;
        }
    }
    assert!(cuts >= 12, "{what}: only {cuts} cuts");
}

fn check(disk: &SimulatedDisk, before: &Shown, after: &Shown, is_done: bool, context: &str) {
    let store = open(disk).unwrap_or_else(|error| panic!("{context}: {error}"));
    let found = shown(&store);
    assert!(found == *after || !is_done && found == *before, "{context}: {found:?}");
    let verify = FsckOptions { verify: true };
    assert_eq!(store.fsck(&verify, &Task::silent()).unwrap().faults, [], "{context}");
    store.gc(&Task::silent()).unwrap_or_else(|error| panic!("{context}: {error}"));
    assert_eq!(shown(&store), found, "{context}");
    assert_eq!(store.fsck(&verify, &Task::silent()).unwrap().faults, [], "{context}");
    let usage = store.usage().unwrap();
    assert_eq!(usage.garbage_bytes, 0, "{context}");
    let left = usage.disk.iter().find(|area| area.name == "tmp");
    assert!(left.is_none(), "{context}: {left:?}");
    let mut dirs: Vec<_> = disk.list("containers").unwrap().into_iter().map(|entry| entry.name).collect();
    let mut known: Vec<_> =
        store.containers(true).unwrap().iter().map(|found| found.id.to_string()).collect();
    dirs.sort();
    known.sort();
    assert_eq!(dirs, known, "{context}");
    // And it goes on working.
    load(&store, app(9)).unwrap_or_else(|error| panic!("{context}: {error}"));
}

fn with_nothing(_: &Store) {}

fn with_an_image(store: &Store) {
    load(store, app(2)).unwrap();
}

fn with_two_images(store: &Store) {
    load(store, app(2)).unwrap();
    store.tag("app:1", &"kept:1".parse().unwrap()).unwrap();
    load(store, app(3)).unwrap();
}

#[test]
fn a_load_happens_whole_or_not_at_all() {
    cut_everywhere("load", with_nothing, |store| load(store, app(2)));
}

#[test]
fn the_load_of_another_version_happens_whole_or_not_at_all() {
    cut_everywhere("load of another version", with_an_image, |store| load(store, app(3)));
}

#[test]
fn a_tag_is_given_or_not() {
    cut_everywhere("tag", with_an_image, |store| store.tag("app:1", &"app:2".parse().unwrap()));
}

#[test]
fn a_removal_happens_whole_or_not_at_all() {
    cut_everywhere("rmi", with_two_images, |store| {
        let options = RemoveOptions::default();
        store.remove("kept:1", &options, &Task::silent()).map(drop)
    });
}

fn create(store: &Store, name: &str) -> Result<()> {
    // Without a name for the host the container's ID is one, and a commit keeps it.
    let (cmd, hostname) = (Some(vec!["x".into()]), Some(name.into()));
    let config = RunConfig { cmd, hostname, ..RunConfig::default() };
    let options = CreateOptions { name: Some(name.into()), config, ..CreateOptions::default() };
    store.create_container("app:1", &options).map(drop)
}

/// A container whose image is gone.
fn with_a_container(store: &Store) {
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
    store.remove("app:1", &RemoveOptions { force: true }, &Task::silent()).unwrap();
}

#[test]
fn a_container_is_created_or_not() {
    cut_everywhere("create", with_an_image, |store| create(store, "web"));
}

#[test]
fn a_container_is_renamed_or_not() {
    cut_everywhere("rename", with_a_container, |store| store.rename_container("web", "app"));
}

#[test]
fn a_container_is_removed_whole_or_not_at_all() {
    cut_everywhere("rm", with_a_container, |store| {
        store.remove_container("web", &RemoveContainerOptions::default()).map(drop)
    });
}

/// Imports a tar whose files are known in part.
fn import(store: &Store, name: &str) -> Result<()> {
    let tar = layer(&[("bin/sh", &noise(1, 300_000)), ("own", &noise(4, 90_000)), ("etc/passwd", b"root")]);
    let options = ImportOptions {
        reference: Some(name.parse().unwrap()),
        created: Some(jiff::Timestamp::UNIX_EPOCH),
        ..ImportOptions::default()
    };
    store.import(Input::Stream(Box::new(std::io::Cursor::new(tar))), &options, &Task::silent()).map(drop)
}

#[test]
fn an_import_happens_whole_or_not_at_all() {
    cut_everywhere("import", with_nothing, |store| import(store, "flat:1"));
    cut_everywhere("import under a name that is there", with_an_image, |store| import(store, "app:1"));
}

fn squash(store: &Store, name: &str, from: Option<&str>) -> Result<()> {
    let reference = Some(name.parse().unwrap());
    let options = SquashOptions { reference, from: from.map(str::to_owned), ..SquashOptions::default() };
    store.squash("app:1", &options, &Task::silent()).map(drop)
}

#[test]
fn a_squash_happens_whole_or_not_at_all() {
    cut_everywhere("squash", with_an_image, |store| squash(store, "flat:1", None));
    cut_everywhere("squash of the top", with_an_image, |store| squash(store, "flat:1", Some("2")));
    cut_everywhere("squash in its place", with_an_image, |store| squash(store, "app:1", None));
}

fn commit(store: &Store, name: &str) -> Result<()> {
    let options = CommitOptions {
        reference: Some(name.parse().unwrap()),
        created: Some(jiff::Timestamp::UNIX_EPOCH),
        ..CommitOptions::default()
    };
    store.commit("web", &options, &Task::silent()).map(drop)
}

#[test]
fn a_commit_happens_whole_or_not_at_all() {
    cut_everywhere("commit", with_a_container, |store| commit(store, "web:1"));
    cut_everywhere("commit under a name that is there", with_a_container, |store| commit(store, "kept:1"));
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

#[test]
fn a_collection_leaves_containers_alone() {
    /// And beside it what is left of one whose removal was cut short.
    fn with_remains(store: &Store) {
        with_a_container(store);
        let gone = Store::container_dir(&ContainerId([7; 32]));
        store.disk().create_dir(&gone).unwrap();
        store.disk().sync_dir("containers").unwrap();
        store.disk().create(&format!("{gone}/file")).unwrap().write_all_at(b"x", 0).unwrap();
    }
    cut_everywhere("gc", with_remains, |store| store.gc(&Task::silent()).map(drop));
}

/// Nothing that is named changes, wherever the collection is cut.
#[test]
fn a_collection_loses_nothing() {
    fn with_garbage(store: &Store) {
        with_two_images(store);
        store.remove("kept:1", &RemoveOptions::default(), &Task::silent()).unwrap();
    }
    cut_everywhere("gc", with_garbage, |store| store.gc(&Task::silent()).map(drop));
    cut_everywhere("reclaim", with_garbage, |store| store.reclaim(&Task::silent()).map(drop));
}

/// In many small parts and several steps, each of which may be the last.
fn optimize(store: &Store) -> Result<()> {
    let pace = Pace { step_bytes: 400_000, step_chunks: 1000, part_bytes: 200_000 };
    let options = OptimizeOptions { level: 5, ..OptimizeOptions::default() };
    let optimized = store.optimize_at(&pace, &options, &Task::silent())?;
    assert_eq!((optimized.damaged, optimized.is_unfinished), (0, false));
    Ok(())
}

/// Nothing that is named changes, and what lies twice is garbage.
#[test]
fn an_optimisation_loses_nothing() {
    fn with_much(store: &Store) {
        with_two_images(store);
        import(store, "flat:1").unwrap();
        store.remove("kept:1", &RemoveOptions::default(), &Task::silent()).unwrap();
    }
    cut_everywhere("optimize", with_much, optimize);
}

#[test]
fn a_store_is_made_whole_or_made_again() {
    let whole = SimulatedDisk::new();
    open(&whole).unwrap();
    for stop in 0..=whole.operations() {
        for survival in [Survival::Nothing, Survival::Everything, Survival::Part(stop)] {
            let disk = SimulatedDisk::new();
            disk.lose_power_after(stop);
            let _ = open(&disk);
            let context = format!("making, cut after {stop}, {survival:?}");
            check(&disk.after_reboot(survival), &Shown::new(), &Shown::new(), false, &context);
        }
    }
}
