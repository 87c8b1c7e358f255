//! What is known to be damaged, and so is not found any more.

use super::{Index, Place};
use crate::chunk::damage::Damage;
use crate::chunk::pack::Pack;
use crate::chunk::{Error, Flaw, Result};

impl Index {
    /// Notes that a chunk is damaged: from now on it is not found there.
    pub fn note(&mut self, place: Place) {
        let Some(id) = self.slots.get(place.pack as usize).map(|slot| slot.id) else { return };
        if self.damage.get_or_insert_default().add(id, place.chunk) {
            self.write_notes();
        }
        self.last = None;
    }

    /// Notes what was found when all of a pack was read, and that the rest of it is sound.
    pub fn renote(&mut self, pack: u32, flaws: &[Flaw]) {
        let Some(id) = self.slots.get(pack as usize).map(|slot| slot.id) else { return };
        if flaws.is_empty() && self.damage.is_none() {
            return;
        }
        let before = self.damage.clone();
        let damage = self.damage.get_or_insert_default();
        damage.retain(|other| *other != id);
        for flaw in flaws {
            if let Flaw::Chunk(chunk, _) = flaw {
                damage.add(id, *chunk);
            }
        }
        if self.damage != before {
            self.write_notes();
            self.last = None;
        }
    }

    /// Notes that something is not there that should be.
    pub fn note_missing(&mut self) {
        if self.damage.is_none() {
            self.damage = Some(Damage::default());
            self.write_notes();
        }
    }

    fn write_notes(&self) {
        if let Some(damage) = self.damage.as_ref().filter(|_| self.mender.is_some()) {
            // A hint that cannot be written is found again.
            let _ = damage.write(&self.disk);
        }
    }

    /// Whether anything was found damaged or missing, and not healed since: what the
    /// catalog says to be there may not be.
    pub fn is_hurt(&self) -> bool {
        self.damage.is_some() || !self.damaged.is_empty()
    }

    /// Whether a chunk of the pack is known to be damaged.
    pub fn is_noted(&self, pack: &Pack) -> bool {
        self.damage.as_ref().is_some_and(|damage| damage.touches(pack.id()))
    }

    /// Whether the chunk is known to be damaged there.
    pub(super) fn is_lost(&self, pack: &Pack, chunk: u32) -> bool {
        self.damage.as_ref().is_some_and(|damage| damage.has(pack.id(), chunk))
    }

    /// Forgets what was noted of packs that are gone; all of it, if nothing is left
    /// of that. The caller knows that nothing is missing.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn settle_notes(&mut self) -> Result<()> {
        let Some(damage) = &mut self.damage else { return Ok(()) };
        let numbers = &self.numbers;
        let before = damage.clone();
        if !damage.retain(|pack| numbers.contains_key(pack)) {
            self.damage = None;
            return Damage::forget(&*self.disk);
        }
        if *damage == before { Ok(()) } else { damage.write(&self.disk) }
    }
}

/// What looking for a chunk gives that is known to be damaged wherever it lies.
pub(super) fn lost(pack: &Pack) -> Error {
    Error::Damaged { file: pack.id().file(), what: "a chunk in it was found damaged" }
}
