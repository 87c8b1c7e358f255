//! What was found damaged, so that nothing leans on it any more.
//!
//! `damage` (integers little-endian):
//!
//! | offset | size | field                                                      |
//! |-------:|-----:|-------------------------------------------------------------|
//! |      0 |    8 | magic `LARDDMGE`                                            |
//! |      8 |    4 | version, 1                                                  |
//! |     12 |    4 | zero                                                        |
//! |     16 | 20 r | a row a chunk: pack 16, number of the chunk 4                |
//! |   n-16 |   16 | checksum of the bytes before                                |
//!
//! Whoever finds a chunk damaged, or missing, notes it; the file without a row says
//! that something is missing. From then on that place of the chunk counts for
//! nothing wherever the store looks for it: a load stores the chunk again, a reader
//! takes another place that has it, `gc` does not carry it on. When nothing is lost
//! any more the file goes.
//!
//! It is a hint. If it is lost or damaged itself, the damage is found again.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Result;
use super::front::{FRONT_BYTES, front};
use super::pack::PackId;
use crate::disk::{Disk, checksum, put_whole, remove_if_there};

const FILE: &str = "damage";
const VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"LARDDMGE";
const SUM_BYTES: usize = 16;
const ROW_BYTES: usize = 20;

/// More chunks than that are not noted: a disk that has lost so many is not worth the
/// memory. They are found damaged each time that they are read.
const MAX_ROWS: usize = 1 << 20;

/// Chunks that were found damaged, by their places.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Damage {
    chunks: BTreeSet<(PackId, u32)>,
}

impl Damage {
    /// What was noted; `None` if nothing was.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn read(disk: &dyn Disk) -> Result<Option<Self>> {
        let file = match disk.open(FILE) {
            Err(error) if error.is_absent() => return Ok(None),
            other => other?,
        };
        let len = file.len()?;
        if len > (FRONT_BYTES + MAX_ROWS * ROW_BYTES + SUM_BYTES) as u64 {
            return Ok(Some(Self::default()));
        }
        let bytes = file.read_at(len as usize, 0)?;
        // Of what cannot be read it is known at least that there was something.
        Ok(Some(Self::decode(&bytes).unwrap_or_default()))
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, sum) = bytes.split_last_chunk::<SUM_BYTES>()?;
        let (start, rows) = body.split_first_chunk::<FRONT_BYTES>()?;
        if *start != front(MAGIC, VERSION) || checksum(&[body]) != *sum || rows.len() % ROW_BYTES != 0 {
            return None;
        }
        let row = |row: &[u8]| {
            let (pack, chunk) = row.split_first_chunk::<16>()?;
            Some((PackId(*pack), u32::from_le_bytes(*chunk.first_chunk()?)))
        };
        Some(Self { chunks: rows.chunks_exact(ROW_BYTES).filter_map(row).collect() })
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = front(MAGIC, VERSION).to_vec();
        for (pack, chunk) in &self.chunks {
            bytes.extend(pack.0);
            bytes.extend(chunk.to_le_bytes());
        }
        let sum = checksum(&[&bytes]);
        bytes.extend(sum);
        bytes
    }

    /// Writes it down, whole or not at all.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn write(&self, disk: &Arc<dyn Disk>) -> Result<()> {
        Ok(put_whole(disk, "", FILE, &self.encode())?)
    }

    /// Forgets all that was noted.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn forget(disk: &dyn Disk) -> Result<()> {
        Ok(remove_if_there(disk, FILE)?)
    }

    /// Notes a chunk; `false` if it was noted before.
    pub fn add(&mut self, pack: PackId, chunk: u32) -> bool {
        self.chunks.len() < MAX_ROWS && self.chunks.insert((pack, chunk))
    }

    /// Whether a chunk was noted.
    pub fn has(&self, pack: PackId, chunk: u32) -> bool {
        !self.chunks.is_empty() && self.chunks.contains(&(pack, chunk))
    }

    /// Whether a chunk of the pack was noted.
    pub fn touches(&self, pack: PackId) -> bool {
        self.chunks.range((pack, 0)..=(pack, u32::MAX)).next().is_some()
    }

    /// Keeps what is noted of packs for which `is_there` holds; whether any is left.
    pub fn retain(&mut self, is_there: impl Fn(&PackId) -> bool) -> bool {
        self.chunks.retain(|(pack, _)| is_there(pack));
        !self.chunks.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::SimulatedDisk;

    #[test]
    fn the_layout_of_the_notes_never_changes() {
        let mut damage = Damage::default();
        assert!(damage.add(PackId([7; 16]), 0x0102) && !damage.add(PackId([7; 16]), 0x0102));
        let bytes = damage.encode();
        let want = [&b"LARDDMGE\x01\0\0\0\0\0\0\0"[..], &[7; 16], &[2, 1, 0, 0]].concat();
        assert_eq!(bytes[..36], want);
        assert_eq!(Damage::decode(&bytes), Some(damage));
    }

    #[test]
    fn notes_that_are_damaged_say_that_something_was_noted() {
        let disk: Arc<dyn Disk> = Arc::new(SimulatedDisk::new());
        assert_eq!(Damage::read(&*disk).unwrap(), None);
        let mut damage = Damage::default();
        damage.add(PackId([7; 16]), 1);
        damage.write(&disk).unwrap();
        assert_eq!(Damage::read(&*disk).unwrap(), Some(damage.clone()));
        disk.open_writable(FILE).unwrap().write_all_at(b"x", 20).unwrap();
        assert_eq!(Damage::read(&*disk).unwrap(), Some(Damage::default()));
        Damage::forget(&*disk).unwrap();
        assert_eq!(Damage::read(&*disk).unwrap(), None);
    }

    #[test]
    fn what_is_noted_of_a_pack_goes_with_it() {
        let mut damage = Damage::default();
        damage.add(PackId([1; 16]), 3);
        damage.add(PackId([2; 16]), u32::MAX);
        assert!(damage.touches(PackId([2; 16])) && !damage.touches(PackId([3; 16])));
        assert!(damage.retain(|pack| *pack == PackId([2; 16])));
        assert!(!damage.has(PackId([1; 16]), 3) && damage.has(PackId([2; 16]), u32::MAX));
        assert!(!damage.retain(|_| false));
    }
}
