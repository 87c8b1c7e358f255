//! A folder as the root directory of somebody: symbolic links are followed, and lead
//! nowhere else.

use std::ffi::CString;
use std::io::Read;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags, ResolveFlags, fchown, fstat, mkdirat, openat2, readlink, readlinkat};
use rustix::io::Errno;

use super::super::Result;
use super::super::error::Context;
use super::{FileKind, Folder, Stat, proc_path};

/// How many links a path may lead over, as in Linux.
const MAX_LINKS: usize = 40;

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

    /// The path of the directory that `path` leads to, without links; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be looked at.
    pub fn directory_path(&self, path: &[u8]) -> Result<Option<Vec<u8>>> {
        let led = match self.follow(path, OFlags::PATH | OFlags::DIRECTORY) {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            led => led.context("enter", self.host(path))?,
        };
        let told = |fd: &OwnedFd| {
            readlink(proc_path(fd), Vec::new()).map(CString::into_bytes).context("look at", self.host(path))
        };
        let (root, led) = (told(&self.dir)?, told(&led)?);
        Ok(led.strip_prefix(root.as_slice()).map(|inside| match inside {
            b"" => b"/".to_vec(),
            inside => inside.to_vec(),
        }))
    }

    /// Makes the directory that `path` leads to, with those above it, each that is missing
    /// for `owner` (user and group). A link that leads nowhere is followed: what it leads to is made.
    ///
    /// # Errors
    /// If something else is there, or it cannot be made.
    pub fn make_dirs_to(&self, path: &[u8], owner: (u32, u32)) -> Result<()> {
        let mut waiting: Vec<Vec<u8>> = Vec::new();
        let parts_of = |path: &[u8]| {
            let parts = path.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
            parts.map(<[u8]>::to_vec).rev().collect::<Vec<_>>()
        };
        waiting.extend(parts_of(path));
        let (mut done, mut links) = (Vec::new(), 0);
        while let Some(part) = waiting.pop() {
            let parent = done.clone();
            done.push(b'/');
            done.extend_from_slice(&part);
            match self.follow(&done, OFlags::PATH | OFlags::DIRECTORY) {
                Err(Errno::NOENT) => {}
                found => {
                    found.context("enter", self.host(path))?;
                    continue;
                }
            }
            match self.link_in(&parent, &part) {
                Some(_) if links == MAX_LINKS => {
                    return Err(Errno::LOOP).context("enter", self.host(path));
                }
                Some(target) => {
                    links += 1;
                    done = if target.starts_with(b"/") { Vec::new() } else { parent };
                    waiting.extend(parts_of(&target));
                }
                None => self.make_dir_in(&parent, &part, owner).context("create", self.host(path))?,
            }
        }
        Ok(())
    }

    /// The text of the link `name` in the directory `parent`, if it is one.
    fn link_in(&self, parent: &[u8], name: &[u8]) -> Option<Vec<u8>> {
        let parent = if parent.is_empty() { b"/" } else { parent };
        let parent = self.follow(parent, OFlags::PATH | OFlags::DIRECTORY).ok()?;
        readlinkat(&parent, name, Vec::new()).ok().map(CString::into_bytes)
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
