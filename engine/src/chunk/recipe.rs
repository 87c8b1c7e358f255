//! Recipes: how a blob is put together from chunks.
//!
//! A recipe is a list of segments, each enough by itself for its part of the
//! blob, so that neither writing nor reading one needs more memory than a
//! segment takes. A segment is stored as a chunk in the meta lane:
//!
//! | field      | size   | meaning                                            |
//! |------------|--------|-----------------------------------------------------|
//! | magic      | 4      | `RCP1`                                              |
//! | `ops`      | varint | how many operations                                 |
//! | `skeleton` | varint | how many chunks of skeleton                         |
//! | `data`     | varint | how many chunks of data                             |
//! | operations | varints | `length << 2 \| kind`, see [`Op`]                   |
//! | lengths    | varints | of the skeleton's chunks, then the data's            |
//! | names      | 32 each | of the skeleton's chunks, then the data's            |
//!
//! A varint is LEB128: seven bits a byte, low ones first, at most ten bytes.
//!
//! Where there is more than one segment, their names and lengths (32 + 4 bytes
//! each) make a list that is a chunk again, and so on: [`Shape::Recipe`] says
//! how many such lists lie above the segments.

use serde::{Deserialize, Serialize};

use super::{ChunkName, Error, MAX_CHUNK_BYTES, Result};

const MAGIC: [u8; 4] = *b"RCP1";

/// How many operations and chunks a segment may have. With names of 32 bytes,
/// lengths of 3 and operations of at most 10, a full segment stays below
/// [`MAX_CHUNK_BYTES`] and describes some 64 MB of small files.
pub const MAX_CHUNKS: usize = 4096;
/// See [`MAX_CHUNKS`].
pub const MAX_OPS: usize = 8192;

/// A row of a list of segments.
const ROW_BYTES: usize = ChunkName::BYTES + 4;

/// How many rows fit in a list.
pub const MAX_ROWS: usize = MAX_CHUNK_BYTES / ROW_BYTES;

/// More lists above each other than this would describe more bytes than there are.
const MAX_DEPTH: u8 = 3;

/// A stored blob: all that has to be remembered to get its bytes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// How the blob hangs below `root`.
    pub shape: Shape,
    /// The chunk to begin with.
    pub root: ChunkName,
    /// The blob's length in bytes.
    pub len: u64,
}

/// How a blob hangs below its root chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shape {
    /// The root chunk is the blob.
    Whole,
    /// The root is a segment (`depth` 0), or a list of what lies one level deeper.
    Recipe {
        /// Levels of lists above the segments.
        depth: u8,
    },
}

impl Body {
    /// Whether `depth` is one that larder writes.
    pub fn is_sane(&self) -> bool {
        !matches!(self.shape, Shape::Recipe { depth } if depth > MAX_DEPTH)
    }
}

/// What comes next in the blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// So many bytes of the skeleton.
    Skeleton(u64),
    /// So many chunks of data.
    Data(u64),
    /// So many zeros.
    Zeros(u64),
}

impl Op {
    fn parts(self) -> (u64, u64) {
        match self {
            Self::Skeleton(bytes) => (bytes, 0),
            Self::Data(chunks) => (chunks, 1),
            Self::Zeros(bytes) => (bytes, 2),
        }
    }

    fn from_parts(length: u64, kind: u64) -> Option<Self> {
        match kind {
            0 => Some(Self::Skeleton(length)),
            1 => Some(Self::Data(length)),
            2 => Some(Self::Zeros(length)),
            _ => None,
        }
    }
}

/// A part of a recipe.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Segment {
    ops: Vec<Op>,
    pub skeleton: Vec<(ChunkName, u32)>,
    pub data: Vec<(ChunkName, u32)>,
}

impl Segment {
    /// The operations, in the order of the blob's bytes.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// Adds an operation, to the last one if it is of the same kind.
    pub fn push(&mut self, op: Op) {
        match (self.ops.last_mut(), op) {
            (Some(Op::Skeleton(last)), Op::Skeleton(more))
            | (Some(Op::Data(last)), Op::Data(more))
            | (Some(Op::Zeros(last)), Op::Zeros(more)) => {
                match last.checked_add(more).filter(|sum| *sum < 1 << 62) {
                    Some(sum) => *last = sum,
                    None => self.ops.push(op),
                }
            }
            _ => self.ops.push(op),
        }
    }

    /// Whether nothing more should be added.
    pub fn is_full(&self) -> bool {
        self.ops.len() >= MAX_OPS || self.skeleton.len() + self.data.len() >= MAX_CHUNKS
    }

