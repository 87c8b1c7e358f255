//! Packs: immutable files of frames.
//!
//! `packs/<id>.pack` (integers little-endian):
//!
//! | offset | size | field                                                      |
//! |-------:|-----:|-------------------------------------------------------------|
//! |      0 |    8 | magic `LARDPACK`                                            |
//! |      8 |    4 | version, 1                                                  |
//! |     12 |    4 | zero                                                        |
//! |     16 |    … | frames, see [`super::frame`], one right behind the other    |
//! |      t |    4 | `frames`: how many                                          |
//! |    t+4 |    4 | `chunks`: how many in all                                   |
//! |    t+8 | 16 f | a row a frame: `stored` 4, `raw` 4, `chunks` 4, lane 1, codec 1, mark 1, zero 1 |
//! |      … | 36 c | a row a chunk, in the order of their bytes: name 32, length 4 |
//! |   n-32 |    8 | length of the trailer, from `t` to here                     |
//! |   n-24 |   16 | `id`: checksum of the first 16 bytes, the trailer, its length |
//! |    n-8 |    8 | magic `LARDPEND`                                            |
//!
//! Invariants, all checked when a pack is opened:
//! 1. `id` is the checksum and the file's name: a pack is never taken for another.
//! 2. The frames fill the space up to the trailer exactly.
//! 3. The chunks of a frame fill its `raw` bytes exactly.
//!
//! A pack gets its name only when all of it is durable, so a torn one is never
//! seen under `packs/`; one that is damaged later fails 1.

use std::fmt;
use std::io;
use std::sync::Arc;

use larder_memory::OutOfMemory;

use super::frame::{self, Coded, Decompressor, Header};
use super::front::front;
use super::trailer::{CHUNK_ROW, END_MAGIC, FOOTER_BYTES, FrameRow, MAX_TRAILER_BYTES, Trailer};
use super::{ChunkName, Error, Lane, Result, trailer};
use crate::disk::{Checksum, Disk, File, checksum};

/// The version this module writes and reads.
pub const VERSION: u32 = 1;
pub use super::front::FRONT_BYTES as HEADER_BYTES;
const MAGIC: [u8; 8] = *b"LARDPACK";

/// Frames are added to a pack until it is this long. Small enough that what
/// `gc` must rewrite to free a part of a pack stays small, large enough that
/// 100 GB are not more than some 1500 files.
pub const TARGET_BYTES: u64 = 64 << 20;

/// Names a pack by the checksum of its trailer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackId(pub Checksum);

impl PackId {
    /// The pack's file, relative to the store.
    pub fn file(&self) -> String {
        format!("packs/{self}.pack")
    }

    /// The pack whose file in `packs/` is called `name`.
    pub fn of_file(name: &str) -> Option<Self> {
        let mut id = [0; 16];
        hex::decode_to_slice(name.strip_suffix(".pack")?, &mut id).ok()?;
        Some(Self(id))
    }
}

impl fmt::Display for PackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a pack begins with.
pub fn encode_header() -> [u8; HEADER_BYTES] {
    front(MAGIC, VERSION)
}

/// A pack, opened and found sound in its structure.
#[derive(Debug)]
pub struct Pack {
    id: PackId,
    file: Box<dyn File>,
    trailer: Trailer,
}

/// The bytes of a frame, each chunk in it checked against its name.
#[derive(Debug)]
pub struct Frame {
    /// Up to where it decompresses.
    bytes: Vec<u8>,
    /// Why not to its end.
    failure: Option<String>,
    /// The chunks that are not what their names say, in order.
    damaged: Vec<u32>,
}

impl Frame {
    /// How much memory it takes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }
}

