//! Headers to write: the same entry always gives the same bytes.
//!
//! Owner, group and time are zero, so that an archive is a function of what is
//! in it. The form is ustar, which every tool reads, as long as it can say it:
//! a longer name takes a pax record, a size of 8 GiB or more base-256.

use super::header::{BLOCK_BYTES, padding_bytes};
use super::pax::push_record;

/// What ends an archive: two blocks of zeros.
pub const END: [u8; 2 * BLOCK_BYTES] = [0; 2 * BLOCK_BYTES];

/// The largest size that ustar's eleven octal digits can say.
const MAX_OCTAL_SIZE: u64 = 0o777_7777_7777;
/// The length of ustar's field for names.
const NAME_BYTES: usize = 100;

/// An entry to write: a directory, or a file of so many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryHeader<'a> {
    /// The name, without a slash at its end.
    pub name: &'a str,
    /// Permission bits.
    pub mode: u32,
    /// The size of a file; `None` for a directory.
    pub size: Option<u64>,
}

impl EntryHeader<'_> {
    /// The blocks that go before the payload.
    pub fn encode(&self) -> Vec<u8> {
        let size = self.size.unwrap_or(0);
        let kind = if self.size.is_some() { tar::EntryType::Regular } else { tar::EntryType::Directory };
        let slash = if self.size.is_some() { "" } else { "/" };
        let name = format!("{}{slash}", self.name);
        let mut blocks = Vec::new();
        if name.len() > NAME_BYTES {
            let mut records = Vec::new();
            push_record(b"path", name.as_bytes(), &mut records);
            let len = records.len() as u64;
            blocks.extend_from_slice(&block("PaxHeaders/name", 0o644, tar::EntryType::XHeader, len));
            blocks.append(&mut records);
            blocks.resize(blocks.len().next_multiple_of(BLOCK_BYTES), 0);
        }
        blocks.extend_from_slice(&block(&name, self.mode, kind, size));
        blocks
    }

    /// The bytes of the whole entry: headers, payload and padding.
    pub fn total_bytes(&self) -> u64 {
        let size = self.size.unwrap_or(0);
        self.encode().len() as u64 + size + padding_bytes(size)
    }
}

/// One header; of a name that is too long, the start.
fn block(name: &str, mode: u32, kind: tar::EntryType, size: u64) -> [u8; BLOCK_BYTES] {
    let mut header = if size > MAX_OCTAL_SIZE { tar::Header::new_gnu() } else { tar::Header::new_ustar() };
    for (field, byte) in header.as_old_mut().name.iter_mut().zip(name.bytes()) {
        *field = byte;
    }
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_cksum();
    *header.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::{Header, Kind};
    use super::*;

    fn encode(name: &str, mode: u32, size: Option<u64>) -> Vec<u8> {
        let header = EntryHeader { name, mode, size };
        let bytes = header.encode();
        let size = size.unwrap_or(0);
        assert_eq!(header.total_bytes(), bytes.len() as u64 + size + padding_bytes(size));
        bytes
    }

    fn decode(bytes: &[u8]) -> Header {
        Header::decode(bytes.try_into().unwrap()).unwrap().unwrap()
    }

    #[test]
    fn a_header_reads_back() {
        let file = decode(&encode("blobs/sha256/00", 0o644, Some(1234)));
        assert_eq!((file.kind(), file.size()), (Kind::File, 1234));
        assert_eq!(file.name(), b"blobs/sha256/00".as_slice());
        let directory = decode(&encode("blobs", 0o755, None));
        assert_eq!((directory.kind(), directory.name().as_ref()), (Kind::Directory, &b"blobs/"[..]));
    }

    #[test]
    fn a_header_never_changes() {
        let bytes = encode("index.json", 0o644, Some(7));
        let golden: [&[u8]; 6] = [
            b"index.json",
            &[0; 90],
            b"0000644\x000000000\x000000000\x0000000000007\x0000000000000\x000007744\x000",
            &[0; 100],
            b"ustar\x0000",
            &[0; 247],
        ];
        assert_eq!(bytes.escape_ascii().to_string(), golden.concat().escape_ascii().to_string());
    }

    #[test]
    fn a_large_file_and_a_long_name_are_said_otherwise() {
        assert_eq!(decode(&encode("f", 0o644, Some(MAX_OCTAL_SIZE + 1))).size(), MAX_OCTAL_SIZE + 1);
        let long = "n".repeat(300);
        let bytes = encode(&long, 0o644, Some(0));
        assert_eq!(bytes.len(), 3 * BLOCK_BYTES);
        let mut archive = tar::Archive::new(&bytes[..]);
        let entry = archive.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(entry.path_bytes(), long.as_bytes());
    }
}