    /// Whether it describes no byte.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// The segment's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for count in [self.ops.len(), self.skeleton.len(), self.data.len()] {
            put_varint(&mut bytes, count as u64);
        }
        for op in &self.ops {
            let (length, kind) = op.parts();
            put_varint(&mut bytes, length << 2 | kind);
        }
        let chunks = || self.skeleton.iter().chain(&self.data);
        for (_, len) in chunks() {
            put_varint(&mut bytes, u64::from(*len));
        }
        bytes.extend(chunks().flat_map(|(name, _)| name.0));
        bytes
    }

    /// Reads a segment; `name` is the chunk it came from.
    ///
    /// # Errors
    /// [`Error::Recipe`] for anything that [`Segment::encode`] does not write,
    /// or whose parts do not use up each other.
    pub fn decode(bytes: &[u8], name: ChunkName) -> Result<Self> {
        let malformed = |what| Error::Recipe { name, what };
        let mut rest = bytes.strip_prefix(&MAGIC).ok_or_else(|| malformed("it does not begin as one"))?;
        let mut number = || take_varint(&mut rest).ok_or_else(|| malformed("a number in it is cut short"));
        let [ops, skeleton, data] = [number()?, number()?, number()?];
        if ops > MAX_OPS as u64 + 1 || skeleton.saturating_add(data) > 2 * MAX_CHUNKS as u64 {
            return Err(malformed("it has more parts than one may have"));
        }
        let mut segment = Self::default();
        let (mut skeleton_bytes, mut data_chunks) = (0_u64, 0_u64);
        for _ in 0..ops {
            let op = number()?;
            let op = Op::from_parts(op >> 2, op & 3).ok_or_else(|| malformed("an operation is unknown"))?;
            match op {
                Op::Skeleton(bytes) => skeleton_bytes = skeleton_bytes.saturating_add(bytes),
                Op::Data(chunks) => data_chunks = data_chunks.saturating_add(chunks),
                Op::Zeros(_) => {}
            }
            segment.ops.push(op);
        }
        let mut lens = Vec::new();
        for _ in 0..skeleton + data {
            let len = u32::try_from(number()?).ok().filter(|len| *len as usize <= MAX_CHUNK_BYTES);
            lens.push(len.ok_or_else(|| malformed("a chunk is longer than one may be"))?);
        }
        let (names, []) = rest.as_chunks::<{ ChunkName::BYTES }>() else {
            return Err(malformed("a name is cut short"));
        };
        if names.len() != lens.len() {
            return Err(malformed("it does not have as many names as lengths"));
        }
        let mut chunks = names.iter().map(|name| ChunkName(*name)).zip(lens);
        segment.skeleton = chunks.by_ref().take(skeleton as usize).collect();
        segment.data = chunks.collect();
        let there: u64 = segment.skeleton.iter().map(|(_, len)| u64::from(*len)).sum();
        if there != skeleton_bytes || data_chunks != data {
            return Err(malformed("its operations do not use up its chunks"));
        }
        Ok(segment)
    }
}

/// The bytes of a list of segments or lists.
pub fn encode_list(rows: &[(ChunkName, u32)]) -> Vec<u8> {
    rows.iter().flat_map(|(name, len)| name.0.into_iter().chain(len.to_le_bytes())).collect()
}

/// Reads a list; `name` is the chunk it came from.
///
/// # Errors
/// [`Error::Recipe`] if it is empty or a row is cut short.
pub fn decode_list(bytes: &[u8], name: ChunkName) -> Result<Vec<(ChunkName, u32)>> {
    let (rows, []) = bytes.as_chunks::<ROW_BYTES>() else {
        return Err(Error::Recipe { name, what: "a row of its list is cut short" });
    };
    if rows.is_empty() {
        return Err(Error::Recipe { name, what: "its list is empty" });
    }
    let row = |row: &[u8; ROW_BYTES]| {
        let (name, len) = row.split_first_chunk::<{ ChunkName::BYTES }>()?;
        Some((ChunkName(*name), u32::from_le_bytes(*len.first_chunk()?)))
    };
    Ok(rows.iter().filter_map(row).collect())
}

fn put_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(n: u8) -> ChunkName {
        ChunkName([n; 32])
    }

    #[test]
    fn the_layout_of_a_segment_never_changes() {
        let mut segment =
            Segment { skeleton: vec![(name(1), 700)], data: vec![(name(2), 5)], ..Segment::default() };
        for op in [Op::Skeleton(512), Op::Data(1), Op::Zeros(300), Op::Skeleton(100), Op::Skeleton(88)] {
            segment.push(op);
        }
        let want =
            [&b"RCP1\x04\x01\x01\x80\x10\x05\xb2\x09\xf0\x05\xbc\x05\x05"[..], &[1; 32], &[2; 32]].concat();
        assert_eq!(segment.encode(), want);
        assert_eq!(Segment::decode(&want, name(0)).unwrap(), segment);
    }

    #[test]
    fn a_full_segment_is_no_longer_than_a_chunk() {
        let mut segment = Segment::default();
        for n in 0.. {
            if segment.is_full() {
                break;
            }
            segment.push(if n % 2 == 0 { Op::Zeros(1 << 61) } else { Op::Skeleton(1 << 61) });
        }
        segment.data = vec![(name(3), MAX_CHUNK_BYTES as u32); MAX_CHUNKS];
        assert!(segment.encode().len() <= MAX_CHUNK_BYTES);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_segment_or_an_error(bytes: Vec<u8>) {
            if let Ok(segment) = Segment::decode(&[&MAGIC, &bytes[..]].concat(), name(0)) {
                prop_assert_eq!(Segment::decode(&segment.encode(), name(0)).unwrap(), segment);
            }
        }

        #[test]
        fn a_varint_reads_back(number: u64, tail: Vec<u8>) {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, number);
            bytes.extend(&tail);
            let mut rest = &bytes[..];
            prop_assert_eq!(take_varint(&mut rest), Some(number));
            prop_assert_eq!(rest, &tail[..]);
        }
    }
}
