//! Frames of 1 MiB, coded and decoded with one context.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use larder_engine::bench::Frames;

use crate::generated::{noise, prose};

const LEVELS: [i32; 3] = [1, 3, 9];

#[divan::bench(args = LEVELS)]
fn encode_1_mib_prose_level(bencher: Bencher, level: i32) {
    let raw = prose(4, Frames::RAW_BYTES);
    let mut frames = Frames::new(level);
    bencher.counter(BytesCount::new(raw.len())).bench_local(|| frames.encode(black_box(&raw)));
}

/// What compression does not make smaller, and has to find out.
#[divan::bench(args = LEVELS)]
fn encode_1_mib_noise_level(bencher: Bencher, level: i32) {
    let raw = noise(5, Frames::RAW_BYTES);
    let mut frames = Frames::new(level);
    bencher.counter(BytesCount::new(raw.len())).bench_local(|| frames.encode(black_box(&raw)));
}

#[divan::bench(args = LEVELS)]
fn decode_1_mib_prose_level(bencher: Bencher, level: i32) {
    let raw = prose(6, Frames::RAW_BYTES);
    let mut frames = Frames::new(level);
    let frame = frames.encode(&raw);
    bencher.counter(BytesCount::new(raw.len())).bench_local(|| frames.decode(black_box(&frame)));
}
