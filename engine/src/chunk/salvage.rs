//! Saving chunks out of packs whose structure is damaged.
//!
//! Every chunk proves itself by its name, so whatever can be cut out of a damaged
//! file and hashes to a name that is known is as good as ever. Frames have headers
//! and checksums of their own, by which they are found without the trailer. Where in
//! a frame a chunk begins is told by the trailer's rows, of which some may be wrong,
//! or by rows that the caller has from elsewhere.

use super::frame::{self, Decompressor, Header};
use super::pack::{self, PackId};
use super::trailer::{self, CHUNK_ROW, FOOTER_BYTES, MAX_TRAILER_BYTES, Row};
use super::{ChunkName, Error, MAX_CHUNK_BYTES, Result, Writer};
use crate::disk::{Disk, File};
use crate::task::Task;

/// How far ahead a row is looked for that a frame begins with, if it is not the next.
const MAX_ROWS_AHEAD: usize = 8192;

/// How much is searched at once for the beginning of a frame.
const SEARCH_BYTES: usize = 1 << 20;

/// So many places are looked at that begin as a frame does and are none: bytes that
/// were made to look like that must not cost hours.
const MAX_FALSE_FRAMES: u32 = 10_000;

/// Stores again what can be saved of the pack `id`, whose structure is damaged, and
/// gives how many chunks that were. `rows` are its chunks in order, as far as they
/// are known from elsewhere; those of its own trailer are better.
///
/// # Errors
/// If the disk fails, a chunk cannot be stored, or the task is told to stop.
pub fn salvage(disk: &dyn Disk, id: PackId, rows: &[Row], writer: &mut Writer, task: &Task) -> Result<u64> {
    let file = disk.open(&id.file())?;
    let len = file.len()?;
    let mut decompressor = Decompressor::new().map_err(Error::Compress)?;
    let mut found = Vec::new();
    let mut at = pack::HEADER_BYTES as u64;
    let mut is_gapless = true;
    let mut false_frames = 0;
    while let Some((offset, header)) = next_frame(&*file, at, len, &mut false_frames)? {
        task.check()?;
        is_gapless &= offset == at;
        at = offset + frame::HEADER_BYTES as u64 + u64::from(header.stored);
        found.push((offset, header));
    }
    let rows_at = at + trailer::rows_offset(found.len());
    let own = rows_behind(&*file, if is_gapless { Ok(rows_at) } else { Err(at) }, len)?;
    let mut saved = 0;
    for rows in [&own[..], rows] {
        let mut next = 0;
        for (offset, header) in &found {
            task.check()?;
            let stored = file.read_at(header.stored as usize, offset + frame::HEADER_BYTES as u64)?;
            let (raw, None) = decompressor.beginning(header, stored)? else { continue };
            for chunk in Cutting::of(&raw, rows, &mut next) {
                saved += u64::from(writer.put_again(header.lane, chunk)?);
            }
        }
    }
    Ok(saved)
}

/// The next whole frame from `at` on, unless there were too many `false_frames`.
fn next_frame(
    file: &dyn File,
    mut at: u64,
    len: u64,
    false_frames: &mut u32,
) -> Result<Option<(u64, Header)>> {
    while at + (frame::HEADER_BYTES as u64) <= len && *false_frames < MAX_FALSE_FRAMES {
        if let Some(header) = frame_at(file, at, len)? {
            return Ok(Some((at, header)));
        }
        *false_frames += 1;
        at = next_magic(file, at + 1, len)?;
    }
    Ok(None)
}

/// Where from `at` on the next bytes stand that a frame begins with; the end if nowhere.
fn next_magic(file: &dyn File, mut at: u64, len: u64) -> Result<u64> {
    while at + (frame::MAGIC.len() as u64) <= len {
        let window = file.read_at(SEARCH_BYTES.min((len - at) as usize), at)?;
        if let Some(position) = window.windows(frame::MAGIC.len()).position(|bytes| *bytes == frame::MAGIC) {
            return Ok(at + position as u64);
        }
        // It may begin with the last bytes of the window.
        at += (window.len() - frame::MAGIC.len() + 1) as u64;
    }
    Ok(len)
}

