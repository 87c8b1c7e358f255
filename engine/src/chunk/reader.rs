//! Giving blobs back: the recipe is followed, frames are read ahead, and every
//! chunk is checked against its name before a byte of it is handed out.

use std::collections::VecDeque;
use std::sync::Arc;

use super::cache::{Cache, Key};
use super::pack::{Frame, Pack};
use super::pieces::{Piece, Segments, wrong_length};
use super::recipe::{self, Body, Segment, Shape};
use super::{ChunkName, Error, Index, Place, Result};

/// How many frames are read ahead of the one that is handed out.
const FRAMES_AHEAD: usize = 8;

/// How many steps are planned ahead, so that there are frames to read.
const STEPS_AHEAD: usize = 4096;

/// How many bytes that are not the store's may wait among them: a step may be a
/// header of a mebibyte.
const MAX_HELD_BYTES: usize = 4 << 20;

/// What a run of zeros is handed out from.
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// Gives blobs back.
pub struct Reader {
    index: Index,
    cache: Cache,
    /// The last chunk of which a part was wanted.
    last_part: Option<(ChunkName, Place, Arc<Pack>)>,
}

/// A piece that is found.
enum Step {
    Bytes(Vec<u8>),
    Zeros(u64),
    Slice { pack: Arc<Pack>, place: Place, from: u32, to: u32 },
}

impl Step {
    fn frame(&self) -> Option<(Key, &Arc<Pack>)> {
        match self {
            Self::Bytes(_) | Self::Zeros(_) => None,
            Self::Slice { pack, place, .. } => Some(((place.pack, pack.frame_of(place.chunk)), pack)),
        }
    }
}

impl Reader {
    /// A reader of what `index` finds, which decompresses on `threads` threads.
    pub fn new(index: Index, threads: usize) -> Self {
        Self { index, cache: Cache::new(threads), last_part: None }
    }

    /// The index it reads by.
    pub fn index(&mut self) -> &mut Index {
        &mut self.index
    }

    fn place(&mut self, name: &ChunkName) -> Result<(Place, Arc<Pack>)> {
        match self.index.locate(name).and_then(|place| place.ok_or(Error::NotFound(*name))) {
            Ok(place) => Ok((place, self.index.pack(place.pack)?)),
            Err(error) => {
                if error.is_damage() || matches!(error, Error::NotFound(_)) {
                    self.index.note_missing();
                }
                Err(error)
            }
        }
    }

    /// The frame that holds a chunk; if the chunk is damaged there, another one.
    fn frame(&mut self, mut place: Place, pack: &Arc<Pack>) -> Result<(Arc<Frame>, Place, Arc<Pack>)> {
        let mut pack = Arc::clone(pack);
        loop {
            let frame = self.cache.get((place.pack, pack.frame_of(place.chunk)), &pack)?;
            let Err(error) = pack.slice(&frame, place.chunk) else { return Ok((frame, place, pack)) };
            self.index.note(place);
            let name = pack.names().get(place.chunk as usize).copied();
            let other = name.and_then(|name| self.index.locate(&name).ok()?);
            let Some(other) = other else { return Err(error) };
            (place, pack) = (other, self.index.pack(other.pack)?);
        }
    }

    /// One chunk.
    ///
    /// # Errors
    /// If it is not there, damaged, or cannot be read.
    pub fn chunk(&mut self, name: &ChunkName) -> Result<Vec<u8>> {
        let (place, pack) = self.place(name)?;
        let (frame, place, pack) = self.frame(place, &pack)?;
        Ok(larder_memory::copy(pack.slice(&frame, place.chunk)?)?)
    }

