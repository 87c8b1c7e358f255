//! One header block, decoded.
//!
//! | offset | size | field                                                        |
//! |-------:|-----:|--------------------------------------------------------------|
//! |      0 |  100 | name, ended by NUL unless full                               |
//! |    100 |    8 | mode; numbers are octal text, or base-256 behind `0x80`      |
//! |    108 |    8 | owner                                                        |
//! |    116 |    8 | group                                                        |
//! |    124 |   12 | size of the payload                                          |
//! |    136 |   12 | time of the last change, in seconds since 1970               |
//! |    148 |    8 | checksum: sum of all bytes, these eight counted as spaces    |
//! |    156 |    1 | kind                                                         |
//! |    157 |  100 | link target                                                  |
//! |    257 |    8 | magic and version: `ustar\0` + `00`, or `ustar  \0` for GNU  |
//! |    329 |    8 | device: its major number                                     |
//! |    337 |    8 | device: its minor number                                     |
//! |    345 |  155 | ustar: what goes before the name, with a `/` between         |
//! |    345 |   24 | GNU: times of the last access and change, 12 each; text that |
//! |        |      | is neither is a prefix, as above                             |
//! |    386 |   96 | GNU sparse: four times offset and length of data, 12 each    |
//! |    482 |    1 | GNU sparse: whether the map goes on in the next block        |
//! |    483 |   12 | GNU sparse: size of the file with its holes                  |
//! |    508 |    4 | star: `tar\0`, and then the prefix has 131 bytes             |
//!
//! The fields of the oldest form and of GNU's are found by the `tar` crate.

use std::borrow::Cow;
use std::ops::Range;

use super::number;

/// Everything in a tar is a multiple of this.
pub const BLOCK_BYTES: usize = 512;

/// Where the checksum lies, which counts as spaces in its own sum.
const CHECKSUM: Range<usize> = 148..156;