impl Pack {
    /// Opens the pack `id` and reads its trailer.
    ///
    /// # Errors
    /// If it is not there, of a later version, or breaks an invariant.
    pub fn open(disk: &dyn Disk, id: PackId) -> Result<Self> {
        let name = id.file();
        let damaged = |what| Error::Damaged { file: name.clone(), what };
        let file = disk.open(&name)?;
        let len = file.len()?;
        let Some(end) = len.checked_sub(FOOTER_BYTES as u64).filter(|end| *end >= HEADER_BYTES as u64) else {
            return Err(damaged("it is too short to be a pack"));
        };
        let mut header = [0; HEADER_BYTES];
        file.read_exact_at(&mut header, 0)?;
        let mut footer = [0; FOOTER_BYTES];
        file.read_exact_at(&mut footer, end)?;
        let [want_magic @ .., _, _, _, _, _, _, _, _] = encode_header();
        if !header.starts_with(&want_magic) || !footer.ends_with(&END_MAGIC) {
            return Err(damaged("its first or last bytes are not a pack's"));
        }
        let (trailer_len, rest) = footer.split_first_chunk::<8>().ok_or_else(|| damaged("its footer"))?;
        let (sum, _) = rest.split_first_chunk::<16>().ok_or_else(|| damaged("its footer"))?;
        let start = end.checked_sub(u64::from_le_bytes(*trailer_len));
        let start = start.filter(|start| *start >= HEADER_BYTES as u64 && end - start <= MAX_TRAILER_BYTES);
        let start = start.ok_or_else(|| damaged("its trailer has an impossible length"))?;
        let rows = file.read_at((end - start) as usize, start)?;
        if checksum(&[&header, &rows, trailer_len]) != *sum {
            return Err(damaged("its trailer does not match its checksum"));
        }
        if *sum != id.0 {
            return Err(damaged("it is another pack under this name"));
        }
        let version = header.get(8..12).and_then(|bytes| bytes.first_chunk::<4>());
        match version.map(|bytes| u32::from_le_bytes(*bytes)) {
            Some(VERSION) => {}
            got => return Err(Error::Newer { file: name, want: VERSION, got: got.unwrap_or_default() }),
        }
        let trailer =
            Trailer::decode(&rows, start)?.ok_or_else(|| damaged("its trailer contradicts itself"))?;
        Ok(Self { id, file, trailer })
    }

    /// What it is called.
    pub fn id(&self) -> PackId {
        self.id
    }

    /// The names of its chunks, by number.
    pub fn names(&self) -> &[ChunkName] {
        &self.trailer.names
    }

    /// How many frames it has.
    pub fn frames(&self) -> u32 {
        self.trailer.frames.len() as u32
    }

    /// The frame that holds the chunk with number `chunk`.
    pub fn frame_of(&self, chunk: u32) -> u32 {
        self.trailer.frames.partition_point(|row| row.first <= chunk).saturating_sub(1) as u32
    }

    /// The numbers of the chunks in `frame`.
    pub fn chunks_in(&self, frame: u32) -> std::ops::Range<u32> {
        self.trailer.frames.get(frame as usize).map_or(0..0, |row| row.first..row.first + row.chunks)
    }

    /// The lane of `frame`.
    pub fn lane_of(&self, frame: u32) -> Lane {
        self.trailer.frames.get(frame as usize).map_or(Lane::Data, |row| row.header.lane)
    }

    /// The mark of `frame`; see [`Coding`](super::frame::Coding).
    pub fn mark_of(&self, frame: u32) -> u8 {
        self.trailer.frames.get(frame as usize).map_or(0, |row| row.header.mark)
    }

    /// How many bytes `frame` takes in the file.
    pub fn stored_bytes(&self, frame: u32) -> u64 {
        let row = self.trailer.frames.get(frame as usize);
        row.map_or(0, |row| frame::HEADER_BYTES as u64 + u64::from(row.header.stored))
    }

