//! The writable layer of a container: what was changed, on top of its image.
//!
//! `containers/<id>/upper/` is a directory in overlayfs's own form, so that a run
//! can mount it as it is:
//!
//! - what was made or changed lies there as itself, in directories that look as
//!   those of the image do;
//! - what was removed is a character device 0:0, or an empty file with the
//!   extended attribute `trusted.overlay.whiteout` or `user.overlay.whiteout`;
//! - a directory that has nothing to do with the one of the image has the
//!   attribute `trusted.overlay.opaque` or `user.overlay.opaque`, of value `y`.
//!
//! An attribute of the image's own that begins as overlayfs's do has `overlay.`
//! put in once more, as newer kernels do it. Directories are never renamed by a
//! reference to where they were (`redirect_dir` off), nor is a file there without
//! its content (`metacopy` off).
//!
//! What this process may not make of a file, such as an owner, is kept beside
//! the layer: see [`kept`].
//!
//! Something new is made whole under a passing name outside `upper/` and then
//! put in its place in one step. What a cut leaves of it is removed by the next.

mod apply;
mod kept;
mod put;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use super::view::View;
use super::{Result, entry_of};
use crate::disk::{self, Disk, Folder, InputFile};
use crate::tar::Entry;

pub use put::Fill;

use kept::Kept;

/// The layer, in the container's directory.
const UPPER: &str = "upper";
/// What is kept beside it.
const KEPT: &str = "kept";
/// What is being made.
const NEW: &[u8] = b"new";
/// What makes way.
const OLD: &[u8] = b"old";

/// The writable layer of a container.
#[derive(Debug)]
pub struct Upper {
    disk: Arc<dyn Disk>,
    /// The container's directory, as the store names it.
    name: String,
    /// The container's directory.
    dir: Folder,
    /// The layer.
    files: Folder,
    kept: Kept,
    /// The directory that was looked after last: it is there.
    settled: Option<Vec<u8>>,
}

impl Upper {
    /// The layer of the container whose directory the store calls `name`; `None`
    /// while nothing was written to it.
    ///
    /// # Errors
    /// If it cannot be opened, or what is kept beside it is damaged.
    pub fn open(disk: &Arc<dyn Disk>, name: &str) -> Result<Option<Self>> {
        let Some(path) = disk.host_path(name) else { return Ok(None) };
        let files = match Folder::open(&path.join(UPPER)) {
            Err(error) if error.is_absent() => return Ok(None),
            files => files?,
        };
        let kept = Kept::open(&**disk, &format!("{name}/{KEPT}"))?;
        let (disk, name, dir) = (Arc::clone(disk), name.to_owned(), Folder::open(&path)?);
        Ok(Some(Self { disk, name, dir, files, kept, settled: None }))
    }

    /// The same, made if there is none: then its root directory looks as that of
    /// `view`, which is what the image comes to. Whoever calls this keeps others
    /// from writing to the container.
    ///
    /// # Errors
    /// If it cannot be opened or made.
    pub fn create(disk: &Arc<dyn Disk>, name: &str, view: &View) -> Result<Self> {
        if let Some(upper) = Self::open(disk, name)? {
            upper.clear_away()?;
            return Ok(upper);
        }
        Self::make(disk, name, &view.entry(view.root()))
    }

    /// A layer with nothing in it, whose root directory looks as `root`.
    fn make(disk: &Arc<dyn Disk>, name: &str, root: &Entry) -> Result<Self> {
        let nowhere = || disk::Error {
            verb: "write into",
            path: name.into(),
            source: std::io::ErrorKind::Unsupported.into(),
        };
        let path = disk.host_path(name).ok_or_else(nowhere)?;
        let dir = Folder::open(&path)?;
        dir.remove(NEW)?;
        dir.make_dir(NEW, 0o700)?;
        let files = Folder::open(&path.join(OsStr::from_bytes(NEW)))?;
        let (disk, name) = (Arc::clone(disk), name.to_owned());
        let mut upper = Self { disk, name, dir, files, kept: Kept::default(), settled: None };
        upper.take_over(b"", root)?;
        upper.finish()?;
        upper.dir.rename(NEW, UPPER.as_bytes())?;
        Ok(upper)
    }

    /// The same, where the image is unpacked: its root directory looks as `root`.
    ///
    /// # Errors
    /// As [`Upper::create`].
    pub fn create_like(disk: &Arc<dyn Disk>, name: &str, root: &Folder) -> Result<()> {
        if let Some(upper) = Self::open(disk, name)? {
            return upper.clear_away();
        }
        let stat = root.stat(b"")?.ok_or_else(|| super::Error::NoFile { path: Vec::new() })?;
        let entry = entry_of(root, b"", &stat)?.ok_or_else(|| super::Error::NoFile { path: Vec::new() })?;
        Self::make(disk, name, &entry)?;
        Ok(())
    }

    /// Removes what a cut has left.
    fn clear_away(&self) -> Result<()> {
        self.dir.remove(NEW)?;
        Ok(self.dir.remove(OLD)?)
    }

    /// Opens the file at `path`.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub fn open_file(&self, path: &[u8]) -> Result<InputFile> {
        Ok(self.files.open_file(path)?)
    }

    /// Makes all that was written survive a power cut.
    ///
    /// # Errors
    /// If writing fails.
    pub fn finish(&mut self) -> Result<()> {
        self.dir.sync()?;
        self.kept.save(&self.disk, &self.name, KEPT)
    }
}

/// `path` in the layer, as the container's directory has it.
fn in_dir(path: &[u8]) -> Vec<u8> {
    match path.is_empty() {
        true => UPPER.into(),
        false => [UPPER.as_bytes(), b"/", path].concat(),
    }
}
