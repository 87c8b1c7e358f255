//! Stores that earlier versions wrote: each must be read for ever.
//!
//! `tests/data/golden/store-1` is a store of format version 1 with
//! `tests/data/greeter.tar` and `greeter.oci.tar` in it, without its catalog,
//! which is made again from the journal.
//!
//! `tests/data/golden/store-2` is that store with some names given and taken away, and its
//! journal compacted: version 2 of the journal. Nine commits are left as a snapshot of five, three
//! as they were made.

use std::fs;
use std::path::{Path, PathBuf};

use larder_engine::{
    Digest, ErrorKind, FsckLevel, FsckOptions, Input, LoadOptions, PastOptions, Reference, SaveOptions,
    Store, Task, UndoOptions,
};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data").join(name)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => _ = fs::copy(entry.path(), target).unwrap(),
        }
    }
}

fn golden() -> (tempfile::TempDir, PathBuf) {
    golden_called("golden/store-1")
}

fn golden_called(name: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    copy(&data(name), &path);
    (dir, path)
}

fn saved(store: &Store, name: &str) -> Digest {
    let mut archive = Vec::new();
    store.save(&[name], &mut archive, &SaveOptions::default(), &Task::silent()).unwrap();
    Digest::of(archive)
}

#[test]
fn a_store_of_version_1_is_clean_and_gives_back_what_was_put_in() {
    let (_dir, path) = golden();
    let store = Store::open(&path).unwrap();
    let checked = store.fsck(&FsckOptions::at(FsckLevel::Exact), &Task::silent()).unwrap();
    assert_eq!(checked.faults, []);
    assert_eq!(checked.images, 2);

    let fresh = tempfile::tempdir().unwrap();
    let fresh = Store::create(fresh.path().join("store")).unwrap();
    for archive in ["greeter.tar", "greeter.oci.tar"] {
        let input = Input::open(&data(archive)).unwrap();
        for image in fresh.load(input, &LoadOptions::default(), &Task::silent()).unwrap().images {
            assert_eq!(
                saved(&store, &image.id.to_string()),
                saved(&fresh, &image.id.to_string()),
                "{archive}"
            );
        }
    }
}

#[test]
fn a_store_of_version_1_knows_what_it_has() {
    let (_dir, path) = golden();
    let store = Store::open(&path).unwrap();
    let packs = || fs::read_dir(path.join("packs")).unwrap().count();
    let before = packs();
    for archive in ["greeter.tar", "greeter.oci.tar"] {
        let input = Input::open(&data(archive)).unwrap();
        let loaded = store.load(input, &LoadOptions::default(), &Task::silent()).unwrap();
        assert_eq!(loaded.new_bytes, 0, "{archive}");
    }
    assert_eq!(packs(), before);
}

/// The bytes that name the version, and what they become in times to come.
#[test]
fn a_store_of_a_later_version_is_refused_and_says_so() {
    let (_dir, path) = golden();
    let format = path.join("format");
    let mut bytes = fs::read(&format).unwrap();
    bytes[8] = 2;
    let mut sum = blake3::Hasher::new();
    sum.update(&bytes[..56]);
    sum.finalize_xof().fill(&mut bytes[56..72]);
    fs::write(&format, bytes).unwrap();
    let error = Store::open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(error.to_string(), "the store needs a newer larder: it uses version 2, features 0x0");
}

#[test]
fn a_store_of_version_1_tells_its_past_and_takes_it_back() {
    let (_dir, path) = golden();
    let store = Store::open(&path).unwrap();
    let past = store.past(&PastOptions::default()).unwrap();
    let told: Vec<_> = past.iter().map(|command| (command.number, command.verb.as_str())).collect();
    assert_eq!(told, [(2, "load"), (1, "load")]);
    assert!(past.iter().all(|command| command.time.is_some_and(|time| time.as_second() > 1_700_000_000)));
    let after = store.images().unwrap();
    store.undo(&UndoOptions::default(), &Task::silent()).unwrap();
    assert_ne!(store.images().unwrap(), after);
    store.undo(&UndoOptions::default(), &Task::silent()).unwrap();
    assert_eq!(store.images().unwrap(), after);
    let checked = store.fsck(&FsckOptions::at(FsckLevel::Exact), &Task::silent()).unwrap();
    assert_eq!(checked.faults, []);
}

#[test]
fn a_store_with_a_compacted_journal_is_clean_and_gives_back_what_was_put_in() {
    let ((_dir, path), (_other, plain)) = (golden_called("golden/store-2"), golden());
    let (store, plain) = (Store::open(&path).unwrap(), Store::open(&plain).unwrap());
    let checked = store.fsck(&FsckOptions::at(FsckLevel::Exact), &Task::silent()).unwrap();
    assert_eq!(checked.faults, []);
    let images = store.images().unwrap();
    let mut names: Vec<_> =
        images.iter().flat_map(|image| &image.references).map(Reference::familiar).collect();
    names.sort();
    assert_eq!(names, ["greeter:1.0", "greeter:latest", "kept:1", "kept:2"]);
    for image in images {
        let id = image.id.to_string();
        assert_eq!(store.inspect(&id, None).unwrap().diff_ids, plain.inspect(&id, None).unwrap().diff_ids);
    }
    // Neither reading it nor a collection of garbage changes the journal.
    store.gc(&Task::silent()).unwrap();
    let journal = |name: &str| fs::read(data(name).join("journal")).unwrap();
    let found = fs::read(path.join("journal")).unwrap();
    assert!(found.starts_with(&journal("golden/store-2")) && found[8] == 2);
    assert_eq!(journal("golden/store-1")[8..16], [1, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn a_compacted_journal_tells_what_is_left_of_the_past_and_takes_it_back() {
    let (_dir, path) = golden_called("golden/store-2");
    let store = Store::open(&path).unwrap();
    let past = store.past(&PastOptions::default()).unwrap();
    let told: Vec<_> = past.iter().map(|command| (command.number, command.verb.as_str())).collect();
    assert_eq!(told, [(12, "tag"), (11, "rmi"), (10, "rmi")]);
    let of = |number| UndoOptions { number: Some(number), ..UndoOptions::default() };
    let error = store.undo(&of(9), &Task::silent()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(
        error.to_string(),
        "entry 9 is not in the log any more: the journal was compacted; the first is 10"
    );
    let undone = store.undo(&of(11), &Task::silent()).unwrap();
    assert_eq!(undone.names[0].name.familiar(), "old:2");
    store.undo(&UndoOptions { number: Some(12), ..UndoOptions::default() }, &Task::silent()).unwrap();
    assert!(store.inspect("kept:2", None).is_err() && store.inspect("old:2", None).is_ok());
    assert_eq!(store.past(&PastOptions { most: Some(1), ..PastOptions::default() }).unwrap()[0].number, 14);
}

/// When things came is known still.
#[test]
fn a_compacted_journal_tells_how_the_store_has_grown() {
    let ((_dir, path), (_other, plain)) = (golden_called("golden/store-2"), golden());
    let growth = |path: &Path| Store::open(path).unwrap().survey(&Task::silent()).unwrap().growth;
    assert_eq!(growth(&path), growth(&plain));
}
