//! Writing packs anew, in an order that compresses better.
//!
//! Chunks stay in the order in which they lie, which is that of the images they
//! came with and so the one in which a `save` wants them; only those that are
//! like an earlier one are pulled forward to stand behind it. A full sort by
//! likeness takes as little space and makes a `save` read a frame for each chunk.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::cache::{Cache, Key};
use super::similar::Similar;
use super::{ChunkName, Error, Pack, Place, Result, Writer};

/// How many frames are read ahead.
const FRAMES_AHEAD: usize = 8;

/// The chunks of some packs, on their way to new ones.
pub struct Renewal {
    packs: Vec<Arc<Pack>>,
    cache: Cache,
    /// Where the chunks lie, in the order in which they go. `pack` counts in `packs`.
    order: Vec<Place>,
    next: usize,
    asked: usize,
    raw_bytes: u64,
    /// How many chunks of each frame are still to be handed over.
    left: HashMap<Key, u32>,
    frames_done: u64,
    damaged: Vec<Error>,
}

impl Renewal {
    /// Looks at all chunks of `packs` for whose names `is_wanted` holds, and finds
    /// an order for them. `advance` is told the bytes of each frame that was read.
    ///
    /// What is damaged is left out; see [`Renewal::damaged`].
    ///
    /// # Errors
    /// If the disk fails, or `is_wanted` or `advance` do.
    pub fn plan(
        packs: Vec<Arc<Pack>>,
        threads: usize,
        is_wanted: &mut dyn FnMut(&ChunkName) -> Result<bool>,
        advance: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<Self> {
        let mut plan = Self {
            packs,
            cache: Cache::new(threads),
            order: Vec::new(),
            next: 0,
            asked: 0,
            raw_bytes: 0,
            left: HashMap::new(),
            frames_done: 0,
            damaged: Vec::new(),
        };
        let mut places = Vec::new();
        let mut seen = HashSet::new();
        for (number, pack) in (0..).zip(&plan.packs) {
            for (chunk, name) in (0..).zip(pack.names()) {
                if is_wanted(name)? && seen.insert(*name) {
                    places.push(Place { pack: number, chunk });
                }
            }
        }
        drop(seen);
        plan.order = places;
        plan.put_in_order(advance)?;
        Ok(plan)
    }

    /// Reads each chunk once, in the order in which they lie.
    fn put_in_order(&mut self, advance: &mut dyn FnMut(u64) -> Result<()>) -> Result<()> {
        let mut similar = Similar::default();
        let mut leaders = Vec::new();
        let mut followers = HashMap::<u32, Vec<Place>>::new();
        while let Some((place, pack)) = self.ahead() {
            self.next += 1;
            let frame = pack.frame_of(place.chunk);
            let bytes = self.cache.get((place.pack, frame), &pack)?;
            let bytes = match pack.slice(&bytes, place.chunk) {
                Err(error) => {
                    self.damaged.push(error);
                    continue;
                }
                Ok(bytes) => bytes,
            };
            let number = leaders.len() as u32;
            *self.left.entry((place.pack, frame)).or_default() += 1;
            self.raw_bytes += bytes.len() as u64;
            match similar.leader_of(number, pack.lane_of(frame), bytes) {
                Some(leader) => followers.entry(leader).or_default().push(place),
                None => leaders.push(place),
            }
            advance(bytes.len() as u64)?;
        }
        let with_followers = |(number, leader)| {
            let behind = followers.remove(&number).unwrap_or_default();
            std::iter::once(leader).chain(behind)
        };
        self.order = (0..).zip(leaders).flat_map(with_followers).collect();
        (self.next, self.asked) = (0, 0);
        Ok(())
    }

    /// The next chunk, with frames behind it asked for.
    fn ahead(&mut self) -> Option<(Place, Arc<Pack>)> {
        self.asked = self.asked.max(self.next);
        while self.cache.asked() < FRAMES_AHEAD {
            let Some(place) = self.order.get(self.asked) else { break };
            let pack = self.packs.get(place.pack as usize)?;
            self.cache.ask((place.pack, pack.frame_of(place.chunk)), pack);
            self.asked += 1;
        }
        let place = *self.order.get(self.next)?;
        Some((place, Arc::clone(self.packs.get(place.pack as usize)?)))
    }

    /// How many bytes the chunks have.
    pub fn raw_bytes(&self) -> u64 {
        self.raw_bytes
    }

    /// How many frames were handed over, every chunk that was wanted of them.
    pub fn frames_done(&self) -> u64 {
        self.frames_done
    }

    /// The chunks that could not be read, and stay where they are.
    pub fn damaged(&self) -> &[Error] {
        &self.damaged
    }

    /// Hands the next chunk to `writer`, and gives its length; `None` if there is none.
    ///
    /// # Errors
    /// If the disk fails. A frame that was damaged since the plan was made is an
    /// error too: to go on is to make a plan again.
    pub fn copy_next(&mut self, writer: &mut Writer) -> Result<Option<u64>> {
        let Some((place, pack)) = self.ahead() else { return Ok(None) };
        self.next += 1;
        let number = pack.frame_of(place.chunk);
        let frame = self.cache.get((place.pack, number), &pack)?;
        let bytes = pack.slice(&frame, place.chunk)?;
        // The frame was checked when it was read, so the name is the bytes' own.
        let name = pack.names().get(place.chunk as usize).copied();
        writer.refill(pack.lane_of(number), name.unwrap_or_else(|| ChunkName::of(bytes)), bytes)?;
        if let Some(left) = self.left.get_mut(&(place.pack, number)) {
            *left -= 1;
            self.frames_done += u64::from(*left == 0);
        }
        Ok(Some(bytes.len() as u64))
    }

    /// Whether every chunk was handed over.
    pub fn is_done(&self) -> bool {
        self.next >= self.order.len()
    }
}

impl std::fmt::Debug for Renewal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counts = (self.packs.len(), self.order.len(), self.next);
        f.debug_struct("Renewal").field("packs, chunks, done", &counts).finish_non_exhaustive()
    }
}
