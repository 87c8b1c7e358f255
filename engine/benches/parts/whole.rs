//! Whole commands, by the front door: as the program runs them, but for its own
//! start and its file at the end.
//!
//! The image is generated, 256 MiB in two layers; a tenth of its files are noise.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use divan::Bencher;
use divan::counter::BytesCount;
use larder_engine::{ExportOptions, ImportOptions, Input, LoadOptions, SaveOptions, Store, Task};
use tempfile::TempDir;

use crate::generated::{archive, files_of, layer};

const MEBIBYTES: u64 = 256;

/// The archives, and stores for those that only read.
struct Given {
    dir: TempDir,
    bytes: u64,
    tar_bytes: u64,
}

impl Given {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// `old.tar`: half of the files of `new.tar`, and as many others, in other layers.
/// `store`: the new one. `flat.tar`: its files.
static GIVEN: LazyLock<Given> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name| dir.path().join(name);
    let quarter = files_of(MEBIBYTES / 4);
    let layers = |from: u64| [from, from + 2].map(|at| layer(at * quarter..(at + 2) * quarter));
    fs::write(path("old.tar"), archive("app:1", &layers(0))).expect("a disk that works");
    let new = archive("app:2", &layers(2));
    fs::write(path("new.tar"), &new).expect("a disk that works");
    let store = Store::create(path("store")).expect("a directory");
    load(&store, &path("new.tar"));
    let mut flat = Vec::new();
    store.export("app:2", &mut flat, &ExportOptions::default(), &Task::silent()).expect("a sound store");
    fs::write(path("flat.tar"), &flat).expect("a disk that works");
    Given { dir, bytes: new.len() as u64, tar_bytes: flat.len() as u64 }
});

fn load(store: &Store, archive: &Path) -> u64 {
    let input = Input::open(archive).expect("an archive");
    store.load(input, &LoadOptions::default(), &Task::silent()).expect("an archive").new_bytes
}

fn empty() -> (TempDir, Store) {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::create(dir.path().join("store")).expect("a directory");
    (dir, store)
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn load_256_mib_all_new(bencher: Bencher) {
    let given = &*GIVEN;
    bencher.counter(BytesCount::new(given.bytes)).with_inputs(empty).bench_local_values(|(dir, store)| {
        load(&store, &given.path("new.tar"));
        dir
    });
}

/// Half of the bytes are in the store, in layers of another image.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn load_256_mib_half_known(bencher: Bencher) {
    let given = &*GIVEN;
    let with_old = || {
        let (dir, store) = empty();
        load(&store, &given.path("old.tar"));
        (dir, store)
    };
    bencher.counter(BytesCount::new(given.bytes)).with_inputs(with_old).bench_local_values(|(dir, store)| {
        load(&store, &given.path("new.tar"));
        dir
    });
}

/// All of it is in the store: no layer is read.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn load_256_mib_again(bencher: Bencher) {
    let given = &*GIVEN;
    let store = Store::open(given.path("store")).expect("a store");
    bencher.bench_local(|| assert_eq!(load(&store, &given.path("new.tar")), 0));
}

/// To nowhere.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn save_256_mib(bencher: Bencher) {
    let given = &*GIVEN;
    let store = Store::open(given.path("store")).expect("a store");
    bencher.counter(BytesCount::new(given.bytes)).bench_local(|| {
        store
            .save(&["app:2"], &mut std::io::sink(), &SaveOptions::default(), &Task::silent())
            .expect("a sound store")
    });
}

/// The view of both layers, to nowhere.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn export_256_mib(bencher: Bencher) {
    let given = &*GIVEN;
    let store = Store::open(given.path("store")).expect("a store");
    bencher.counter(BytesCount::new(given.tar_bytes)).bench_local(|| {
        store
            .export("app:2", &mut std::io::sink(), &ExportOptions::default(), &Task::silent())
            .expect("a sound store")
    });
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn import_256_mib(bencher: Bencher) {
    let given = &*GIVEN;
    bencher.counter(BytesCount::new(given.tar_bytes)).with_inputs(empty).bench_local_values(
        |(dir, store)| {
            let input = Input::open(&given.path("flat.tar")).expect("a tar");
            let options = ImportOptions::default();
            store.import(input, &options, &Task::silent()).expect("a tar");
            dir
        },
    );
}
