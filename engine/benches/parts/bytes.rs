//! Cutting and naming: what every byte of a layer goes through.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use larder_engine::{Digest, bench};

use crate::generated::{noise, prose};

const LONG: usize = 64 << 20;

/// FastCDC over one file of 64 MiB.
#[divan::bench(args = ["noise", "prose"], sample_count = 20)]
fn fastcdc_64_mib(bencher: Bencher, sort: &str) {
    let bytes = if sort == "noise" { noise(1, LONG) } else { prose(1, LONG) };
    bencher.counter(BytesCount::new(LONG)).bench(|| bench::cut_all(black_box(&bytes)));
}

/// A layer's digest: one stream of 64 MiB.
#[divan::bench(sample_count = 20)]
fn sha256_64_mib(bencher: Bencher) {
    let bytes = noise(2, LONG);
    bencher.counter(BytesCount::new(LONG)).bench(|| Digest::of(black_box(&bytes)));
}

/// The names of chunks of this length.
#[divan::bench(args = [256, 4096, 65_536, 262_144])]
fn blake3_chunk_bytes(bencher: Bencher, len: usize) {
    let bytes = noise(3, len);
    bencher.counter(BytesCount::new(len)).bench(|| bench::name_of(black_box(&bytes)));
}
