//! Taking chunks in: what is there already is not stored again.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::blob::BlobWriter;
use super::frame::{Coding, Decompressor, TARGET_RAW_BYTES};
use super::packer::{Job, Packer};
use super::recipe::{Body, Shape};
use super::tally::Tally;
use super::{ChunkName, Error, Index, Lane, MAX_CHUNK_BYTES, Pack, PackId, Result};
use crate::disk::Disk;

/// How many new chunks are remembered before their packs are published and
/// they can be found through the index instead: some 60 MB of memory.
const MAX_PENDING_CHUNKS: usize = 600_000;

/// A frame's worth of chunks of one lane.
#[derive(Default)]
struct Filling {
    raw: Vec<u8>,
    chunks: Vec<(ChunkName, u32)>,
}

/// What a [`Writer`] has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Bytes of chunks that were not there before.
    pub new_bytes: u64,
    /// Bytes that they take in packs.
    pub stored_bytes: u64,
}

/// What a [`Writer`] leaves behind.
#[derive(Debug)]
pub struct Finished {
    /// How much it was.
    pub written: Written,
    /// The packs that it made. One that holds the same as an older one is that
    /// one: packs are named by what is in them.
    pub packs: Vec<PackId>,
    /// The index, with these packs in it.
    pub index: Index,
}

/// Takes chunks in. What it has written becomes part of the store with
/// [`Writer::finish`]; dropped before, it leaves nothing behind.
pub struct Writer {
    disk: Arc<dyn Disk>,
    index: Index,
    coding: Coding,
    threads: usize,
    packer: Option<Packer>,
    filling: [Filling; Lane::ALL.len()],
    pending: HashSet<ChunkName>,
    new_bytes: Arc<AtomicU64>,
    stored_bytes: u64,
    packs: Vec<PackId>,
    /// What there would be to write, of a writer that writes nothing.
    tally: Option<Tally>,
}

impl Writer {
    /// A writer beside `index`, which compresses on `threads` threads.
    pub fn new(index: Index, coding: Coding, threads: usize) -> Self {
        Self {
            disk: Arc::clone(index.disk()),
            index,
            coding,
            threads,
            packer: None,
            filling: Default::default(),
            pending: HashSet::new(),
            new_bytes: Arc::default(),
            stored_bytes: 0,
            packs: Vec::new(),
            tally: None,
        }
    }

    /// A writer that only counts what it would have to write.
    pub fn tallying(index: Index, coding: Coding) -> Self {
        Self { tally: Some(Tally::default()), ..Self::new(index, coding, 1) }
    }

    /// What there would be to write, of a writer that only counts.
    pub fn tally(&self) -> Option<&Tally> {
        self.tally.as_ref()
    }

    /// How many chunks such a writer was given that are not there; 0 of any other.
    pub fn given(&self) -> usize {
        self.tally.as_ref().map_or(0, Tally::given)
    }

    /// Stores a chunk.
    ///
    /// # Errors
    /// If it is longer than [`MAX_CHUNK_BYTES`], or the disk fails.
    pub fn put(&mut self, lane: Lane, bytes: &[u8]) -> Result<ChunkName> {
        let name = ChunkName::of(bytes);
        if self.pending.contains(&name) || self.is_stored(&name) {
            return Ok(name);
        }
        if bytes.len() > MAX_CHUNK_BYTES {
            return Err(Error::TooLong { bytes: bytes.len(), limit: MAX_CHUNK_BYTES });
        }
        if let Some(tally) = &mut self.tally {
            if tally.add(name, bytes.len() as u32) {
                self.new_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            }
            return Ok(name);
        }
        larder_memory::reserve(&mut self.pending, 1)?;
        self.pending.insert(name);
        self.new_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let number = usize::from(lane.number());
        if let Some(filling) = self.filling.get_mut(number) {
            if filling.raw.capacity() == 0 {
                filling.raw = larder_memory::with_capacity(TARGET_RAW_BYTES + MAX_CHUNK_BYTES)?;
            }
            filling.raw.extend_from_slice(bytes);
            filling.chunks.push((name, bytes.len() as u32));
            if filling.raw.len() >= TARGET_RAW_BYTES {
                self.close_frame(lane)?;
            }
        }
        if self.pending.len() >= MAX_PENDING_CHUNKS {
            self.publish()?;
        }
        Ok(name)
    }

    /// Stores a chunk that was lost; gives whether it was.
    ///
    /// # Errors
    /// As [`Writer::put`].
    pub(super) fn put_again(&mut self, lane: Lane, bytes: &[u8]) -> Result<bool> {
        let before = self.pending.len();
        self.put(lane, bytes)?;
        Ok(self.pending.len() != before)
    }

