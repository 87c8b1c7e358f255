//! Removing a tree, however deep.
//!
//! A path has at most 4096 bytes and a process few open files; a tree made from
//! inside, step by step, is bound by neither. So it is taken apart from the top:
//! directories in directories are moved up before the one they were in is removed.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, chmod, fstat, openat, renameat, unlinkat};
use rustix::io::Errno;

use super::super::Result;
use super::super::error::Context;
use super::read::names;
use super::{Folder, proc_path};

/// What the owner needs to take a directory apart.
const OWNER_ALL: u32 = 0o700;

impl Folder {
    /// Removes what is at `path`, and all below it; nothing there is no error.
    ///
    /// # Errors
    /// If it may not be removed; then part of it may be gone. The folder itself
    /// cannot be.
    pub fn remove(&self, path: &[u8]) -> Result<()> {
        let removed = match self.parent(path) {
            _ if path.is_empty() => Err(Errno::INVAL),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(()),
            Err(error) => Err(error),
            Ok((parent, name)) => remove(&parent, name),
        };
        removed.context("remove", self.host(path))
    }
}

fn remove(parent: &OwnedFd, name: &[u8]) -> rustix::io::Result<()> {
    if is_removed(parent, name)? {
        return Ok(());
    }
    let top = open_dir(parent, name)?;
    let mut number = 0;
    loop {
        let children = names(&top)?;
        if children.is_empty() {
            break;
        }
        for child in children {
            if !is_removed(&top, &child)? {
                empty(&top, &child, &mut number)?;
            }
        }
    }
    match unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}

/// Removes what is called `name`, unless it is a directory that is not empty.
fn is_removed(dir: impl AsFd, name: &[u8]) -> rustix::io::Result<bool> {
    let removed = match unlinkat(&dir, name, AtFlags::empty()) {
        Err(Errno::ISDIR) => unlinkat(&dir, name, AtFlags::REMOVEDIR),
        other => other,
    };
    match removed {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes what is in the directory `child` of `top`; directories that are not
/// empty are moved to `top`, for a later round.
fn empty(top: &OwnedFd, child: &[u8], number: &mut u64) -> rustix::io::Result<()> {
    let dir = open_dir(top, child)?;
    for name in names(&dir)? {
        if is_removed(&dir, &name)? {
            continue;
        }
        // To be moved, a directory must be writable: its `..` changes.
        drop(open_dir(&dir, &name)?);
        loop {
            *number += 1;
            match renameat(&dir, &name[..], top, format!(".larder-{number}")) {
                // A name that was there already.
                Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR) => {}
                other => break other?,
            }
        }
    }
    Ok(())
}

/// Opens a directory, never a link to one, so that all in it can be removed.
fn open_dir(parent: &OwnedFd, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let node = openat(parent, name, flags | OFlags::PATH, Mode::empty())?;
    let mode = fstat(&node)?.st_mode;
    if mode & OWNER_ALL != OWNER_ALL {
        // Where this fails, what needs it says so.
        let _ = chmod(proc_path(&node), Mode::from_raw_mode(mode & 0o7777 | OWNER_ALL));
    }
    openat(&node, ".", flags | OFlags::RDONLY, Mode::empty())
}
