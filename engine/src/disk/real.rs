//! The real disk: a directory of the host.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, Dir, FallocateFlags, FileType, FlockOperation, Mode as Permissions, OFlags, fstat, mkdirat,
    renameat, statat, unlinkat,
};
use rustix::io::Errno;

use super::below::each_below;
use super::beneath::{Beneath, again};
use super::error::Context;
use super::trust::{self, Distrust};
use super::{Allocated, Disk, Entry, File, Folder, Guard, Mode, Result};

/// Images may hold secrets: nobody but the owner reads what is stored.
const FILE_MODE: u32 = 0o600;
const DIR_MODE: u32 = 0o700;

/// `st_blocks` counts units of this many bytes on every Linux file system.
const BLOCK_BYTES: u64 = 512;

/// A directory of the host.
#[derive(Debug)]
pub struct RealDisk {
    root: PathBuf,
    beneath: Beneath,
}

impl RealDisk {
    /// The disk below `root`, which must be a directory that nobody else may write to.
    ///
    /// # Errors
    /// If it is not there, cannot be looked at, or is not trusted: see [`trust`].
    pub fn open(root: &Path) -> Result<Self> {
        trust::check_caller().map_err(io::Error::from).context("use", root)?;
        let root = fs::canonicalize(root).context("open", root)?;
        let beneath = Beneath::open(&root).map_err(|source| {
            let is_distrust = source.get_ref().is_some_and(|inner| inner.is::<Distrust>());
            let verb = if is_distrust { "use" } else { "open" };
            super::Error { verb, path: root.clone(), source }
        })?;
        Ok(Self { root, beneath })
    }

    /// The same, making the directory and its parents where they are missing:
    /// durably, or a first commit could go with them.
    ///
    /// # Errors
    /// If it cannot be made or looked at, or is not trusted.
    pub fn create(root: &Path) -> Result<Self> {
        make_durably(root)?;
        Self::open(root)
    }

    /// The path that errors name.
    fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.root.clone() } else { self.root.join(name) }
    }

    fn file(&self, name: &str, verb: &'static str, flags: OFlags) -> Result<Box<dyn File>> {
        let path = self.path(name);
        let file = self.beneath.file(name, flags, FILE_MODE).context(verb, &path)?;
        Ok(Box::new(RealFile { file: file.into(), path }))
    }
}

fn make_durably(dir: &Path) -> Result<()> {
    let make = || fs::DirBuilder::new().mode(DIR_MODE).create(dir);
    let mut made = make();
    if let Err(error) = made.as_ref()
        && error.kind() == io::ErrorKind::NotFound
        && let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty())
    {
        make_durably(parent)?;
        // Once: there are directories in which nothing can be made, /proc among them.
        made = make();
    }
    match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        made => made.context("create", dir)?,
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(parent).and_then(|parent| parent.sync_all()).context("make durable", parent)
}

impl Disk for RealDisk {
    fn create(&self, name: &str) -> Result<Box<dyn File>> {
        self.file(name, "create", OFlags::RDWR | OFlags::CREATE | OFlags::EXCL)
    }

    fn open(&self, name: &str) -> Result<Box<dyn File>> {
        self.file(name, "open", OFlags::RDONLY)
    }

    fn open_writable(&self, name: &str) -> Result<Box<dyn File>> {
        self.file(name, "open", OFlags::RDWR)
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let rename = || -> io::Result<()> {
            let ((from_dir, from), (to_dir, to)) = (self.beneath.parent(from)?, self.beneath.parent(to)?);
            Ok(renameat(from_dir, from, to_dir, to)?)
        };
        rename().context("put in place", self.path(to))
    }

    fn remove(&self, name: &str) -> Result<()> {
        let remove = || -> io::Result<()> {
            let (dir, last) = self.beneath.parent(name)?;
            Ok(unlinkat(dir, last, AtFlags::empty())?)
        };
        remove().context("remove", self.path(name))
    }

    fn create_dir(&self, name: &str) -> Result<()> {
        let create = || -> io::Result<()> {
            let (dir, last) = self.beneath.parent(name)?;
            match mkdirat(dir, last, Permissions::from_raw_mode(DIR_MODE)) {
                // One that somebody else has put there is not taken for ours.
                Err(Errno::EXIST) => self.beneath.check_dirs(name),
                made => Ok(made?),
            }
        };
        create().context("create", self.path(name))
    }

    fn remove_tree(&self, name: &str) -> Result<()> {
        // What was made of images and by containers may be deeper than files can be
        // opened, and may be closed to its owner.
        let (parent, last) = match self.beneath.parent(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            found => found.context("remove", self.path(name))?,
        };
        let above = name.rsplit_once('/').map_or("", |(above, _)| above);
        Folder::of(parent, self.path(above)).remove(last.as_bytes())
    }

