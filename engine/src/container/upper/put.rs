//! Writing to the writable layer.

use std::io::{self, Write};

use super::super::on_disk::is_label;
use super::super::overlay::{SPACES, escaped};
use super::super::view::{Follow, View};
use super::super::{Error, Result};
use super::apply::Met;
use super::kept::Record;
use super::{OLD, Upper};
use crate::disk::{self, FileKind, Folder};
use crate::tar::{Data, Entry, EntryKind, Found};

/// Writes the content of a file.
pub type Fill<'f> = &'f mut dyn FnMut(&mut dyn Write) -> Result<()>;

/// What the owner must be able to do for larder to read a file back.
const READABLE: u32 = 0o600;
const ENTERABLE: u32 = 0o700;
/// What must not be done in the name of somebody else.
const SET_ID: u32 = 0o6000;

impl Upper {
    /// Whether what `path` names lies in this layer.
    ///
    /// # Errors
    /// If it cannot be looked at.
    pub fn has(&self, path: &[u8]) -> Result<bool> {
        if self.is_mounted {
            // What it is linked to, overlayfs sees to.
            return Ok(true);
        }
        let Some(stat) = self.files.stat(path)? else { return Ok(false) };
        Ok(!matches!(self.met_on_disk(path, &stat)?, Met::Whiteout))
    }

    /// Puts `entry` at its name, a path of `view` in which no part before the
    /// last is a link; `view` is what the container looks like, and changes with
    /// it. A directory on a directory changes that one; all else replaces what is
    /// there. The directory that it lies in does not change its looks.
    ///
    /// A hard link leads to a file that is in this layer.
    ///
    /// # Errors
    /// If it cannot be written; then what was there still is, or is gone where a
    /// directory replaces something else.
    pub fn put(&mut self, view: &mut View, entry: Entry, fill: Fill<'_>) -> Result<()> {
        self.write(view, &entry, fill)?;
        Self::tell(view, entry)
    }

    /// Makes `view` know what was written.
    ///
    /// # Errors
    /// If there is more than a view can hold.
    pub fn tell(view: &mut View, entry: Entry) -> Result<()> {
        let data = if entry.kind == EntryKind::File { Data::Plain { offset: 0 } } else { Data::None };
        view.place(Found { entry, data })
    }

    /// Does what [`Upper::put`] does, but for the view.
    ///
    /// # Errors
    /// As there.
    pub fn write(&mut self, view: &View, entry: &Entry, fill: Fill<'_>) -> Result<()> {
        let path = &entry.name;
        let is_directory = entry.kind == EntryKind::Directory;
        let there = view.find(path, Follow::No).ok();
        if is_directory && there.is_some_and(|node| view.is_directory(node)) {
            self.copy_up(view, path)?;
            return self.take_over(path, entry);
        }
        self.copy_up(view, parent_of(path))?;
        if let EntryKind::Hardlink(target) = &entry.kind {
            self.link(target, path)?;
        } else {
            // What is here hides what lower layers may have in a directory.
            let hides = is_directory && self.files.stat(path)?.is_some();
            self.install(entry, fill, hides)?;
        }
        self.restore_parent(view, path)
    }

    /// Sees to it that the directory `path` of `view` is in the layer, with all
    /// above it.
    fn copy_up(&mut self, view: &View, path: &[u8]) -> Result<()> {
        if self.settled.as_deref() == Some(path) {
            return Ok(());
        }
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        for end in ends.chain([path.len()]) {
            let dir = path.get(..end).unwrap_or_default();
            if dir.is_empty() || self.files.stat(dir)?.is_some_and(|stat| stat.kind == FileKind::Directory) {
                continue;
            }
            let node = view.find(dir, Follow::No)?;
            if !view.is_directory(node) {
                return Err(Error::NotADirectory { path: dir.into() });
            }
            self.install(&view.entry(node), &mut |_| Ok(()), false)?;
            self.restore_parent(view, dir)?;
        }
        self.settled = Some(path.to_vec());
        Ok(())
    }

