//! The store's directory, by descriptor: names below it never lead out of it.
//!
//! The kernel resolves each name below the directory in one call and follows no link, so
//! nothing that somebody puts in the way leads anywhere else. Kernels before 5.6, and sandboxes
//! that know no `openat2`, walk the name part by part instead, which comes to the same.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Mutex;

use rustix::fs::{AtFlags, Dir, Mode, OFlags, ResolveFlags, fstat, openat, openat2, statat};
use rustix::io::Errno;

use super::trust::{self, Distrust};

/// Below this depth files are those of layers and containers, with owners and modes of their
/// own: `containers/<id>/upper`.
const STORE_DEPTH: usize = 2;

/// A directory of which everything larder's own is checked before it is used.
#[derive(Debug)]
pub struct Beneath {
    dir: OwnedFd,
    /// Directories that were checked. Nobody else may write to them, so they stay as they are.
    checked: Mutex<HashSet<String>>,
}

impl Beneath {
    /// The directory at `path`, which is checked.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = again(|| rustix::fs::open(path, flags, Mode::empty()))?;
        trust::check_dir(&fstat(&dir)?)?;
        Ok(Self { dir, checked: Mutex::default() })
    }

    /// Opens the file `name`, which must be a regular one.
    pub fn file(&self, name: &str, flags: OFlags, mode: u32) -> io::Result<OwnedFd> {
        self.check_dirs(parent_of(name))?;
        // Opening a FIFO would wait for whoever holds its other end.
        let flags = flags | OFlags::NONBLOCK;
        // The kernel refuses a mode for what is not created.
        let mode = if flags.contains(OFlags::CREATE) { Mode::from_raw_mode(mode) } else { Mode::empty() };
        let file = self.resolve(name, flags, mode)?;
        trust::check_file(&fstat(&file)?)?;
        Ok(file)
    }

    /// Opens the directory `name`; empty for the store's own.
    pub fn dir(&self, name: &str) -> io::Result<OwnedFd> {
        self.check_dirs(name)?;
        self.resolve(name, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())
    }

    /// A handle on the directory that `name` lies in, and its name there.
    pub fn parent<'n>(&self, name: &'n str) -> io::Result<(OwnedFd, &'n str)> {
        let last = name.rsplit_once('/').map_or(name, |(_, last)| last);
        Ok((self.dir(parent_of(name))?, last))
    }

    /// Checks the directories on the way to `name`, and `name` itself, as far as they are
    /// larder's own and exist.
    pub fn check_dirs(&self, name: &str) -> io::Result<()> {
        let ends = name.match_indices('/').map(|(at, _)| at).chain([name.len()]);
        for end in ends.take(STORE_DEPTH).filter(|end| *end > 0) {
            let dir = name.get(..end).unwrap_or_default();
            let mut checked = self.checked.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if checked.contains(dir) {
                continue;
            }
            let node = match self.resolve(dir, OFlags::PATH, Mode::empty()) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                node => node?,
            };
            let stat = fstat(&node)?;
            trust::check_any(&stat)?;
            checked.insert(dir.to_owned());
        }
        Ok(())
    }

    /// Checks everything in the directory `name`, at any depth, for a library that opens files
    /// by their paths.
    pub fn check_all(&self, name: &str) -> io::Result<()> {
        match self.dir(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            dir => {
                let dir = dir?;
                let is_private = trust::is_private(&fstat(&self.dir)?) || trust::is_private(&fstat(&dir)?);
                check_entries(dir.as_fd(), is_private)
            }
        }
    }

    fn resolve(&self, name: &str, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
        let name = if name.is_empty() { "." } else { name };
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let opened = match again(|| openat2(&self.dir, name, flags, mode, how)) {
            Err(Errno::NOSYS) => self.walk(name, flags, mode),
            opened => opened,
        };
        match opened {
            Err(Errno::LOOP) => Err(Distrust::Link.into()),
            opened => Ok(opened?),
        }
    }

    /// What [`Beneath::resolve`] does, without `openat2`.
    fn walk(&self, name: &str, flags: OFlags, mode: Mode) -> rustix::io::Result<OwnedFd> {
        let through = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mut parts: Vec<&str> = name.split('/').collect();
        let last = parts.pop().ok_or(Errno::INVAL)?;
        let mut dir = None;
        for part in parts.iter().chain([&last]) {
            if matches!(*part, "" | "..") {
                return Err(Errno::INVAL);
            }
        }
        for part in parts {
            let from = dir.as_ref().map_or(self.dir.as_fd(), AsFd::as_fd);
            dir = Some(again(|| openat(from, part, through, Mode::empty())).map_err(link_in_the_way)?);
        }
        let from = dir.as_ref().map_or(self.dir.as_fd(), AsFd::as_fd);
        again(|| openat(from, last, flags, mode))
    }
}

/// With `O_DIRECTORY` a link is no directory.
fn link_in_the_way(error: Errno) -> Errno {
    if error == Errno::NOTDIR { Errno::LOOP } else { error }
}

fn parent_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Checks what is in `dir`. Where nobody else may enter it, permissions do not matter.
fn check_entries(dir: BorrowedFd<'_>, is_private: bool) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name == "." || name == ".." {
            continue;
        }
        let stat = match statat(dir, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
            // Removed since.
            Err(Errno::NOENT) => continue,
            stat => stat?,
        };
        let trusted = match trust::check_any(&stat) {
            Err(Distrust::Writable { .. }) if is_private => Ok(()),
            trusted => trusted,
        };
        trusted.map_err(|distrust| io::Error::other(format!("{}: {distrust}", name.display())))?;
        if rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir() {
            check_entries(openat(dir, entry.file_name(), flags, Mode::empty())?.as_fd(), is_private)?;
        }
    }
    Ok(())
}

/// Calls again what a signal has interrupted, or what a rename nearby has confused.
pub fn again<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    loop {
        match call() {
            Err(Errno::INTR | Errno::AGAIN) => {}
            done => return done,
        }
    }
}
