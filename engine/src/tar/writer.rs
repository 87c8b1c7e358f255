//! Headers to write: the same entry always gives the same bytes.
//!
//! The form is ustar, which every tool reads, as far as it can say it; what it
//! cannot goes to a pax header before it, as exactly the records needed, in this
//! order: `hdrcharset`, `path`, `linkpath`, `size`, `uid`, `gid`, `mtime`, and
//! the extended attributes by name. Owners and groups have numbers, no names.

use super::entry::{Entry, EntryKind, Mtime};
use super::extension::XATTR;
use super::header::{BLOCK_BYTES, padding_bytes};
use super::pax::push_record;

/// What ends an archive: two blocks of zeros.
pub const END: [u8; 2 * BLOCK_BYTES] = [0; 2 * BLOCK_BYTES];

/// The largest number that eleven octal digits can say: a size or a time.
const MAX_OCTAL: u64 = 0o777_7777_7777;
/// The largest owner or group: seven digits.
const MAX_OCTAL_ID: u32 = 0o777_7777;
/// The length of ustar's fields for a name and for a link.
const NAME_BYTES: usize = 100;

/// The names of headers that belong to no entry.
const PAX_NAME: &[u8] = b"PaxHeaders/name";
const GLOBAL_NAME: &[u8] = b"pax_global_header";

impl Entry {
    /// The blocks that go before the payload.
    ///
    /// A directory's name gets a slash at its end. Neither a name or target with
    /// a NUL can be said, which no file has, nor an `=` in the name of an
    /// extended attribute: it is written as `%3D`, as GNU tar does.
    pub fn encode(&self) -> Vec<u8> {
        let mut name = self.name.clone();
        if self.kind == EntryKind::Directory && !name.ends_with(b"/") {
            name.push(b'/');
        }
        let mut blocks = Vec::new();
        push_pax(tar::EntryType::XHeader, PAX_NAME, &self.records(&name), &mut blocks);

        let mut header = tar::Header::new_ustar();
        set_name(&mut header, &name);
        for (field, byte) in header.as_old_mut().linkname.iter_mut().zip(self.target()) {
            *field = *byte;
        }
        header.set_mode(self.mode);
        header.set_uid(octal_id(self.uid).map_or(0, u64::from));
        header.set_gid(octal_id(self.gid).map_or(0, u64::from));
        header.set_mtime(octal(self.mtime.seconds).unwrap_or(0));
        header.set_size(Some(self.payload_bytes()).filter(|size| *size <= MAX_OCTAL).unwrap_or(0));
        let (kind, device) = match self.kind {
            EntryKind::File => (tar::EntryType::Regular, None),
            EntryKind::Directory => (tar::EntryType::Directory, None),
            EntryKind::Symlink(_) => (tar::EntryType::Symlink, None),
            EntryKind::Hardlink(_) => (tar::EntryType::Link, None),
            EntryKind::CharDevice(device) => (tar::EntryType::Char, Some(device)),
            EntryKind::BlockDevice(device) => (tar::EntryType::Block, Some(device)),
            EntryKind::Fifo => (tar::EntryType::Fifo, None),
        };
        header.set_entry_type(kind);
        if let (Some(device), Some(ustar)) = (device, header.as_ustar_mut()) {
            ustar.set_device_major(device.major);
            ustar.set_device_minor(device.minor);
        }
        header.set_cksum();
        blocks.extend_from_slice(header.as_bytes());
        blocks
    }

    fn payload_bytes(&self) -> u64 {
        if self.kind == EntryKind::File { self.size } else { 0 }
    }

    fn target(&self) -> &[u8] {
        match &self.kind {
            EntryKind::Symlink(target) | EntryKind::Hardlink(target) => target,
            _ => &[],
        }
    }

