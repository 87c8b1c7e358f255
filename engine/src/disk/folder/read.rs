//! Reading a folder.

use std::fs;
use std::os::fd::AsFd;

use rustix::fs::{Dir, Mode, OFlags, fstat, getxattr, listxattr, readlinkat};
use rustix::io::Errno;

use super::super::error::Context;
use super::super::{InputFile, Result};
use super::{FileKind, Folder, Stat, proc_path};

impl Folder {
    /// What is at `path`; `None` if nothing, or if a part before the last is no
    /// directory, be it a link to one.
    ///
    /// # Errors
    /// If it cannot be looked at.
    pub fn stat(&self, path: &[u8]) -> Result<Option<Stat>> {
        let stat = self.node(path).and_then(fstat).and_then(|stat| Stat::of(&stat));
        match stat {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            other => other.map(Some).context("look at", self.host(path)),
        }
    }

    /// What the symbolic link at `path` points to.
    ///
    /// # Errors
    /// If there is none.
    pub fn read_link(&self, path: &[u8]) -> Result<Vec<u8>> {
        let target = self.node(path).and_then(|node| readlinkat(node, "", Vec::new()));
        target.map(|target| target.into_bytes()).context("read the link", self.host(path))
    }

    /// The extended attributes of what is at `path`, by name: all that the kernel
    /// shows, and none where the file system has none.
    ///
    /// # Errors
    /// If there is nothing, or they cannot be read.
    pub fn xattrs(&self, path: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.read_xattrs(path).context("read the attributes of", self.host(path))
    }

    fn read_xattrs(&self, path: &[u8]) -> rustix::io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let node = self.node(path)?;
        let file = proc_path(&node);
        let list = match sized(|room| listxattr(&file, room)) {
            Err(Errno::NOTSUP) => return Ok(Vec::new()),
            other => other?,
        };
        let mut found = Vec::new();
        for name in list.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            match sized(|room| getxattr(&file, name, room)) {
                // Gone since, or the kernel's own and not for everybody.
                Err(Errno::NODATA | Errno::NOTSUP) => {}
                value => found.push((name.to_vec(), value?)),
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Opens the regular file at `path` to read.
    ///
    /// # Errors
    /// If there is none, or something else, or it may not be read.
    pub fn open_file(&self, path: &[u8]) -> Result<InputFile> {
        let file = self.open_regular(path).context("open", self.host(path))?;
        InputFile::whole(file).context("look at", self.host(path))
    }

    fn open_regular(&self, path: &[u8]) -> rustix::io::Result<fs::File> {
        // Opening a device may do something; what is no file is not opened at all.
        let node = self.node(path)?;
        match Stat::of(&fstat(&node)?)?.kind {
            FileKind::File => {}
            FileKind::Directory => return Err(Errno::ISDIR),
            _ => return Err(Errno::INVAL),
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        rustix::fs::open(proc_path(&node), flags, Mode::empty()).map(fs::File::from)
    }
}

/// The names in a directory, in no order.
pub(super) fn names(dir: impl AsFd) -> rustix::io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            names.push(name.to_vec());
        }
    }
    Ok(names)
}

/// What `read` puts into a buffer that is large enough.
fn sized(read: impl Fn(&mut [u8]) -> rustix::io::Result<usize>) -> rustix::io::Result<Vec<u8>> {
    /// The kernel has no attribute, and no list of them, that is larger.
    const MAX_BYTES: usize = 1 << 16;
    let mut buffer = vec![0; 256];
    let len = match read(&mut buffer) {
        Err(Errno::RANGE) => {
            buffer.resize(MAX_BYTES, 0);
            read(&mut buffer)?
        }
        other => other?,
    };
    buffer.truncate(len);
    Ok(buffer)
}
