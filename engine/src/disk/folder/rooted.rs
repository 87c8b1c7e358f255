//! A folder as the root directory of somebody: symbolic links are followed, and lead
//! nowhere else.

use std::io::Read;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags, ResolveFlags, fchown, fstat, mkdirat, openat2};
use rustix::io::Errno;

use super::super::Result;
use super::super::error::Context;
use super::{FileKind, Folder, Stat, proc_path};

impl Folder {
    /// Opens what `path` leads to, as a process would whose root directory this is. The
    /// kernel resolves it in one call: nobody can put a link in the way meanwhile.
    fn follow(&self, path: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        openat2(&self.dir, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve)
    }

    /// The text of the regular file that `path` leads to, up to `max_bytes` of it; empty if
    /// there is none, or something else.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn text_of(&self, path: &[u8], max_bytes: u64) -> Result<String> {
        let open = || -> rustix::io::Result<Option<OwnedFd>> {
            let node = match self.follow(path, OFlags::PATH) {
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
                node => node?,
            };
            // Opening a device may do something.
            if Stat::of(&fstat(&node)?)?.kind != FileKind::File {
                return Ok(None);
            }
            rustix::fs::open(proc_path(&node), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map(Some)
        };
        let mut bytes = Vec::new();
        if let Some(file) = open().context("open", self.host(path))? {
            let mut file = std::fs::File::from(file).take(max_bytes);
            file.read_to_end(&mut bytes).context("read", self.host(path))?;
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Why no process could be in the directory that `path` leads to; nothing if one can.
    ///
    /// # Errors
    /// If it cannot be looked at.
    pub fn why_no_directory(&self, path: &[u8]) -> Result<Option<&'static str>> {
        match self.follow(path, OFlags::PATH | OFlags::DIRECTORY) {
            Err(Errno::NOENT) => Ok(Some("no such file or directory")),
            Err(Errno::NOTDIR) => Ok(Some("not a directory")),
            Err(Errno::LOOP) => Ok(Some("too many levels of symbolic links")),
            found => found.map(|_| None).context("enter", self.host(path)),
        }
    }

    /// Makes the directory that `path` leads to, with those above it, each that is missing
    /// for `owner` (user and group).
    ///
    /// # Errors
    /// If something else is there, or it cannot be made.
    pub fn make_dirs_to(&self, path: &[u8], owner: (u32, u32)) -> Result<()> {
        let mut done = Vec::new();
        for part in path.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b".")) {
            let parent = done.clone();
            done.push(b'/');
            done.extend_from_slice(part);
            match self.follow(&done, OFlags::PATH | OFlags::DIRECTORY) {
                Err(Errno::NOENT) => {
                    self.make_dir_in(&parent, part, owner).context("create", self.host(path))?;
                }
                found => _ = found.context("enter", self.host(path))?,
            }
        }
        Ok(())
    }

    fn make_dir_in(&self, parent: &[u8], name: &[u8], (uid, gid): (u32, u32)) -> rustix::io::Result<()> {
        let parent = if parent.is_empty() { b"/" } else { parent };
        let parent = self.follow(parent, OFlags::PATH | OFlags::DIRECTORY)?;
        mkdirat(&parent, name, Mode::from_raw_mode(0o755))?;
        if (uid, gid) != (0, 0) {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let made = rustix::fs::openat(&parent, name, flags, Mode::empty())?;
            fchown(&made, Some(rustix::fs::Uid::from_raw(uid)), Some(rustix::fs::Gid::from_raw(gid)))?;
        }
        Ok(())
    }

    /// A path by which a socket in it is reached, however long its own is: a socket's path
    /// is at most 107 bytes.
    pub fn short_path(&self, name: &str) -> String {
        format!("{}/{name}", proc_path(&self.dir))
    }
}
