//! What depends on something else is made again from it, without being asked.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use larder_engine::{ErrorKind, FsckLevel, FsckOptions, Input, LoadOptions, RemoveOptions, Store, Task};

const GREETER: &[u8] = include_bytes!("../data/greeter.tar");
const GREETER_OCI: &[u8] = include_bytes!("../data/greeter.oci.tar");

fn load(store: &Store, archive: &'static [u8]) {
    let input = Input::Stream(Box::new(Cursor::new(archive)));
    store.load(input, &LoadOptions::default(), &Task::silent()).unwrap();
}

/// A store with both images: two names of one, a third of the other.
fn stored() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let store = Store::create(&path).unwrap();
    load(&store, GREETER);
    store.tag("greeter:1.0", &"greeter:kept".parse().unwrap()).unwrap();
    load(&store, GREETER_OCI);
    (dir, path)
}

fn names(path: &Path) -> Vec<String> {
    let images = Store::open(path).unwrap().images().unwrap();
    let mut names: Vec<_> =
        images.into_iter().flat_map(|image| image.references).map(|name| name.familiar()).collect();
    names.sort();
    names
}

fn is_clean(path: &Path) -> bool {
    let checked =
        Store::open(path).unwrap().fsck(&FsckOptions::at(FsckLevel::Exact), &Task::silent()).unwrap();
    checked.faults.is_empty()
}

const NAMES: [&str; 3] = ["greeter:1.0", "greeter:kept", "greeter:latest"];

fn flip(file: &Path, at: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= 0x40;
    fs::write(file, bytes).unwrap();
}

#[test]
fn a_catalog_that_is_lost_or_damaged_in_any_file_is_made_again() {
    let (_dir, path) = stored();
    let catalog = path.join("catalog");
    fs::remove_dir_all(&catalog).unwrap();
    assert_eq!(names(&path), NAMES);
    let files = |dir: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_file()).collect()
    };
    for damage in ["empty", "cut", "zero", "flip"] {
        for file in files(&catalog) {
            let Ok(bytes) = fs::read(&file) else { continue };
            let damaged = match damage {
                "empty" => Vec::new(),
                "cut" => bytes[..bytes.len() / 2].to_vec(),
                "zero" => vec![0; bytes.len()],
                _ => bytes.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at % 97 == 0)).collect(),
            };
            fs::write(&file, damaged).unwrap();
            assert_eq!(names(&path), NAMES, "{damage} {}", file.display());
        }
        assert!(is_clean(&path), "{damage}");
    }
}

#[test]
fn an_older_catalog_catches_up() {
    let (dir, path) = stored();
    let old = dir.path().join("old");
    let copy = |from: &Path, to: &Path| {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    };
    copy(&path.join("catalog"), &old);
    let store = Store::open(&path).unwrap();
    store.remove("greeter:kept", &RemoveOptions::default(), &Task::silent()).unwrap();
    drop(store);
    fs::remove_dir_all(path.join("catalog")).unwrap();
    copy(&old, &path.join("catalog"));
    assert_eq!(names(&path), ["greeter:1.0", "greeter:latest"]);
}

/// The last record of the journal was durable once: damage to it is no torn write.
#[test]
fn what_the_journal_loses_at_its_end_comes_back_from_the_catalog() {
    for lost in [1, 40, 300] {
        let (_dir, path) = stored();
        let journal = path.join("journal");
        let len = fs::metadata(&journal).unwrap().len() as usize;
        flip(&journal, len - lost);
        assert_eq!(names(&path), NAMES, "{lost}");
        // And it is in the journal again.
        fs::remove_dir_all(path.join("catalog")).unwrap();
        assert_eq!(names(&path), NAMES, "{lost}");
        assert!(is_clean(&path), "{lost}");
    }
}

/// Damage before the end would make later commits unreadable: nothing goes on as if they were not there.
#[test]
fn a_journal_that_is_damaged_in_the_middle_is_not_cut_short() {
    let (_dir, path) = stored();
    fs::remove_dir_all(path.join("catalog")).unwrap();
    flip(&path.join("journal"), 100);
    let before = fs::read(path.join("journal")).unwrap();
    let store = Store::open(&path).unwrap();
    let error = store.images().unwrap_err();
    assert!(error.to_string().contains("journal is damaged at byte 48"), "{error}");
    assert!(store.tag("greeter:1.0", &"x:1".parse().unwrap()).is_err());
    assert_eq!(fs::read(path.join("journal")).unwrap(), before);
}

/// An empty list would be the wrong answer, and a new store in its place the end of the old one.
#[test]
fn a_store_that_lost_its_format_is_not_taken_for_none() {
    let (_dir, path) = stored();
    fs::remove_file(path.join("format")).unwrap();
    for opened in [Store::open(&path), Store::open_or_create(&path)] {
        let error = opened.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert_eq!(error.to_string(), "the file format is damaged: it is missing");
    }
    assert!(Store::create(&path).is_err());
}

#[test]
fn lost_index_runs_are_made_again() {
    let (_dir, path) = stored();
    fs::remove_dir_all(path.join("index")).unwrap();
    assert!(is_clean(&path));
    assert!(fs::read_dir(path.join("index")).unwrap().count() > 0);
}

/// A pack that was rewritten may come out equal to another; neither is lost.
#[test]
fn what_two_packs_share_survives_the_collection_of_both() {
    let (_dir, path) = stored();
    // The same packs under their names twice over: as two loads at once would leave them.
    let store = Store::open(&path).unwrap();
    store.remove("greeter:kept", &RemoveOptions::default(), &Task::silent()).unwrap();
    store.gc(&Task::silent()).unwrap();
    let other = stored();
    for entry in fs::read_dir(other.1.join("packs")).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), path.join("packs").join(entry.file_name())).unwrap();
    }
    for _ in 0..3 {
        store.gc(&Task::silent()).unwrap();
        assert!(is_clean(&path));
    }
    assert_eq!(store.usage().unwrap().garbage_bytes, 0);
}
