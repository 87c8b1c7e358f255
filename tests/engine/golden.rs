//! Stores that earlier versions wrote: each must be read for ever.
//!
//! `tests/data/golden/store-1` is a store of format version 1 with
//! `tests/data/greeter.tar` and `greeter.oci.tar` in it, without its catalog,
//! which is made again from the journal.

use std::fs;
use std::path::{Path, PathBuf};

use larder_engine::{
    Digest, ErrorKind, FsckLevel, FsckOptions, Input, LoadOptions, PastOptions, SaveOptions, Store, Task,
    UndoOptions,
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
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    copy(&data("golden/store-1"), &path);
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
