use std::io::{Cursor, Read};
use std::path::Path;

use super::super::archives::{docker_archive, layer};
use super::super::{CreateOptions, LoadOptions, RemoveContainerOptions, RemoveOptions};
use super::*;
use crate::disk::{FileKind, Folder, Input, Stat};
use crate::image::RunConfig;

/// A store on a real disk, for nothing is unpacked on another.
fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create(dir.path().join("store")).unwrap();
    (dir, store)
}

fn load(store: &Store, name: &str, content: &[u8]) {
    let base = layer(&[("etc/passwd", b"root"), ("bin/sh", &[7; 5000])]);
    let archive = docker_archive(name, &[base, layer(&[("app", content), ("etc/passwd", b"app")])]);
    let input = Input::Stream(Box::new(Cursor::new(archive)));
    store.load(input, &LoadOptions::default(), &Task::silent()).unwrap();
}

fn unpack(store: &Store, name: &str) -> Result<Unpacked> {
    let task = Task::silent();
    let access = store.share(&task)?;
    let stack = store.stack(&access, name, None, &task)?;
    store.unpack(&access, &stack.layers(), &task)
}

fn create(store: &Store, image: &str, name: &str) {
    let config = RunConfig { cmd: Some(vec!["x".into()]), ..RunConfig::default() };
    let options = CreateOptions { name: Some(name.into()), config, ..CreateOptions::default() };
    store.create_container(image, &options).unwrap();
}

/// The names in a directory of the store.
fn names_in(store: &Store, dir: &str) -> Vec<String> {
    let mut names: Vec<_> = store.disk().list(dir).unwrap().into_iter().map(|entry| entry.name).collect();
    names.retain(|name| name != "lock");
    names.sort();
    names
}

fn stat(dir: &Path, name: &str) -> Option<Stat> {
    Folder::open(dir).unwrap().stat(name.as_bytes()).unwrap()
}

fn read(dir: &Path, name: &str) -> String {
    let mut text = String::new();
    Folder::open(dir).unwrap().open_file(name.as_bytes()).unwrap().read_to_string(&mut text).unwrap();
    text
}

/// Writes `text` into a file of the store that is there.
fn write(store: &Store, name: &str, text: &str) {
    let file = store.disk().open_writable(name).unwrap();
    file.truncate(0).unwrap();
    file.write_all_at(text.as_bytes(), 0).unwrap();
}

/// The name in the store of what a layer's directory lies in.
fn holder(dir: &Path) -> String {
    let name = dir.parent().unwrap().file_name().unwrap();
    format!("{LAYERS}/{}", name.to_str().unwrap())
}

#[test]
fn layers_are_unpacked_once_top_first_and_for_their_owner_alone() {
    let (_dir, store) = store();
    load(&store, "app:1", b"one");
    let unpacked = unpack(&store, "app:1").unwrap();
    let [init, top, base] = &unpacked.dirs[..] else { panic!("{unpacked:?}") };
    assert_eq!((read(top, "app"), read(base, "etc/passwd")), ("one".into(), "root".into()));
    assert!(stat(init, "proc").unwrap().kind == FileKind::Directory && stat(init, "app").is_none());
    assert_eq!(read(init, "etc/hosts"), "");
    assert_eq!(holder(init).len(), "layers/".len() + 64 + "-init".len());
    for dir in &unpacked.dirs {
        assert_eq!(stat(dir.parent().unwrap(), "").unwrap().mode, 0o700);
    }
    assert_eq!(names_in(&store, "tmp"), Vec::<String>::new());
    // No pack is needed to find them there.
    let before = stat(top, "").unwrap().inode;
    for (number, pack) in store.disk().list("packs").unwrap().into_iter().enumerate() {
        store.disk().rename(&format!("packs/{}", pack.name), &format!("tmp/{number}")).unwrap();
    }
    let task = Task::silent();
    let access = store.share(&task).unwrap();
    let diff_ids = {
        let ledger = store.ledger(&task).unwrap();
        let image = ledger.catalog().images().next().unwrap().unwrap();
        image.variants[0].layers.iter().map(|layer| layer.diff_id).collect::<Vec<_>>()
    };
    let body = crate::chunk::Body {
        shape: crate::chunk::Shape::Whole,
        root: crate::chunk::ChunkName([0; 32]),
        len: 0,
    };
    let layers: Vec<_> =
        diff_ids.into_iter().map(|diff_id| Layer { diff_id, body, is_plain: true }).collect();
    assert_eq!(store.unpack(&access, &layers, &task).unwrap(), unpacked);
    assert_eq!(stat(top, "").unwrap().inode, before);
}

