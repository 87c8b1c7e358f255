//! Finding chunks among many.

use std::path::PathBuf;
use std::sync::Mutex;

use divan::{Bencher, black_box};
use larder_engine::bench::{Lookup, spread_chunks};
use tempfile::TempDir;

use crate::generated::Numbers;

/// 10 M chunks only if they are asked for.
fn sizes() -> Vec<u64> {
    let huge = std::env::var_os("LARDER_BENCH_HUGE").is_some().then_some(10_000_000);
    [10_000, 1_000_000].into_iter().chain(huge).collect()
}

/// The index of so many chunks, made once.
fn index_of(chunks: u64) -> PathBuf {
    static MADE: Mutex<Vec<(u64, TempDir)>> = Mutex::new(Vec::new());
    let mut made = MADE.lock().expect("no panic while it was held");
    if let Some((_, dir)) = made.iter().find(|(size, _)| *size == chunks) {
        return dir.path().into();
    }
    let dir = tempfile::tempdir().expect("a directory");
    spread_chunks(dir.path(), chunks);
    made.push((chunks, dir));
    made.last().map(|(_, dir)| dir.path().into()).expect("it was just made")
}

/// One chunk that is there, in no order.
#[divan::bench(args = sizes())]
fn lookup_hit_of_chunks(bencher: Bencher, chunks: u64) {
    let mut lookup = Lookup::open(&index_of(chunks));
    let mut numbers = Numbers::new(7);
    bencher.bench_local(|| assert!(lookup.has(black_box(numbers.below(chunks)))));
}

/// One chunk after the one before, as a load again and a save ask.
#[divan::bench(args = sizes())]
fn lookup_next_of_chunks(bencher: Bencher, chunks: u64) {
    let mut lookup = Lookup::open(&index_of(chunks));
    let mut number = 0;
    bencher.bench_local(|| {
        number = (number + 1) % chunks;
        assert!(lookup.has(black_box(number)));
    });
}

/// One chunk that is new: most of what a first load asks.
#[divan::bench(args = sizes())]
fn lookup_miss_of_chunks(bencher: Bencher, chunks: u64) {
    let mut lookup = Lookup::open(&index_of(chunks));
    let mut number = chunks;
    bencher.bench_local(|| {
        number += 1;
        assert!(!lookup.has(black_box(number)));
    });
}

/// All runs and the list of packs.
#[divan::bench(args = sizes(), sample_count = 20)]
fn open_of_chunks(bencher: Bencher, chunks: u64) {
    let dir = index_of(chunks);
    bencher.bench(|| Lookup::open(black_box(&dir)));
}
