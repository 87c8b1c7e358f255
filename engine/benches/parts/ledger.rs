//! What every command begins with: the journal and the catalog.

use std::sync::Mutex;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use larder_engine::{Store, bench};
use tempfile::TempDir;

/// The record of a load of one image is as long as this, about.
const RECORD_BYTES: usize = 2048;

/// From the first record to the last.
#[divan::bench(args = [1_000, 100_000], sample_count = 10)]
fn journal_replay_commits_of_2_kib(bencher: Bencher, commits: u64) {
    let dir = tempfile::tempdir().expect("a directory");
    bench::write_journal(dir.path(), commits, RECORD_BYTES);
    bencher
        .counter(ItemsCount::new(commits as usize))
        .bench(|| assert_eq!(bench::replay(black_box(dir.path())), commits));
}

/// The store of so many images, made once.
fn with_store_of<T>(images: u64, act: impl FnOnce(&std::path::Path) -> T) -> T {
    static MADE: Mutex<Vec<(u64, TempDir)>> = Mutex::new(Vec::new());
    let mut made = MADE.lock().expect("no panic while it was held");
    if !made.iter().any(|(size, _)| *size == images) {
        let dir = tempfile::tempdir().expect("a directory");
        bench::store_of(&dir.path().join("store"), images);
        made.push((images, dir));
    }
    let (_, dir) = made.iter().find(|(size, _)| *size == images).expect("it was just made");
    act(&dir.path().join("store"))
}

/// The database alone.
#[divan::bench(args = [1_000, 50_000], sample_count = 20)]
fn catalog_open_of_images(bencher: Bencher, images: u64) {
    with_store_of(images, |store| bencher.bench_local(|| bench::open_catalog(&store.join("catalog"))));
}

/// Lock, journal and catalog: what a command waits for before its first question.
#[divan::bench(args = [1_000, 50_000], sample_count = 20)]
fn ledger_open_of_images(bencher: Bencher, images: u64) {
    with_store_of(images, |path| {
        bencher.bench_local(|| bench::open_ledger(&Store::open(path).expect("a store")));
    });
}

#[divan::bench(args = [1_000, 50_000], sample_count = 10)]
fn list_of_images(bencher: Bencher, images: u64) {
    with_store_of(images, |path| {
        let store = Store::open(path).expect("a store");
        bencher.bench_local(|| assert_eq!(store.images().expect("a store").len() as u64, images));
    });
}
