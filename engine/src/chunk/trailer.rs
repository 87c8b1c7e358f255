//! What a pack says of itself at its end; for the bytes see [`super::pack`].

use super::frame::{self, Header};
use super::pack::{HEADER_BYTES, PackId, encode_header};
use super::{ChunkName, MAX_CHUNK_BYTES};
use crate::disk::checksum;
use larder_memory::OutOfMemory;

pub const END_MAGIC: [u8; 8] = *b"LARDPEND";
pub const FOOTER_BYTES: usize = 32;
const FRAME_ROW: usize = 16;
pub const CHUNK_ROW: usize = ChunkName::BYTES + 4;

/// A trailer longer than this was not written by larder: it would name more
/// chunks than a pack of [`TARGET_BYTES`](super::pack::TARGET_BYTES) holds in the worst case, which is one
/// byte a chunk and nothing compressed away but the names.
pub const MAX_TRAILER_BYTES: u64 = 1 << 30;

/// What a chunk of a pack is called and how long it is, as far as is known.
pub type Row = (ChunkName, u32);

/// How far behind the start of a trailer with so many frames its rows of chunks begin.
pub fn rows_offset(frames: usize) -> u64 {
    (8 + frames * FRAME_ROW) as u64
}

/// The rows of chunks in `bytes`; what is left at the end is none.
pub fn chunk_rows(bytes: &[u8]) -> impl Iterator<Item = Row> + '_ {
    bytes.chunks_exact(CHUNK_ROW).filter_map(|row| {
        let (name, len) = row.split_first_chunk::<{ ChunkName::BYTES }>()?;
        Some((ChunkName(*name), u32::from_le_bytes(*len.first_chunk()?)))
    })
}

/// What a pack says of itself at its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trailer {
    pub(super) frames: Vec<FrameRow>,
    pub(super) names: Vec<ChunkName>,
    /// Where each chunk begins in its frame, and its length.
    pub(super) spans: Vec<(u32, u32)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRow {
    pub header: Header,
    /// Where the frame's header begins in the file.
    pub offset: u64,
    /// The number of its first chunk.
    pub first: u32,
    pub chunks: u32,
}

impl Trailer {
    /// Adds a frame of `chunks` (name and length each), which begins where the last one ended.
    pub fn push(&mut self, header: Header, chunks: &[(ChunkName, u32)]) {
        let offset = self.end();
        let first = self.names.len() as u32;
        self.frames.push(FrameRow { header, offset, first, chunks: chunks.len() as u32 });
        let mut at = 0;
        for (name, len) in chunks {
            self.names.push(*name);
            self.spans.push((at, *len));
            at += len;
        }
    }

    /// Makes room for a frame of so many chunks.
    ///
    /// # Errors
    /// If there is not enough memory.
    pub fn reserve(&mut self, chunks: usize) -> Result<(), OutOfMemory> {
        larder_memory::reserve(&mut self.frames, 1)?;
        larder_memory::reserve(&mut self.names, chunks)?;
        larder_memory::reserve(&mut self.spans, chunks)
    }

    /// Where the next frame goes: behind the last.
    pub fn end(&self) -> u64 {
        self.frames.last().map_or(HEADER_BYTES as u64, |last| {
            last.offset + frame::HEADER_BYTES as u64 + u64::from(last.header.stored)
        })
    }

    /// How many chunks there are.
    pub fn chunks(&self) -> u32 {
        self.names.len() as u32
    }

