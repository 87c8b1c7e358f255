//! A directory of this machine as a tar.
//!
//! The tar depends on the directory and on nothing else: names in the order of
//! their bytes, a directory before what is in it, each file's bytes at the first
//! of its names. The directory itself is the first entry, `./`. Sockets, which
//! no tar can hold, are left out.

use std::collections::HashMap;
use std::io::{self, Read};

use super::{Error, Result, entry_of};
use crate::disk::{FileKind, Folder, InputFile, Walk};
use crate::tar::{END, Entry, EntryKind, padding_bytes};
use crate::task::{Event, Task};

/// The tar of a directory, to be read in one pass.
#[derive(Debug)]
pub struct FolderTar<'f> {
    folder: &'f Folder,
    walk: Walk<'f>,
    task: &'f Task,
    /// Of files with several names, the one that was told first.
    first_names: HashMap<(u64, u64), Vec<u8>>,
    /// Headers and padding, and how much of them was read.
    pending: (Vec<u8>, usize),
    file: Option<Reading>,
    ended: bool,
}

/// A file whose bytes are next.
#[derive(Debug)]
struct Reading {
    path: Vec<u8>,
    file: InputFile,
    size: u64,
    left: u64,
}

impl<'f> FolderTar<'f> {
    /// The tar of `folder`.
    pub fn new(folder: &'f Folder, task: &'f Task) -> Self {
        let (walk, first_names) = (folder.walk(b""), HashMap::new());
        Self { folder, walk, task, first_names, pending: Default::default(), file: None, ended: false }
    }

    /// Plans the next entry.
    fn more(&mut self) -> Result<()> {
        self.task.check()?;
        let Some(found) = self.walk.next().transpose()? else {
            self.ended = true;
            self.pending = (END.to_vec(), 0);
            return Ok(());
        };
        let path = found.path;
        let Some(mut entry) = entry_of(self.folder, &path, &found.stat)? else {
            if found.stat.kind == FileKind::Socket {
                let text = format!("{} is a socket, and is left out", String::from_utf8_lossy(&path));
                self.task.report(&Event::Notice { text: &text });
            }
            return Ok(());
        };
        if path.is_empty() {
            entry.name = b"./".to_vec();
        }
        if found.stat.links > 1 && found.stat.kind != FileKind::Directory {
            match self.first_names.get(&found.stat.inode) {
                Some(first) => {
                    let kind = EntryKind::Hardlink(first.clone());
                    entry = Entry { kind, size: 0, xattrs: Vec::new(), ..entry };
                }
                None => _ = self.first_names.insert(found.stat.inode, path.clone()),
            }
        }
        self.pending = (entry.encode(), 0);
        if entry.kind == EntryKind::File && entry.size > 0 {
            let file = self.folder.open_file(&path)?;
            self.file = Some(Reading { path, file, size: entry.size, left: entry.size });
        }
        Ok(())
    }
}

impl Read for FolderTar<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let (bytes, at) = &mut self.pending;
            let rest = bytes.get(*at..).unwrap_or_default();
            if !rest.is_empty() {
                let len = rest.len().min(buffer.len());
                for (to, from) in buffer.iter_mut().zip(rest) {
                    *to = *from;
                }
                *at += len;
                return Ok(len);
            }
            if let Some(reading) = &mut self.file {
                let len = reading.read(buffer)?;
                if reading.left == 0 {
                    self.pending = (vec![0; padding_bytes(reading.size) as usize], 0);
                    self.file = None;
                }
                return Ok(len);
            }
            if self.ended {
                return Ok(0);
            }
            self.more().map_err(io::Error::other)?;
        }
    }
}

impl Reading {
    /// As many bytes as were announced: a directory may be changed meanwhile.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let len = self.file.read(buffer.get_mut(..room).unwrap_or_default())?;
        if len == 0 && room > 0 {
            return Err(io::Error::other(Error::Changed { path: self.path.clone() }));
        }
        self.left -= len as u64;
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tar::Entries;
    use std::io::Write;

    fn read(folder: &Folder) -> Vec<u8> {
        let mut tar = Vec::new();
        FolderTar::new(folder, &Task::silent()).read_to_end(&mut tar).unwrap();
        tar
    }

    #[test]
    fn a_directory_is_the_same_tar_every_time() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        folder.make_dir(b"b", 0o750).unwrap();
        folder.make_file(b"b/file", 0o4755).unwrap().write_all(&[7; 700]).unwrap();
        folder.set_mode(b"b/file", 0o4755).unwrap();
        folder.set_xattr(b"b/file", b"user.x", b"y").unwrap();
        folder.link(b"b/file", b"c").unwrap();
        folder.make_symlink(b"a", b"b/file").unwrap();
        folder.make_node(b"fifo", FileKind::Fifo, (0, 0), 0o600).unwrap();
        folder.make_node(b"socket", FileKind::Socket, (0, 0), 0o600).unwrap();
        folder.make_file(b"\xffodd", 0o600).unwrap();
        for path in [&b"b/file"[..], b"a", b"b"] {
            folder.set_mtime(path, (-5, 123)).unwrap();
        }
        let tar = read(&folder);
        assert_eq!(read(&folder), tar);
        let mut entries = Entries::new(&tar[..]);
        let mut found = Vec::new();
        while let Some(entry) = entries.next().unwrap() {
            let mut bytes = Vec::new();
            entries.payload().read_to_end(&mut bytes).unwrap();
            found.push((entry.entry, bytes));
        }
        let names: Vec<_> = found.iter().map(|(entry, _)| entry.name.escape_ascii().to_string()).collect();
        assert_eq!(names, ["./", "a", "b/", "b/file", "c", "fifo", "\\xffodd"]);
        let (file, bytes) = &found[3];
        assert_eq!((file.mode, file.mtime.seconds, file.mtime.nanoseconds), (0o4755, -5, 123));
        assert_eq!(file.xattrs, [(b"user.x".to_vec(), b"y".to_vec())]);
        assert_eq!(bytes, &[7; 700]);
        assert_eq!(found[4].0.kind, EntryKind::Hardlink(b"b/file".to_vec()));
        assert_eq!(found[1].0.kind, EntryKind::Symlink(b"b/file".to_vec()));
    }
}
