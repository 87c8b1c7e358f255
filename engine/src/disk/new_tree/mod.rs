//! A tree that is being made, and that nobody else has seen yet.
//!
//! Made for speed: a directory is opened once for all that is put into it, a file is
//! written and gets its looks by the handle that it was made with, and nothing is
//! synced. What this process may not do, such as give a file away, it leaves undone.
//!
//! As in a [`Folder`](super::Folder), no path leads out: a directory is found from the
//! tree's own by the kernel, without links, and all else is made by a plain name in one.

mod looks;

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ResolveFlags, XattrFlags, chmod, chownat, fchmod, fsetxattr, ftruncate,
    linkat, lremovexattr, lsetxattr, makedev, mkdirat, mknodat, openat, openat2, statat, symlinkat,
    utimensat,
};
use rustix::io::Errno;

pub use looks::{Looks, is_trusted};
use looks::{ids, may_not, mode, set_open, times, tolerate};

use super::error::Context;
use super::{Error, FileKind, Result};

/// What directories have until they get their looks.
const DIR_MODE: u32 = 0o700;
/// What files have until they get their looks, if those are not there from the start.
const FILE_MODE: u32 = 0o600;
/// Access lists that a new directory may have from the one it is made in.
const LISTS: [&str; 2] = ["system.posix_acl_default", "system.posix_acl_access"];

/// A tree that is being made.
#[derive(Debug)]
pub struct NewTree {
    root: OwnedFd,
    path: PathBuf,
}

/// A directory of it, to put something in.
#[derive(Debug)]
pub struct NewDir {
    dir: OwnedFd,
    path: PathBuf,
}

/// A file of it that is being written. What is skipped over becomes a hole.
#[derive(Debug)]
pub struct NewFile {
    file: std::fs::File,
    path: PathBuf,
}

impl NewTree {
    /// A tree in a new directory at `path`.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn create(path: &Path) -> Result<Self> {
        let made = rustix::fs::mkdir(path, Mode::from_raw_mode(DIR_MODE)).and_then(|()| {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let root = rustix::fs::open(path, flags, Mode::empty())?;
            // What would be handed down to all that is made in it.
            for list in LISTS {
                let _ = lremovexattr(path, list);
            }
            fchmod(&root, Mode::from_raw_mode(DIR_MODE))?;
            Ok(root)
        });
        Ok(Self { root: made.context("create", path)?, path: path.into() })
    }

    /// The directory at `path`, plain names joined by `/`; empty for the tree's own.
    ///
    /// # Errors
    /// If there is none.
    pub fn dir(&self, path: &[u8]) -> Result<NewDir> {
        let name = if path.is_empty() { b"." } else { path };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
        let host = || self.path.join(OsStr::from_bytes(path));
        match openat2(&self.root, name, flags, Mode::empty(), resolve) {
            Ok(dir) => Ok(NewDir { dir, path: host() }),
            Err(errno) => Err(errno).context("open", host()),
        }
    }
}

impl NewDir {
    fn failed(&self, verb: &'static str, name: &[u8], errno: Errno) -> Error {
        Error { verb, path: self.path.join(OsStr::from_bytes(name)), source: errno.into() }
    }

    /// A path by which the kernel finds `name` in here: for calls that take no handle.
    fn proc_path(&self, name: &[u8]) -> Vec<u8> {
        [format!("/proc/self/fd/{}/", self.dir.as_raw_fd()).as_bytes(), name].concat()
    }

