//! What is said of files and could not be done to them: kept beside them.
//!
//! `containers/<id>/kept` (integers little-endian):
//!
//! | offset | size | field                                              |
//! |-------:|-----:|----------------------------------------------------|
//! |      0 |    8 | magic `LARDKEPT`                                   |
//! |      8 |    4 | version, 1                                         |
//! |     12 |    4 | `records`: how many                                |
//! |     16 |   16 | checksum of the first 16 bytes and of the records  |
//! |     32 |    … | the records, by path                               |
//!
//! A record:
//!
//! | size | field                                                        |
//! |-----:|--------------------------------------------------------------|
//! |    2 | `p`: bytes of the path                                       |
//! |    p | the path in `upper/`; empty for that directory itself        |
//! |    8 | the number of the inode that it was said of                  |
//! |   31 | what is on disk in its place                                 |
//! |   31 | what is meant                                                |
//! |    2 | extended attributes that are not on disk, by name: how many  |
//! |    … | each: 2 bytes of name length, name, 4 of value length, value |
//!
//! 31 bytes say: kind 1 (0 file, 1 directory, 2 symbolic link, 3 character
//! device, 4 block device, 5 pipe), major 4, minor 4, mode 2, uid 4, gid 4,
//! seconds of the mtime 8, nanoseconds 4.
//!
//! 1. A record counts only while its path has its inode: what a run has put
//!    there since is another file, of which nothing was said.
//! 2. Each thing that it says counts only while on disk is what was put in its
//!    place: what a run has changed since has changed.
//! 3. The file is replaced in one step. One that is torn or damaged is an error,
//!    never silently none.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::{Error, Result};
use crate::disk::{Disk, checksum, put_whole};
use crate::tar::{Device, Entry, EntryKind, Mtime};

const MAGIC: [u8; 8] = *b"LARDKEPT";
/// The version this module writes and reads.
const VERSION: u32 = 1;
const HEAD_BYTES: usize = 16;
const SUM_BYTES: usize = 16;

/// No file of records is longer: some ten million paths.
const MAX_BYTES: u64 = 1 << 30;

/// The kind, owner, mode and time of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    kind: u8,
    device: (u32, u32),
    mode: u16,
    owner: (u32, u32),
    mtime: Mtime,
}

/// What is said of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub inode: u64,
    on_disk: Facts,
    meant: Facts,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Facts {
    fn of(entry: &Entry) -> Self {
        let (kind, device) = match &entry.kind {
            EntryKind::File | EntryKind::Hardlink(_) => (0, None),
            EntryKind::Directory => (1, None),
            EntryKind::Symlink(_) => (2, None),
            EntryKind::CharDevice(device) => (3, Some(device)),
            EntryKind::BlockDevice(device) => (4, Some(device)),
            EntryKind::Fifo => (5, None),
        };
        let device = device.map_or((0, 0), |device| (device.major, device.minor));
        let owner = (entry.uid, entry.gid);
        Self { kind, device, mode: (entry.mode & 0o7777) as u16, owner, mtime: entry.mtime }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.kind);
        out.extend_from_slice(&self.device.0.to_le_bytes());
        out.extend_from_slice(&self.device.1.to_le_bytes());
        out.extend_from_slice(&self.mode.to_le_bytes());
        out.extend_from_slice(&self.owner.0.to_le_bytes());
        out.extend_from_slice(&self.owner.1.to_le_bytes());
        out.extend_from_slice(&self.mtime.seconds.to_le_bytes());
        out.extend_from_slice(&self.mtime.nanoseconds.to_le_bytes());
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let [kind] = *take(bytes)?;
        let device = (u32::from_le_bytes(*take(bytes)?), u32::from_le_bytes(*take(bytes)?));
        let mode = u16::from_le_bytes(*take(bytes)?);
        let owner = (u32::from_le_bytes(*take(bytes)?), u32::from_le_bytes(*take(bytes)?));
        let seconds = i64::from_le_bytes(*take(bytes)?);
        let nanoseconds = u32::from_le_bytes(*take(bytes)?);
        let is_valid = kind <= 5 && mode <= 0o7777 && nanoseconds < 1_000_000_000;
        is_valid.then_some(Self { kind, device, mode, owner, mtime: Mtime { seconds, nanoseconds } })
    }
}

impl Record {
    /// What has to be kept for `meant`, where `on_disk` is what can be read back;
    /// `None` if that is the same.
    pub fn of(meant: &Entry, on_disk: &Entry, inode: u64) -> Option<Self> {
        let is_missing = |pair: &&(Vec<u8>, Vec<u8>)| !on_disk.xattrs.contains(pair);
        let xattrs: Vec<_> = meant.xattrs.iter().filter(is_missing).cloned().collect();
        let record = Self { inode, on_disk: Facts::of(on_disk), meant: Facts::of(meant), xattrs };
        (record.on_disk != record.meant || !record.xattrs.is_empty()).then_some(record)
    }

