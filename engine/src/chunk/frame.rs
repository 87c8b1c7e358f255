//! Frames: chunks that are compressed together.
//!
//! A frame in a pack (integers little-endian):
//!
//! | offset | size | field                                              |
//! |-------:|-----:|-----------------------------------------------------|
//! |      0 |    4 | magic `FRAM`                                        |
//! |      4 |    1 | lane, see [`Lane`]                                  |
//! |      5 |    1 | codec: 0 as is, 1 zstd                              |
//! |      6 |    1 | mark: see [`Coding`]; 0 for a frame as it was first written |
//! |      7 |    1 | zero                                                |
//! |      8 |    4 | `stored`: bytes that follow                         |
//! |     12 |    4 | `raw`: bytes they decompress to, ≤ [`MAX_RAW_BYTES`] |
//! |     16 |   16 | checksum of the bytes before and those that follow  |
//! |     32 |    n | the chunks end to end, coded, `stored` bytes        |
//!
//! All fields but the checksum stand in the pack's trailer too, which is what
//! readers use; here they let the frames of a pack without a trailer be walked.
//! A reader checks each chunk against its name instead of the checksum; that is
//! for `fsck` and for copying frames as they are, since a flipped bit in coded
//! bytes need not change what they decode to.

use std::io::{self, Read};

use larder_memory::OutOfMemory;

use super::ChunkName;
use crate::disk::checksum;

/// How many bytes of chunks fill a frame. Larger frames compress better and
/// cost more to read one chunk from; past this little is gained.
pub const TARGET_RAW_BYTES: usize = 1 << 20;

/// No frame holds more: what a reader may be made to allocate.
pub const MAX_RAW_BYTES: usize = TARGET_RAW_BYTES + super::MAX_CHUNK_BYTES;

pub const HEADER_BYTES: usize = 32;
/// The part of a header in front of its checksum.
pub const FIELD_BYTES: usize = 16;
pub const MAGIC: [u8; 4] = *b"FRAM";

/// Frames of a lane hold chunks of one sort, which compress each other best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Payload of files, and blobs that are not tar.
    Data,
    /// Tar headers and padding.
    Skeleton,
    /// Recipes and documents.
    Meta,
}

impl Lane {
    /// All lanes, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Data, Self::Skeleton, Self::Meta];

    pub(super) fn number(self) -> u8 {
        match self {
            Self::Data => 0,
            Self::Skeleton => 1,
            Self::Meta => 2,
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// How a frame's bytes are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    Stored,
    Zstd,
}

/// What stands in front of a frame's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub lane: Lane,
    pub codec: Codec,
    /// See [`Coding`].
    pub mark: u8,
    pub stored: u32,
    pub raw: u32,
}

impl Header {
    pub fn encode(&self) -> [u8; FIELD_BYTES] {
        let mut bytes = [0; FIELD_BYTES];
        let codec = match self.codec {
            Codec::Stored => 0,
            Codec::Zstd => 1,
        };
        let [stored, raw] = [self.stored, self.raw].map(u32::to_le_bytes);
        let fields = [&MAGIC[..], &[self.lane.number(), codec, self.mark, 0], &stored, &raw].concat();
        bytes.copy_from_slice(&fields);
        bytes
    }

    /// `None` for anything that [`Header::encode`] does not write.
    pub fn decode(bytes: &[u8; FIELD_BYTES]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<4>()?;
        let ([lane, codec, mark, 0], rest) = rest.split_first_chunk::<4>()? else { return None };
        let (stored, rest) = rest.split_first_chunk::<4>()?;
        let (raw, _) = rest.split_first_chunk::<4>()?;
        let codec = match codec {
            0 => Codec::Stored,
            1 => Codec::Zstd,
            _ => return None,
        };
        let header = Self {
            lane: Lane::from_number(*lane)?,
            codec,
            mark: *mark,
            stored: u32::from_le_bytes(*stored),
            raw: u32::from_le_bytes(*raw),
        };
        let sane = header.raw as usize <= MAX_RAW_BYTES
            && header.stored <= header.raw
            && (codec == Codec::Zstd || header.stored == header.raw);
        (*magic == MAGIC && sane).then_some(header)
    }
}

/// How frames are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coding {
    /// zstd's level.
    pub level: i32,
    /// What the frames tell of it: the level, if they are put in order at leisure,
    /// similar chunks side by side, and 0 if they are filled as chunks come in.
    /// Who puts frames in order leaves those alone that were at this level.
    pub mark: u8,
}

impl Coding {
    /// Chunks are compressed in the order in which they come.
    pub fn as_they_come(level: i32) -> Self {
        Self { level, mark: 0 }
    }

    /// Chunks come in an order that was thought about.
    pub fn in_order(level: u8) -> Self {
        Self { level: level.into(), mark: level }
    }
}

/// A frame as it goes into a pack, header included, and the chunks in it.
pub struct Coded {
    pub header: Header,
    pub bytes: Vec<u8>,
    pub chunks: Vec<(ChunkName, u32)>,
}

/// Compresses frames, one after the other, with one context.
pub struct Compressor {
    zstd: zstd::bulk::Compressor<'static>,
    mark: u8,
}

impl Compressor {
    pub fn new(coding: Coding) -> io::Result<Self> {
        Ok(Self { zstd: zstd::bulk::Compressor::new(coding.level)?, mark: coding.mark })
    }