    fn list(&self, dir: &str) -> Result<Vec<Entry>> {
        let path = self.path(dir);
        let opened = match self.beneath.dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            opened => opened.context("list", &path)?,
        };
        let mut found = Vec::new();
        for entry in Dir::read_from(&opened).context("list", &path)? {
            let entry = entry.context("list", &path)?;
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            let kind = match entry.file_type() {
                // Not every file system says it here.
                FileType::Unknown => match statat(&opened, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                    // Gone since: somebody else tidied up.
                    Err(Errno::NOENT) => continue,
                    stat => FileType::from_raw_mode(stat.context("look at", &path)?.st_mode),
                },
                kind => kind,
            };
            // larder writes only UTF-8 names; a foreign one shows itself as unknown.
            let name = entry.file_name().to_string_lossy().into_owned();
            found.push(Entry { name, is_dir: kind.is_dir() });
        }
        Ok(found)
    }

    fn file_bytes(&self, dir: &str) -> Result<u64> {
        let path = self.path(dir);
        self.beneath.check_dirs(dir).context("look at", &path)?;
        let mut bytes = 0;
        each_below(&path, &mut |_, metadata| {
            if metadata.is_file() {
                bytes += metadata.len();
            }
        })?;
        Ok(bytes)
    }

    fn sync_dir(&self, dir: &str) -> Result<()> {
        let sync = || -> io::Result<()> {
            let opened = self.beneath.dir(dir)?;
            Ok(again(|| rustix::fs::fsync(&opened))?)
        };
        sync().context("make durable", self.path(dir))
    }

    fn try_lock(&self, name: &str, mode: Mode) -> Result<Option<Box<dyn Guard>>> {
        let path = self.path(name);
        let file = self.beneath.file(name, OFlags::RDONLY, 0).context("open", &path)?;
        let operation = match mode {
            Mode::Shared => FlockOperation::NonBlockingLockShared,
            Mode::Exclusive => FlockOperation::NonBlockingLockExclusive,
        };
        match rustix::fs::flock(&file, operation) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(error).context("lock", path),
        }
        // Another file may have got the name meanwhile, and somebody else that one's lock.
        let inode = |file: &std::os::fd::OwnedFd| fstat(file).map(|stat| (stat.st_dev, stat.st_ino));
        let locked = inode(&file).context("look at", &path)?;
        match self.beneath.file(name, OFlags::RDONLY, 0) {
            Ok(named) if inode(&named).context("look at", &path)? == locked => {
                Ok(Some(Box::new(Flock { _file: file.into() })))
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).context("look at", path),
            _ => Ok(None),
        }
    }

    fn usage(&self, name: &str) -> Result<Vec<Allocated>> {
        let path = self.path(name);
        self.beneath.check_dirs(name).context("look at", &path)?;
        let mut found = Vec::new();
        each_below(&path, &mut |path, metadata| {
            let name = path.strip_prefix(&self.root).unwrap_or(path).to_string_lossy().into_owned();
            found.push(Allocated { name, bytes: metadata.blocks() * BLOCK_BYTES });
        })?;
        Ok(found)
    }

    fn host_path(&self, name: &str) -> Result<Option<PathBuf>> {
        let path = self.path(name);
        self.beneath.check_dirs(name).context("use", &path)?;
        Ok(Some(path))
    }

    fn check_all(&self, name: &str) -> Result<()> {
        self.beneath.check_all(name).context("use", self.path(name))
    }
}

#[derive(Debug)]
struct RealFile {
    file: fs::File,
    path: PathBuf,
}

impl File for RealFile {
    fn path(&self) -> &Path {
        &self.path
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.file.read_exact_at(buffer, offset).context("read", &self.path)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.file.write_all_at(bytes, offset).context("write", &self.path)
    }

    fn len(&self) -> Result<u64> {
        Ok(self.file.metadata().context("look at", &self.path)?.len())
    }

    fn truncate(&self, len: u64) -> Result<()> {
        self.file.set_len(len).context("cut", &self.path)
    }

    fn reserve(&self, offset: u64, len: u64) {
        // Not every file system can, and a full one need not.
        let _ = rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, offset, len);
    }

    fn sync(&self) -> Result<()> {
        self.file.sync_all().context("make durable", &self.path)
    }
}

/// The kernel lets go of a flock when the file is closed, however that comes about.
#[derive(Debug)]
struct Flock {
    _file: fs::File,
}

impl Guard for Flock {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_the_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::create(&dir.path().join("a/store")).unwrap();
        disk.create_dir("packs").unwrap();
        disk.create("packs/x").unwrap();
        let mode = |name: &str| fs::metadata(disk.path(name)).unwrap().mode() & 0o777;
        assert_eq!((mode(""), mode("packs"), mode("packs/x")), (0o700, 0o700, 0o600));
    }

    #[test]
    fn an_exclusive_lock_keeps_everybody_else_out() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(dir.path()).unwrap();
        disk.create("lock").unwrap();
        let shared = disk.try_lock("lock", Mode::Shared).unwrap();
        assert!(shared.is_some() && disk.try_lock("lock", Mode::Shared).unwrap().is_some());
        assert!(disk.try_lock("lock", Mode::Exclusive).unwrap().is_none());
        drop(shared);
        let exclusive = disk.try_lock("lock", Mode::Exclusive).unwrap();
        assert!(exclusive.is_some() && disk.try_lock("lock", Mode::Shared).unwrap().is_none());
    }
}
