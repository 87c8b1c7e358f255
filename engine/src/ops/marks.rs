//! Which chunks something needs.
//!
//! A chunk may lie in several places: loads that ran side by side stored it each,
//! or an [`optimize`](Store::optimize) was cut off between writing packs and
//! removing what they replace. One of them is needed, always the same one.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::Result;
use crate::catalog::{Catalog, Error};
use crate::chunk::{self, Index, Place, Reader};
#[cfg(doc)]
use crate::store::Store;
use crate::task::{Passing, Task};

/// Which chunks are alive: a bit for each chunk of each pack.
#[derive(Debug, Default)]
pub(super) struct Marks {
    packs: Vec<Vec<u64>>,
}

/// The chunks that the blobs of `catalog` stand on.
pub(super) fn mark(catalog: &Catalog, reader: &mut Reader, task: &Task) -> Result<Marks> {
    let mut marks = Marks::default();
    let all =
        catalog.blobs().try_fold(0, |sum: u64, blob| Ok::<_, Error>(sum.saturating_add(blob?.body.len)))?;
    let mut passing = Passing::start("marking", Some(all), task);
    for blob in catalog.blobs() {
        let body = blob?.body;
        reader.chunks(&body, &mut |index, name| {
            let place = index.locate(name)?.ok_or(chunk::Error::NotFound(*name))?;
            marks.set(place);
            Ok(())
        })?;
        passing.advance(body.len)?;
    }
    passing.finish();
    marks.keep_one_of_each(reader.index(), task)?;
    Ok(marks)
}

impl Marks {
    /// Of the places of a chunk that is needed one stays marked: the one that is
    /// compressed best of those that can be read.
    pub(super) fn keep_one_of_each(&mut self, index: &mut Index, task: &Task) -> Result<()> {
        let mut read = HashMap::new();
        for name in index.repeated()? {
            task.check()?;
            let places = index.places(&name)?;
            if places.len() < 2 || !places.iter().any(|place| self.is_live(*place)) {
                continue;
            }
            let mut ranked = Vec::new();
            for place in places {
                let pack = index.pack(place.pack)?;
                let frame = pack.frame_of(place.chunk);
                ranked.push((Reverse(pack.mark_of(frame)), pack.id(), place, frame));
            }
            ranked.sort_unstable();
            let mut kept = None;
            for (_, _, place, frame) in &ranked {
                let damaged = match read.entry((place.pack, *frame)) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(unknown) => {
                        let pack = index.pack(place.pack)?;
                        let chunks = pack.chunks_in(*frame);
                        unknown.insert(pack.damaged(&|chunk| chunks.contains(&chunk))?)
                    }
                };
                if damaged.iter().all(|(chunk, _)| *chunk != place.chunk) {
                    kept = Some(*place);
                    break;
                }
            }
            // If none can be read then it is not known which is worth keeping.
            if let Some(kept) = kept {
                ranked.iter().for_each(|(_, _, place, _)| self.clear(*place));
                self.set(kept);
            }
        }
        Ok(())
    }

    fn clear(&mut self, place: Place) {
        let words = self.packs.get_mut(place.pack as usize);
        if let Some(word) = words.and_then(|words| words.get_mut(place.chunk as usize / 64)) {
            *word &= !(1 << (place.chunk % 64));
        }
    }

    pub(super) fn set(&mut self, place: Place) {
        let (pack, word) = (place.pack as usize, place.chunk as usize / 64);
        if self.packs.len() <= pack {
            self.packs.resize_with(pack + 1, Vec::new);
        }
        if let Some(words) = self.packs.get_mut(pack) {
            if words.len() <= word {
                words.resize(word + 1, 0);
            }
            if let Some(word) = words.get_mut(word) {
                *word |= 1 << (place.chunk % 64);
            }
        }
    }

    pub(super) fn is_live(&self, place: Place) -> bool {
        let word = self.packs.get(place.pack as usize).and_then(|words| words.get(place.chunk as usize / 64));
        word.is_some_and(|word| word >> (place.chunk % 64) & 1 == 1)
    }

    pub(super) fn live_in(&self, pack: u32) -> u64 {
        let words = self.packs.get(pack as usize);
        words.map_or(0, |words| words.iter().map(|word| u64::from(word.count_ones())).sum())
    }

    /// The compressed bytes of the pack's chunks that are dead, and of all of them.
    pub(super) fn dead_bytes_in(&self, number: u32, pack: &chunk::Pack) -> (u64, u64) {
        let (mut dead, mut all) = (0, 0);
        for (chunk, part) in (0..pack.frames()).flat_map(|frame| pack.parts_of(frame)) {
            all += part;
            if !self.is_live(Place { pack: number, chunk }) {
                dead += part;
            }
        }
        (dead, all)
    }

    /// The bytes in all packs that nothing needs.
    pub(super) fn dead_bytes(&self, index: &mut Index) -> Result<u64> {
        let packs: Vec<_> = index.packs().collect();
        let mut dead = 0;
        for (number, _) in packs {
            dead += self.dead_bytes_in(number, &*index.pack(number)?).0;
        }
        Ok(dead)
    }
}
