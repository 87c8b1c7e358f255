//! Taking one blob in: its bytes in order, each told for what it is.

use super::cut::next_cut;
use super::recipe::{self, Body, Op, Segment, Shape};
use super::{ChunkName, Lane, MAX_CHUNK_BYTES, Result, Writer};

/// What runs of zeros are compared with.
static ZEROS: [u8; MAX_CHUNK_BYTES] = [0; MAX_CHUNK_BYTES];

/// Takes one blob in.
///
/// The caller only says what looks like what. However wrong it is, the blob
/// that [`BlobWriter::finish`] describes is exactly the bytes that were given.
pub struct BlobWriter<'w> {
    writer: &'w mut Writer,
    segment: Segment,
    segments: Vec<(ChunkName, u32)>,
    skeleton: Vec<u8>,
    /// Payload that waits for more before it can be cut.
    payload: Vec<u8>,
    /// Whether a part of the current payload was cut off already.
    is_cut: bool,
    len: u64,
}

impl<'w> BlobWriter<'w> {
    pub(super) fn new(writer: &'w mut Writer) -> Self {
        Self {
            writer,
            segment: Segment::default(),
            segments: Vec::new(),
            skeleton: Vec::new(),
            payload: Vec::new(),
            is_cut: false,
            len: 0,
        }
    }

    /// Headers, padding: what stands between payloads. Ends a payload.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn skeleton(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.end_payload()?;
        self.len += bytes.len() as u64;
        while !bytes.is_empty() {
            let take = bytes.len().min(MAX_CHUNK_BYTES - self.skeleton.len());
            let (now, later) = bytes.split_at(take);
            larder_memory::reserve(&mut self.skeleton, now.len())?;
            self.skeleton.extend_from_slice(now);
            self.segment.push(Op::Skeleton(now.len() as u64));
            bytes = later;
            if self.skeleton.len() == MAX_CHUNK_BYTES {
                self.close_skeleton()?;
            }
        }
        self.close_full_segment()
    }

    /// A part of a file's payload; `ends` with the last.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn payload(&mut self, bytes: &[u8], ends: bool) -> Result<()> {
        if ends && self.payload.is_empty() && !self.is_cut && bytes.len() <= MAX_CHUNK_BYTES {
            self.len += bytes.len() as u64;
            return self.chunk(bytes);
        }
        self.cut(bytes)?;
        if ends { self.end_payload() } else { Ok(()) }
    }

    /// Bytes that nothing is known about.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn opaque(&mut self, bytes: &[u8]) -> Result<()> {
        self.cut(bytes)
    }

    /// Cuts what can be cut for good, keeps the rest for later. A chunk that
    /// lies in `bytes` as a whole is not copied.
    fn cut(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.len += bytes.len() as u64;
        while self.payload.len() + bytes.len() > MAX_CHUNK_BYTES {
            self.is_cut = true;
            let carried = self.payload.len();
            if carried == 0 {
                let (chunk, rest) = bytes.split_at(cut_or_zeros(bytes));
                self.chunk(chunk)?;
                bytes = rest;
                continue;
            }
            let (fill, _) = bytes.split_at(MAX_CHUNK_BYTES - carried);
            larder_memory::reserve(&mut self.payload, fill.len())?;
            self.payload.extend_from_slice(fill);
            let mut payload = std::mem::take(&mut self.payload);
            let end = cut_or_zeros(&payload);
            let (chunk, _) = payload.split_at(end);
            self.chunk(chunk)?;
            match end.checked_sub(carried) {
                Some(taken) => {
                    payload.clear();
                    bytes = bytes.split_at(taken).1;
                }
                None => {
                    payload.truncate(carried);
                    payload.drain(..end);
                }
            }
            self.payload = payload;
        }
        larder_memory::reserve(&mut self.payload, bytes.len())?;
        self.payload.extend_from_slice(bytes);
        Ok(())
    }

    /// A payload of at most one chunk's length arrives here uncut and stays so.
    fn end_payload(&mut self) -> Result<()> {
        let payload = std::mem::take(&mut self.payload);
        let is_cut = std::mem::take(&mut self.is_cut);
        let mut rest = &payload[..];
        while !rest.is_empty() {
            let end = if is_cut { next_cut(rest) } else { rest.len() };
            let (chunk, more) = rest.split_at(end);
            self.chunk(chunk)?;
            rest = more;
        }
        self.payload = payload;
        self.payload.clear();
        Ok(())
    }

    /// Adds a piece of payload to the recipe, and to the store if it is new.
    fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if is_zeros(bytes) {
            self.segment.push(Op::Zeros(bytes.len() as u64));
        } else {
            let name = self.writer.put(Lane::Data, bytes)?;
            self.segment.data.push((name, bytes.len() as u32));
            self.segment.push(Op::Data(1));
        }
        self.close_full_segment()
    }

    fn close_skeleton(&mut self) -> Result<()> {
        if !self.skeleton.is_empty() {
            let name = self.writer.put(Lane::Skeleton, &self.skeleton)?;
            self.segment.skeleton.push((name, self.skeleton.len() as u32));
            self.skeleton.clear();
        }
        Ok(())
    }

    fn close_full_segment(&mut self) -> Result<()> {
        if self.segment.is_full() { self.close_segment() } else { Ok(()) }
    }

    fn close_segment(&mut self) -> Result<()> {
        self.close_skeleton()?;
        let segment = std::mem::take(&mut self.segment).encode();
        let name = self.writer.put(Lane::Meta, &segment)?;
        self.segments.push((name, segment.len() as u32));
        Ok(())
    }

    /// Ends the blob. Its bytes are in the store once the writer is finished.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn finish(mut self) -> Result<Body> {
        self.end_payload()?;
        if !self.segment.is_empty() || self.segments.is_empty() {
            self.close_segment()?;
        }
        let mut rows = std::mem::take(&mut self.segments);
        let mut depth = 0;
        while rows.len() > 1 {
            let mut above = Vec::new();
            for list in rows.chunks(recipe::MAX_ROWS) {
                let list = recipe::encode_list(list);
                above.push((self.writer.put(Lane::Meta, &list)?, list.len() as u32));
            }
            rows = above;
            depth += 1;
        }
        let root = rows.first().map_or(ChunkName([0; ChunkName::BYTES]), |(name, _)| *name);
        Ok(Body { shape: Shape::Recipe { depth }, root, len: self.len })
    }
}

/// How much of `bytes`, which are more than a chunk, goes into the next one:
/// a stretch of zeros is not worth searching for a cut.
fn cut_or_zeros(bytes: &[u8]) -> usize {
    match bytes.get(..MAX_CHUNK_BYTES) {
        Some(window) if is_zeros(window) => MAX_CHUNK_BYTES,
        _ => next_cut(bytes),
    }
}

fn is_zeros(bytes: &[u8]) -> bool {
    // Comparing memory gives up at the first difference, which is nearly always at once.
    ZEROS.get(..bytes.len()).is_some_and(|zeros| zeros == bytes)
}

impl std::fmt::Debug for BlobWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobWriter").field("len", &self.len).finish_non_exhaustive()
    }
}