    /// A new directory.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn make_dir(&self, name: &[u8]) -> Result<()> {
        let made = plain(name).and_then(|()| mkdirat(&self.dir, name, Mode::from_raw_mode(DIR_MODE)));
        made.map_err(|errno| self.failed("create", name, errno))
    }

    /// A new file, which will look like that.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn make_file(&self, name: &[u8], looks: &Looks<'_>) -> Result<NewFile> {
        // Who is not root can put attributes only on what he may write to.
        let first = if looks.xattrs.is_empty() { looks.mode & 0o777 } else { FILE_MODE };
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = plain(name).and_then(|()| openat(&self.dir, name, flags, Mode::from_raw_mode(first)));
        let file = made.map_err(|errno| self.failed("create", name, errno))?.into();
        Ok(NewFile { file, path: self.path.join(OsStr::from_bytes(name)) })
    }

    /// A new symbolic link that looks like that; it has no mode.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn make_symlink(&self, name: &[u8], target: &[u8], looks: &Looks<'_>) -> Result<()> {
        let made = plain(name)
            .and_then(|()| symlinkat(target, &self.dir, name))
            .and_then(|()| self.set_looks(name, &Looks { mode: 0, ..*looks }, false));
        made.map_err(|errno| self.failed("create", name, errno))
    }

    /// A new device or pipe that looks like that; of one that may not be made, an
    /// empty file takes the place. `device` counts for devices only.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn make_node(
        &self,
        name: &[u8],
        kind: FileKind,
        device: (u32, u32),
        looks: &Looks<'_>,
    ) -> Result<()> {
        let (kind, number) = match kind {
            FileKind::CharDevice => (FileType::CharacterDevice, makedev(device.0, device.1)),
            FileKind::BlockDevice => (FileType::BlockDevice, makedev(device.0, device.1)),
            FileKind::Fifo => (FileType::Fifo, 0),
            _ => (FileType::RegularFile, 0),
        };
        let first = Mode::from_raw_mode(FILE_MODE);
        let made = plain(name).and_then(|()| match mknodat(&self.dir, name, kind, first, number) {
            Err(error) if may_not(error) => mknodat(&self.dir, name, FileType::RegularFile, first, 0),
            made => made,
        });
        let made = made.and_then(|()| self.set_looks(name, looks, true));
        made.map_err(|errno| self.failed("create", name, errno))
    }

    /// A character device 0:0, which to overlayfs is the absence of `name`; `false`
    /// where this process may make none.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn make_whiteout(&self, name: &[u8]) -> Result<bool> {
        plain(name).map_err(|errno| self.failed("create", name, errno))?;
        let mode = Mode::from_raw_mode(FILE_MODE);
        let made = mknodat(&self.dir, name, FileType::CharacterDevice, mode, makedev(0, 0));
        match made {
            Err(error) if may_not(error) => Ok(false),
            other => other.map(|()| true).map_err(|errno| self.failed("create", name, errno)),
        }
    }

    /// Gives what is called `old` in `from` the name `name` in here as well.
    ///
    /// # Errors
    /// If it cannot.
    pub fn link(&self, name: &[u8], from: &Self, old: &[u8]) -> Result<()> {
        let made = plain(name).and_then(|()| plain(old));
        let made = made.and_then(|()| linkat(&from.dir, old, &self.dir, name, AtFlags::empty()));
        made.map_err(|errno| self.failed("link", name, errno))
    }

    /// Puts an attribute on the directory itself; `false` if it can have none such.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn mark(&self, name: &[u8], value: &[u8]) -> Result<bool> {
        let set = tolerate(fsetxattr(&self.dir, name, value, XattrFlags::empty()));
        set.context("set an attribute of", &self.path)
    }

    /// Makes the directory itself look like that, after all was put into it; gives
    /// whether it could have all the attributes.
    ///
    /// # Errors
    /// If it cannot.
    pub fn finish(self, looks: &Looks<'_>) -> Result<bool> {
        set_open(&self.dir, looks).context("finish", self.path)
    }

    fn set_looks(&self, name: &[u8], looks: &Looks<'_>, has_mode: bool) -> rustix::io::Result<()> {
        let there = statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let mut is_owned = (there.st_uid, there.st_gid) == looks.owner;
        if !is_owned {
            let (uid, gid) = ids(looks.owner);
            is_owned = tolerate(chownat(&self.dir, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW))?;
        }
        for (xattr, value) in looks.xattrs {
            tolerate(lsetxattr(self.proc_path(name), &xattr[..], value, XattrFlags::empty()))?;
        }
        if has_mode {
            // It is no link: it was made here, and nobody else knows of it.
            chmod(self.proc_path(name), mode(looks.mode, is_owned))?;
        }
        utimensat(&self.dir, name, &times(looks.mtime), AtFlags::SYMLINK_NOFOLLOW)
    }
}

