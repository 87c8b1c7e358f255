//! A blob in pieces: parts of chunks and stretches of zeros, in order, or from
//! any byte on.

use super::recipe::{self, Body, Op, Segment, Shape};
use super::{ChunkName, Error, Reader, Result};

/// A stretch of bytes to hand out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Piece {
    /// Bytes that are there.
    Bytes(Vec<u8>),
    /// So many zeros.
    Zeros(u64),
    /// A part of a chunk.
    Chunk {
        /// The chunk.
        name: ChunkName,
        /// Where in the chunk the part begins.
        from: u32,
        /// Where it ends.
        to: u32,
    },
}

impl Piece {
    /// How many bytes it is.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Zeros(len) => *len,
            Self::Chunk { from, to, .. } => u64::from(to - from),
        }
    }

    /// What is left of it behind the first `skip` bytes and before byte `end`.
    fn part(&self, skip: u64, end: u64) -> Self {
        match self {
            Self::Bytes(bytes) => {
                Self::Bytes(bytes.get(skip as usize..end as usize).unwrap_or_default().to_vec())
            }
            Self::Zeros(_) => Self::Zeros(end - skip),
            Self::Chunk { name, from, .. } => {
                Self::Chunk { name: *name, from: from + skip as u32, to: from + end as u32 }
            }
        }
    }
}

/// The segments of a blob, one after another.
#[derive(Debug)]
pub(super) struct Segments {
    waiting: Vec<(ChunkName, u8)>,
    /// The blob is one chunk of this length, without a recipe.
    whole: Option<(ChunkName, u64)>,
}

impl Segments {
    pub(super) fn of(body: &Body) -> Result<Self> {
        if !body.is_sane() {
            return Err(Error::Recipe { name: body.root, what: "it is deeper than one may be" });
        }
        Ok(match body.shape {
            Shape::Whole => Self { waiting: Vec::new(), whole: Some((body.root, body.len)) },
            Shape::Recipe { depth } => Self { waiting: vec![(body.root, depth)], whole: None },
        })
    }

    /// The next segment's name and its pieces.
    pub(super) fn next(&mut self, reader: &mut Reader) -> Result<Option<(ChunkName, Vec<Piece>)>> {
        if let Some((name, len)) = self.whole.take() {
            let to =
                u32::try_from(len).map_err(|_| Error::Recipe { name, what: "its only chunk is too long" })?;
            return Ok(Some((name, vec![Piece::Chunk { name, from: 0, to }])));
        }
        while let Some((name, depth)) = self.waiting.pop() {
            let bytes = reader.chunk(&name)?;
            if depth == 0 {
                return Ok(Some((name, pieces_of(&Segment::decode(&bytes, name)?, name)?)));
            }
            let below = recipe::decode_list(&bytes, name)?;
            self.waiting.extend(below.into_iter().rev().map(|(name, _)| (name, depth - 1)));
        }
        Ok(None)
    }
}

fn pieces_of(segment: &Segment, name: ChunkName) -> Result<Vec<Piece>> {
    let malformed = || Error::Recipe { name, what: "its operations do not use up its chunks" };
    let mut skeleton = segment.skeleton.iter();
    let mut data = segment.data.iter();
    // The part of a chunk of skeleton that is not used up.
    let mut open: Option<(ChunkName, u32, u32)> = None;
    let mut pieces = Vec::with_capacity(segment.ops().len());
    for op in segment.ops() {
        match *op {
            Op::Zeros(len) => pieces.push(Piece::Zeros(len)),
            Op::Data(chunks) => {
                for _ in 0..chunks {
                    let (name, to) = *data.next().ok_or_else(malformed)?;
                    pieces.push(Piece::Chunk { name, from: 0, to });
                }
            }
            Op::Skeleton(mut len) => {
                while len > 0 {
                    let (name, from, end) = match open.take() {
                        Some(open) => open,
                        None => skeleton.next().map(|(name, end)| (*name, 0, *end)).ok_or_else(malformed)?,
                    };
                    let take = u64::from(end - from).min(len) as u32;
                    len -= u64::from(take);
                    pieces.push(Piece::Chunk { name, from, to: from + take });
                    open = (from + take < end).then_some((name, from + take, end));
                }
            }
        }
    }
    Ok(pieces)
}

/// How many taken-apart segments an [`Outline`] keeps: each describes some
/// 64 MB and takes up to half a megabyte.
const SEGMENTS_KEPT: usize = 16;

/// A blob that can be entered anywhere.
#[derive(Debug, Clone)]
pub struct Outline {
    len: u64,
    /// Where each segment begins, and its name.
    segments: Vec<(u64, ChunkName)>,
    is_whole: bool,
    kept: Vec<(usize, Vec<(u64, Piece)>)>,
}

impl Outline {
    /// Reads the recipe of `body`, and nothing else of it.
    ///
    /// # Errors
    /// If a part of the recipe is missing or damaged.
    pub fn of(body: &Body, reader: &mut Reader) -> Result<Self> {
        let mut segments = Segments::of(body)?;
        let mut outline = Self {
            len: body.len,
            segments: Vec::new(),
            is_whole: segments.whole.is_some(),
            kept: Vec::new(),
        };
        let mut at = 0_u64;
        while let Some((name, pieces)) = segments.next(reader)? {
            outline.segments.push((at, name));
            at = pieces.iter().try_fold(at, |sum, piece| sum.checked_add(piece.len())).unwrap_or(u64::MAX);
        }
        if at == body.len { Ok(outline) } else { Err(wrong_length(body.root)) }
    }

