//! Walking a folder.

use std::vec::IntoIter;

use rustix::fs::{AtFlags, OFlags, fstat, statat};
use rustix::io::Errno;

use super::super::Result;
use super::super::error::Context;
use super::read::names;
use super::{FileKind, Folder, Stat};

/// Something in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderEntry {
    /// Where it is, relative to the folder.
    pub path: Vec<u8>,
    /// What it is.
    pub stat: Stat,
}

/// Goes through a tree: see [`Folder::walk`].
#[derive(Debug)]
pub struct Walk<'f> {
    folder: &'f Folder,
    /// What the walk starts at, until it has.
    start: Option<Vec<u8>>,
    /// The directories that the walk is in, outermost first, and what is to come in each.
    levels: Vec<Level>,
}

#[derive(Debug)]
struct Level {
    path: Vec<u8>,
    rest: IntoIter<(Vec<u8>, Stat)>,
}

impl Folder {
    /// All that is at `from` and below: a directory before what is in it, and
    /// that sorted by name, byte by byte. No file stays open from one step to the
    /// next; what disappears meanwhile is left out.
    ///
    /// A step fails if there is nothing at `from`, or a directory cannot be
    /// listed; the walk goes on after it.
    pub fn walk(&self, from: &[u8]) -> Walk<'_> {
        Walk { folder: self, start: Some(from.to_vec()), levels: Vec::new() }
    }

    fn list(&self, path: &[u8]) -> rustix::io::Result<Vec<(Vec<u8>, Stat)>> {
        let dir = self.resolve(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let mut found = Vec::new();
        for name in names(&dir)? {
            match statat(&dir, &name[..], AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => {}
                stat => found.push((name, Stat::of(&stat?)?)),
            }
        }
        found.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        Ok(found)
    }
}

impl Walk<'_> {
    fn first(&self, path: Vec<u8>) -> Result<FolderEntry> {
        let stat = self.folder.node(&path).and_then(fstat).and_then(|stat| Stat::of(&stat));
        let stat = stat.context("look at", self.folder.host(&path))?;
        Ok(FolderEntry { path, stat })
    }

    /// The next entry of the directories that the walk is in.
    fn step(&mut self) -> Option<FolderEntry> {
        while let Some(level) = self.levels.last_mut() {
            if let Some((name, stat)) = level.rest.next() {
                let mut path = level.path.clone();
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(&name);
                return Some(FolderEntry { path, stat });
            }
            self.levels.pop();
        }
        None
    }

    fn enter(&mut self, path: &[u8]) -> Result<()> {
        match self.folder.list(path) {
            Err(Errno::NOENT) => Ok(()),
            listed => {
                let rest = listed.context("list", self.folder.host(path))?.into_iter();
                self.levels.push(Level { path: path.to_vec(), rest });
                Ok(())
            }
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<FolderEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = match self.start.take() {
            Some(start) => match self.first(start) {
                Ok(entry) => entry,
                Err(error) => return Some(Err(error)),
            },
            None => self.step()?,
        };
        if entry.stat.kind == FileKind::Directory
            && let Err(error) = self.enter(&entry.path)
        {
            return Some(Err(error));
        }
        Some(Ok(entry))
    }
}