    /// A whole blob in memory.
    ///
    /// # Errors
    /// If it is longer than `max_bytes`, a part is missing or damaged, or the disk fails.
    pub fn bytes(&mut self, body: &Body, max_bytes: usize) -> Result<Vec<u8>> {
        if body.len > max_bytes as u64 {
            return Err(Error::TooLong {
                bytes: usize::try_from(body.len).unwrap_or(usize::MAX),
                limit: max_bytes,
            });
        }
        let mut bytes = larder_memory::with_capacity(body.len as usize)?;
        self.copy(body, &mut |piece| {
            larder_memory::reserve(&mut bytes, piece.len())?;
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(bytes)
    }

    /// Hands the blob's bytes to `sink`, in order. What `sink` has taken when
    /// an error comes is the blob's beginning.
    ///
    /// # Errors
    /// If a part is missing or damaged, the disk fails, or `sink` does.
    pub fn copy(&mut self, body: &Body, sink: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut segments = Segments::of(body)?;
        let mut left = body.len;
        self.copy_pieces(
            &mut |reader, pieces| {
                let Some((_, next)) = segments.next(reader)? else { return Ok(false) };
                pieces.extend(next);
                Ok(true)
            },
            &mut |bytes| {
                left = left.checked_sub(bytes.len() as u64).ok_or_else(|| wrong_length(body.root))?;
                sink(bytes)
            },
        )?;
        if left == 0 { Ok(()) } else { Err(wrong_length(body.root)) }
    }

    /// Hands out the bytes of pieces, in order. `more` adds some to the end of
    /// the queue it is given, and gives `false` when there are no more: it is
    /// called well before they are handed out, so that frames are read ahead.
    ///
    /// # Errors
    /// If a chunk is missing or damaged, the disk fails, or `more` or `sink` do.
    pub fn copy_pieces(
        &mut self,
        more: &mut dyn FnMut(&mut Self, &mut VecDeque<Piece>) -> Result<bool>,
        sink: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut pieces = VecDeque::new();
        let mut steps = VecDeque::new();
        let mut is_more = true;
        let mut asked = 0_usize;
        let mut held_bytes = 0;
        loop {
            while steps.len() < STEPS_AHEAD && held_bytes < MAX_HELD_BYTES && is_more {
                is_more = more(self, &mut pieces)?;
                for piece in pieces.drain(..) {
                    if let Piece::Bytes(bytes) = &piece {
                        held_bytes += bytes.len();
                    }
                    steps.push_back(self.found(piece)?);
                }
            }
            // Read ahead: frames of the steps that were not asked for yet.
            while self.cache.asked() < FRAMES_AHEAD {
                let Some(step) = steps.get(asked) else { break };
                if let Some((key, pack)) = Step::frame(step) {
                    self.cache.ask(key, pack);
                }
                asked += 1;
            }
            let Some(step) = steps.pop_front() else { return Ok(()) };
            asked = asked.saturating_sub(1);
            match &step {
                Step::Bytes(bytes) => {
                    held_bytes -= bytes.len();
                    sink(bytes)?;
                }
                Step::Zeros(len) => zeros(*len, sink)?,
                Step::Slice { pack, place, from, to } => {
                    let (frame, place, pack) = self.frame(*place, pack)?;
                    sink(slice(&frame, &pack, place, *from, *to)?)?;
                }
            }
        }
    }

    /// Fills `buffer` with a piece of that length.
    pub(super) fn fill(&mut self, piece: &Piece, buffer: &mut [u8]) -> Result<()> {
        match piece {
            Piece::Bytes(bytes) => buffer.copy_from_slice(bytes),
            Piece::Zeros(_) => buffer.fill(0),
            Piece::Chunk { name, from, to } => {
                let (place, pack) = self.part_place(name)?;
                let (frame, place, pack) = self.frame(place, &pack)?;
                buffer.copy_from_slice(slice(&frame, &pack, place, *from, *to)?);
            }
        }
        Ok(())
    }

    fn found(&mut self, piece: Piece) -> Result<Step> {
        Ok(match piece {
            Piece::Bytes(bytes) => Step::Bytes(bytes),
            Piece::Zeros(len) => Step::Zeros(len),
            Piece::Chunk { name, from, to } => {
                let (place, pack) = if from == 0 { self.place(&name)? } else { self.part_place(&name)? };
                if from == 0 && to < pack.chunk_len(place.chunk) {
                    self.last_part = Some((name, place, Arc::clone(&pack)));
                }
                Step::Slice { pack, place, from, to }
            }
        })
    }

    /// Where a chunk lies of which parts are wanted one after another.
    fn part_place(&mut self, name: &ChunkName) -> Result<(Place, Arc<Pack>)> {
        if let Some((last, place, pack)) = &self.last_part
            && last == name
        {
            return Ok((*place, Arc::clone(pack)));
        }
        let (place, pack) = self.place(name)?;
        self.last_part = Some((*name, place, Arc::clone(&pack)));
        Ok((place, pack))
    }

    /// Every chunk that the blob stands on: those of its recipe, then those of its bytes.
    ///
    /// # Errors
    /// If a part of the recipe is missing or damaged, or `visit` fails.
    pub fn chunks(
        &mut self,
        body: &Body,
        visit: &mut dyn FnMut(&mut Index, &ChunkName) -> Result<()>,
    ) -> Result<()> {
        visit(&mut self.index, &body.root)?;
        let Shape::Recipe { depth } = body.shape else { return Ok(()) };
        let mut waiting = vec![(body.root, depth)];
        while let Some((name, depth)) = waiting.pop() {
            let bytes = self.chunk(&name)?;
            if depth > 0 {
                for (below, _) in recipe::decode_list(&bytes, name)? {
                    visit(&mut self.index, &below)?;
                    waiting.push((below, depth - 1));
                }
            } else {
                let segment = Segment::decode(&bytes, name)?;
                for (chunk, _) in segment.skeleton.iter().chain(&segment.data) {
                    visit(&mut self.index, chunk)?;
                }
            }
        }
        Ok(())
    }
}

fn slice<'f>(frame: &'f Frame, pack: &Pack, place: Place, from: u32, to: u32) -> Result<&'f [u8]> {
    let part = pack.slice(frame, place.chunk)?.get(from as usize..to as usize);
    // The chunk is what its name says: it is the recipe that is wrong of it.
    let name = pack.names().get(place.chunk as usize).copied().unwrap_or(ChunkName([0; ChunkName::BYTES]));
    part.ok_or(Error::Recipe { name, what: "a recipe says that this chunk is longer" })
}

fn zeros(mut len: u64, sink: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    while len > 0 {
        let now = len.min(ZEROS.len() as u64);
        sink(ZEROS.get(..now as usize).unwrap_or(&ZEROS))?;
        len -= now;
    }
    Ok(())
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("index", &self.index).finish_non_exhaustive()
    }
}
