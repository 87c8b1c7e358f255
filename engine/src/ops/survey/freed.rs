//! What would come back if something went.

use std::collections::BTreeSet;

use super::Survey;
use super::classes::GARBAGE;
use crate::chunk::PackId;
use crate::image::ImageId;

/// What a pack holds of each class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackUse {
    pub id: PackId,
    pub file_bytes: u64,
    pub disk_bytes: u64,
    /// Class, its compressed bytes and its chunks in the pack.
    pub parts: Vec<(u32, u64, u64)>,
}

impl PackUse {
    pub fn new(id: PackId, file_bytes: u64) -> Self {
        Self { id, file_bytes, disk_bytes: 0, parts: Vec::new() }
    }
}

/// What a collection would give back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forecast {
    /// Bytes on disk. Exact for what goes as a whole; of packs that are made anew what
    /// they will take is an estimate, since what stays in them is compressed again.
    pub freed_bytes: u64,
    /// Chunks that nothing needs.
    pub dead_chunks: u64,
    /// Chunks that something needs.
    pub live_chunks: u64,
    /// Packs that are dead as a whole.
    pub packs_removed: u64,
    /// Packs that are dead in part.
    pub packs_rewritten: u64,
}

/// What a file takes on the disk at least; what an index run takes for each chunk is a
/// page for 255 of them.
const PAGE_BYTES: u64 = 4096;
const ENTRIES_PER_PAGE: u64 = 255;
/// What a pack's trailer takes for each chunk.
const ROW_BYTES: u64 = 36;

impl Survey {
    /// The bytes in packs that nothing would need any more if the images with these IDs
    /// went. What is garbage already is not among them.
    pub fn freed_by(&self, images: &BTreeSet<ImageId>) -> u64 {
        let is_going =
            |owner: &u32| self.owner_ids.get(*owner as usize).is_some_and(|id| images.contains(id));
        let mut stays = vec![false; self.class_bytes.len()];
        for ((_, classes), owners) in self.needs.iter().zip(&self.owners) {
            if !owners.iter().all(is_going) {
                for class in classes {
                    stays.get_mut(*class as usize).into_iter().for_each(|stays| *stays = true);
                }
            }
        }
        let classes = self.class_bytes.iter().zip(&stays).enumerate();
        let goes = classes.filter(|(class, (_, stays))| *class != GARBAGE as usize && !**stays);
        goes.map(|(_, (bytes, _))| bytes).sum()
    }

    /// The images that no container uses.
    pub fn unused(&self) -> BTreeSet<ImageId> {
        self.images.iter().filter(|image| !image.is_used).map(|image| image.id).collect()
    }

    /// What [`Store::gc`](crate::Store::gc) would give back now.
    pub fn forecast(&self) -> Forecast {
        let mut forecast = Forecast { freed_bytes: self.leftover_bytes, ..Forecast::default() };
        let (mut before, mut after) = (0, 0);
        for pack in &self.packs {
            let chunks: u64 = pack.parts.iter().map(|(_, _, chunks)| chunks).sum();
            let dead = pack.parts.iter().find(|(class, ..)| *class == GARBAGE);
            let (dead_bytes, dead_chunks) = dead.map_or((0, 0), |(_, bytes, chunks)| (*bytes, *chunks));
            forecast.dead_chunks += dead_chunks;
            forecast.live_chunks += chunks - dead_chunks;
            if dead_chunks == chunks {
                forecast.freed_bytes += pack.disk_bytes;
                forecast.packs_removed += 1;
            } else if dead_chunks > 0 {
                before += pack.disk_bytes;
                after += pack.file_bytes - dead_bytes - dead_chunks * ROW_BYTES;
                forecast.packs_rewritten += 1;
            }
        }
        forecast.freed_bytes += before.saturating_sub(after.next_multiple_of(PAGE_BYTES));
        if forecast.dead_chunks > 0 {
            let pages = forecast.live_chunks.div_ceil(ENTRIES_PER_PAGE) + 1;
            // The directory stays.
            let index = self.index_bytes.saturating_sub(PAGE_BYTES);
            forecast.freed_bytes += index.saturating_sub((pages * PAGE_BYTES).min(index));
        }
        forecast
    }
}
