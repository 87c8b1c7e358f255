//! A disk in memory: what tests and fuzzers use where no real one is needed.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::Context;
use super::{Allocated, Disk, Entry, File, Guard, Mode, Result};

type Bytes = Arc<Mutex<Vec<u8>>>;

/// Files in memory. Clones share them.
#[derive(Clone, Default)]
pub struct MemoryDisk {
    files: Arc<Mutex<BTreeMap<String, Bytes>>>,
    /// Shared holders by name; `usize::MAX` stands for an exclusive one.
    locks: Arc<Mutex<BTreeMap<String, usize>>>,
}

const EXCLUSIVE: usize = usize::MAX;

/// A panic elsewhere leaves the bytes as they were: nothing here is half done.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// A disk with one file.
    pub fn holding(name: &str, bytes: &[u8]) -> Self {
        let disk = Self::new();
        locked(&disk.files).insert(name.into(), Arc::new(Mutex::new(bytes.to_vec())));
        disk
    }

    fn file(&self, name: &str, verb: &'static str) -> Result<Box<dyn File>> {
        let bytes = locked(&self.files).get(name).cloned();
        let bytes = bytes.ok_or(io::Error::from(io::ErrorKind::NotFound)).context(verb, name)?;
        Ok(Box::new(MemoryFile { bytes, name: name.into() }))
    }
}

impl Disk for MemoryDisk {
    fn create(&self, name: &str) -> Result<Box<dyn File>> {
        let mut files = locked(&self.files);
        if files.contains_key(name) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists)).context("create", name);
        }
        let bytes = Bytes::default();
        files.insert(name.into(), Arc::clone(&bytes));
        Ok(Box::new(MemoryFile { bytes, name: name.into() }))
    }

    fn open(&self, name: &str) -> Result<Box<dyn File>> {
        self.file(name, "open")
    }

    fn open_writable(&self, name: &str) -> Result<Box<dyn File>> {
        self.file(name, "open")
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let mut files = locked(&self.files);
        let bytes = files.remove(from).ok_or(io::Error::from(io::ErrorKind::NotFound));
        files.insert(to.into(), bytes.context("put in place", to)?);
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<()> {
        let removed = locked(&self.files).remove(name);
        removed.map(drop).ok_or(io::Error::from(io::ErrorKind::NotFound)).context("remove", name)
    }

    fn create_dir(&self, _name: &str) -> Result<()> {
        Ok(())
    }

    fn remove_tree(&self, name: &str) -> Result<()> {
        let below = format!("{name}/");
        locked(&self.files).retain(|file, _| !file.starts_with(&below));
        Ok(())
    }

    fn list(&self, dir: &str) -> Result<Vec<Entry>> {
        let below = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        let files = locked(&self.files);
        let direct = files.iter().filter_map(|(name, bytes)| Some((name.strip_prefix(&below)?, bytes)));
        let entry = |(name, bytes): (&str, &Bytes)| {
            (!name.contains('/')).then(|| Entry {
                name: name.into(),
                is_dir: false,
                len: locked(bytes).len() as u64,
            })
        };
        Ok(direct.filter_map(entry).collect())
    }

    fn sync_dir(&self, _dir: &str) -> Result<()> {
        Ok(())
    }

    fn try_lock(&self, name: &str, mode: Mode) -> Result<Option<Box<dyn Guard>>> {
        let mut locks = locked(&self.locks);
        let holders = locks.entry(name.into()).or_default();
        match (mode, *holders) {
            (Mode::Exclusive, 0) => *holders = EXCLUSIVE,
            (Mode::Shared, n) if n != EXCLUSIVE => *holders += 1,
            _ => return Ok(None),
        }
        Ok(Some(Box::new(MemoryGuard { locks: Arc::clone(&self.locks), name: name.into() })))
    }

    fn usage(&self) -> Result<Vec<Allocated>> {
        let files = locked(&self.files);
        let allocated = |(name, bytes): (&String, &Bytes)| Allocated {
            name: name.clone(),
            bytes: locked(bytes).len() as u64,
        };
        Ok(files.iter().map(allocated).collect())
    }

    fn host_path(&self, _name: &str) -> Option<PathBuf> {
        None
    }
}

struct MemoryFile {
    bytes: Bytes,
    name: String,
}

impl MemoryFile {
    /// Where `offset` lies in memory; no file there grows past what memory holds.
    fn at(&self, offset: u64, verb: &'static str) -> Result<usize> {
        let at = usize::try_from(offset).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge));
        at.context(verb, &self.name)
    }
}

impl File for MemoryFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let at = self.at(offset, "read")?;
        let bytes = locked(&self.bytes);
        let found = at.checked_add(buffer.len()).and_then(|end| bytes.get(at..end));
        let found = found.ok_or(io::Error::from(io::ErrorKind::UnexpectedEof)).context("read", &self.name)?;
        buffer.copy_from_slice(found);
        Ok(())
    }

    fn write_all_at(&self, new: &[u8], offset: u64) -> Result<()> {
        let at = self.at(offset, "write")?;
        let mut bytes = locked(&self.bytes);
        let end = at + new.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        if let Some(place) = bytes.get_mut(at..end) {
            place.copy_from_slice(new);
        }
        Ok(())
    }

    fn len(&self) -> Result<u64> {
        Ok(locked(&self.bytes).len() as u64)
    }

    fn truncate(&self, len: u64) -> Result<()> {
        let len = self.at(len, "cut")?;
        locked(&self.bytes).truncate(len);
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
struct MemoryGuard {
    locks: Arc<Mutex<BTreeMap<String, usize>>>,
    name: String,
}

impl Guard for MemoryGuard {}

impl Drop for MemoryGuard {
    fn drop(&mut self) {
        if let Some(holders) = locked(&self.locks).get_mut(&self.name) {
            *holders = if *holders == EXCLUSIVE { 0 } else { *holders - 1 };
        }
    }
}

impl std::fmt::Debug for MemoryDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(locked(&self.files).keys()).finish()
    }
}

impl std::fmt::Debug for MemoryFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("MemoryFile").field(&self.name).finish()
    }
}