    /// Makes the directory of `path` look as it does in `view`, after something
    /// in it was changed.
    fn restore_parent(&self, view: &View, path: &[u8]) -> Result<()> {
        let parent = parent_of(path);
        let mtime = view.mtime(view.find(parent, Follow::No)?);
        Ok(self.files.set_mtime(parent, (mtime.seconds, mtime.nanoseconds))?)
    }

    /// Makes `entry` and puts it in its place.
    fn install(&mut self, entry: &Entry, fill: Fill<'_>, is_opaque: bool) -> Result<()> {
        let new = self.passing(&entry.name);
        make(&self.dir, &new, entry, fill)?;
        set_attributes(&self.dir, &new, entry)?;
        // Where it is mounted, what is removed leaves what hides lower layers.
        if is_opaque && !self.is_mounted {
            set_opaque(&self.dir, &new)?;
        }
        if entry.kind == EntryKind::File {
            // A cut would leave the name, and zeros behind it: file systems write
            // names first.
            self.dir.sync_file(&new)?;
        }
        let path = &entry.name;
        self.move_in(path, entry.kind == EntryKind::Directory)?;
        if entry.kind == EntryKind::Directory {
            self.files.set_mtime(path, (entry.mtime.seconds, entry.mtime.nanoseconds))?;
        }
        self.keep(entry)
    }

    /// Gives what was made the name `path`, instead of what has it.
    fn move_in(&mut self, path: &[u8], is_directory: bool) -> Result<()> {
        let (place, new) = (self.place(path), self.passing(path));
        let there = self.files.stat(path)?.map(|stat| stat.kind == FileKind::Directory);
        match there {
            // A directory of the image has no other name where it is mounted.
            Some(true) if self.is_mounted => self.files.remove(path)?,
            Some(true) => {
                self.dir.remove(OLD)?;
                self.dir.rename(&place, OLD)?;
            }
            Some(false) if is_directory => self.files.remove(path)?,
            _ => {}
        }
        self.dir.rename(&new, &place)?;
        if there == Some(true) {
            if !self.is_mounted {
                self.dir.remove(OLD)?;
            }
            self.settled = None;
        }
        self.kept.forget_tree(path);
        Ok(())
    }

    fn link(&mut self, target: &[u8], path: &[u8]) -> Result<()> {
        let new = self.passing(path);
        self.dir.remove(&new)?;
        self.dir.link(&self.place(target), &new)?;
        let record = self.kept.get(target).cloned();
        self.move_in(path, false)?;
        // A name of the same file was there already, and both have stayed.
        self.dir.remove(&new)?;
        self.kept.set(path, record);
        Ok(())
    }

    /// Makes what is at `path` look like `entry`, and keeps what it cannot.
    pub(super) fn take_over(&mut self, path: &[u8], entry: &Entry) -> Result<()> {
        set_attributes(&self.files, path, entry)?;
        self.keep(&Entry { name: path.to_vec(), ..entry.clone() })
    }

    /// Keeps of `entry`, which is in its place, what cannot be read back.
    fn keep(&mut self, entry: &Entry) -> Result<()> {
        let path = &entry.name;
        if self.is_mounted {
            // Who can mount can do everything that is meant.
            return Ok(());
        }
        let absent = || Error::NoFile { path: path.clone() };
        let stat = self.files.stat(path)?.ok_or_else(absent)?;
        let record = match self.met_on_disk(path, &stat)? {
            Met::File(found) | Met::Opaque(found) => Record::of(entry, &found, stat.inode.1),
            Met::Whiteout | Met::Unknown => return Err(Error::LikeWhiteout { path: path.clone() }),
        };
        self.kept.set(path, record);
        Ok(())
    }
}

/// The directory that `path` lies in.
fn parent_of(path: &[u8]) -> &[u8] {
    let slash = path.iter().rposition(|byte| *byte == b'/');
    slash.and_then(|slash| path.get(..slash)).unwrap_or_default()
}