fn frame_at(file: &dyn File, at: u64, len: u64) -> Result<Option<Header>> {
    let mut front = [0; frame::FIELD_BYTES];
    file.read_exact_at(&mut front, at)?;
    let Some(header) = Header::decode(&front) else { return Ok(None) };
    let bytes = frame::HEADER_BYTES as u64 + u64::from(header.stored);
    if bytes > len - at {
        return Ok(None);
    }
    let whole = file.read_at(bytes as usize, at)?;
    Ok(frame::is_intact(&whole).then_some(header))
}

/// What the trailer says: its rows begin at `start`, or if frames are missing, so that
/// this is not known, somewhere behind it, and are read from its end. What is no row
/// of a chunk fits no chunk.
fn rows_behind(file: &dyn File, start: Result<u64, u64>, len: u64) -> Result<Vec<Row>> {
    let stop = len.saturating_sub(FOOTER_BYTES as u64);
    let (start, bytes) = match start {
        // The end may be cut off.
        Ok(start) => (start, len.saturating_sub(start)),
        Err(start) => {
            let bytes = stop.saturating_sub(start);
            (start + bytes % CHUNK_ROW as u64, bytes - bytes % CHUNK_ROW as u64)
        }
    };
    if bytes == 0 || bytes > MAX_TRAILER_BYTES {
        return Ok(Vec::new());
    }
    let bytes = file.read_at(bytes as usize, start)?;
    let mut rows = larder_memory::with_capacity(bytes.len() / CHUNK_ROW)?;
    rows.extend(trailer::chunk_rows(&bytes));
    Ok(rows)
}

/// Cuts a frame into the chunks that it is known to hold.
struct Cutting<'c> {
    raw: &'c [u8],
    rows: &'c [Row],
    next: &'c mut usize,
}

impl<'c> Cutting<'c> {
    /// The frame `raw` holds chunks of `rows`, from the one on that is `next`, or a
    /// later one if frames between were lost.
    fn of(raw: &'c [u8], rows: &'c [Row], next: &'c mut usize) -> Self {
        let ahead = (*next..rows.len()).take(MAX_ROWS_AHEAD);
        let is_first = |row: &usize| rows.get(*row).is_some_and(|row| fits(raw, row));
        // The row of the first chunk itself may be wrong; then it is the next one.
        *next = ahead.into_iter().find(is_first).unwrap_or(*next);
        Self { raw, rows, next }
    }

    fn cut(&mut self, len: usize) -> Option<&'c [u8]> {
        let (chunk, rest) = self.raw.split_at_checked(len)?;
        self.raw = rest;
        *self.next += 1;
        Some(chunk)
    }

    /// How long the chunk is whose row is wrong: what the right rows behind it leave
    /// of the frame, the last of which proves itself.
    fn length_of_unknown(&self) -> Option<usize> {
        let mut behind = 0;
        for row in self.rows.get(*self.next + 1..)? {
            behind += row.1 as usize;
            let len = self.raw.len().checked_sub(behind)?;
            let tail = self.raw.get(self.raw.len() - row.1 as usize..)?;
            if len <= MAX_CHUNK_BYTES && fits(tail, row) {
                return Some(len);
            }
        }
        None
    }
}

impl<'c> Iterator for Cutting<'c> {
    type Item = &'c [u8];

    fn next(&mut self) -> Option<&'c [u8]> {
        if self.raw.is_empty() {
            return None;
        }
        match self.rows.get(*self.next) {
            Some(row) if fits(self.raw, row) => self.cut(row.1 as usize),
            _ => {
                // With nothing right behind it, it is the frame's last.
                let len = self.length_of_unknown().unwrap_or(self.raw.len());
                self.cut(len).filter(|chunk| chunk.len() <= MAX_CHUNK_BYTES)
            }
        }
    }
}

fn fits(raw: &[u8], (name, len): &Row) -> bool {
    let chunk = raw.get(..*len as usize);
    *len as usize <= MAX_CHUNK_BYTES && chunk.is_some_and(|chunk| ChunkName::of(chunk) == *name)
}
