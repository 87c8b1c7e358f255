//! Let every operation of every verb that writes fail once, in every way.
//!
//! Whatever fails: nothing is lost, what was told to be done is there and stays there
//! when the power goes, and the same command works when it is given again.

use rustix::io::Errno;

use super::scenes::{
    COLLECTIONS, COMMITS, COMPACTIONS, CREATIONS, IMPORTS, INTERRUPTIONS, LOADS, OPTIMIZATIONS, REBUILDS,
    REMOVALS, REPAIRS, SQUASHES, Scene, Shown, TAGS, UNDOINGS, open, shown,
};
use super::{FsckLevel, FsckOptions};
use crate::disk::{Failure, SimulatedDisk, Survival};
use crate::task::Task;

/// What a disk says that breaks, is full, or is full for this user.
const ERRORS: [Errno; 3] = [Errno::IO, Errno::NOSPC, Errno::DQUOT];

/// All calls take five minutes: they are made to fail with `LARDER_EXHAUSTIVE=1`, and
/// without it one in so many.
const STEP: usize = 9;

fn step() -> usize {
    if std::env::var_os("LARDER_EXHAUSTIVE").is_some() { 1 } else { STEP }
}

/// Lets calls of a scene fail in turn, in every way. `look` does it once, and gives
/// whether anything was there to fail.
fn each_failure(scene: &Scene, mut look: impl FnMut(u64, Failure, &str) -> bool) {
    let disk = scene.prepared();
    let store = open(&disk).unwrap();
    let start = disk.calls();
    (scene.act)(&store).unwrap();
    let calls = disk.calls() - start;
    let mut failures = 0;
    for call in (0..calls).step_by(step()) {
        let error = |number: u64| ERRORS[((call + number) % 3) as usize];
        for failure in [Failure::Error(error(0)), Failure::Half(error(1)), Failure::Sync] {
            let context = format!("{}, call {call} of {calls}: {failure:?}", scene.name);
            failures += u32::from(look(call, failure, &context));
        }
    }
    println!("{}: {failures} failures", scene.name);
}

fn fail_everywhere(scene: &Scene) {
    let disk = scene.prepared();
    let before = shown(&open(&disk).unwrap());
    (scene.act)(&open(&disk).unwrap()).unwrap();
    let after = shown(&open(&disk).unwrap());
    each_failure(scene, |call, failure, context| fail(scene, call, failure, &before, &after, context));
}

/// Whether anything was there to fail.
fn fail(scene: &Scene, call: u64, failure: Failure, before: &Shown, after: &Shown, context: &str) -> bool {
    let disk = scene.prepared();
    let store = open(&disk).unwrap_or_else(|error| panic!("{context}: {error}"));
    disk.fail_after(call, failure);
    let told = (scene.act)(&store);
    if !disk.has_failed() {
        return false;
    }
    if let Err(error) = &told {
        let text = format!("{error}: {:?}", std::error::Error::source(error).map(ToString::to_string));
        assert!(text.len() > 20, "{context}: {text}");
    }
    // What was told holds now, and when the power goes.
    for found in [disk.clone(), disk.after_reboot(Survival::Nothing)] {
        let shown = sound(&found, context);
        assert!(shown == *after || told.is_err() && shown == *before, "{context}: {told:?}, {shown:?}");
    }
    if shown(&store) == *after {
        return true;
    }
    // The same store goes on.
    let again = (scene.act)(&store);
    assert!(again.is_ok(), "{context}: {again:?}");
    for found in [disk.clone(), disk.after_reboot(Survival::Nothing)] {
        let shown = sound(&found, context);
        assert!(shown == *after, "{context}: again {again:?}, {shown:?}");
    }
    true
}

/// What a store shows that is whole, and from which all garbage can be taken.
fn sound(disk: &SimulatedDisk, context: &str) -> Shown {
    // On a disk of its own, since garbage that lies around is part of the test.
    let disk = disk.after_reboot(Survival::Everything);
    let store = open(&disk).unwrap_or_else(|error| panic!("{context}: {error}"));
    let found = shown(&store);
    let verify = FsckOptions::at(FsckLevel::Exact);
    assert_eq!(store.fsck(&verify, &Task::silent()).unwrap().faults, [], "{context}");
    store.gc(&Task::silent()).unwrap_or_else(|error| panic!("{context}: {error}"));
    assert_eq!(shown(&store), found, "{context}");
    assert_eq!(store.usage().unwrap().garbage_bytes, 0, "{context}");
    found
}

#[test]
fn a_disk_that_fails_in_a_load_loses_nothing() {
    LOADS.iter().for_each(fail_everywhere);
}

#[test]
fn a_disk_that_fails_while_a_load_is_interrupted_loses_nothing() {
    INTERRUPTIONS.iter().for_each(fail_everywhere);
}

#[test]
fn a_disk_that_fails_in_a_tag_loses_nothing() {
    TAGS.iter().for_each(fail_everywhere);
}

#[test]
fn a_disk_that_fails_in_a_removal_loses_nothing() {
    REMOVALS.iter().for_each(fail_everywhere);
}

#[test]
fn a_disk_that_fails_in_an_undo_loses_nothing() {
    UNDOINGS.iter().for_each(fail_everywhere);
}

#[test]
fn a_disk_that_fails_in_a_creation_loses_nothing() {
    CREATIONS.iter().for_each(fail_everywhere);
}

#[test]
fn a_disk_that_fails_in_an_import_loses_nothing() {
    IMPORTS.iter().for_each(fail_everywhere);
}

#[test]
fn a_disk_that_fails_in_a_squash_loses_nothing() {
    SQUASHES.iter().for_each(fail_everywhere);
}

#[test]
fn a_disk_that_fails_in_a_commit_loses_nothing() {
    COMMITS.iter().for_each(fail_everywhere);
}

#[test]
fn a_disk_that_fails_in_a_collection_loses_nothing() {
    COLLECTIONS.iter().for_each(fail_everywhere);
}

#[test]
fn a_disk_that_fails_in_a_compaction_loses_nothing() {
    COMPACTIONS.iter().for_each(fail_everywhere);
}

#[test]
fn a_disk_that_fails_in_an_optimisation_loses_nothing() {
    OPTIMIZATIONS.iter().for_each(fail_everywhere);
}

#[test]
fn a_disk_that_fails_while_something_is_made_again_loses_nothing() {
    REBUILDS.iter().for_each(fail_everywhere);
}

/// What could be healed before can be healed afterwards.
#[test]
fn a_disk_that_fails_in_a_repair_loses_nothing() {
    for scene in REPAIRS {
        let before = shown(&open(&scene.prepared()).unwrap());
        each_failure(scene, |call, failure, context| {
            let disk = scene.prepared();
            let store = open(&disk).unwrap();
            disk.fail_after(call, failure);
            let told = (scene.act)(&store);
            if !disk.has_failed() {
                return false;
            }
            if told.is_err() {
                (scene.act)(&store).unwrap_or_else(|error| panic!("{context}: {error}"));
            }
            assert_eq!(sound(&disk, context), before, "{context}");
            true
        });
    }
}
