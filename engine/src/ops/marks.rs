//! Which chunks something needs.

use crate::Result;
use crate::catalog::Catalog;
use crate::chunk::{self, Index, Place, Reader};
use crate::task::Task;

/// Which chunks are alive: a bit for each chunk of each pack.
#[derive(Debug, Default)]
pub(super) struct Marks {
    packs: Vec<Vec<u64>>,
}

/// The chunks that the blobs of `catalog` stand on.
pub(super) fn mark(catalog: &Catalog, reader: &mut Reader, task: &Task) -> Result<Marks> {
    let mut marks = Marks::default();
    for blob in catalog.blobs() {
        task.check()?;
        reader.chunks(&blob?.body, &mut |index, name| {
            let place = index.locate(name)?.ok_or(chunk::Error::NotFound(*name))?;
            marks.set(place);
            Ok(())
        })?;
    }
    Ok(marks)
}

impl Marks {
    fn set(&mut self, place: Place) {
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

    /// The bytes of the pack's frames that are dead, and all of them. Of a frame
    /// that is dead in part, the part that its dead chunks are of all.
    pub(super) fn dead_bytes_in(&self, number: u32, pack: &chunk::Pack) -> (u64, u64) {
        let (mut dead, mut all) = (0, 0);
        for frame in 0..pack.frames() {
            let (mut dead_raw, mut raw) = (0, 0);
            for chunk in pack.chunks_in(frame) {
                let len = u64::from(pack.chunk_len(chunk));
                raw += len;
                if !self.is_live(Place { pack: number, chunk }) {
                    dead_raw += len;
                }
            }
            let stored = pack.stored_bytes(frame);
            all += stored;
            dead += stored * dead_raw / raw.max(1);
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