    /// The bytes of the trailer and the footer, and the pack's name.
    ///
    /// # Errors
    /// If there is not enough memory.
    pub fn encode(&self) -> Result<(Vec<u8>, PackId), OutOfMemory> {
        let mut bytes = larder_memory::with_capacity(
            8 + self.frames.len() * FRAME_ROW + self.names.len() * CHUNK_ROW + FOOTER_BYTES,
        )?;
        bytes.extend((self.frames.len() as u32).to_le_bytes());
        bytes.extend(self.chunks().to_le_bytes());
        for row in &self.frames {
            bytes.extend(row.header.stored.to_le_bytes());
            bytes.extend(row.header.raw.to_le_bytes());
            bytes.extend(row.chunks.to_le_bytes());
            // Lane, codec and mark as the frame's own header has them.
            let [_, _, _, _, lane, codec, mark, zero, ..] = row.header.encode();
            bytes.extend([lane, codec, mark, zero]);
        }
        for (name, (_, len)) in self.names.iter().zip(&self.spans) {
            bytes.extend(name.0);
            bytes.extend(len.to_le_bytes());
        }
        let len = (bytes.len() as u64).to_le_bytes();
        let id = checksum(&[&encode_header(), &bytes, &len]);
        bytes.extend(len);
        bytes.extend(id);
        bytes.extend(END_MAGIC);
        Ok((bytes, PackId(id)))
    }

    /// Reads the trailer's `rows` back; `end` is where the frames end in the file. `None` if they
    /// contradict each other.
    ///
    /// # Errors
    /// If there is not enough memory.
    pub fn decode(rows: &[u8], end: u64) -> Result<Option<Self>, OutOfMemory> {
        // Every row becomes an element of one of these.
        let mut trailer = Self {
            frames: larder_memory::with_capacity(claimed(rows, 0, FRAME_ROW))?,
            names: larder_memory::with_capacity(claimed(rows, 4, CHUNK_ROW))?,
            spans: larder_memory::with_capacity(claimed(rows, 4, CHUNK_ROW))?,
        };
        Ok(trailer.fill(rows, end).map(|()| trailer))
    }

    fn fill(&mut self, rows: &[u8], end: u64) -> Option<()> {
        let (frames, rows) = rows.split_first_chunk::<4>()?;
        let (chunks, rows) = rows.split_first_chunk::<4>()?;
        let frame_bytes = (u32::from_le_bytes(*frames) as usize).checked_mul(FRAME_ROW)?;
        let (frame_rows, chunk_rows) = rows.split_at_checked(frame_bytes)?;
        if chunk_rows.len() != (u32::from_le_bytes(*chunks) as usize).checked_mul(CHUNK_ROW)? {
            return None;
        }
        let mut chunk_rows = self::chunk_rows(chunk_rows);
        for row in frame_rows.chunks_exact(FRAME_ROW) {
            let (stored, row) = row.split_first_chunk::<4>()?;
            let (raw, row) = row.split_first_chunk::<4>()?;
            let (chunks, row) = row.split_first_chunk::<4>()?;
            let [lane, codec, mark, 0] = *row else { return None };
            let mut header = [0; frame::FIELD_BYTES];
            let fields = [&b"FRAM"[..], &[lane, codec, mark, 0], stored, raw].concat();
            header.copy_from_slice(&fields);
            let header = Header::decode(&header)?;
            let mut entries = Vec::new();
            let mut filled = 0_u64;
            for (name, len) in chunk_rows.by_ref().take(u32::from_le_bytes(*chunks) as usize) {
                filled += u64::from(len);
                if len as usize > MAX_CHUNK_BYTES || filled > u64::from(header.raw) {
                    return None;
                }
                entries.push((name, len));
            }
            if entries.len() != u32::from_le_bytes(*chunks) as usize || filled != u64::from(header.raw) {
                return None;
            }
            self.push(header, &entries);
        }
        (chunk_rows.next().is_none() && self.end() == end).then_some(())
    }
}

/// The count that `rows` have at `offset`, or how many rows of `row_bytes` there can be at most.
fn claimed(rows: &[u8], offset: usize, row_bytes: usize) -> usize {
    let count = rows.get(offset..).and_then(|rest| rest.first_chunk::<4>());
    count.map_or(0, |count| u32::from_le_bytes(*count) as usize).min(rows.len() / row_bytes)
}