    /// Adds what `len` bytes from `offset` on consist of to `pieces`.
    ///
    /// # Errors
    /// If that is beyond the blob's end, or a part of the recipe is missing or damaged.
    pub fn pieces(
        &mut self,
        offset: u64,
        len: u64,
        reader: &mut Reader,
        pieces: &mut impl Extend<Piece>,
    ) -> Result<()> {
        let end = offset.checked_add(len).filter(|end| *end <= self.len);
        let root = self.segments.first().map_or(ChunkName([0; 32]), |(_, name)| *name);
        let end = end.ok_or_else(|| wrong_length(root))?;
        let mut at = offset;
        while at < end {
            let number = self.segments.partition_point(|(start, _)| *start <= at).saturating_sub(1);
            let segment = self.segment(number, reader)?;
            let first = segment.partition_point(|(start, _)| *start <= at).saturating_sub(1);
            let before = at;
            for (start, piece) in segment.get(first..).unwrap_or_default() {
                if at >= end {
                    break;
                }
                let (skip, until) = (at - start, piece.len().min(end - start));
                if until > skip {
                    pieces.extend([piece.part(skip, until)]);
                    at = start + until;
                }
            }
            if at == before {
                return Err(wrong_length(root));
            }
        }
        Ok(())
    }

    /// The pieces of a segment, each with where in the blob it begins.
    fn segment(&mut self, number: usize, reader: &mut Reader) -> Result<&[(u64, Piece)]> {
        match self.kept.iter().position(|(kept, _)| *kept == number) {
            // The one that was wanted last stands last, so that the first is the one to forget.
            Some(at) => self.kept.get_mut(at..).unwrap_or_default().rotate_left(1),
            None => {
                let (start, name) = self.segments.get(number).copied().unwrap_or((0, ChunkName([0; 32])));
                let pieces = if self.is_whole {
                    vec![Piece::Chunk { name, from: 0, to: self.len as u32 }]
                } else {
                    pieces_of(&Segment::decode(&reader.chunk(&name)?, name)?, name)?
                };
                let mut at = start;
                let placed = pieces.into_iter().map(|piece| {
                    let start = at;
                    at += piece.len();
                    (start, piece)
                });
                let placed = placed.collect();
                if self.kept.len() >= SEGMENTS_KEPT {
                    self.kept.remove(0);
                }
                self.kept.push((number, placed));
            }
        }
        Ok(self.kept.last().map(|(_, pieces)| pieces.as_slice()).unwrap_or_default())
    }
}

/// Reads a blob from its start on; what is passed over is neither looked for
/// nor read.
pub struct Cursor<'r> {
    reader: &'r mut Reader,
    segments: Segments,
    /// The rest of the current segment, the next piece last.
    pieces: Vec<Piece>,
    /// How much of the next piece was taken.
    taken: u64,
    left: u64,
    root: ChunkName,
}

impl<'r> Cursor<'r> {
    /// A cursor before the first byte of `body`.
    ///
    /// # Errors
    /// If the body is none that larder writes.
    pub fn new(body: &Body, reader: &'r mut Reader) -> Result<Self> {
        let segments = Segments::of(body)?;
        Ok(Self { reader, segments, pieces: Vec::new(), taken: 0, left: body.len, root: body.root })
    }

    /// Makes the next piece one of which something is left; `false` at the end.
    fn advance(&mut self) -> Result<bool> {
        loop {
            match self.pieces.last() {
                Some(piece) if self.taken < piece.len() => return Ok(true),
                Some(piece) => {
                    self.taken -= piece.len();
                    self.pieces.pop();
                }
                None => {
                    let Some((_, mut pieces)) = self.segments.next(self.reader)? else { return Ok(false) };
                    pieces.reverse();
                    self.pieces = pieces;
                }
            }
        }
    }

    /// Passes over `bytes` bytes; to the end, and `false`, if it is nearer.
    pub fn skip(&mut self, bytes: u64) -> bool {
        let passed = bytes.min(self.left);
        self.left -= passed;
        self.taken += passed;
        passed == bytes
    }

    /// Fills the start of `buffer`; gives 0 at the end only.
    ///
    /// # Errors
    /// If a part of the blob is missing or damaged.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() || self.left == 0 || !self.advance()? {
            return if self.left == 0 || buffer.is_empty() { Ok(0) } else { Err(wrong_length(self.root)) };
        }
        let Some(piece) = self.pieces.last() else { return Ok(0) };
        let len = (piece.len() - self.taken).min(self.left).min(buffer.len() as u64);
        let part = piece.part(self.taken, self.taken + len);
        let room = buffer.get_mut(..len as usize).unwrap_or_default();
        self.reader.fill(&part, room)?;
        self.taken += len;
        self.left -= len;
        Ok(len as usize)
    }
}

impl std::fmt::Debug for Cursor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cursor").field("left", &self.left).finish_non_exhaustive()
    }
}

pub(super) fn wrong_length(name: ChunkName) -> Error {
    Error::Recipe { name, what: "it does not come to the length of its blob" }
}