    /// The chunks of `frame`, each with its part of the frame's compressed bytes: by its
    /// length, and so that the parts make up the whole to the byte.
    pub fn parts_of(&self, frame: u32) -> impl Iterator<Item = (u32, u64)> + '_ {
        let stored = self.trailer.frames.get(frame as usize).map_or(0, |row| u128::from(row.header.stored));
        let chunks = self.chunks_in(frame);
        let raw: u128 = chunks.clone().map(|chunk| u128::from(self.chunk_len(chunk))).sum();
        // What rounding leaves over goes to whom the next whole byte falls; where all
        // chunks are empty, to the last.
        let (last, mut passed, mut given) = (chunks.end, 0, 0);
        chunks.map(move |chunk| {
            passed += u128::from(self.chunk_len(chunk));
            let up_to =
                if chunk + 1 == last { stored } else { (stored * passed).checked_div(raw).unwrap_or(0) };
            let part = up_to - given;
            given = up_to;
            // Never more than `stored`, which has four bytes.
            (chunk, part as u64)
        })
    }

    /// How long the file is.
    pub fn file_bytes(&self) -> u64 {
        self.trailer.end()
            + trailer::rows_offset(self.trailer.frames.len())
            + (self.trailer.names.len() * CHUNK_ROW + FOOTER_BYTES) as u64
    }

    /// The length of the chunk with number `chunk`.
    pub fn chunk_len(&self, chunk: u32) -> u32 {
        self.trailer.spans.get(chunk as usize).map_or(0, |(_, len)| *len)
    }

    /// How much memory the pack takes while it is open.
    pub fn memory_bytes(&self) -> usize {
        self.trailer.names.len() * (CHUNK_ROW + 8) + self.trailer.frames.len() * size_of::<FrameRow>()
    }

    fn damage(&self, what: &'static str) -> Error {
        Error::Damaged { file: self.id.file(), what }
    }

    /// The frame as it lies in the file, and what the trailer says of it.
    fn stored(&self, frame: u32) -> Result<(FrameRow, Vec<u8>)> {
        let row =
            self.trailer.frames.get(frame as usize).ok_or_else(|| self.damage("it has no such frame"))?;
        let bytes = self.file.read_at(frame::HEADER_BYTES + row.header.stored as usize, row.offset)?;
        Ok((*row, bytes))
    }

    /// A frame as it lies in the file, header included, and its chunks: for
    /// copying it to another pack as it is.
    pub(super) fn copy_frame(&self, frame: u32) -> Result<Coded> {
        let (row, bytes) = self.stored(frame)?;
        if !is_as_written(&row, &bytes) {
            return Err(self.damage("a frame does not match its checksum"));
        }
        let chunks = self.chunks_in(frame);
        let chunks =
            chunks.filter_map(|chunk| Some((*self.names().get(chunk as usize)?, self.chunk_len(chunk))));
        Ok(Coded { header: row.header, bytes, chunks: chunks.collect() })
    }

    /// The chunks that cannot be read of those for whose numbers `is_live` holds.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn damaged(&self, is_live: &dyn Fn(u32) -> bool) -> Result<Vec<(u32, Error)>> {
        let mut decompressor = Decompressor::new().map_err(Error::Compress)?;
        let mut damaged = Vec::new();
        for frame in 0..self.frames() {
            if self.chunks_in(frame).any(is_live) {
                let frame = self.read_frame(frame, &mut decompressor)?;
                let live = frame.damaged.iter().filter(|chunk| is_live(**chunk));
                damaged.extend(live.filter_map(|chunk| Some((*chunk, self.slice(&frame, *chunk).err()?))));
            }
        }
        Ok(damaged)
    }

    /// Checks every chunk of a frame against its name, and gives those that cannot be
    /// read. Gives too whether the frame is as it was written: a bit may have changed
    /// in it that changes no chunk.
    ///
    /// # Errors
    /// If the disk fails.
    pub(super) fn verify_frame(
        &self,
        number: u32,
        decompressor: &mut Decompressor,
    ) -> Result<(Vec<(u32, Error)>, bool)> {
        let (row, bytes) = self.stored(number)?;
        let is_as_written = is_as_written(&row, &bytes);
        let frame = self.decode(&row, bytes, decompressor)?;
        let error = |chunk: &u32| Some((*chunk, self.slice(&frame, *chunk).err()?));
        Ok((frame.damaged.iter().filter_map(error).collect(), is_as_written))
    }

    /// Reads a frame, and checks every chunk in it against its name.
    ///
    /// # Errors
    /// If the disk fails. What is damaged shows when its bytes are asked for.
    pub(super) fn read_frame(&self, frame: u32, decompressor: &mut Decompressor) -> Result<Arc<Frame>> {
        let (row, bytes) = self.stored(frame)?;
        Ok(Arc::new(self.decode(&row, bytes, decompressor)?))
    }

    /// The frame in `bytes`. Its own header is not asked, the trailer says the same.
    fn decode(
        &self,
        row: &FrameRow,
        mut bytes: Vec<u8>,
        decompressor: &mut Decompressor,
    ) -> Result<Frame, OutOfMemory> {
        bytes.drain(..frame::HEADER_BYTES.min(bytes.len()));
        let (bytes, failure) = decompressor.beginning(&row.header, bytes)?;
        let mut frame = Frame { bytes, failure: failure.map(|error| error.to_string()), damaged: Vec::new() };
        let is_damaged = |chunk: &u32| {
            let bytes = self.span(&frame, *chunk).map(ChunkName::of);
            bytes.is_none() || bytes.as_ref() != self.names().get(*chunk as usize)
        };
        frame.damaged = (row.first..row.first + row.chunks).filter(is_damaged).collect();
        Ok(frame)
    }

    /// The bytes of the chunk with number `chunk` in its `frame`.
    ///
    /// # Errors
    /// If they are not what its name says.
    pub(super) fn slice<'f>(&self, frame: &'f Frame, chunk: u32) -> Result<&'f [u8]> {
        let bytes = self.span(frame, chunk);
        if frame.damaged.binary_search(&chunk).is_err() {
            return bytes.ok_or_else(|| self.damage("a chunk lies outside of its frame"));
        }
        let file = self.id.file();
        Err(match (bytes, self.names().get(chunk as usize)) {
            (Some(bytes), Some(want)) => Error::Corrupt { file, want: *want, got: ChunkName::of(bytes) },
            _ => {
                let row = self.trailer.frames.get(self.frame_of(chunk) as usize);
                let what = frame.failure.clone().unwrap_or_default();
                Error::Frame { file, offset: row.map_or(0, |row| row.offset), source: io::Error::other(what) }
            }
        })
    }

    fn span<'f>(&self, frame: &'f Frame, chunk: u32) -> Option<&'f [u8]> {
        let (at, len) = self.trailer.spans.get(chunk as usize)?;
        frame.bytes.get(*at as usize..(*at + *len) as usize)
    }
}