    /// Makes of `entry`, which was read from disk, what is meant.
    pub fn amend(&self, entry: &mut Entry) {
        let Self { on_disk, meant, .. } = self;
        let found = Facts::of(entry);
        let stands_for_device = found.kind == on_disk.kind && found.device == on_disk.device;
        if meant.kind != on_disk.kind && stands_for_device && entry.size == 0 {
            let (major, minor) = meant.device;
            match meant.kind {
                3 => entry.kind = EntryKind::CharDevice(Device { major, minor }),
                4 => entry.kind = EntryKind::BlockDevice(Device { major, minor }),
                5 => entry.kind = EntryKind::Fifo,
                _ => {}
            }
        }
        if found.mode == on_disk.mode {
            entry.mode = meant.mode.into();
        }
        if found.owner == on_disk.owner {
            (entry.uid, entry.gid) = meant.owner;
        }
        if found.mtime == on_disk.mtime {
            entry.mtime = meant.mtime;
        }
        for (name, value) in &self.xattrs {
            if let Err(at) = entry.xattrs.binary_search_by(|(there, _)| there.cmp(name)) {
                entry.xattrs.insert(at, (name.clone(), value.clone()));
            }
        }
    }

    fn encode(&self, path: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&(path.len() as u16).to_le_bytes());
        out.extend_from_slice(path);
        out.extend_from_slice(&self.inode.to_le_bytes());
        self.on_disk.encode(out);
        self.meant.encode(out);
        out.extend_from_slice(&(self.xattrs.len() as u16).to_le_bytes());
        for (name, value) in &self.xattrs {
            out.extend_from_slice(&(name.len() as u16).to_le_bytes());
            out.extend_from_slice(name);
            out.extend_from_slice(&(value.len() as u32).to_le_bytes());
            out.extend_from_slice(value);
        }
    }

    fn decode(bytes: &mut &[u8]) -> Option<(Vec<u8>, Self)> {
        let path = take_text(bytes)?;
        let inode = u64::from_le_bytes(*take(bytes)?);
        let (on_disk, meant) = (Facts::decode(bytes)?, Facts::decode(bytes)?);
        let mut xattrs = Vec::new();
        for _ in 0..u16::from_le_bytes(*take(bytes)?) {
            let name = take_text(bytes)?;
            let len = usize::try_from(u32::from_le_bytes(*take(bytes)?)).ok()?;
            let (value, rest) = bytes.split_at_checked(len)?;
            *bytes = rest;
            xattrs.push((name, value.to_vec()));
        }
        Some((path, Self { inode, on_disk, meant, xattrs }))
    }
}

fn take<'b, const N: usize>(bytes: &mut &'b [u8]) -> Option<&'b [u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(taken)
}

fn take_text(bytes: &mut &[u8]) -> Option<Vec<u8>> {
    let len = u16::from_le_bytes(*take(bytes)?);
    let (text, rest) = bytes.split_at_checked(len.into())?;
    *bytes = rest;
    Some(text.to_vec())
}

/// The records of a container, by path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    records: BTreeMap<Vec<u8>, Record>,
    is_changed: bool,
}

impl Kept {
    /// Reads the file `name`; one that is not there has no records.
    ///
    /// # Errors
    /// If it cannot be read or is damaged.
    pub fn open(disk: &dyn Disk, name: &str) -> Result<Self> {
        let file = match disk.open(name) {
            Err(error) if error.is_absent() => return Ok(Self::default()),
            file => file?,
        };
        let damaged = || Error::Kept { file: name.into() };
        let len = Some(file.len()?).filter(|len| *len <= MAX_BYTES).ok_or_else(damaged)?;
        let bytes = file.read_at(len as usize, 0)?;
        Self::decode(&bytes).ok_or_else(damaged)
    }

