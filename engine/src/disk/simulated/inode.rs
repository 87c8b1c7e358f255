//! A file of a disk in memory: what is written of it, and what would survive.

use std::collections::BTreeSet;

use super::Survival;

/// What torn writes come in.
const SECTOR_BYTES: usize = 512;

/// What a system forgets that it has to write, when writing fails.
pub const PAGE_BYTES: usize = 4096;

/// A file, whatever its names.
#[derive(Default, Clone)]
pub struct Inode {
    pub bytes: Vec<u8>,
    pub durable: Vec<u8>,
    /// Pages that syncing takes for done, though they are not.
    pub lost: BTreeSet<usize>,
}

impl Inode {
    /// Makes durable what was written, but for what a syncing that failed has lost.
    pub fn sync(&mut self) {
        let lost = std::mem::take(&mut self.lost);
        let old = std::mem::replace(&mut self.durable, self.bytes.clone());
        for page in &lost {
            let start = page * PAGE_BYTES;
            for at in start..(start + PAGE_BYTES).min(self.durable.len()) {
                self.durable[at] = old.get(at).copied().unwrap_or_default();
            }
        }
        self.lost = lost;
    }

    /// Has what was written taken for durable, which it is not.
    pub fn lose(&mut self) {
        let pages = 0..self.bytes.len().div_ceil(PAGE_BYTES);
        let page_of = |bytes: &[u8], page: usize| {
            bytes.chunks(PAGE_BYTES).nth(page).map(<[u8]>::to_vec).unwrap_or_default()
        };
        let differs = |page: &usize| page_of(&self.bytes, *page) != page_of(&self.durable, *page);
        self.lost.extend(pages.filter(differs).collect::<Vec<_>>());
    }

    pub fn after_reboot(&self, survival: Survival, dice: &mut Dice) -> Vec<u8> {
        match survival {
            Survival::Nothing => return self.durable.clone(),
            Survival::Everything => return self.bytes.clone(),
            Survival::Part(_) if self.bytes == self.durable => return self.bytes.clone(),
            Survival::Part(_) => {}
        }
        // The length is one of the two or between; each sector is the old one,
        // the new one, or for a last one torn in the middle, both.
        let (short, long) =
            (self.bytes.len().min(self.durable.len()), self.bytes.len().max(self.durable.len()));
        let len = short + dice.roll((long - short) as u64 + 1) as usize;
        let mut found = vec![0; len];
        for (number, sector) in found.chunks_mut(SECTOR_BYTES).enumerate() {
            let at = number * SECTOR_BYTES;
            let torn = dice.roll(SECTOR_BYTES as u64) as usize;
            let source = match dice.roll(4) {
                0 => [&self.durable, &self.durable],
                1 => [&self.bytes, &self.durable],
                _ => [&self.bytes, &self.bytes],
            };
            for (offset, byte) in sector.iter_mut().enumerate() {
                let bytes = source[usize::from(offset >= torn)];
                *byte = bytes.get(at + offset).copied().unwrap_or_default();
            }
        }
        found
    }
}

/// Small, and the same everywhere: xorshift.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x2545_f491_4f6c_dd1d);
        self.0 ^= self.0 >> 29;
        (self.0 >> 16) % sides
    }
}
