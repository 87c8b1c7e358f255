//! What kind of store it is: the file `format`, written first, never changed.
//!
//! | offset | size | field (integers little-endian)                         |
//! |-------:|-----:|---------------------------------------------------------|
//! |      0 |    8 | magic `LARDSTOR`                                        |
//! |      8 |    4 | version, 1                                              |
//! |     12 |    4 | zero                                                    |
//! |     16 |    8 | compatible features: who does not know one may go on     |
//! |     24 |    8 | read-only compatible: who does not know one may read     |
//! |     32 |    8 | incompatible: who does not know one must stop            |
//! |     40 |   16 | identity of the store, random                           |
//! |     56 |   16 | checksum of the 56 bytes before                         |
//!
//! No feature has a bit yet.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use super::Error;
use crate::disk::{Disk, checksum, put_whole};
use crate::journal::StoreId;

const FILE: &str = "format";
const VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"LARDSTOR";
const BYTES: usize = 72;

/// Features that this larder knows, of each kind.
const KNOWN_READ_ONLY: u64 = 0;
const KNOWN_INCOMPATIBLE: u64 = 0;

/// What the file `format` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    version: u32,
    compatible: u64,
    read_only: u64,
    incompatible: u64,
    /// What tells the store from others.
    pub store: StoreId,
}

impl Format {
    /// The format of a new store, with an identity of its own.
    pub fn new() -> Self {
        // Unique, not secret. The standard library seeds its hash maps from the system.
        let random = || RandomState::new().build_hasher().finish().to_le_bytes();
        let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
        let store =
            checksum(&[&random(), &random(), &since.to_le_bytes(), &std::process::id().to_le_bytes()]);
        Self::of(StoreId(store))
    }

    /// The format of the store `store`.
    pub fn of(store: StoreId) -> Self {
        Self { version: VERSION, compatible: 0, read_only: 0, incompatible: 0, store }
    }

    /// Whether this larder may change the store.
    pub fn may_write(&self) -> bool {
        self.read_only & !KNOWN_READ_ONLY == 0
    }

    /// Whether this larder may read the store.
    pub fn check(&self) -> Result<(), Error> {
        let features = self.incompatible & !KNOWN_INCOMPATIBLE;
        if self.version == VERSION && features == 0 {
            return Ok(());
        }
        Err(Error::Newer { version: self.version, features })
    }

    fn encode(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        let features = [self.compatible, self.read_only, self.incompatible].map(u64::to_le_bytes).concat();
        let fields = [&MAGIC[..], &self.version.to_le_bytes(), &[0; 4], &features, &self.store.0].concat();
        let sum = checksum(&[&fields]);
        for (place, byte) in bytes.iter_mut().zip(fields.iter().chain(&sum)) {
            *place = *byte;
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (fields, sum) = bytes.split_at_checked(BYTES - 16)?;
        let rest = fields.strip_prefix(&MAGIC)?;
        let (version, rest) = rest.split_first_chunk::<4>()?;
        let (_, rest) = rest.split_first_chunk::<4>()?;
        let (features, store) = rest.split_first_chunk::<24>()?;
        let ([compatible, read_only, incompatible], []) = features.as_chunks::<8>() else { return None };
        let format = Self {
            version: u32::from_le_bytes(*version),
            compatible: u64::from_le_bytes(*compatible),
            read_only: u64::from_le_bytes(*read_only),
            incompatible: u64::from_le_bytes(*incompatible),
            store: StoreId(*store.first_chunk()?),
        };
        (checksum(&[fields]) == *sum).then_some(format)
    }

    /// Writes the file, whole or not at all.
    pub fn write(&self, disk: &Arc<dyn Disk>) -> crate::disk::Result<()> {
        put_whole(disk, "", FILE, &self.encode())
    }

    /// Reads the file; `None` if there is none.
    pub fn read(disk: &dyn Disk) -> crate::Result<Option<Self>> {
        let file = match disk.open(FILE) {
            Err(error) if error.is_absent() => return Ok(None),
            other => other?,
        };
        // A later version may have more fields behind these.
        let len = file.len()?;
        if len < BYTES as u64 || len > 4096 {
            return Err(Error::BadFormat { what: "it has a wrong length" }.into());
        }
        let mut bytes = [0; BYTES];
        file.read_exact_at(&mut bytes, 0)?;
        let format =
            Self::decode(&bytes).ok_or(Error::BadFormat { what: "it does not match its checksum" })?;
        Ok(Some(format))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::SimulatedDisk;

    const FORMAT: Format =
        Format { version: 1, compatible: 2, read_only: 0, incompatible: 0, store: StoreId([7; 16]) };

    #[test]
    fn the_layout_of_the_format_never_changes() {
        let want = "4c41524453544f52010000000000000002000000000000000000000000000000\
                    000000000000000007070707070707070707070707070707";
        let bytes = FORMAT.encode();
        assert_eq!(hex::encode(&bytes[..56]), want);
        assert_eq!(Format::decode(&bytes), Some(FORMAT));
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed() {
        for bit in 0..BYTES * 8 {
            let mut bytes = FORMAT.encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Format::decode(&bytes), None, "bit {bit}");
        }
    }

    #[test]
    fn unknown_features_are_respected() {
        assert!(FORMAT.check().is_ok() && FORMAT.may_write());
        let read_only = Format { read_only: 4, ..FORMAT };
        assert!(read_only.check().is_ok() && !read_only.may_write());
        for newer in [Format { incompatible: 1, ..FORMAT }, Format { version: 2, ..FORMAT }] {
            assert!(matches!(newer.check(), Err(Error::Newer { .. })));
        }
    }

    #[test]
    fn a_format_is_read_back() {
        let disk: Arc<dyn Disk> = Arc::new(SimulatedDisk::new());
        assert_eq!(Format::read(&*disk).unwrap(), None);
        FORMAT.write(&disk).unwrap();
        assert_eq!(Format::read(&*disk).unwrap(), Some(FORMAT));
    }
}