    /// What ustar cannot say, as pax records.
    fn records(&self, name: &[u8]) -> Vec<u8> {
        let mut records = Vec::new();
        let mut push = |key: &[u8], value: &[u8]| push_record(key, value, &mut records);
        let is_long = |text: &&[u8]| text.len() > NAME_BYTES;
        let (path, link) = (Some(name).filter(is_long), Some(self.target()).filter(is_long));
        if [path, link].into_iter().flatten().any(|text| std::str::from_utf8(text).is_err()) {
            push(b"hdrcharset", b"BINARY");
        }
        if let Some(path) = path {
            push(b"path", path);
        }
        if let Some(link) = link {
            push(b"linkpath", link);
        }
        if self.payload_bytes() > MAX_OCTAL {
            push(b"size", self.payload_bytes().to_string().as_bytes());
        }
        for (key, id) in [(&b"uid"[..], self.uid), (b"gid", self.gid)] {
            if octal_id(id).is_none() {
                push(key, id.to_string().as_bytes());
            }
        }
        if self.mtime.nanoseconds > 0 || octal(self.mtime.seconds).is_none() {
            push(b"mtime", self.mtime.to_pax().as_bytes());
        }
        for (name, value) in &self.xattrs {
            let mut key = XATTR.to_vec();
            for byte in name {
                match byte {
                    b'=' => key.extend_from_slice(b"%3D"),
                    _ => key.push(*byte),
                }
            }
            push(&key, value);
        }
        records
    }
}

impl Mtime {
    /// The time as pax writes it: seconds with a sign, and the nanoseconds that
    /// there are, away from zero.
    fn to_pax(self) -> String {
        let Self { seconds, nanoseconds } = self;
        let (sign, seconds, nanoseconds) = match (seconds < 0, nanoseconds) {
            (_, 0) => return seconds.to_string(),
            (true, _) => ("-", (seconds + 1).unsigned_abs(), 1_000_000_000u32.saturating_sub(nanoseconds)),
            (false, _) => ("", seconds.unsigned_abs(), nanoseconds),
        };
        format!("{sign}{seconds}.{nanoseconds:09}").trim_end_matches('0').into()
    }
}

/// A global pax header: what it says is about the tar, not about an entry. Who
/// does not know the keys ignores it.
pub fn global_header(records: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (key, value) in records {
        push_record(key, value, &mut body);
    }
    let mut blocks = Vec::new();
    push_pax(tar::EntryType::XGlobalHeader, GLOBAL_NAME, &body, &mut blocks);
    blocks
}

/// An entry of an archive of images: a directory, or a file of so many bytes.
/// Owner, group and time are zero, so that an archive is a function of what is
/// in it.
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
    /// The blocks that go before the payload. A size of 8 GiB or more is written
    /// in base-256: archives are what they have always been, to the byte.
    pub fn encode(&self) -> Vec<u8> {
        let size = self.size.unwrap_or(0);
        let entry = Entry {
            name: self.name.into(),
            kind: if self.size.is_some() { EntryKind::File } else { EntryKind::Directory },
            mode: self.mode,
            uid: 0,
            gid: 0,
            mtime: Mtime::default(),
            size: if size > MAX_OCTAL { 0 } else { size },
            xattrs: Vec::new(),
        };
        let mut blocks = entry.encode();
        if let (true, Some(last)) = (size > MAX_OCTAL, blocks.last_chunk_mut::<BLOCK_BYTES>()) {
            let mut header = tar::Header::new_gnu();
            set_name(&mut header, self.name.as_bytes());
            header.set_mode(self.mode);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
            header.set_entry_type(tar::EntryType::Regular);
            header.set_size(size);
            header.set_cksum();
            last.copy_from_slice(header.as_bytes());
        }
        blocks
    }

    /// The bytes of the whole entry: headers, payload and padding.
    pub fn total_bytes(&self) -> u64 {
        let size = self.size.unwrap_or(0);
        self.encode().len() as u64 + size + padding_bytes(size)
    }
}

/// A number that a time's field can say.
fn octal(number: i64) -> Option<u64> {
    u64::try_from(number).ok().filter(|number| *number <= MAX_OCTAL)
}

/// An owner or group that its field can say.
fn octal_id(id: u32) -> Option<u32> {
    Some(id).filter(|id| *id <= MAX_OCTAL_ID)
}

/// Of a name that is too long, the start.
fn set_name(header: &mut tar::Header, name: &[u8]) {
    for (field, byte) in header.as_old_mut().name.iter_mut().zip(name) {
        *field = *byte;
    }
}

/// Appends a pax header with `records`, unless there are none.
fn push_pax(kind: tar::EntryType, name: &[u8], records: &[u8], blocks: &mut Vec<u8>) {
    if records.is_empty() {
        return;
    }
    let mut header = tar::Header::new_ustar();
    set_name(&mut header, name);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_entry_type(kind);
    header.set_size(records.len() as u64);
    header.set_cksum();
    blocks.extend_from_slice(header.as_bytes());
    blocks.extend_from_slice(records);
    blocks.resize(blocks.len().next_multiple_of(BLOCK_BYTES), 0);
}

#[cfg(test)]
mod tests;
