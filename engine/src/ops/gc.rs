//! Garbage collection: find what no name reaches, then give back the space.
//!
//! Everything is written children first and named last, so it is taken down in
//! the opposite order; a crash between two steps leaves garbage for next time.
//! 1. **Mark** the chunks that the blobs of the catalog stand on.
//! 2. **Copy** what is alive in packs that are dead in part to new packs.
//! 3. **Publish** one index run for the packs that stay.
//! 4. **Remove** the packs that went, and what is left in `tmp/`.
//!
//! Nobody else reads or adds packs meanwhile. If a recipe cannot be read then
//! it is not known what is alive, and nothing is removed.

use std::collections::HashSet;

use crate::Result;
use crate::catalog::{Catalog, Change};
use crate::chunk::{self, Index, PackId, Place, Reader};
use crate::store::{Access, Ledger, Store};
use crate::task::{Event, Task};

/// What was collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Collected {
    /// Chunks that something needs.
    pub live_chunks: u64,
    /// Chunks that nothing needed.
    pub dead_chunks: u64,
    /// Bytes on disk that came back.
    pub freed_bytes: u64,
    /// Packs that were dead as a whole.
    pub packs_removed: u64,
    /// Packs that were dead in part, and made anew.
    pub packs_rewritten: u64,
}

/// When space is given back in passing, a pack is made anew only if this part
/// of it is dead: one in so many bytes.
const WORTH_REWRITING: u64 = 20;

impl Store {
    /// Gives back all space that nothing needs. Waits until nobody uses the
    /// packs, and lets nobody else use them meanwhile.
    ///
    /// # Errors
    /// If the store is damaged in a part that would have to be known, or the
    /// disk fails. What was there before is there still.
    pub fn gc(&self, task: &Task) -> Result<Collected> {
        self.check_writable()?;
        let access = self.exclude(task)?;
        self.healing(task, || self.collect(&access, 0, task))
    }

    /// Gives back the space that can be had at once: nothing while another
    /// process reads or adds packs, and no pack that is alive for the most
    /// part. [`Store::gc`] does the rest.
    ///
    /// # Errors
    /// As [`Store::gc`].
    pub fn reclaim(&self, task: &Task) -> Result<Collected> {
        self.check_writable()?;
        match self.try_exclude()? {
            Some(access) => self.healing(task, || self.collect(&access, WORTH_REWRITING, task)),
            None => Ok(Collected::default()),
        }
    }

    /// Rewrites packs of which more than one byte in `worth` is dead; any if 0.
    fn collect(&self, access: &Access, worth: u64, task: &Task) -> Result<Collected> {
        let before = self.packed_bytes()?;
        let mut ledger = self.ledger(task)?;
        forget_orphans(&mut ledger)?;
        let mut reader = self.reader(access, task)?;
        let marks = mark(ledger.catalog(), &mut reader, task)?;
        drop(ledger);
        let mut writer = self.writer(access, task)?;
        let mut gone = HashSet::new();
        let mut collected = Collected::default();
        let packs: Vec<_> = reader.index().packs().collect();
        for (number, id) in packs {
            task.check()?;
            let pack = match reader.index().pack(number) {
                Ok(pack) => pack,
                // What is alive was found elsewhere, or marking would have failed.
                Err(error) if marks.live_in(number) == 0 => {
                    task.report(&Event::Notice {
                        text: &format!("{error}; nothing needs it, it is removed"),
                    });
                    collected.packs_removed += 1;
                    gone.insert(id);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let chunks = pack.names().len() as u64;
            let live = marks.live_in(number);
            collected.live_chunks += live;
            collected.dead_chunks += chunks - live;
            if live == 0 {
                collected.packs_removed += 1;
                gone.insert(id);
            } else if live < chunks {
                let (dead, all) = marks.dead_bytes_in(number, &pack);
                if worth > 0 && dead * worth < all {
                    continue;
                }
                let is_live = |chunk| marks.is_live(Place { pack: number, chunk });
                match pack.check_live(&is_live) {
                    Ok(()) => {
                        writer.copy_live(&pack, &is_live)?;
                        collected.packs_rewritten += 1;
                        gone.insert(id);
                    }
                    // What is damaged is not copied as if it were sound, nor taken away.
                    Err(error) if error.is_damage() => {
                        task.report(&Event::Notice { text: &format!("{error}; the pack is left as it is") });
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        drop(reader);
        let mut finished = writer.finish()?;
        // What a collection before this one had copied when it was cut off comes
        // out as the same pack again, and then that one stays.
        finished.packs.iter().for_each(|made| _ = gone.remove(made));
        if !gone.is_empty() {
            self.remove_packs(&mut finished.index, &gone)?;
        }
        for entry in self.disk().list("tmp")? {
            self.disk().remove(&format!("tmp/{}", entry.name))?;
        }
        let after = self.packed_bytes()?;
        collected.freed_bytes = before.saturating_sub(after);
        Ok(collected)
    }

    fn remove_packs(&self, index: &mut Index, gone: &HashSet<PackId>) -> Result<()> {
        index.forget(gone);
        index.publish(&[], true)?;
        for id in gone {
            self.disk().remove(&id.file())?;
        }
        Ok(self.disk().sync_dir("packs")?)
    }

    /// What packs, index and passing files take on the disk.
    fn packed_bytes(&self) -> Result<u64> {
        let counted = ["packs/", "index/", "tmp/"];
        let usage = self.disk().usage()?;
        let here = usage.iter().filter(|file| counted.iter().any(|dir| file.name.starts_with(dir)));
        Ok(here.map(|file| file.bytes).sum())
    }
}

/// Forgets blobs that no image needs. No commit leaves any; a mistake of an
/// earlier larder may have.
fn forget_orphans(ledger: &mut Ledger) -> Result<()> {
    let mut changes = Vec::new();
    for blob in ledger.catalog().blobs() {
        let digest = blob?.digest;
        if ledger.catalog().users_of(&digest)?.is_empty() {
            changes.push(Change::ForgetBlob(digest));
        }
    }
    if changes.is_empty() { Ok(()) } else { ledger.commit("gc", changes) }
}

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

    fn is_live(&self, place: Place) -> bool {
        let word = self.packs.get(place.pack as usize).and_then(|words| words.get(place.chunk as usize / 64));
        word.is_some_and(|word| word >> (place.chunk % 64) & 1 == 1)
    }

    fn live_in(&self, pack: u32) -> u64 {
        let words = self.packs.get(pack as usize);
        words.map_or(0, |words| words.iter().map(|word| u64::from(word.count_ones())).sum())
    }

    /// The bytes of the pack's frames that are dead, and all of them. Of a frame
    /// that is dead in part, the part that its dead chunks are of all.
    fn dead_bytes_in(&self, number: u32, pack: &chunk::Pack) -> (u64, u64) {
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
