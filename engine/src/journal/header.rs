//! The first bytes of the journal.
//!
//! | offset | size | field (integers little-endian)                                    |
//! |-------:|-----:|--------------------------------------------------------------------|
//! |      0 |    8 | magic `LARDJRNL`                                                   |
//! |      8 |    4 | version: 1, or 2 if the journal was compacted                      |
//! |     12 |    4 | `base`: `txn` of the first record, less one; zero in version 1     |
//! |     16 |   16 | identity of the store                                              |
//! |     32 |   16 | checksum of the 32 bytes before                                    |
//!
//! 1. The first record's `before` is the start of the checksum at 32.
//! 2. A journal that was never compacted has version 1. Whoever reads only that version finds a
//!    sound checksum in a compacted journal and refuses it as newer, not as damaged.
//! 3. A compaction keeps the numbers of the records that it keeps as they are. What it leaves of
//!    older ones gets the numbers right before these, so `base` tells how many records are gone
//!    for good. A journal of more records than `base` can count is not compacted.

use super::log::{FILE, Position, StoreId};
use super::{Error, Result};
use crate::disk::{Disk, checksum};

const MAGIC: [u8; 8] = *b"LARDJRNL";

/// The version of a journal that was never compacted.
const PLAIN: u32 = 1;

/// The version of a journal that was compacted, and the last that is read here.
const COMPACTED: u32 = 2;

/// What the journal has before its first record.
pub const HEADER_BYTES: usize = 48;

/// What the journal begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileHeader {
    /// Whose journal it is.
    pub store: StoreId,
    /// The number before the first record's.
    pub base: u32,
    is_compacted: bool,
}

impl FileHeader {
    /// The header of a journal that was never compacted.
    pub fn new(store: StoreId) -> Self {
        Self { store, base: 0, is_compacted: false }
    }

    /// The header of a compacted journal, whose first record has the number after `base`.
    pub fn compacted(store: StoreId, base: u32) -> Self {
        Self { store, base, is_compacted: true }
    }

    /// Whether the journal was compacted.
    pub fn is_compacted(&self) -> bool {
        self.is_compacted
    }

    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let version = if self.is_compacted { COMPACTED } else { PLAIN };
        let numbers = [version, self.base].map(u32::to_le_bytes).concat();
        let fields = [&MAGIC[..], &numbers, &self.store.0].concat();
        let sum = checksum(&[&fields]);
        for (place, byte) in bytes.iter_mut().zip(fields.iter().chain(&sum)) {
            *place = *byte;
        }
        bytes
    }

    /// Reads a header.
    ///
    /// # Errors
    /// If it is damaged or of a later version.
    pub(super) fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Self> {
        let damaged = || Error::Damaged { what: "its first bytes are not a journal's" };
        let (fields, sum) = bytes.split_at(32);
        let rest = fields.strip_prefix(&MAGIC).filter(|_| checksum(&[fields]) == *sum);
        let (version, rest) = rest.and_then(<[u8]>::split_first_chunk::<4>).ok_or_else(damaged)?;
        let (base, store) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
        let store = StoreId(*store.first_chunk().ok_or_else(damaged)?);
        match (u32::from_le_bytes(*version), u32::from_le_bytes(*base)) {
            (PLAIN, 0) => Ok(Self::new(store)),
            (PLAIN, _) => Err(damaged()),
            (COMPACTED, base) => Ok(Self::compacted(store, base)),
            (got, _) => Err(Error::Newer { want: COMPACTED, got }),
        }
    }

    /// The place behind the header.
    pub(super) fn end(&self) -> Position {
        let bytes = self.encode();
        let sum = bytes.get(32..40).and_then(|sum| sum.first_chunk().copied()).unwrap_or_default();
        let (offset, txn) = (HEADER_BYTES as u64, self.base.into());
        Position { offset, txn, sum: u64::from_le_bytes(sum), last_bytes: 0 }
    }
}

/// The bytes of the journal of the new store `store`.
pub fn empty(store: StoreId) -> Vec<u8> {
    FileHeader::new(store).encode().to_vec()
}

/// Whose journal it is, if there is one with sound first bytes.
///
/// # Errors
/// If the disk fails.
pub fn store_of(disk: &dyn Disk) -> Result<Option<StoreId>> {
    let mut bytes = [0; HEADER_BYTES];
    disk.open(FILE)?.read_exact_at(&mut bytes, 0)?;
    Ok(FileHeader::decode(&bytes).ok().map(|header| header.store))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORE: StoreId = StoreId([9; 16]);

    /// What the version before compaction wrote, and nothing else, is version 1.
    #[test]
    fn the_layout_of_a_header_never_changes() {
        let plain = "4c4152444a524e4c010000000000000009090909090909090909090909090909";
        let compacted = "4c4152444a524e4c020000000403020109090909090909090909090909090909";
        let headers = [FileHeader::new(STORE), FileHeader::compacted(STORE, 0x0102_0304)];
        for (header, want) in headers.into_iter().zip([plain, compacted]) {
            let bytes = header.encode();
            assert_eq!(hex::encode(&bytes[..32]), want);
            assert_eq!(bytes[32..], checksum(&[&bytes[..32]]));
            assert_eq!(FileHeader::decode(&bytes).unwrap(), header);
        }
    }

    #[test]
    fn every_bit_of_a_header_is_under_the_checksum() {
        let bytes = FileHeader::compacted(STORE, 7).encode();
        for bit in 0..HEADER_BYTES * 8 {
            let mut other = bytes;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(FileHeader::decode(&other), Err(Error::Damaged { .. })), "{bit}");
        }
    }

    #[test]
    fn a_later_version_is_refused_and_says_so() {
        let mut bytes = FileHeader::compacted(STORE, 7).encode();
        bytes[8] = 3;
        let sum = checksum(&[&bytes[..32]]);
        bytes[32..].copy_from_slice(&sum);
        let error = FileHeader::decode(&bytes).unwrap_err();
        assert_eq!(error.to_string(), "journal has version 3, which this larder does not read (it reads 2)");
    }
}