/// Whether the frame `bytes` is, header and all, as it was written.
fn is_as_written(row: &FrameRow, bytes: &[u8]) -> bool {
    bytes.first_chunk().and_then(Header::decode) == Some(row.header) && frame::is_intact(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::frame::{Coding, Compressor};
    use super::*;
    use crate::disk::SimulatedDisk;

    /// A pack of two frames of two chunks each.
    fn written() -> (SimulatedDisk, PackId, Vec<u8>) {
        let mut bytes = encode_header().to_vec();
        let mut trailer = Trailer::default();
        for (lane, pair) in [(Lane::Data, [&b"one"[..], b"two"]), (Lane::Meta, [&b"three"[..], &[0; 5000]])] {
            let (header, frame) =
                Compressor::new(Coding::as_they_come(3)).unwrap().frame(lane, &pair.concat()).unwrap();
            assert_eq!(trailer.end(), bytes.len() as u64);
            bytes.extend(frame);
            trailer.push(header, &pair.map(|chunk| (ChunkName::of(chunk), chunk.len() as u32)));
        }
        let (end, id) = trailer.encode().unwrap();
        bytes.extend(end);
        let disk = SimulatedDisk::new();
        disk.create_dir("packs").unwrap();
        disk.create(&id.file()).unwrap().write_all_at(&bytes, 0).unwrap();
        (disk, id, bytes)
    }

    fn read_all(disk: &SimulatedDisk, id: PackId) -> Result<Vec<Vec<u8>>> {
        let pack = Pack::open(disk, id)?;
        (0..pack.frames()).try_for_each(|frame| pack.copy_frame(frame).map(drop))?;
        let mut decompressor = Decompressor::new().unwrap();
        let chunk = |chunk| {
            let frame = pack.read_frame(pack.frame_of(chunk), &mut decompressor)?;
            pack.slice(&frame, chunk).map(<[u8]>::to_vec)
        };
        (0..pack.names().len() as u32).map(chunk).collect()
    }

    #[test]
    fn a_pack_gives_back_every_chunk() {
        let (disk, id, _) = written();
        assert_eq!(
            read_all(&disk, id).unwrap(),
            [b"one".to_vec(), b"two".to_vec(), b"three".to_vec(), vec![0; 5000]]
        );
    }

    #[test]
    fn the_parts_of_a_frame_make_up_the_whole() {
        let (disk, id, bytes) = written();
        let pack = Pack::open(&disk, id).unwrap();
        assert_eq!(pack.file_bytes(), bytes.len() as u64);
        for frame in 0..pack.frames() {
            let parts: Vec<_> = pack.parts_of(frame).collect();
            assert_eq!(parts.iter().map(|(chunk, _)| *chunk).collect::<Vec<_>>(), [frame * 2, frame * 2 + 1]);
            let sum: u64 = parts.iter().map(|(_, part)| part).sum();
            assert_eq!(sum, pack.stored_bytes(frame) - frame::HEADER_BYTES as u64);
        }
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed() {
        let (disk, id, bytes) = written();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut wrong = bytes.clone();
                wrong[at] ^= 1 << bit;
                disk.open(&id.file()).unwrap().write_all_at(&wrong, 0).unwrap();
                assert!(read_all(&disk, id).is_err(), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn no_cut_pack_is_taken_for_a_whole_one() {
        let (disk, id, bytes) = written();
        for len in (0..bytes.len()).rev() {
            disk.open(&id.file()).unwrap().truncate(len as u64).unwrap();
            assert!(Pack::open(&disk, id).is_err(), "cut to {len}");
        }
    }

    #[test]
    fn a_pack_under_another_name_is_refused() {
        let (disk, id, _) = written();
        let other = PackId([7; 16]);
        disk.rename(&id.file(), &other.file()).unwrap();
        assert!(matches!(Pack::open(&disk, other), Err(Error::Damaged { .. })));
        assert_eq!(PackId::of_file(&format!("{other}.pack")), Some(other));
        assert_eq!(PackId::of_file("07.pack"), None);
    }
}