/// Who may have devices and a prefix: ustar, and what came of it.
const MAGIC: Range<usize> = 257..262;
const MAJOR: Range<usize> = 329..337;
const MINOR: Range<usize> = 337..345;
const PREFIX: Range<usize> = 345..500;
const STAR_PREFIX: Range<usize> = 345..476;
const STAR: Range<usize> = 508..512;
const ACCESSED: Range<usize> = 345..357;
const CHANGED: Range<usize> = 357..369;
const STAR_ACCESSED: Range<usize> = 476..488;
const STAR_CHANGED: Range<usize> = 488..500;

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
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
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
    /// A field that should be a number is none.
    #[error("invalid tar header: the {field} is not a number")]
    Number {
        /// What the field is for.
        field: &'static str,
    },
    /// A sparse file outside GNU's format, which alone has a place for its map.
    #[error("invalid tar header: sparse file outside the GNU format")]
    Sparse,
    /// A header behind a single block of zeros, which ends nothing.
    #[error("invalid tar header: a single block of zeros before it")]
    AfterZeros,
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
        let size = number::parse(&raw.as_old().size).and_then(|size| u64::try_from(size).ok());
        let size = size.ok_or(HeaderError::Size)?;
        let header = Self { raw, size };
        header.check_numbers()?;
        if header.kind() == Kind::Sparse && header.raw.as_gnu().is_none() {
            return Err(HeaderError::Sparse);
        }
        Ok(Some(header))
    }

    /// Checks the numbers that Go's reader parses, whether or not they say anything about an
    /// entry of this kind, or an extension says something else.
    fn check_numbers(&self) -> Result<(), HeaderError> {
        let old = self.raw.as_old();
        let oldest = [
            ("mode", &old.mode[..]),
            ("owner", &old.uid),
            ("group", &old.gid),
            ("time of the last change", &old.mtime),
        ];
        let devices =
            [("device's major number", self.field(MAJOR)), ("device's minor number", self.field(MINOR))];
        let times = [
            ("time of the last access", self.field(STAR_ACCESSED)),
            ("time of the last status change", self.field(STAR_CHANGED)),
        ];
        let has_devices = self.is_ustar() || self.is_gnu();
        let is_star = self.is_ustar() && self.field(STAR) == b"tar\0";
        let devices = devices.into_iter().filter(|_| has_devices);
        let times = times.into_iter().filter(|_| is_star);
        match oldest.into_iter().chain(devices).chain(times).find(|(_, field)| number::parse(field).is_none())
        {
            Some((field, _)) => Err(HeaderError::Number { field }),
            None => Ok(()),
        }
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
            [b'3'] => Kind::CharDevice,
            [b'4'] => Kind::BlockDevice,
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

    /// The byte that says the kind.
    pub(super) fn kind_byte(&self) -> u8 {
        let [byte] = self.raw.as_old().linkflag;
        byte
    }

    /// The size field: at most [`i64::MAX`].
    pub fn size(&self) -> u64 {
        self.size
    }

    /// GNU sparse: the size of the file with its holes, if that is a number.
    pub fn real_size(&self) -> Option<u64> {
        u64::try_from(number::parse(&self.raw.as_gnu()?.realsize)?).ok()
    }

    /// GNU sparse: whether a block of map follows.
    pub fn map_goes_on(&self) -> bool {
        self.kind() == Kind::Sparse && self.raw.as_gnu().is_some_and(|gnu| gnu.isextended != [0])
    }

    /// GNU sparse: the fields of the map in this block.
    pub(super) fn map(&self) -> &[tar::GnuSparseHeader] {
        self.raw.as_gnu().map_or(&[], |gnu| &gnu.sparse)
    }

    /// The name, ustar's prefix included.
    pub fn name(&self) -> Cow<'_, [u8]> {
        let name = text(&self.raw.as_old().name);
        let prefix = match (self.is_ustar(), self.field(STAR)) {
            (true, b"tar\0") => text(self.field(STAR_PREFIX)),
            (true, _) => text(self.field(PREFIX)),
            (false, _) if self.is_gnu() => self.gnu_prefix(),
            (false, _) => &[],
        };
        if prefix.is_empty() { Cow::Borrowed(name) } else { Cow::Owned([prefix, b"/", name].concat()) }
    }

    /// The link target; empty where there is none.
    pub fn link_name(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(text(&self.raw.as_old().linkname))
    }

    /// The permission bits, and those for set-user-ID, set-group-ID and sticky;
    /// what else the field may say, such as the kind of file, is left out.
    pub fn mode(&self) -> Option<u32> {
        u32::try_from(number::parse(&self.raw.as_old().mode)? & 0o7777).ok()
    }

    /// The owner, if that is a number, be it one that no system has.
    pub fn uid(&self) -> Option<i64> {
        number::parse(&self.raw.as_old().uid)
    }

    /// The group, if that is a number, be it one that no system has.
    pub fn gid(&self) -> Option<i64> {
        number::parse(&self.raw.as_old().gid)
    }

    /// The time in seconds since 1970, or before.
    pub fn mtime(&self) -> Option<i64> {
        number::parse(&self.raw.as_old().mtime)
    }

    /// Major and minor number of a device, if they are numbers. Before ustar
    /// there was no field for them.
    pub fn device(&self) -> Option<(i64, i64)> {
        if !self.is_ustar() && !self.is_gnu() {
            return Some((0, 0));
        }
        Some((number::parse(self.field(MAJOR))?, number::parse(self.field(MINOR))?))
    }

    /// What stands where GNU has two times and no prefix, if it is no time: Go's writer put a
    /// prefix there until 1.8, and so Go's reader and Python's read one.
    fn gnu_prefix(&self) -> &[u8] {
        let is_time = |field: &[u8]| field.first() == Some(&0) || number::parse(field).is_some();
        if is_time(self.field(ACCESSED)) && is_time(self.field(CHANGED)) {
            return &[];
        }
        let prefix = text(self.field(PREFIX));
        if prefix.is_ascii() { prefix } else { &[] }
    }

    fn is_gnu(&self) -> bool {
        self.field(MAGIC.start..MAGIC.end + 3) == b"ustar  \0"
    }

    fn is_ustar(&self) -> bool {
        self.field(MAGIC) == b"ustar" && self.field(MAGIC.end..MAGIC.end + 1) == [0]
    }

    fn field(&self, range: Range<usize>) -> &[u8] {
        self.raw.as_bytes().get(range).unwrap_or_default()
    }
}

impl Kind {
    /// Whether an entry of this kind is followed by as many bytes as its size says.
    ///
    /// Others may have a size all the same, a hard link that of its file.
    pub fn has_payload(self) -> bool {
        use Kind::{BlockDevice, CharDevice, Directory, Fifo, Hardlink, Symlink};
        !matches!(self, Hardlink | Symlink | Directory | CharDevice | BlockDevice | Fifo)
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
    map.isextended != [0]
}

/// What comes before the first NUL.
pub(super) fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn check_sum(block: &[u8; BLOCK_BYTES], raw: &tar::Header) -> Result<(), HeaderError> {
    let bytes =
        || block.iter().enumerate().map(|(at, byte)| if CHECKSUM.contains(&at) { b' ' } else { *byte });
    let wanted: u32 = bytes().map(u32::from).sum();
    // As Go reads it: never base-256, no sign.
    let got = number::parse_octal(&raw.as_old().cksum).and_then(|sum| u32::try_from(sum).ok());
    // Old Sun and SVR4 tars added up signed characters.
    let signed: i32 = bytes().map(|byte| i32::from(byte.cast_signed())).sum();
    if got == Some(wanted) || got.is_some_and(|got| i32::try_from(got) == Ok(signed)) {
        return Ok(());
    }
    Err(HeaderError::Checksum { wanted, got: Number(got) })
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
