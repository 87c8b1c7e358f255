//! A file or a directory under a passing name, which it loses unless it is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Disk, File, Result};

/// Keeps apart what one process makes at once.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// A name in `tmp/` that nobody else takes, nor has left there after a crash. It ends
/// in `kind`, for people who look.
pub fn passing_name(kind: &str) -> String {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("tmp/{}-{since:x}-{count}.{kind}", std::process::id())
}

/// A file in `tmp/` that is removed when it is dropped before [`Temporary::keep`].
#[derive(Debug)]
pub struct Temporary {
    disk: Arc<dyn Disk>,
    name: String,
    file: Box<dyn File>,
    kept: bool,
}

impl Temporary {
    /// Creates a file under a [`passing_name`].
    ///
    /// # Errors
    /// If the disk cannot.
    pub fn create(disk: Arc<dyn Disk>, kind: &str) -> Result<Self> {
        disk.create_dir("tmp")?;
        let name = passing_name(kind);
        let file = disk.create(&name)?;
        Ok(Self { disk, name, file, kept: false })
    }

    /// The name that it has in `tmp/`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The open file.
    pub fn file(&self) -> &dyn File {
        &*self.file
    }

    /// Gives the file its lasting name. The caller has made its bytes durable,
    /// and makes the directory of `name` durable.
    ///
    /// # Errors
    /// If the disk cannot; the file is removed then.
    pub fn keep(mut self, name: &str) -> Result<()> {
        self.disk.rename(&self.name, name)?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept {
            // Nothing to tell it to: what stays behind is garbage that gc removes.
            let _ = self.disk.remove(&self.name);
        }
    }
}

/// A directory in `tmp/` that is removed with all in it when it is dropped before
/// [`TemporaryDir::keep`].
#[derive(Debug)]
pub struct TemporaryDir {
    disk: Arc<dyn Disk>,
    name: String,
    kept: bool,
}

impl TemporaryDir {
    /// Creates a directory under a [`passing_name`].
    ///
    /// # Errors
    /// If the disk cannot.
    pub fn create(disk: Arc<dyn Disk>, kind: &str) -> Result<Self> {
        disk.create_dir("tmp")?;
        let name = passing_name(kind);
        disk.create_dir(&name)?;
        Ok(Self { disk, name, kept: false })
    }

    /// Its passing name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives the directory its lasting name, which nothing else has.
    ///
    /// # Errors
    /// If the disk cannot; the directory is removed then.
    pub fn keep(mut self, name: &str) -> Result<()> {
        self.disk.rename(&self.name, name)?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for TemporaryDir {
    fn drop(&mut self) {
        if !self.kept {
            let _ = self.disk.remove_tree(&self.name);
        }
    }
}
