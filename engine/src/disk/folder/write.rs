//! Writing into a folder.

use std::fs;
use std::io::{self, Seek, SeekFrom, Write};

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags, chownat, fsync,
    linkat, makedev, mkdirat, mknodat, openat, removexattr, renameat, setxattr, symlinkat, syncfs, utimensat,
};
use rustix::io::Errno;

use super::super::Result;
use super::super::error::Context;
use super::{FileKind, Folder, proc_path};

/// What a new file is made with until it has the mode that it is to have.
const FIRST_MODE: u32 = 0o600;

impl Folder {
    /// A new, empty directory with exactly this mode.
    ///
    /// # Errors
    /// If there is something already, or no directory for it.
    pub fn make_dir(&self, path: &[u8], mode: u32) -> Result<()> {
        let made =
            self.parent(path).and_then(|(parent, name)| mkdirat(parent, name, Mode::from_raw_mode(0o700)));
        made.and_then(|()| self.chmod(path, mode)).context("create", self.host(path))
    }

    /// A new, empty file with exactly this mode, to be written. Writing may take
    /// set-user-ID and set-group-ID from it: see [`Self::set_mode`].
    ///
    /// # Errors
    /// If there is something already, or no directory for it.
    pub fn make_file(&self, path: &[u8], mode: u32) -> Result<OutputFile> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = self.parent(path).and_then(|(parent, name)| {
            let file = openat(parent, name, flags, Mode::from_raw_mode(FIRST_MODE))?;
            rustix::fs::fchmod(&file, Mode::from_raw_mode(mode))?;
            Ok(file)
        });
        let file = made.context("create", self.host(path))?.into();
        Ok(OutputFile { file })
    }

    /// A new symbolic link.
    ///
    /// # Errors
    /// If there is something already, or no directory for it.
    pub fn make_symlink(&self, path: &[u8], target: &[u8]) -> Result<()> {
        let made = self.parent(path).and_then(|(parent, name)| symlinkat(target, parent, name));
        made.context("create", self.host(path))
    }

    /// A new device, pipe or socket with exactly this mode; `device` counts for
    /// devices only, which only root can make.
    ///
    /// # Errors
    /// If there is something already, or no directory for it, or `kind` is
    /// something else.
    pub fn make_node(&self, path: &[u8], kind: FileKind, device: (u32, u32), mode: u32) -> Result<()> {
        let (kind, device) = match kind {
            FileKind::CharDevice => (FileType::CharacterDevice, makedev(device.0, device.1)),
            FileKind::BlockDevice => (FileType::BlockDevice, makedev(device.0, device.1)),
            FileKind::Fifo => (FileType::Fifo, 0),
            FileKind::Socket => (FileType::Socket, 0),
            _ => return Err(Errno::INVAL).context("create", self.host(path)),
        };
        let first = Mode::from_raw_mode(FIRST_MODE);
        let made = self.parent(path).and_then(|(parent, name)| mknodat(parent, name, kind, first, device));
        made.and_then(|()| self.chmod(path, mode)).context("create", self.host(path))
    }

    /// Gives what is at `from`, no directory, another name.
    ///
    /// # Errors
    /// If there is nothing, or something at `to` already.
    pub fn link(&self, from: &[u8], to: &[u8]) -> Result<()> {
        let made = self.parent(from).and_then(|(old, old_name)| {
            let (new, new_name) = self.parent(to)?;
            linkat(old, old_name, new, new_name, AtFlags::empty())
        });
        made.context("link", self.host(to))
    }

    /// Moves what is at `from` to `to`, in one step in place of what is there: a
    /// file, or for a directory an empty one.
    ///
    /// # Errors
    /// If there is nothing, or what is at `to` cannot be replaced.
    pub fn rename(&self, from: &[u8], to: &[u8]) -> Result<()> {
        let moved = self.parent(from).and_then(|(old, old_name)| {
            let (new, new_name) = self.parent(to)?;
            renameat(old, old_name, new, new_name)
        });
        moved.context("rename", self.host(from))
    }

    /// Sets the mode; a link has none, and is left alone.
    ///
    /// # Errors
    /// If there is nothing, or it is not ours.
    pub fn set_mode(&self, path: &[u8], mode: u32) -> Result<()> {
        self.chmod(path, mode).context("set the mode of", self.host(path))
    }

    fn chmod(&self, path: &[u8], mode: u32) -> rustix::io::Result<()> {
        let node = self.node(path)?;
        match rustix::fs::chmod(proc_path(&node), Mode::from_raw_mode(mode)) {
            Err(Errno::OPNOTSUPP) => Ok(()),
            other => other,
        }
    }

    /// Sets owner and group, of links too. Takes set-user-ID and set-group-ID
    /// from files, and `security.capability`: the owner comes first.
    ///
    /// # Errors
    /// If there is nothing, or it may not be given away.
    pub fn set_owner(&self, path: &[u8], uid: u32, gid: u32) -> Result<()> {
        let owned = match uid == u32::MAX || gid == u32::MAX {
            // To the kernel this means none, which no file has.
            true => Err(Errno::INVAL),
            false => self.node(path).and_then(|node| {
                let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
                chownat(node, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH)
            }),
        };
        owned.context("set the owner of", self.host(path))
    }

    /// Sets when the content was changed last, of links too; nanoseconds count
    /// forward from the second.
    ///
    /// # Errors
    /// If there is nothing, or it is not ours.
    pub fn set_mtime(&self, path: &[u8], (seconds, nanoseconds): (i64, u32)) -> Result<()> {
        let times = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            last_modification: Timespec { tv_sec: seconds, tv_nsec: nanoseconds.into() },
        };
        let set = self
            .parent(path)
            .and_then(|(parent, name)| utimensat(parent, name, &times, AtFlags::SYMLINK_NOFOLLOW));
        set.context("set the time of", self.host(path))
    }

    /// Sets an extended attribute, in place of what it was.
    ///
    /// # Errors
    /// If there is nothing, or it cannot have such an attribute.
    pub fn set_xattr(&self, path: &[u8], name: &[u8], value: &[u8]) -> Result<()> {
        let node = self.node(path);
        let set = node.and_then(|node| setxattr(proc_path(&node), name, value, XattrFlags::empty()));
        set.context("set an attribute of", self.host(path))
    }

    /// Removes an extended attribute; one that is not there is no error.
    ///
    /// # Errors
    /// If there is nothing, or the attribute has to stay.
    pub fn remove_xattr(&self, path: &[u8], name: &[u8]) -> Result<()> {
        match self.node(path).and_then(|node| removexattr(proc_path(&node), name)) {
            Err(Errno::NODATA) => Ok(()),
            other => other.context("remove an attribute of", self.host(path)),
        }
    }

    /// Makes the content of a file and its looks survive a power cut; not yet its name.
    ///
    /// # Errors
    /// If it cannot be opened, or writing fails.
    pub fn sync_file(&self, path: &[u8]) -> Result<()> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let synced =
            self.parent(path).and_then(|(parent, name)| fsync(openat(parent, name, flags, Mode::empty())?));
        synced.context("make durable", self.host(path))
    }

    /// Makes all that was written survive a power cut.
    ///
    /// # Errors
    /// If writing fails, be it of something else on the same file system.
    pub fn sync(&self) -> Result<()> {
        syncfs(&self.dir).context("make durable", &self.path)
    }
}

/// A new file in a folder. What is skipped over becomes a hole.
#[derive(Debug)]
pub struct OutputFile {
    file: fs::File,
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for OutputFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}