/// Makes `entry` under the passing name; of a device that may not be made, an
/// empty file takes the place.
fn make(dir: &Folder, new: &[u8], entry: &Entry, fill: Fill<'_>) -> Result<()> {
    dir.remove(new)?;
    let made = match &entry.kind {
        EntryKind::Directory => dir.make_dir(new, ENTERABLE),
        EntryKind::Symlink(target) => dir.make_symlink(new, target),
        EntryKind::CharDevice(device) if (device.major, device.minor) == (0, 0) => {
            // To overlayfs, and to who reads the layer, this would be a whiteout.
            dir.make_file(new, READABLE).map(drop)
        }
        EntryKind::CharDevice(device) => {
            dir.make_node(new, FileKind::CharDevice, (device.major, device.minor), READABLE)
        }
        EntryKind::BlockDevice(device) => {
            dir.make_node(new, FileKind::BlockDevice, (device.major, device.minor), READABLE)
        }
        EntryKind::Fifo => dir.make_node(new, FileKind::Fifo, (0, 0), READABLE),
        EntryKind::File | EntryKind::Hardlink(_) => {
            let file = dir.make_file(new, READABLE)?;
            let mut out = io::BufWriter::with_capacity(1 << 18, file);
            fill(&mut out)?;
            return out.flush().map_err(Error::Output);
        }
    };
    match made {
        Err(error) if matches!(entry.kind, EntryKind::CharDevice(_) | EntryKind::BlockDevice(_)) => {
            tolerate(Err(error))?;
            Ok(dir.make_file(new, READABLE).map(drop)?)
        }
        made => Ok(made?),
    }
}

/// Makes `path` look like `entry`, as far as this process may.
fn set_attributes(folder: &Folder, path: &[u8], entry: &Entry) -> Result<()> {
    let absent = || Error::NoFile { path: path.into() };
    let there = folder.stat(path)?.ok_or_else(absent)?;
    let mut is_owned = (there.uid, there.gid) == (entry.uid, entry.gid);
    if !is_owned {
        is_owned = tolerate(folder.set_owner(path, entry.uid, entry.gid))?;
    }
    for (name, _) in folder.xattrs(path)? {
        let is_overlays = SPACES.iter().any(|space| name.starts_with(space));
        let is_meant = entry.xattrs.iter().any(|(meant, _)| escaped(meant) == name);
        if !is_overlays && !is_meant && !is_label(&name) {
            tolerate(folder.remove_xattr(path, &name))?;
        }
    }
    for (name, value) in entry.xattrs.iter().filter(|(name, _)| !is_label(name)) {
        tolerate(folder.set_xattr(path, &escaped(name), value))?;
    }
    let needed = match (rustix::process::geteuid().is_root(), there.kind) {
        (true, _) => 0,
        (false, FileKind::Directory) => ENTERABLE,
        (false, _) => READABLE,
    };
    let allowed = if is_owned { !0 } else { !SET_ID };
    folder.set_mode(path, entry.mode & allowed | needed)?;
    Ok(folder.set_mtime(path, (entry.mtime.seconds, entry.mtime.nanoseconds))?)
}

fn set_opaque(folder: &Folder, path: &[u8]) -> Result<()> {
    for space in SPACES {
        if tolerate(folder.set_xattr(path, &[space, b"opaque"].concat(), b"y"))? {
            return Ok(());
        }
    }
    Err(Error::Opaque)
}

/// Whether something was done; that this process or this file system may not is
/// no error: it is kept beside the layer instead.
fn tolerate(done: disk::Result<()>) -> Result<bool> {
    use io::ErrorKind as Kind;
    match done {
        Ok(()) => Ok(true),
        Err(error) => match error.kind() {
            Kind::PermissionDenied
            | Kind::Unsupported
            | Kind::InvalidInput
            | Kind::ArgumentListTooLong
            // What ext4 says of an attribute that is too long for it.
            | Kind::StorageFull => Ok(false),
            _ => Err(error.into()),
        },
    }
}
