//! One header block, decoded.
//!
//! | offset | size | field                                                        |
//! |-------:|-----:|--------------------------------------------------------------|
//! |      0 |  100 | name, ended by NUL unless full                               |
//! |    124 |   12 | size of the payload: octal text, or base-256 behind `0x80`   |
//! |    148 |    8 | checksum: sum of all bytes, these eight counted as spaces    |
//! |    156 |    1 | kind                                                         |
//! |    157 |  100 | link target                                                  |
//! |    257 |    8 | magic and version: `ustar\0` + `00`, or `ustar  \0` for GNU  |
//! |    345 |  155 | ustar: what goes before the name, with a `/` between         |
//! |    482 |    1 | GNU sparse: whether the map goes on in the next block        |
//! |    483 |   12 | GNU sparse: size of the file with its holes                  |
//!
//! The fields are found and decoded by the `tar` crate; this file adds what it
//! leaves to its caller: the checksum, and sizes that no file can have.

use std::borrow::Cow;

/// Everything in a tar is a multiple of this.
pub const BLOCK_BYTES: usize = 512;

/// Where the checksum lies, which counts as spaces in its own sum.
const CHECKSUM: std::ops::Range<usize> = 148..156;

/// A header whose checksum and size are right.
#[derive(Debug, Clone)]
pub struct Header {
    raw: tar::Header,
    size: u64,
}

/// What an entry is, or what it says about the entry after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// Another name for an earlier entry.
    Hardlink,
    /// A symbolic link.
    Symlink,
    /// A directory.
    Directory,
    /// A character or block device.
    Device,
    /// A named pipe.
    Fifo,
    /// GNU's old sparse file: a map of data, then the data without the holes.
    Sparse,
    /// Pax records for the next entry.
    Pax,
    /// Pax records for all entries to come.
    GlobalPax,
    /// GNU: the name of the next entry.
    LongName,
    /// GNU: the link target of the next entry.
    LongLink,
    /// Something else, that has a payload like a file.
    Other(u8),
}

/// Why a block is not a header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The sum of the bytes is not what the block says.
    #[error("invalid tar header: checksum {got}, expected {wanted}")]
    Checksum {
        /// What the bytes add up to.
        wanted: u32,
        /// What the block says, if that is a number at all.
        got: Number,
    },
    /// The size is no number, or none that fits 63 bits.
    #[error("invalid tar header: the size is not a number of bytes")]
    Size,
    /// A sparse file outside GNU's format, which alone has a place for its map.
    #[error("invalid tar header: sparse file outside the GNU format")]
    Sparse,
}

/// A number that may not have been one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number(Option<u32>);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(number) => number.fmt(f),
            None => f.write_str("not a number"),
        }
    }
}

/// The zeros between a payload of `size` bytes and the next header.
pub fn padding_bytes(size: u64) -> u64 {
    let block = BLOCK_BYTES as u64;
    (block - size % block) % block
}

impl Header {
    /// Decodes a block; `None` for one of zeros, two of which end an archive.
    ///
    /// # Errors
    /// What makes the block no header.
    pub fn decode(block: &[u8; BLOCK_BYTES]) -> Result<Option<Self>, HeaderError> {
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let raw = tar::Header::from_byte_slice(block).clone();
        check_sum(block, &raw)?;
        let size = decode_size(&raw.as_old().size).or_else(|| raw.entry_size().ok());
        let size = size.filter(|size| i64::try_from(*size).is_ok()).ok_or(HeaderError::Size)?;
        let header = Self { raw, size };
        if header.kind() == Kind::Sparse && header.raw.as_gnu().is_none() {
            return Err(HeaderError::Sparse);
        }
        Ok(Some(header))
    }

    /// What the entry is, when its name is the one in the header.
    pub fn kind(&self) -> Kind {
        self.kind_when_named(&self.name())
    }

    /// What the entry is, when an extension gave it `name`.
    ///
    /// Before ustar there was no kind for directories, the name told; and the
    /// start of a long name, which is all the header holds, may end in a slash.
    pub fn kind_when_named(&self, name: &[u8]) -> Kind {
        match self.raw.as_old().linkflag {
            [b'\0'] if name.ends_with(b"/") => Kind::Directory,
            [b'\0' | b'0' | b'7'] => Kind::File,
            [b'1'] => Kind::Hardlink,
            [b'2'] => Kind::Symlink,
            [b'3' | b'4'] => Kind::Device,
            [b'5'] => Kind::Directory,
            [b'6'] => Kind::Fifo,
            [b'S'] => Kind::Sparse,
            [b'x'] => Kind::Pax,
            [b'g'] => Kind::GlobalPax,
            [b'L'] => Kind::LongName,
            [b'K'] => Kind::LongLink,
            [other] => Kind::Other(other),
        }
    }

    /// The size field: at most [`i64::MAX`].
    pub fn size(&self) -> u64 {
        self.size
    }

    /// GNU sparse: the size of the file with its holes, if that is a number.
    pub fn real_size(&self) -> Option<u64> {
        self.raw.as_gnu()?.real_size().ok()
    }

    /// GNU sparse: whether a block of map follows.
    pub fn map_goes_on(&self) -> bool {
        self.kind() == Kind::Sparse && self.raw.as_gnu().is_some_and(tar::GnuHeader::is_extended)
    }

    /// The name, ustar's prefix included.
    pub fn name(&self) -> Cow<'_, [u8]> {
        self.raw.path_bytes()
    }

    /// The link target; empty where there is none.
    pub fn link_name(&self) -> Cow<'_, [u8]> {
        self.raw.link_name_bytes().unwrap_or_default()
    }
}

