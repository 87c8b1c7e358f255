//! A directory that is a file system to somebody: files of all kinds, with
//! everything that Linux knows of them, read and written without ever leaving it.
//!
//! Paths are bytes, plain names joined by `/`; the empty path is the directory
//! itself. No symbolic link is followed anywhere: where one stands in the middle
//! of a path, the path leads nowhere. Whoever wants links resolved does it
//! himself, by [`Folder::read_link`], in the tree as he sees it. The kernel
//! resolves each path below the directory in one call, so there is no gap in
//! which somebody could put a link in the way.

mod read;
mod remove;
mod rooted;
mod stat;
mod walk;
mod write;

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

pub use stat::{FileKind, Stat};
#[cfg(test)]
pub use walk::FolderEntry;
pub use walk::Walk;

use super::Result;
use super::error::Context;

/// A directory and all below it.
#[derive(Debug)]
pub struct Folder {
    dir: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// The directory at `path`, which may be reached by links.
    ///
    /// # Errors
    /// If there is none or it cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(path, flags, Mode::empty()).context("open", path)?;
        Ok(Self { dir, path: path.into() })
    }

    /// The directory that `dir` is open on, which lies at `path`.
    pub fn of(dir: OwnedFd, path: PathBuf) -> Self {
        Self { dir, path }
    }

    /// Where it lies, as it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path that an error names.
    fn host(&self, path: &[u8]) -> PathBuf {
        self.path.join(OsStr::from_bytes(path))
    }

    /// Opens what is at `path`, never following a link: the last part may be one,
    /// with [`OFlags::PATH`] in `flags`.
    fn resolve(&self, path: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
        check(path)?;
        let path = if path.is_empty() { b"." } else { path };
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
        openat2(&self.dir, path, flags, Mode::empty(), resolve)
    }

    /// A handle on what is at `path`, of any kind, that opens nothing.
    fn node(&self, path: &[u8]) -> rustix::io::Result<OwnedFd> {
        self.resolve(path, OFlags::PATH)
    }

    /// A handle on the directory that `path` lies in, and the name there.
    fn parent<'p>(&self, path: &'p [u8]) -> rustix::io::Result<(OwnedFd, &'p [u8])> {
        check(path)?;
        let (parent, name): (&[u8], &[u8]) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (path.get(..slash).unwrap_or_default(), path.get(slash + 1..).unwrap_or_default()),
            None if path.is_empty() => (b"", b"."),
            None => (b"", path),
        };
        Ok((self.resolve(parent, OFlags::PATH | OFlags::DIRECTORY)?, name))
    }
}

/// Refuses what is not plain names joined by slashes.
fn check(path: &[u8]) -> rustix::io::Result<()> {
    let is_plain = |part: &[u8]| !matches!(part, b"" | b"." | b"..");
    match path.is_empty() || path.split(|byte| *byte == b'/').all(is_plain) {
        true => Ok(()),
        false => Err(Errno::INVAL),
    }
}

/// A path by which the kernel finds what `node` is a handle on, itself and not
/// where it may point to: for calls that take no such handle.
fn proc_path(node: impl AsFd) -> String {
    format!("/proc/self/fd/{}", node.as_fd().as_raw_fd())
}

#[cfg(test)]
mod tests;
