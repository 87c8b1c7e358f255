//! Reading a layer's tar: the scanner, which hints, and the entries, which understand.

use std::sync::LazyLock;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use larder_engine::tar::{Entries, Scanner};

use crate::generated::{files_of, layer};

/// 64 MiB, some 700 files.
static LAYER: LazyLock<Vec<u8>> = LazyLock::new(|| layer(0..files_of(64)));

/// The pieces that a load hands to the scanner.
const PIECE_BYTES: usize = 256 << 10;

fn scan(layer: &[u8]) -> u64 {
    let mut scanner = Scanner::new();
    for mut piece in layer.chunks(PIECE_BYTES) {
        while !piece.is_empty() {
            piece = &piece[scanner.next(piece).len()..];
        }
    }
    scanner.content_bytes()
}

#[divan::bench]
fn scanner_64_mib_700_files(bencher: Bencher) {
    let layer = &*LAYER;
    bencher.counter(BytesCount::of_slice(layer)).bench(|| scan(black_box(layer)));
}

/// Headers and nothing else: what a file costs.
#[divan::bench]
fn scanner_10_000_empty_files(bencher: Bencher) {
    let tar = empty_files(10_000);
    bencher.counter(ItemsCount::new(10_000_usize)).bench(|| scan(black_box(&tar)));
}

#[divan::bench]
fn entries_10_000_empty_files(bencher: Bencher) {
    let tar = empty_files(10_000);
    bencher.counter(ItemsCount::new(10_000_usize)).bench(|| {
        let mut entries = Entries::new(black_box(&tar[..]));
        std::iter::from_fn(|| entries.next().expect("a tar")).count()
    });
}

fn empty_files(count: u32) -> Vec<u8> {
    let file = |number| {
        let name = format!("usr/lib/part-{}/file-{number}", number / 100);
        larder_engine::tar::EntryHeader { name: &name, mode: 0o644, size: Some(0) }.encode()
    };
    (0..count).flat_map(file).chain(larder_engine::tar::END).collect()
}
