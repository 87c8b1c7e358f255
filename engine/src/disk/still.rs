//! A disk with a few files in memory that cannot be written: what stands for a store
//! that is not there.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::error::Context as _;
use super::{Allocated, Disk, Entry, File, Guard, Mode, Result};

/// A disk with a few files that cannot be written. Nobody else sees it.
#[derive(Debug, Default)]
pub struct StillDisk {
    files: BTreeMap<&'static str, Vec<u8>>,
}

impl StillDisk {
    /// A disk with these files.
    pub fn with(files: impl IntoIterator<Item = (&'static str, Vec<u8>)>) -> Self {
        Self { files: files.into_iter().collect() }
    }

    fn file(&self, name: &str) -> Result<Vec<u8>> {
        let found = self.files.get(name).cloned();
        found.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound)).context("open", name)
    }
}

fn refused<T>(verb: &'static str, name: &str) -> Result<T> {
    Err(io::Error::from(io::ErrorKind::ReadOnlyFilesystem)).context(verb, name)
}

impl Disk for StillDisk {
    fn create(&self, name: &str) -> Result<Box<dyn File>> {
        refused("create", name)
    }

    fn open(&self, name: &str) -> Result<Box<dyn File>> {
        Ok(Box::new(StillFile { name: name.into(), bytes: self.file(name)? }))
    }

    fn open_writable(&self, name: &str) -> Result<Box<dyn File>> {
        refused("open", name)
    }

    fn rename(&self, from: &str, _: &str) -> Result<()> {
        refused("rename", from)
    }

    fn remove(&self, name: &str) -> Result<()> {
        refused("remove", name)
    }

    fn create_dir(&self, name: &str) -> Result<()> {
        refused("create", name)
    }

    fn remove_tree(&self, name: &str) -> Result<()> {
        refused("remove", name)
    }

    fn list(&self, _: &str) -> Result<Vec<Entry>> {
        Ok(Vec::new())
    }

    fn file_bytes(&self, _: &str) -> Result<u64> {
        Ok(0)
    }

    fn sync_dir(&self, name: &str) -> Result<()> {
        refused("sync", name)
    }

    fn try_lock(&self, _: &str, _: Mode) -> Result<Option<Box<dyn Guard>>> {
        Ok(Some(Box::new(Unshared)))
    }

    fn usage(&self, _: &str) -> Result<Vec<Allocated>> {
        Ok(Vec::new())
    }

    fn host_path(&self, _: &str) -> Result<Option<PathBuf>> {
        Ok(None)
    }

    fn check_all(&self, _: &str) -> Result<()> {
        Ok(())
    }
}

/// A lock on what nobody else sees.
#[derive(Debug)]
struct Unshared;

impl Guard for Unshared {}

#[derive(Debug)]
struct StillFile {
    name: PathBuf,
    bytes: Vec<u8>,
}

impl StillFile {
    fn refused(&self, verb: &'static str) -> Result<()> {
        Err(io::Error::from(io::ErrorKind::ReadOnlyFilesystem)).context(verb, &self.name)
    }
}

impl File for StillFile {
    fn path(&self) -> &Path {
        &self.name
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let found = self.bytes.get(start..).and_then(|rest| rest.get(..buffer.len()));
        let found = found.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof));
        buffer.copy_from_slice(found.context("read", &self.name)?);
        Ok(())
    }

    fn write_all_at(&self, _: &[u8], _: u64) -> Result<()> {
        self.refused("write")
    }

    fn len(&self) -> Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    fn truncate(&self, _: u64) -> Result<()> {
        self.refused("cut")
    }

    fn reserve(&self, _: u64, _: u64) {}

    fn sync(&self) -> Result<()> {
        self.refused("sync")
    }
}
