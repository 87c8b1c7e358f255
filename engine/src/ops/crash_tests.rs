//! Pull the plug after every operation of every verb that writes.

use super::scenes::{
    COLLECTIONS, COMMITS, COMPACTIONS, CREATIONS, IMPORTS, INTERRUPTIONS, LOADS, OPTIMIZATIONS, REBUILDS,
    REMOVALS, REPAIRS, SQUASHES, Scene, Shown, TAGS, UNDOINGS, app, load, open, shown,
};
use super::{FsckLevel, FsckOptions};
use crate::disk::{Disk as _, SimulatedDisk, Survival};
use crate::task::Task;

/// In how many ways a part of what was not made durable survives a cut.
const PARTS: u64 = 2;

/// The same with `LARDER_EXHAUSTIVE=1`, which takes minutes.
const MANY_PARTS: u64 = 24;

/// What may become of what was not made durable when the power goes after `stop`
/// operations: nothing, all, and parts by lot.
fn survivals(stop: u64) -> impl Iterator<Item = Survival> {
    let parts = if std::env::var_os("LARDER_EXHAUSTIVE").is_some() { MANY_PARTS } else { PARTS };
    let by_lot = (0..parts).map(move |part| Survival::Part(stop * MANY_PARTS + part));
    [Survival::Nothing, Survival::Everything].into_iter().chain(by_lot)
}

/// Plays a scene and cuts the power after each of its operations in turn; `look` is
/// given what is found, and whether the scene was told to be done.
fn each_cut(scene: &Scene, mut look: impl FnMut(SimulatedDisk, bool, &str)) {
    let disk = scene.prepared();
    let start = disk.operations();
    (scene.act)(&open(&disk).unwrap()).unwrap();
    let operations = disk.operations() - start;
    let mut cuts = 0;
    for stop in 0..=operations {
        let disk = scene.prepared();
        let store = open(&disk).unwrap();
        disk.lose_power_after(stop);
        let told = (scene.act)(&store);
        for survival in survivals(stop) {
            let context = format!("{}, cut after {stop} of {operations}, {survival:?}", scene.name);
            look(disk.after_reboot(survival), told.is_ok(), &context);
            cuts += 1;
        }
    }
    assert!(cuts >= 12, "{}: only {cuts} cuts", scene.name);
    println!("{}: {cuts} cuts", scene.name);
}

/// What is found must be what was before or what comes after, and the latter if it was
/// told to be done.
fn cut_everywhere(scene: &Scene) {
    let disk = scene.prepared();
    let before = shown(&open(&disk).unwrap());
    (scene.act)(&open(&disk).unwrap()).unwrap();
    let after = shown(&open(&disk).unwrap());
    each_cut(scene, |disk, is_done, context| check(&disk, &before, &after, is_done, context));
}

fn check(disk: &SimulatedDisk, before: &Shown, after: &Shown, is_done: bool, context: &str) {
    let store = open(disk).unwrap_or_else(|error| panic!("{context}: {error}"));
    let found = shown(&store);
    assert!(found == *after || !is_done && found == *before, "{context}: {found:?}");
    let verify = FsckOptions::at(FsckLevel::Exact);
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

#[test]
fn a_load_happens_whole_or_not_at_all() {
    LOADS.iter().for_each(cut_everywhere);
}

#[test]
fn an_interrupted_load_leaves_only_garbage_when_the_power_goes() {
    INTERRUPTIONS.iter().for_each(cut_everywhere);
}

#[test]
fn a_tag_is_given_or_not() {
    TAGS.iter().for_each(cut_everywhere);
}

#[test]
fn a_removal_happens_whole_or_not_at_all() {
    REMOVALS.iter().for_each(cut_everywhere);
}

#[test]
fn an_undo_happens_whole_or_not_at_all() {
    UNDOINGS.iter().for_each(cut_everywhere);
}

#[test]
fn a_container_is_made_or_named_anew_or_not() {
    CREATIONS.iter().for_each(cut_everywhere);
}

#[test]
fn an_import_happens_whole_or_not_at_all() {
    IMPORTS.iter().for_each(cut_everywhere);
}

#[test]
fn a_squash_happens_whole_or_not_at_all() {
    SQUASHES.iter().for_each(cut_everywhere);
}

#[test]
fn a_commit_happens_whole_or_not_at_all() {
    COMMITS.iter().for_each(cut_everywhere);
}

#[test]
fn a_collection_loses_nothing() {
    COLLECTIONS.iter().for_each(cut_everywhere);
}

#[test]
fn a_compaction_of_the_journal_loses_nothing() {
    COMPACTIONS.iter().for_each(cut_everywhere);
}

/// What lies twice is garbage.
#[test]
fn an_optimisation_loses_nothing() {
    OPTIMIZATIONS.iter().for_each(cut_everywhere);
}

#[test]
fn what_is_made_again_is_made_whole_or_made_again() {
    REBUILDS.iter().for_each(cut_everywhere);
}

/// Nothing that could be saved before is lost by it, whenever it ends.
#[test]
fn a_repair_that_is_cut_short_is_done_by_the_next() {
    for scene in REPAIRS {
        let before = shown(&open(&scene.prepared()).unwrap());
        each_cut(scene, |disk, _, context| {
            (scene.act)(&open(&disk).unwrap()).unwrap_or_else(|error| panic!("{context}: {error}"));
            check(&disk, &before, &before, true, context);
        });
    }
}

#[test]
fn a_store_is_made_whole_or_made_again() {
    let whole = SimulatedDisk::new();
    open(&whole).unwrap();
    for stop in 0..=whole.operations() {
        for survival in survivals(stop) {
            let disk = SimulatedDisk::new();
            disk.lose_power_after(stop);
            let _ = open(&disk);
            let context = format!("making, cut after {stop}, {survival:?}");
            check(&disk.after_reboot(survival), &Shown::new(), &Shown::new(), false, &context);
        }
    }
}