    /// Makes what was changed durable.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&mut self, disk: &Arc<dyn Disk>, dir: &str, name: &str) -> Result<()> {
        if !self.is_changed {
            return Ok(());
        }
        put_whole(disk, dir, name, &self.encode())?;
        self.is_changed = false;
        Ok(())
    }

    /// What is said of the file at `path`.
    pub fn get(&self, path: &[u8]) -> Option<&Record> {
        self.records.get(path)
    }

    /// Says this of the file at `path`, or nothing.
    pub fn set(&mut self, path: &[u8], record: Option<Record>) {
        self.is_changed |= match record {
            Some(record) => self.records.insert(path.to_vec(), record.clone()) != Some(record),
            None => self.records.remove(path).is_some(),
        };
    }

    /// Forgets what was said of `path` and of all below it.
    pub fn forget_tree(&mut self, path: &[u8]) {
        let start = [path, b"/"].concat();
        let below = self.records.range(start.clone()..).map(|(path, _)| path);
        let below: Vec<_> = below.take_while(|path| path.starts_with(&start)).cloned().collect();
        for path in below.iter().map(Vec::as_slice).chain([path]) {
            self.set(path, None);
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&VERSION.to_le_bytes());
        head.extend_from_slice(&(self.records.len() as u32).to_le_bytes());
        let mut records = Vec::new();
        for (path, record) in &self.records {
            record.encode(path, &mut records);
        }
        let sum = checksum(&[&head, &records]);
        [head, sum.to_vec(), records].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_at_checked(HEAD_BYTES)?;
        let (sum, mut records) = rest.split_first_chunk::<SUM_BYTES>()?;
        let mut fields = head.strip_prefix(&MAGIC)?;
        let version = u32::from_le_bytes(*take(&mut fields)?);
        let count = u32::from_le_bytes(*take(&mut fields)?);
        if version != VERSION || *sum != checksum(&[head, records]) {
            return None;
        }
        let mut found = BTreeMap::new();
        for _ in 0..count {
            let (path, record) = Record::decode(&mut records)?;
            found.insert(path, record);
        }
        records.is_empty().then_some(Self { records: found, is_changed: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(mode: u32) -> Entry {
        Entry {
            name: b"dev/null".to_vec(),
            kind: EntryKind::CharDevice(Device { major: 1, minor: 3 }),
            mode,
            uid: 7,
            gid: 8,
            mtime: Mtime { seconds: -1, nanoseconds: 5 },
            size: 0,
            xattrs: vec![(b"trusted.a".to_vec(), b"v".to_vec()), (b"user.b".to_vec(), Vec::new())],
        }
    }

    fn on_disk() -> Entry {
        let xattrs = vec![(b"user.b".to_vec(), Vec::new())];
        Entry { kind: EntryKind::File, uid: 1000, gid: 1000, xattrs, ..entry(0o600) }
    }

    fn kept() -> Kept {
        let mut kept = Kept::default();
        kept.set(b"dev/null", Record::of(&entry(0o666), &on_disk(), 42));
        kept
    }

    #[test]
    fn the_bytes_are_what_they_always_were() {
        let bytes = kept().encode();
        assert_eq!(hex::encode(&bytes[..16]), "4c4152444b4550540100000001000000");
        let record = concat!(
            "08006465762f6e756c6c2a00000000000000",
            "0000000000000000008001e8030000e8030000ffffffffffffffff05000000",
            "030100000003000000b6010700000008000000ffffffffffffffff05000000",
            "01000900747275737465642e610100000076",
        );
        assert_eq!(hex::encode(&bytes[32..]), record);
        assert_eq!(hex::encode(&bytes[16..32]), hex::encode(checksum(&[&bytes[..16], &bytes[32..]])));
    }

    #[test]
    fn what_was_kept_is_read_back() {
        let kept = kept();
        let read = Kept::decode(&kept.encode()).unwrap();
        assert_eq!(read.records, kept.records);
        let mut entry_read = on_disk();
        read.get(b"dev/null").unwrap().amend(&mut entry_read);
        assert_eq!(entry_read, entry(0o666));
    }

    #[test]
    fn any_damage_is_seen() {
        let bytes = kept().encode();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(Kept::decode(&damaged), None, "at {at}");
            assert_eq!(Kept::decode(&bytes[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn what_a_run_has_changed_since_has_changed() {
        let record = Record::of(&entry(0o666), &on_disk(), 42).unwrap();
        let mut changed = Entry { size: 5, mode: 0o644, ..on_disk() };
        changed.xattrs.insert(0, (b"trusted.a".to_vec(), b"new".to_vec()));
        let mut read = changed.clone();
        record.amend(&mut read);
        assert_eq!((read.kind, read.mode, read.xattrs), (EntryKind::File, 0o644, changed.xattrs));
        assert_eq!((read.uid, read.gid), (7, 8), "but nobody has changed the owner");
    }

    #[test]
    fn nothing_is_kept_of_what_is_on_disk() {
        assert_eq!(Record::of(&on_disk(), &on_disk(), 1), None);
    }

    #[test]
    fn a_tree_is_forgotten_and_not_its_neighbours() {
        let mut kept = Kept::default();
        for path in [&b"a"[..], b"a/b", b"a/b/c", b"a.b", b"ab", b"b"] {
            kept.set(path, Record::of(&entry(0o600), &on_disk(), 1));
        }
        kept.forget_tree(b"a");
        assert_eq!(kept.records.keys().map(Vec::as_slice).collect::<Vec<_>>(), [&b"a.b"[..], b"ab", b"b"]);
    }
}
