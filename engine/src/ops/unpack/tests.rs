use std::fs;
use std::io::Cursor;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Instant;

use super::super::archives::{docker_archive, layer};
use super::super::{CreateOptions, LoadOptions, RemoveContainerOptions, RemoveOptions};
use super::*;
use crate::disk::Input;
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

fn holder(dir: &Path) -> &Path {
    dir.parent().unwrap()
}

#[test]
fn layers_are_unpacked_once_top_first_and_for_their_owner_alone() {
    let (_dir, store) = store();
    load(&store, "app:1", b"one");
    let unpacked = unpack(&store, "app:1").unwrap();
    let [init, top, base] = &unpacked.dirs[..] else { panic!("{unpacked:?}") };
    assert_eq!(fs::read(top.join("app")).unwrap(), b"one");
    assert_eq!(fs::read(base.join("etc/passwd")).unwrap(), b"root");
    assert!(init.join("proc").is_dir() && init.join("etc/hosts").is_file() && !init.join("app").exists());
    assert_eq!(holder(init).file_name().unwrap().len(), 64 + "-init".len());
    for dir in &unpacked.dirs {
        assert_eq!(fs::metadata(holder(dir)).unwrap().mode() & 0o777, 0o700);
    }
    assert_eq!(names_in(&store, "tmp"), Vec::<String>::new());
    // No pack is needed to find them there.
    let before = fs::metadata(top).unwrap().ino();
    for pack in store.disk().list("packs").unwrap() {
        fs::rename(store.path(&format!("packs/{}", pack.name)).unwrap(), store.path("kept").unwrap())
            .unwrap();
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
    assert_eq!(fs::metadata(top).unwrap().ino(), before);
}

/// After a power cut a file may be empty under its right name.
#[test]
fn what_was_made_before_this_start_of_the_machine_is_made_again() {
    let (_dir, store) = store();
    load(&store, "app:1", b"one");
    let top = unpack(&store, "app:1").unwrap().dirs[1].clone();
    fs::write(top.join("app"), b"").unwrap();
    let mark = holder(&top).join("ready");
    let now = fs::read_to_string(&mark).unwrap();
    for bad in ["", "larder layer 1\n", &now.replace('-', "0"), &format!("{now}\n")] {
        fs::write(top.join("app"), b"").unwrap();
        fs::write(&mark, bad).unwrap();
        assert_eq!(unpack(&store, "app:1").unwrap().dirs[1], top);
        assert_eq!(fs::read(top.join("app")).unwrap(), b"one", "{bad:?}");
        assert_eq!(fs::read_to_string(&mark).unwrap(), now);
    }
    fs::remove_file(&mark).unwrap();
    unpack(&store, "app:1").unwrap();
    assert_eq!(fs::read_to_string(&mark).unwrap(), now);
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
    fs::create_dir_all(store.path("tmp/1-2-3.layer/diff").unwrap()).unwrap();
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
        assert_eq!(fs::read(all[0].dirs[1].join("app")).unwrap(), b"one");
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
    fs::create_dir(store.path("layers/foreign").unwrap()).unwrap();
    let before = store.usage().unwrap();
    let freed = store.gc(&Task::silent()).unwrap().freed_bytes;
    let after = store.usage().unwrap();
    let area = |usage: &crate::Usage| usage.disk.iter().find(|area| area.name == "layers").unwrap().bytes;
    assert_eq!((counts(), area(&before) - area(&after)), (3, freed));
    // The image that it was made of is gone, but not the container.
    store.remove("app:1", &RemoveOptions { force: true }, &Task::silent()).unwrap();
    unpack(&store, "app:2").unwrap();
    store.remove("app:2", &RemoveOptions { force: true }, &Task::silent()).unwrap();
    store.reclaim(&Task::silent()).unwrap();
    assert_eq!(counts(), 3);
    store.remove_container("web", &RemoveContainerOptions::default()).unwrap();
    store.reclaim(&Task::silent()).unwrap();
    assert_eq!(counts(), 0);
}

/// `LARDER_IMAGE=app.tar cargo nextest run --release --run-ignored only how_long --no-capture`
#[test]
#[ignore = "a measurement"]
fn how_long_it_takes() {
    let (dir, store) = store();
    let archive = std::env::var("LARDER_IMAGE").unwrap();
    let store = match std::env::var("LARDER_STORE") {
        Ok(path) => Store::open_or_create(path).unwrap(),
        Err(_) => store,
    };
    let input = Input::open(Path::new(&archive)).unwrap();
    store.load(input, &LoadOptions::default(), &Task::silent()).unwrap();
    let id = store.images().unwrap()[0].id.to_string();
    for _ in 0..4 {
        let start = Instant::now();
        let unpacked = unpack(&store, &id).unwrap();
        let first = start.elapsed();
        let start = Instant::now();
        assert_eq!(unpack(&store, &id).unwrap(), unpacked);
        println!("{} layers: first {first:?}, then {:?}", unpacked.dirs.len(), start.elapsed());
        let files = store.usage().unwrap().disk.into_iter().find(|area| area.name == "layers").unwrap();
        let start = Instant::now();
        store.gc(&Task::silent()).unwrap();
        println!("{files:?}; gc {:?}", start.elapsed());
    }
    drop(dir);
}
