//! Cutting, naming, framing and finding chunks, for benchmarks.
#![expect(clippy::expect_used, reason = "a benchmark that fails has measured nothing")]

use std::path::Path;
use std::sync::Arc;

use super::cut::next_cut;
use super::frame::{Coding, Compressor, Decompressor, HEADER_BYTES, Header, TARGET_RAW_BYTES};
use super::packer::{Job, Packer};
use super::{ChunkName, Index, Lane};
use crate::disk::{Disk, RealDisk};

/// In how many chunks the chunker cuts `payload`.
pub fn cut_all(mut payload: &[u8]) -> usize {
    let mut chunks = 0;
    while let Some((_, rest)) = payload.split_at_checked(next_cut(payload)).filter(|_| !payload.is_empty()) {
        payload = rest;
        chunks += 1;
    }
    chunks
}

/// The name of a chunk.
pub fn name_of(chunk: &[u8]) -> [u8; ChunkName::BYTES] {
    ChunkName::of(chunk).0
}

/// Codes and decodes frames, one after the other.
pub struct Frames(Compressor, Decompressor);

impl Frames {
    /// How many bytes of chunks fill a frame.
    pub const RAW_BYTES: usize = TARGET_RAW_BYTES;

    /// With zstd at `level`.
    pub fn new(level: i32) -> Self {
        Self(
            Compressor::new(Coding::as_they_come(level)).expect("memory for zstd"),
            Decompressor::new().expect("memory for zstd"),
        )
    }

    /// The frame of `raw`, header included.
    pub fn encode(&mut self, raw: &[u8]) -> Vec<u8> {
        self.0.frame(Lane::Data, raw).expect("a length that fits").1
    }

    /// What [`Frames::encode`] was given.
    pub fn decode(&mut self, frame: &[u8]) -> Vec<u8> {
        let header = frame.first_chunk().and_then(Header::decode).expect("a frame of ours");
        let stored = frame.get(HEADER_BYTES..).unwrap_or_default().to_vec();
        self.1.beginning(&header, stored).expect("there is memory").0
    }
}

/// The made-up chunk with this number: eight bytes, so that many take little.
fn spread_chunk(number: u64) -> [u8; 8] {
    number.to_le_bytes()
}

/// How many made-up chunks a frame holds, as many as files of 16 KiB would fill one.
const CHUNKS_PER_FRAME: u64 = 64;

/// Puts made-up chunks, numbered from 0, into packs of the store or empty
/// directory `dir`, and covers them by index runs. They are of no blob: `gc`
/// would remove them.
pub fn spread_chunks(dir: &Path, chunks: u64) {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::create(dir).expect("a directory"));
    for part in ["packs", "tmp", "index"] {
        disk.create_dir(part).expect("a directory");
    }
    let mut packer = Packer::start(&disk, Coding::as_they_come(1), 2);
    let mut ids = Vec::new();
    for first in (0..chunks).step_by(CHUNKS_PER_FRAME as usize) {
        let mut job = Job { lane: Lane::Data, raw: Vec::new(), chunks: Vec::new() };
        for number in first..chunks.min(first + CHUNKS_PER_FRAME) {
            let bytes = spread_chunk(number);
            job.chunks.push((ChunkName::of(&bytes), bytes.len() as u32));
            job.raw.extend_from_slice(&bytes);
        }
        packer.push(job).expect("a disk that works");
        // As many chunks as a pack of real ones holds, about.
        if (first + CHUNKS_PER_FRAME).is_multiple_of(CHUNKS_PER_FRAME * 64) {
            let full = std::mem::replace(&mut packer, Packer::start(&disk, Coding::as_they_come(1), 2));
            ids.extend(full.finish().expect("a disk that works").into_iter().map(|pack| pack.keep()));
        }
    }
    ids.extend(packer.finish().expect("a disk that works").into_iter().map(|pack| pack.keep()));
    let ids: Vec<_> = ids.into_iter().map(|id| id.expect("a disk that works")).collect();
    disk.sync_dir("packs").expect("a disk that works");
    let mut index = Index::open(disk).expect("a directory");
    index.publish(&ids, false).expect("a disk that works");
}

/// Looks up chunks that [`spread_chunks`] made.
pub struct Lookup(Index);

impl Lookup {
    /// Opens the index of `dir`.
    pub fn open(dir: &Path) -> Self {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(dir).expect("a directory"));
        Self(Index::open(disk).expect("an index"))
    }

    /// Whether the chunk `number` is there.
    pub fn has(&mut self, number: u64) -> bool {
        self.0.locate(&ChunkName::of(&spread_chunk(number))).expect("an index").is_some()
    }
}