/// After a power cut a file may be empty under its right name.
#[test]
fn what_was_made_before_this_start_of_the_machine_is_made_again() {
    let (_dir, store) = store();
    load(&store, "app:1", b"one");
    let top = unpack(&store, "app:1").unwrap().dirs[1].clone();
    let [mark, app] = ["ready", "diff/app"].map(|name| format!("{}/{name}", holder(&top)));
    let found = || read(top.parent().unwrap(), "ready");
    let now = found();
    for bad in ["", "larder layer 1\n", &now.replace('-', "0"), &format!("{now}\n")] {
        write(&store, &app, "");
        write(&store, &mark, bad);
        assert_eq!(unpack(&store, "app:1").unwrap().dirs[1], top);
        assert_eq!((read(&top, "app"), found()), ("one".into(), now.clone()), "{bad:?}");
    }
    store.disk().remove(&mark).unwrap();
    unpack(&store, "app:1").unwrap();
    assert_eq!(found(), now);
    assert_eq!(names_in(&store, "tmp"), Vec::<String>::new());
}

#[test]
fn an_unpacking_that_fails_leaves_nothing_that_is_taken_for_whole() {
    let (_dir, store) = store();
    load(&store, "app:1", b"one");
    let task = Task::silent();
    let access = store.share(&task).unwrap();
    let layers = store.stack(&access, "app:1", None, &task).unwrap().layers();
    task.cancel();
    assert_eq!(store.unpack(&access, &layers, &task).unwrap_err().kind(), crate::ErrorKind::Cancelled);
    // Of a layer that is damaged.
    let mut bad = layers.clone();
    bad[1].body.root = crate::chunk::ChunkName([1; 32]);
    assert!(store.unpack(&access, &bad, &Task::silent()).is_err());
    drop(access);
    assert_eq!(names_in(&store, "tmp"), Vec::<String>::new());
    assert_eq!(names_in(&store, LAYERS).len(), 1, "the base is whole");
    assert_eq!(unpack(&store, "app:1").unwrap().dirs.len(), 3);
    // What a kill leaves.
    for dir in ["tmp/1-2-3.layer", "tmp/1-2-3.layer/diff"] {
        store.disk().create_dir(dir).unwrap();
    }
    store.reclaim(&Task::silent()).unwrap();
    assert_eq!(names_in(&store, "tmp"), Vec::<String>::new());
}

#[test]
fn two_who_unpack_the_same_at_once_both_have_it() {
    let (_dir, store) = store();
    load(&store, "app:1", b"one");
    for _ in 0..20 {
        let all = std::thread::scope(|scope| {
            let threads = [0; 3].map(|_| scope.spawn(|| unpack(&store, "app:1").unwrap()));
            threads.map(|thread| thread.join().unwrap())
        });
        assert!(all.iter().all(|one| one == &all[0]));
        assert_eq!(read(&all[0].dirs[1], "app"), "one");
        assert_eq!((names_in(&store, "tmp").len(), names_in(&store, LAYERS).len()), (0, 3));
        store.gc(&Task::silent()).unwrap();
        assert_eq!(names_in(&store, LAYERS).len(), 0);
    }
}

#[test]
fn what_no_container_stands_on_is_evicted() {
    let (_dir, store) = store();
    load(&store, "app:1", b"one");
    load(&store, "app:2", b"two");
    create(&store, "app:1", "web");
    for name in ["app:1", "app:2"] {
        unpack(&store, name).unwrap();
    }
    let counts = || names_in(&store, LAYERS).len();
    assert_eq!(counts(), 5, "the base is both's");
    store.reclaim(&Task::silent()).unwrap();
    assert_eq!(counts(), 5);
    store.disk().create_dir("layers/foreign").unwrap();
    let before = store.usage().unwrap();
    let freed = store.gc(&Task::silent()).unwrap().freed_bytes;
    let after = store.usage().unwrap();
    let area = |usage: &crate::Usage| usage.disk.iter().find(|area| area.name == "layers").unwrap().bytes;
    assert_eq!((counts(), area(&before) - area(&after)), (3, freed));
    // The image that it was made of is gone, but not the container.
    store
        .remove("app:1", &RemoveOptions { force: true, ..RemoveOptions::default() }, &Task::silent())
        .unwrap();
    unpack(&store, "app:2").unwrap();
    store
        .remove("app:2", &RemoveOptions { force: true, ..RemoveOptions::default() }, &Task::silent())
        .unwrap();
    store.reclaim(&Task::silent()).unwrap();
    assert_eq!(counts(), 3);
    store.remove_container("web", &RemoveContainerOptions::default()).unwrap();
    store.reclaim(&Task::silent()).unwrap();
    assert_eq!(counts(), 0);
}
