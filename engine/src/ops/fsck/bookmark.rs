//! How far a check has come that was stopped.
//!
//! `checked` (integers little-endian):
//!
//! | offset | size | field                                                     |
//! |-------:|-----:|------------------------------------------------------------|
//! |      0 |    8 | magic `LARDCHKD`                                           |
//! |      8 |    4 | version, 1                                                 |
//! |     12 |    1 | level: 1 data, 2 exact                                     |
//! |     13 |    3 | zero                                                       |
//! |     16 |   16 | the last pack that was read; packs are read in this order  |
//! |     32 |   32 | the last blob that was made again, likewise; zeros for none |
//! |     64 |   16 | checksum of the bytes before                               |
//!
//! What comes in meanwhile may lie before the mark: it was checked as it came, and
//! is looked at the next time. If the file is damaged the check begins anew.

use std::sync::Arc;

use super::FsckLevel;
use crate::chunk::PackId;
use crate::disk::{self, Disk, checksum, put_whole, remove_if_there};
use crate::image::Digest;

const FILE: &str = "checked";
const MAGIC: [u8; 8] = *b"LARDCHKD";
const VERSION: u32 = 1;
const BYTES: usize = 80;

/// How far a check has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bookmark {
    /// How deep it looks.
    pub level: FsckLevel,
    /// Packs up to this one were read.
    pub pack: PackId,
    /// Blobs up to this one were made again.
    pub blob: Digest,
}

impl Bookmark {
    /// The beginning.
    pub fn start(level: FsckLevel) -> Self {
        Self { level, pack: PackId([0; 16]), blob: Digest::from_bytes([0; 32]) }
    }

    /// Whether nothing was done yet.
    pub fn is_start(&self) -> bool {
        *self == Self::start(self.level)
    }

    /// Where a check of this level was stopped; the beginning if none was.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn read(disk: &dyn Disk, level: FsckLevel) -> disk::Result<Self> {
        let file = match disk.open(FILE) {
            Err(error) if error.is_absent() => return Ok(Self::start(level)),
            other => other?,
        };
        if file.len()? != BYTES as u64 {
            return Ok(Self::start(level));
        }
        let mut bytes = [0; BYTES];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(Self::decode(&bytes).filter(|found| found.level == level).unwrap_or(Self::start(level)))
    }

    fn decode(bytes: &[u8; BYTES]) -> Option<Self> {
        let (fields, sum) = bytes.split_last_chunk::<16>()?;
        let (front, rest) = fields.split_first_chunk::<16>()?;
        let (pack, rest) = rest.split_first_chunk::<16>()?;
        let level = match front.get(12)? {
            1 => FsckLevel::Data,
            2 => FsckLevel::Exact,
            _ => return None,
        };
        let found = Self { level, pack: PackId(*pack), blob: Digest::from_bytes(*rest.first_chunk()?) };
        (found.encode() == *bytes && checksum(&[fields]) == *sum).then_some(found)
    }

    fn encode(&self) -> [u8; BYTES] {
        let level = match self.level {
            FsckLevel::Quick => 0,
            FsckLevel::Data => 1,
            FsckLevel::Exact => 2,
        };
        let front = [&MAGIC[..], &VERSION.to_le_bytes(), &[level, 0, 0, 0]].concat();
        let fields = [&front[..], &self.pack.0, self.blob.as_bytes()].concat();
        let mut bytes = [0; BYTES];
        for (place, byte) in bytes.iter_mut().zip(fields.iter().chain(&checksum(&[&fields]))) {
            *place = *byte;
        }
        bytes
    }

    /// Writes it down, whole or not at all.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn write(&self, disk: &Arc<dyn Disk>) -> disk::Result<()> {
        put_whole(disk, "", FILE, &self.encode())
    }

    /// Takes it away: the check is done.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn remove(disk: &dyn Disk) -> disk::Result<()> {
        remove_if_there(disk, FILE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::SimulatedDisk;

    #[test]
    fn a_bookmark_is_read_back_by_its_level_alone() {
        let disk: Arc<dyn Disk> = Arc::new(SimulatedDisk::new());
        let mark = Bookmark { level: FsckLevel::Exact, pack: PackId([3; 16]), blob: Digest::of(b"blob") };
        mark.write(&disk).unwrap();
        assert_eq!(Bookmark::read(&*disk, FsckLevel::Exact).unwrap(), mark);
        assert!(Bookmark::read(&*disk, FsckLevel::Data).unwrap().is_start());
        Bookmark::remove(&*disk).unwrap();
        assert!(Bookmark::read(&*disk, FsckLevel::Exact).unwrap().is_start());
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed() {
        let mark = Bookmark { level: FsckLevel::Data, pack: PackId([3; 16]), blob: Digest::of(b"") };
        assert_eq!(Bookmark::decode(&mark.encode()), Some(mark));
        for bit in 0..BYTES * 8 {
            let mut bytes = mark.encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Bookmark::decode(&bytes), None, "bit {bit}");
        }
    }
}
