//! Giving blobs back: the recipe is followed, frames are read ahead, and every
//! chunk is checked against its name before a byte of it is handed out.

use std::collections::VecDeque;
use std::sync::Arc;

use super::cache::{Cache, Key};
use super::pack::Pack;
use super::recipe::{self, Body, Op, Segment, Shape};
use super::{ChunkName, Error, Index, Place, Result};

/// How many frames are read ahead of the one that is handed out.
const FRAMES_AHEAD: usize = 8;

/// How many steps are planned ahead, so that there are frames to read.
const STEPS_AHEAD: usize = 4096;

/// What a run of zeros is handed out from.
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// Gives blobs back.
pub struct Reader {
    index: Index,
    cache: Cache,
}

/// A piece of a blob, in order.
enum Step {
    Zeros(u64),
    Slice { pack: Arc<Pack>, place: Place, from: u32, to: u32 },
}

impl Step {
    fn frame(&self) -> Option<(Key, &Arc<Pack>)> {
        match self {
            Self::Zeros(_) => None,
            Self::Slice { pack, place, .. } => Some(((place.pack, pack.frame_of(place.chunk)), pack)),
        }
    }
}

impl Reader {
    /// A reader of what `index` finds, which decompresses on `threads` threads.
    pub fn new(index: Index, threads: usize) -> Self {
        Self { index, cache: Cache::new(threads) }
    }

    /// The index it reads by.
    pub fn index(&mut self) -> &mut Index {
        &mut self.index
    }

    fn place(&mut self, name: &ChunkName) -> Result<(Place, Arc<Pack>)> {
        let place = self.index.locate(name)?.ok_or(Error::NotFound(*name))?;
        Ok((place, self.index.pack(place.pack)?))
    }

    /// One chunk.
    ///
    /// # Errors
    /// If it is not there, damaged, or cannot be read.
    pub fn chunk(&mut self, name: &ChunkName) -> Result<Vec<u8>> {
        let (place, pack) = self.place(name)?;
        let frame = self.cache.get((place.pack, pack.frame_of(place.chunk)), &pack)?;
        pack.slice(&frame, place.chunk).map(<[u8]>::to_vec)
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
        let mut bytes = Vec::with_capacity(body.len as usize);
        self.copy(body, &mut |piece| {
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
        let Shape::Recipe { depth } = body.shape else {
            let bytes = self.chunk(&body.root)?;
            return if bytes.len() as u64 == body.len { sink(&bytes) } else { Err(wrong_length(body)) };
        };
        if !body.is_sane() {
            return Err(Error::Recipe { name: body.root, what: "it is deeper than one may be" });
        }
        let mut segments = vec![(body.root, depth)];
        let mut steps = VecDeque::new();
        let mut asked = 0_usize;
        let mut left = body.len;
        loop {
            while steps.len() < STEPS_AHEAD && self.plan(&mut segments, &mut steps)? {}
            // Read ahead: frames of the steps that were not asked for yet.
            while self.cache.asked() < FRAMES_AHEAD {
                let Some(step) = steps.get(asked) else { break };
                if let Some((key, pack)) = Step::frame(step) {
                    self.cache.ask(key, pack);
                }
                asked += 1;
            }
            let Some(step) = steps.pop_front() else { break };
            asked = asked.saturating_sub(1);
            let frame;
            let (bytes, len) = match &step {
                Step::Zeros(len) => (None, *len),
                Step::Slice { pack, place, from, to } => {
                    frame = self.cache.get((place.pack, pack.frame_of(place.chunk)), pack)?;
                    let bytes = pack.slice(&frame, place.chunk)?.get(*from as usize..*to as usize);
                    (Some(bytes.ok_or_else(|| wrong_length(body))?), u64::from(to - from))
                }
            };
            left = left.checked_sub(len).ok_or_else(|| wrong_length(body))?;
            match bytes {
                Some(bytes) => sink(bytes)?,
                None => zeros(len, sink)?,
            }
        }
        if left == 0 { Ok(()) } else { Err(wrong_length(body)) }
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

    /// Turns the next segment into steps; `false` if there is none.
    fn plan(&mut self, segments: &mut Vec<(ChunkName, u8)>, steps: &mut VecDeque<Step>) -> Result<bool> {
        let Some((name, depth)) = segments.pop() else { return Ok(false) };
        let bytes = self.chunk(&name)?;
        if depth > 0 {
            let below = recipe::decode_list(&bytes, name)?;
            segments.extend(below.into_iter().rev().map(|(name, _)| (name, depth - 1)));
            return Ok(true);
        }
        let segment = Segment::decode(&bytes, name)?;
        let malformed = || Error::Recipe { name, what: "its operations do not use up its chunks" };
        let mut skeleton = segment.skeleton.iter();
        let mut data = segment.data.iter();
        let mut open: Option<(Place, Arc<Pack>, u32, u32)> = None;
        for op in segment.ops() {
            match *op {
                Op::Zeros(len) => steps.push_back(Step::Zeros(len)),
                Op::Data(chunks) => {
                    for _ in 0..chunks {
                        let (name, len) = data.next().ok_or_else(malformed)?;
                        let (place, pack) = self.place(name)?;
                        steps.push_back(Step::Slice { pack, place, from: 0, to: *len });
                    }
                }
                Op::Skeleton(mut len) => {
                    while len > 0 {
                        let (place, pack, from, end) = match open.take() {
                            Some(open) => open,
                            None => {
                                let (name, end) = skeleton.next().ok_or_else(malformed)?;
                                let (place, pack) = self.place(name)?;
                                (place, pack, 0, *end)
                            }
                        };
                        let take = u64::from(end - from).min(len) as u32;
                        len -= u64::from(take);
                        steps.push_back(Step::Slice {
                            pack: Arc::clone(&pack),
                            place,
                            from,
                            to: from + take,
                        });
                        if from + take < end {
                            open = Some((place, pack, from + take, end));
                        }
                    }
                }
            }
        }
        Ok(true)
    }
}

fn zeros(mut len: u64, sink: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    while len > 0 {
        let now = len.min(ZEROS.len() as u64);
        sink(ZEROS.get(..now as usize).unwrap_or(&ZEROS))?;
        len -= now;
    }
    Ok(())
}

fn wrong_length(body: &Body) -> Error {
    Error::Recipe { name: body.root, what: "it does not come to the length of its blob" }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("index", &self.index).finish_non_exhaustive()
    }
}