    /// The frame of `raw`, header included; as it is if compression does not pay.
    pub fn frame(&mut self, lane: Lane, raw: &[u8]) -> io::Result<(Header, Vec<u8>)> {
        let len = u32::try_from(raw.len()).map_err(io::Error::other)?;
        let mut bytes = larder_memory::with_capacity(HEADER_BYTES + raw.len())?;
        bytes.resize(HEADER_BYTES, 0);
        let mut place = io::Cursor::new(bytes);
        place.set_position(HEADER_BYTES as u64);
        // An output that does not fit in the input's length is no gain, and zstd
        // says so by an error: the only one that it has for a fresh, sound context.
        let coded = self.zstd.compress_to_buffer(raw, &mut place).ok().filter(|coded| *coded < raw.len());
        let mut bytes = place.into_inner();
        let mark = self.mark;
        let header = match coded {
            Some(coded) => {
                let stored = u32::try_from(coded).map_err(io::Error::other)?;
                Header { lane, codec: Codec::Zstd, mark, stored, raw: len }
            }
            None => {
                bytes.truncate(HEADER_BYTES);
                bytes.extend_from_slice(raw);
                Header { lane, codec: Codec::Stored, mark, stored: len, raw: len }
            }
        };
        let fields = header.encode();
        let sum = checksum(&[&fields, bytes.get(HEADER_BYTES..).unwrap_or_default()]);
        for (place, byte) in bytes.iter_mut().zip(fields.iter().chain(&sum)) {
            *place = *byte;
        }
        Ok((header, bytes))
    }
}

/// Whether the frame `bytes`, header included, are as they were written.
pub fn is_intact(bytes: &[u8]) -> bool {
    let parts = bytes.split_at_checked(FIELD_BYTES).zip(bytes.split_at_checked(HEADER_BYTES));
    parts.is_some_and(|((fields, _), (front, stored))| front.ends_with(&checksum(&[fields, stored])))
}

/// Decompresses frames, one after the other, with one context.
pub struct Decompressor(zstd::bulk::Decompressor<'static>);

impl Decompressor {
    pub fn new() -> io::Result<Self> {
        Ok(Self(zstd::bulk::Decompressor::new()?))
    }

    /// The chunks of a frame, end to end; `stored` is what follows `header`. If it
    /// does not decompress, what comes before the place, and the reason.
    ///
    /// # Errors
    /// If there is not enough memory, which says nothing about the frame.
    pub fn beginning(
        &mut self,
        header: &Header,
        stored: Vec<u8>,
    ) -> Result<(Vec<u8>, Option<io::Error>), OutOfMemory> {
        let raw = match header.codec {
            Codec::Stored => stored,
            Codec::Zstd => {
                let mut raw = larder_memory::with_capacity(header.raw as usize)?;
                if let Err(error) = self.0.decompress_to_buffer(&stored, &mut raw) {
                    return Ok((until_error(header, &stored)?, Some(error)));
                }
                raw
            }
        };
        let is_whole = raw.len() == header.raw as usize;
        Ok((raw, (!is_whole).then(|| io::ErrorKind::InvalidData.into())))
    }
}

/// What decompresses before it does not any more.
fn until_error(header: &Header, stored: &[u8]) -> Result<Vec<u8>, OutOfMemory> {
    let mut raw = larder_memory::with_capacity(header.raw as usize)?;
    if let Ok(decoder) = zstd::stream::read::Decoder::with_buffer(stored) {
        let _ = decoder.take(u64::from(header.raw)).read_to_end(&mut raw);
    }
    Ok(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_gives_back_its_chunks() {
        for raw in [vec![], vec![1, 2, 3], vec![7; 100_000], (0..=255).collect()] {
            let (header, frame) =
                Compressor::new(Coding::as_they_come(3)).unwrap().frame(Lane::Skeleton, &raw).unwrap();
            assert_eq!(Header::decode(frame.first_chunk().unwrap()), Some(header));
            assert!(is_intact(&frame));
            assert!(frame.len() <= HEADER_BYTES + raw.len());
            let stored = frame[HEADER_BYTES..].to_vec();
            let (again, failure) = Decompressor::new().unwrap().beginning(&header, stored).unwrap();
            assert_eq!((again, failure.is_none()), (raw, true));
        }
    }

    #[test]
    fn a_header_never_promises_more_than_a_frame_may_hold() {
        let sound = Header { lane: Lane::Meta, codec: Codec::Zstd, mark: 0, stored: 3, raw: 9 };
        assert_eq!(Header::decode(&sound.encode()), Some(sound));
        let huge = Header { raw: u32::MAX, ..sound };
        let longer = Header { stored: 10, ..sound };
        let as_is = Header { codec: Codec::Stored, ..sound };
        for wrong in [huge, longer, as_is] {
            assert_eq!(Header::decode(&wrong.encode()), None);
        }
    }

    #[test]
    fn the_layout_of_a_header_never_changes() {
        let header = Header { lane: Lane::Meta, codec: Codec::Zstd, mark: 0, stored: 0x0102, raw: 0x0304 };
        assert_eq!(header.encode(), *b"FRAM\x02\x01\0\0\x02\x01\0\0\x04\x03\0\0");
        let marked = Header { mark: 19, ..header };
        assert_eq!(marked.encode(), *b"FRAM\x02\x01\x13\0\x02\x01\0\0\x04\x03\0\0");
        assert_eq!(Header::decode(&marked.encode()), Some(marked));
    }
}
