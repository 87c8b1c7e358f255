//! Files of a container into a directory of this machine.

use std::collections::HashMap;
use std::io::Write;

use super::error::Error;
use super::{END_BYTES, tar_bytes};
use crate::Result;
use crate::container::view::NodeId;
use crate::container::{self, RootFs};
use crate::disk::{self, FileKind, Folder};
use crate::tar::{Entry, EntryKind};
use crate::task::Task;

/// What a new file and a new directory may have done to it until it is finished.
const FILE_MODE: u32 = 0o600;
const DIR_MODE: u32 = 0o700;

/// The attribute that gives a program capabilities: Docker copies no other.
const CAPABILITY: &[u8] = b"security.capability";

/// Files on their way into a directory.
pub struct Extraction<'e> {
    rootfs: RootFs,
    folder: Folder,
    /// Whether owners and all extended attributes are kept.
    archive: bool,
    task: &'e Task,
    /// Of files with several names, the first.
    first_names: HashMap<u32, NodeId>,
    /// How much of a path in the container goes, and what comes instead.
    from_bytes: usize,
    name: Vec<u8>,
    /// The directories on the way: each is finished when all in it is there.
    dirs: Vec<NodeId>,
    bytes: u64,
}

impl<'e> Extraction<'e> {
    /// Files of `rootfs` into `folder`.
    pub fn new(rootfs: RootFs, folder: Folder, archive: bool, task: &'e Task) -> Self {
        let (first_names, name, dirs) = (HashMap::new(), Vec::new(), Vec::new());
        Self { rootfs, folder, archive, task, first_names, from_bytes: 0, name, dirs, bytes: END_BYTES }
    }

    /// Puts `from` there as `name`, with all below it; without a name, what is in
    /// it.
    ///
    /// # Errors
    /// If something is in the way, or the disk fails.
    pub fn extract(&mut self, from: NodeId, name: &[u8]) -> Result<()> {
        self.from_bytes = self.rootfs.view().path(from).len();
        self.name = name.to_vec();
        let nodes: Vec<_> = self.rootfs.view().walk(from).collect();
        for node in nodes {
            self.task.check()?;
            let parent = self.rootfs.view().parent(node);
            while self.dirs.last().is_some_and(|dir| *dir != parent) {
                self.finish_dir()?;
            }
            let entry = self.rootfs.view().entry(node);
            self.bytes += tar_bytes(&entry.kind, entry.size);
            let path = self.path_of(&entry.name);
            // The directory was there, and keeps its looks.
            if !path.is_empty() {
                self.put(node, entry, &path)?;
            }
        }
        Ok(())
    }

    /// Finishes the directories; gives how long a tar of all would be.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn finish(mut self) -> Result<u64> {
        while !self.dirs.is_empty() {
            self.finish_dir()?;
        }
        Ok(self.bytes)
    }

    /// Finishes the innermost directory.
    fn finish_dir(&mut self) -> Result<()> {
        let Some(node) = self.dirs.pop() else { return Ok(()) };
        let entry = self.rootfs.view().entry(node);
        self.set_attributes(&self.path_of(&entry.name), &entry)
    }

    /// Where the file goes whose path in the container is `path`.
    fn path_of(&self, path: &[u8]) -> Vec<u8> {
        let rest = path.get(self.from_bytes..).unwrap_or_default();
        // Below the root the rest has no slash of its own, elsewhere it begins with one.
        let rest = rest.strip_prefix(b"/").unwrap_or(rest);
        match (self.name.is_empty(), rest.is_empty()) {
            (false, false) => [&self.name[..], b"/", rest].concat(),
            _ => [&self.name[..], rest].concat(),
        }
    }

    fn put(&mut self, node: NodeId, entry: Entry, path: &[u8]) -> Result<()> {
        let is_directory = entry.kind == EntryKind::Directory;
        let there = self.folder.stat(path)?.map(|stat| stat.kind == FileKind::Directory);
        let host = || [self.folder.path().as_os_str().as_encoded_bytes(), b"/", path].concat();
        match there {
            Some(true) if !is_directory => {
                return Err(Error::OverDirectory { there: host(), new: entry.name }.into());
            }
            Some(false) if is_directory => {
                return Err(Error::OverFile { there: host(), new: entry.name }.into());
            }
            Some(false) => self.folder.remove(path)?,
            _ => {}
        }
        if is_directory {
            if there.is_none() {
                self.folder.make_dir(path, DIR_MODE)?;
            }
            self.dirs.push(node);
            return Ok(());
        }
        if self.rootfs.view().links(node) > 1 {
            let file = self.rootfs.view().file(node);
            if let Some(first) = self.first_names.get(&file) {
                let first = self.path_of(&self.rootfs.view().path(*first));
                return Ok(self.folder.link(&first, path)?);
            }
            self.first_names.insert(file, node);
        }
        match &entry.kind {
            EntryKind::Symlink(target) => self.folder.make_symlink(path, target)?,
            EntryKind::CharDevice(device) => {
                let device = (device.major, device.minor);
                self.folder.make_node(path, FileKind::CharDevice, device, FILE_MODE)?;
            }
            EntryKind::BlockDevice(device) => {
                let device = (device.major, device.minor);
                self.folder.make_node(path, FileKind::BlockDevice, device, FILE_MODE)?;
            }
            EntryKind::Fifo => self.folder.make_node(path, FileKind::Fifo, (0, 0), FILE_MODE)?,
            EntryKind::File | EntryKind::Hardlink(_) | EntryKind::Directory => self.write(node, path)?,
        }
        self.set_attributes(path, &entry)
    }

    fn write(&mut self, node: NodeId, path: &[u8]) -> Result<()> {
        let mut file = self.folder.make_file(path, FILE_MODE)?;
        let task = self.task;
        self.rootfs.copy(node, &mut |bytes| {
            task.check()?;
            file.write_all(bytes).map_err(container::Error::Output)
        })?;
        Ok(())
    }

    /// Owner, attributes, mode and time, in the order in which none undoes another.
    fn set_attributes(&self, path: &[u8], entry: &Entry) -> Result<()> {
        if self.archive {
            as_far_as_allowed(self.folder.set_owner(path, entry.uid, entry.gid))?;
        }
        for (name, value) in &entry.xattrs {
            if self.archive || name == CAPABILITY {
                as_far_as_allowed(self.folder.set_xattr(path, name, value))?;
            }
        }
        self.folder.set_mode(path, entry.mode)?;
        Ok(self.folder.set_mtime(path, (entry.mtime.seconds, entry.mtime.nanoseconds))?)
    }
}

/// What only root may do, and what the file system cannot, is not done: as `cp -a`.
fn as_far_as_allowed(done: disk::Result<()>) -> Result<()> {
    use std::io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    match done {
        Err(error) if matches!(error.kind(), PermissionDenied | Unsupported | InvalidInput) => Ok(()),
        other => Ok(other?),
    }
}