impl Kind {
    /// Whether an entry of this kind is followed by as many bytes as its size says.
    ///
    /// Others may have a size all the same, a hard link that of its file.
    pub fn has_payload(self) -> bool {
        !matches!(self, Self::Hardlink | Self::Symlink | Self::Directory | Self::Device | Self::Fifo)
    }

    /// Whether the entry only says something about others.
    pub fn is_extension(self) -> bool {
        matches!(self, Self::Pax | Self::GlobalPax | Self::LongName | Self::LongLink)
    }
}

/// GNU sparse: whether after this block of map there comes another.
pub(super) fn map_goes_on(block: &[u8; BLOCK_BYTES]) -> bool {
    let mut map = tar::GnuExtSparseHeader::new();
    map.as_mut_bytes().copy_from_slice(block);
    map.is_extended()
}

fn check_sum(block: &[u8; BLOCK_BYTES], raw: &tar::Header) -> Result<(), HeaderError> {
    let bytes =
        || block.iter().enumerate().map(|(at, byte)| if CHECKSUM.contains(&at) { b' ' } else { *byte });
    let wanted: u32 = bytes().map(u32::from).sum();
    let got = raw.cksum().ok();
    // Old Sun and SVR4 tars added up signed characters.
    let signed: i32 = bytes().map(|byte| i32::from(byte.cast_signed())).sum();
    if got == Some(wanted) || got.is_some_and(|got| i32::try_from(got) == Ok(signed)) {
        return Ok(());
    }
    Err(HeaderError::Checksum { wanted, got: Number(got) })
}

/// The size where the `tar` crate is more lenient, or less, than Go's reader:
/// it drops the upper bytes of base-256, and it takes no blank field for zero.
fn decode_size(field: &[u8; 12]) -> Option<u64> {
    let (first, rest) = field.split_first_chunk::<4>()?;
    match first {
        [0x80, 0, 0, 0] => <[u8; 8]>::try_from(rest).ok().map(u64::from_be_bytes),
        [0x80..=0xff, ..] => Some(u64::MAX),
        _ => field.iter().all(|byte| matches!(byte, b' ' | b'\0')).then_some(0),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::tar) fn block(kind: u8, size: u64) -> [u8; BLOCK_BYTES] {
        let mut header = tar::Header::new_gnu();
        header.set_path("some/name").unwrap();
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_size(size);
        header.set_cksum();
        *header.as_bytes()
    }

    /// Changes `block` and makes its checksum right again.
    pub(in crate::tar) fn forge(
        mut block: [u8; BLOCK_BYTES],
        change: impl FnOnce(&mut [u8; BLOCK_BYTES]),
    ) -> [u8; BLOCK_BYTES] {
        change(&mut block);
        let mut header = tar::Header::from_byte_slice(&block).clone();
        header.set_cksum();
        *header.as_bytes()
    }

    #[test]
    fn a_header_gives_back_what_it_was_made_of() {
        let header = Header::decode(&block(b'0', 1234)).unwrap().unwrap();
        assert_eq!((header.kind(), header.size()), (Kind::File, 1234));
        assert_eq!(header.name(), b"some/name".as_slice());
        let large = Header::decode(&block(b'0', 1 << 40)).unwrap().unwrap();
        assert_eq!(large.size(), 1 << 40);
        assert!(Header::decode(&[0; BLOCK_BYTES]).unwrap().is_none());
    }

    #[test]
    fn a_header_with_a_wrong_sum_is_none() {
        let mut bad = block(b'0', 1);
        bad[0] ^= 1;
        assert!(matches!(Header::decode(&bad), Err(HeaderError::Checksum { .. })));
        assert!(Header::decode(&[0xff; BLOCK_BYTES]).is_err());
    }

    #[test]
    fn a_signed_sum_is_taken_too() {
        let mut header = tar::Header::from_byte_slice(&forge(block(b'0', 1), |b| b[0] = 0xe9)).clone();
        let unsigned = header.cksum().unwrap();
        let text = format!("{:06o}\0 ", unsigned - 256);
        header.as_mut_bytes()[CHECKSUM].copy_from_slice(text.as_bytes());
        assert!(Header::decode(header.as_bytes()).unwrap().is_some());
    }

    #[test]
    fn a_size_that_no_file_has_is_refused() {
        let with_size =
            |size: [u8; 12]| Header::decode(&forge(block(b'0', 0), |b| b[124..136].copy_from_slice(&size)));
        assert_eq!(with_size([0xff; 12]).unwrap_err(), HeaderError::Size);
        assert_eq!(with_size([0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap_err(), HeaderError::Size);
        assert_eq!(with_size([0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0]).unwrap_err(), HeaderError::Size);
        assert_eq!(with_size(*b"-0000000001\0").unwrap_err(), HeaderError::Size);
        assert_eq!(with_size(*b"0000000009x\0").unwrap_err(), HeaderError::Size);
        assert_eq!(with_size([b' '; 12]).unwrap().unwrap().size(), 0);
        assert_eq!(with_size([0; 12]).unwrap().unwrap().size(), 0);
    }

    #[test]
    fn a_sparse_file_needs_the_gnu_format() {
        let ustar = forge(block(b'S', 0), |b| b[257..265].copy_from_slice(b"ustar\x0000"));
        assert_eq!(Header::decode(&ustar).unwrap_err(), HeaderError::Sparse);
    }

    #[test]
    fn padding_fills_the_last_block() {
        for (size, padding) in [(0, 0), (1, 511), (511, 1), (512, 0), (513, 511), (u64::MAX, 1)] {
            assert_eq!(padding_bytes(size), padding, "{size}");
        }
    }
}
