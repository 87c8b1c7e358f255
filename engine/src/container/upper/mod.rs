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
/// The same where the container could see it, did it not keep still.
const MOUNTED_NEW: &[u8] = b".larder-new";
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
    /// Whether it is written by way of the file system that a run has mounted.
    is_mounted: bool,
}

impl Upper {
    /// The layer of the container whose directory the store calls `name`; `None`
    /// while nothing was written to it.
    ///
    /// # Errors
    /// If it cannot be opened, or what is kept beside it is damaged.
    pub fn open(disk: &Arc<dyn Disk>, name: &str) -> Result<Option<Self>> {
        let Some(path) = disk.host_path(name)? else { return Ok(None) };
        let files = match Folder::open(&path.join(UPPER)) {
            Err(error) if error.is_absent() => return Ok(None),
            files => files?,
        };
        let kept = Kept::open(&**disk, &format!("{name}/{KEPT}"))?;
        let (disk, name, dir) = (Arc::clone(disk), name.to_owned(), Folder::open(&path)?);
        Ok(Some(Self { disk, name, dir, files, kept, settled: None, is_mounted: false }))
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
        let path = disk.host_path(name)?.ok_or_else(nowhere)?;
        let dir = Folder::open(&path)?;
        dir.remove(NEW)?;
        dir.make_dir(NEW, 0o700)?;
        let files = Folder::open(&path.join(OsStr::from_bytes(NEW)))?;
        let (disk, name) = (Arc::clone(disk), name.to_owned());
        let mut upper =
            Self { disk, name, dir, files, kept: Kept::default(), settled: None, is_mounted: false };
        upper.take_over(b"", root)?;
        // An empty directory that a power cut takes is made again.
        upper.kept.save(&upper.disk, &upper.name, KEPT)?;
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

    /// `path` in the layer, as the container's directory has it.
    fn place(&self, path: &[u8]) -> Vec<u8> {
        match (self.is_mounted, path.is_empty()) {
            (true, _) => path.into(),
            (false, true) => UPPER.into(),
            (false, false) => [UPPER.as_bytes(), b"/", path].concat(),
        }
    }

    /// Under which name that is made which `path` will be: in the same directory, where
    /// that may be mounted from elsewhere.
    fn passing(&self, path: &[u8]) -> Vec<u8> {
        match (self.is_mounted, path.iter().rposition(|byte| *byte == b'/')) {
            (false, _) => NEW.into(),
            (true, None) => MOUNTED_NEW.into(),
            (true, Some(slash)) => [path.get(..=slash).unwrap_or_default(), MOUNTED_NEW].concat(),
        }
    }

    /// Removes what a cut has left.
    fn clear_away(&self) -> Result<()> {
        self.dir.remove(NEW)?;
        Ok(self.dir.remove(OLD)?)
    }

    /// From now on everything is done by way of `root` and `files`, which are the root
    /// directory of a container that runs: what is under a mounted overlayfs must not be
    /// changed by anybody else. Whoever calls this keeps the container's processes still.
    pub fn write_through(&mut self, root: Folder, files: Folder) {
        (self.dir, self.files, self.is_mounted) = (root, files, true);
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