impl NewFile {
    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.file.write_all_at(bytes, offset).map_err(|source| self.failed("write", source))
    }

    /// Ends the file at `len` bytes, with a hole if it is shorter.
    ///
    /// # Errors
    /// If it cannot be so long.
    pub fn set_len(&self, len: u64) -> Result<()> {
        ftruncate(&self.file, len).map_err(|errno| self.failed("write", errno.into()))
    }

    /// Makes the file look like that; gives whether it could have all the attributes.
    ///
    /// # Errors
    /// If it cannot.
    pub fn finish(self, looks: &Looks<'_>) -> Result<bool> {
        set_open(&self.file, looks).map_err(|errno| self.failed("finish", errno.into()))
    }

    fn failed(&self, verb: &'static str, source: io::Error) -> Error {
        Error { verb, path: self.path.clone(), source }
    }
}

/// Refuses what is no plain name.
fn plain(name: &[u8]) -> rustix::io::Result<()> {
    match name.contains(&b'/') || matches!(name, b"" | b"." | b"..") {
        true => Err(Errno::INVAL),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    const LOOKS: Looks<'static> = Looks { mode: 0o444, owner: (0, 0), mtime: (-7, 9), xattrs: &[] };

    #[test]
    fn what_is_made_looks_as_it_is_to() {
        let dir = tempfile::tempdir().unwrap();
        let tree = NewTree::create(&dir.path().join("t")).unwrap();
        let root = tree.dir(b"").unwrap();
        let mut looks = LOOKS;
        looks.owner = rustix::fs::fstat(&root.dir).map(|stat| (stat.st_uid, stat.st_gid)).unwrap();
        root.make_dir(b"d").unwrap();
        let below = tree.dir(b"d").unwrap();
        let file = below.make_file(b"\xff", &Looks { mode: 0o4755, ..looks }).unwrap();
        file.write_at(b"end", 1 << 20).unwrap();
        file.set_len(2 << 20).unwrap();
        file.finish(&Looks { mode: 0o4755, ..looks }).unwrap();
        root.link(b"again", &below, b"\xff").unwrap();
        below.make_symlink(b"l", b"/nowhere", &looks).unwrap();
        below.make_node(b"p", FileKind::Fifo, (0, 0), &looks).unwrap();
        below.finish(&Looks { mode: 0o1500, ..looks }).unwrap();
        let look = |path: &[u8]| {
            let path = dir.path().join("t").join(OsStr::from_bytes(path));
            let found = std::fs::symlink_metadata(path).unwrap();
            (found.mode() & 0o7777, found.mtime(), found.mtime_nsec(), found.len())
        };
        assert_eq!(look(b"again"), (0o4755, -7, 9, 2 << 20));
        assert_eq!((look(b"d").0, look(b"d").1), (0o1500, -7));
        assert_eq!((look(b"d/p"), look(b"d/l").1), ((0o444, -7, 9, 0), -7));
        let sparse = std::fs::metadata(dir.path().join("t/again")).unwrap();
        assert!(sparse.blocks() * 512 < 1 << 20, "{} blocks", sparse.blocks());
    }

    #[test]
    fn nothing_is_made_through_a_link_or_by_a_path() {
        let dir = tempfile::tempdir().unwrap();
        let tree = NewTree::create(&dir.path().join("t")).unwrap();
        let root = tree.dir(b"").unwrap();
        root.make_symlink(b"out", b"..", &LOOKS).unwrap();
        assert!(tree.dir(b"out").is_err() && tree.dir(b"..").is_err() && tree.dir(b"/").is_err());
        for name in [&b".."[..], b".", b"", b"out/x", b"../x"] {
            assert!(root.make_dir(name).is_err() && root.make_file(name, &LOOKS).is_err());
            assert!(root.make_whiteout(name).is_err() && root.make_symlink(name, b"x", &LOOKS).is_err());
        }
        assert!(root.make_file(b"out", &LOOKS).is_err(), "a link in its place is not followed");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