    /// A chunk in a pack that cannot be opened, or in a frame that is known to be
    /// damaged, is stored again, and so heals. Nobody reads it to find out.
    fn is_stored(&mut self, name: &ChunkName) -> bool {
        matches!(self.index.locate(name), Ok(Some(_)))
    }

    fn close_frame(&mut self, lane: Lane) -> Result<()> {
        let Some(filling) = self.filling.get_mut(usize::from(lane.number())) else { return Ok(()) };
        if filling.chunks.is_empty() {
            return Ok(());
        }
        let Filling { raw, chunks } = std::mem::take(filling);
        self.packer().push(Job { lane, raw, chunks })
    }

    fn packer(&mut self) -> &mut Packer {
        let (disk, coding, threads) = (&self.disk, self.coding, self.threads);
        self.packer.get_or_insert_with(|| Packer::start(disk, coding, threads))
    }

    /// What it takes to be there.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Begins a blob.
    pub fn blob(&mut self) -> BlobWriter<'_> {
        BlobWriter::new(self)
    }

    /// Stores a small blob, such as a config, among others of its sort.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn document(&mut self, bytes: &[u8]) -> Result<Body> {
        if bytes.len() <= MAX_CHUNK_BYTES {
            let root = self.put(Lane::Meta, bytes)?;
            return Ok(Body { shape: Shape::Whole, root, len: bytes.len() as u64 });
        }
        let mut blob = self.blob();
        blob.opaque(bytes)?;
        blob.finish()
    }

    /// Copies what is alive in `pack`: whole frames as they are, of others the
    /// chunks for whose numbers `is_live` holds. The pack itself may be removed
    /// once the writer is finished.
    ///
    /// # Errors
    /// If a frame is damaged or the disk fails.
    pub fn copy_live(&mut self, pack: &Pack, is_live: &dyn Fn(u32) -> bool) -> Result<()> {
        let mut decompressor = Decompressor::new().map_err(Error::Compress)?;
        for frame in 0..pack.frames() {
            let chunks = pack.chunks_in(frame);
            let live: Vec<u32> = chunks.clone().filter(|chunk| is_live(*chunk)).collect();
            if live.is_empty() {
                continue;
            }
            if live.len() == chunks.len() {
                match pack.copy_frame(frame) {
                    Ok(coded) => {
                        self.packer().copy(coded)?;
                        continue;
                    }
                    // What changed in it may have changed no chunk.
                    Err(error) if error.is_damage() => {}
                    Err(error) => return Err(error),
                }
            }
            let lane = pack.lane_of(frame);
            let frame = pack.read_frame(frame, &mut decompressor)?;
            for chunk in live {
                let bytes = pack.slice(&frame, chunk)?;
                self.refill(lane, ChunkName::of(bytes), bytes)?;
            }
        }
        Ok(())
    }

    /// Adds a chunk to a frame without asking whether it is there.
    pub(super) fn refill(&mut self, lane: Lane, name: ChunkName, bytes: &[u8]) -> Result<()> {
        let Some(filling) = self.filling.get_mut(usize::from(lane.number())) else { return Ok(()) };
        larder_memory::reserve(&mut filling.raw, bytes.len())?;
        filling.raw.extend_from_slice(bytes);
        filling.chunks.push((name, bytes.len() as u32));
        if filling.raw.len() >= TARGET_RAW_BYTES { self.close_frame(lane) } else { Ok(()) }
    }

    /// Makes the packs durable, gives them their names, then covers them by an index run.
    fn publish(&mut self) -> Result<()> {
        if self.tally.is_some() {
            return Ok(());
        }
        for lane in Lane::ALL {
            self.close_frame(lane)?;
        }
        let Some(packer) = self.packer.take() else {
            return if self.index.is_settled() { Ok(()) } else { self.index.publish(&[], false) };
        };
        self.disk.create_dir("packs")?;
        let finished = packer.finish()?;
        let mut packs = Vec::new();
        for pack in finished {
            self.stored_bytes += pack.bytes;
            packs.push(pack.keep()?);
        }
        self.disk.sync_dir("packs")?;
        self.index.publish(&packs, false)?;
        self.packs.append(&mut packs);
        self.pending.clear();
        Ok(())
    }

    /// What was written so far; bytes in packs count once a pack is finished.
    pub fn written(&self) -> Written {
        let new_bytes = self.new_bytes.load(Ordering::Relaxed);
        Written { new_bytes, stored_bytes: self.stored_bytes }
    }

    /// [`Written::new_bytes`], for whoever watches while a blob is taken in.
    pub fn new_bytes(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.new_bytes)
    }

    /// Makes everything durable and findable. What names it may be committed now.
    ///
    /// # Errors
    /// If the disk fails; then nothing may name what was written.
    pub fn finish(mut self) -> Result<Finished> {
        self.publish()?;
        Ok(Finished { written: self.written(), packs: self.packs, index: self.index })
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("written", &self.written()).finish_non_exhaustive()
    }
}
