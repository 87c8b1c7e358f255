//! Making a layer's directory.

use super::super::on_disk::is_label;
use super::super::view::{NodeId, View};
use super::super::{Error, Result, Space, Supply};
use super::plan::has_bytes;
use crate::disk::{FileKind, Looks, NewDir, NewFile, NewTree};
use crate::tar::{Device, Entry, EntryKind};
use crate::task::Task;

/// Shorter stretches of zeros are written: to make a hole of them saves nothing.
const HOLE_BYTES: usize = 4096;
/// What stretches are compared with.
static BLANK: [u8; HOLE_BYTES] = [0; HOLE_BYTES];

/// What stands for the absence of a name, and in a directory for that of all.
const WHITEOUT: &str = "whiteout";
const OPAQUE: &str = "opaque";

/// A layer that is being made.
pub struct Layer<'l> {
    pub view: &'l View,
    pub tree: NewTree,
    pub space: Space,
}

impl Layer<'_> {
    /// Makes directories, which get their looks at the end.
    pub fn make_dirs(&self, dirs: &[NodeId], task: &Task) -> Result<()> {
        let mut place = Place::new(self);
        // The root is there.
        for dir in dirs.iter().skip(1) {
            task.check()?;
            place.around(*dir)?.make_dir(self.view.name(*dir))?;
        }
        Ok(())
    }

    /// Makes files of all kinds, those with bytes first.
    pub fn make_files(&self, files: &[NodeId], supply: &mut Supply, task: &Task) -> Result<()> {
        let has_bytes = |node: &NodeId| self.view.content(*node).is_some_and(|content| has_bytes(&content));
        let (filled, empty) = files.split_at(files.partition_point(has_bytes));
        let mut place = Place::new(self);
        let mut open: Option<Open> = None;
        supply.copy_all(self.view, filled, &mut |node, at, bytes| {
            if open.as_ref().is_none_or(|open| open.node != node) {
                task.check()?;
                open.take().map_or(Ok(()), Open::finish)?;
                open = Some(self.open(node, &mut place)?);
            }
            open.as_mut().map_or(Ok(()), |open| open.write(at, bytes))
        })?;
        open.take().map_or(Ok(()), Open::finish)?;
        for node in empty {
            task.check()?;
            self.make_empty(*node, &mut place)?;
        }
        Ok(())
    }

    fn open(&self, node: NodeId, place: &mut Place<'_>) -> Result<Open> {
        let entry = self.entry(node);
        let file = place.around(node)?.make_file(self.view.name(node), &looks(&entry))?;
        Ok(Open { node, file, entry, end: 0 })
    }

    /// Makes what has no bytes.
    fn make_empty(&self, node: NodeId, place: &mut Place<'_>) -> Result<()> {
        let entry = self.entry(node);
        let looks = looks(&entry);
        let (dir, name) = (place.around(node)?, self.view.name(node));
        let (kind, device) = match &entry.kind {
            EntryKind::Symlink(target) => return Ok(dir.make_symlink(name, target, &looks)?),
            EntryKind::CharDevice(Device { major: 0, minor: 0 }) => {
                // To overlayfs this would be a whiteout.
                (FileKind::File, (0, 0))
            }
            EntryKind::CharDevice(device) => (FileKind::CharDevice, (device.major, device.minor)),
            EntryKind::BlockDevice(device) => (FileKind::BlockDevice, (device.major, device.minor)),
            EntryKind::Fifo => (FileKind::Fifo, (0, 0)),
            _ => return self.open(node, place)?.finish(),
        };
        Ok(dir.make_node(name, kind, device, &looks)?)
    }

    /// Gives files their other names.
    pub fn make_links(&self, links: &[(NodeId, NodeId)], task: &Task) -> Result<()> {
        let (mut there, mut here) = (Place::new(self), Place::new(self));
        for (node, first) in links {
            task.check()?;
            let from = there.around(*first)?;
            here.around(*node)?.link(self.view.name(*node), from, self.view.name(*first))?;
        }
        Ok(())
    }

    /// Says what is gone, and makes the directories look as they do: those deep down
    /// first, since what is done in one changes its time, and its mode may forbid it.
    pub fn finish(&self, dirs: &[NodeId], task: &Task) -> Result<()> {
        for node in dirs.iter().rev() {
            task.check()?;
            let dir = self.tree.dir(&self.view.path(*node))?;
            let entry = self.entry(*node);
            // Of the root overlayfs does not ask whether it is opaque, and below the
            // base there is nothing.
            let is_opaque = *node != self.view.root() && self.view.layers() > 1 && self.view.is_opaque(*node);
            let is_marked = match is_opaque {
                true => Some(b"y"),
                false => self.make_whiteouts(*node, &dir)?.then_some(b"x"),
            };
            if let Some(value) = is_marked {
                let mark = self.space.attribute(OPAQUE);
                if !dir.mark(&mark, value)? {
                    return Err(Error::Opaque);
                }
            }
            dir.finish(&looks(&entry))?;
        }
        Ok(())
    }

    /// Gives whether some are files with an attribute, for which overlayfs looks in
    /// marked directories only.
    fn make_whiteouts(&self, node: NodeId, dir: &NewDir) -> Result<bool> {
        let mut has_files = false;
        for name in self.view.missing_in(node) {
            if dir.make_whiteout(name)? {
                continue;
            }
            has_files = true;
            let xattrs = [(self.space.attribute(WHITEOUT), b"y".to_vec())];
            let looks = Looks { mode: 0o600, owner: (0, 0), mtime: (0, 0), xattrs: &xattrs };
            if !dir.make_file(name, &looks)?.finish(&looks)? {
                return Err(Error::Opaque);
            }
        }
        Ok(has_files)
    }

    /// What is known of `node`, its attributes as they are put on disk.
    fn entry(&self, node: NodeId) -> Entry {
        let mut entry = self.view.entry(node);
        entry.xattrs.retain(|(name, _)| !is_label(name));
        entry.xattrs.iter_mut().for_each(|(name, _)| *name = self.space.escaped(name));
        entry
    }
}

fn looks(entry: &Entry) -> Looks<'_> {
    Looks {
        mode: entry.mode,
        owner: (entry.uid, entry.gid),
        mtime: (entry.mtime.seconds, entry.mtime.nanoseconds),
        xattrs: &entry.xattrs,
    }
}

/// The directory in which something was made last: mostly the next comes there too.
struct Place<'p> {
    layer: &'p Layer<'p>,
    open: Option<(NodeId, NewDir)>,
}

impl<'p> Place<'p> {
    fn new(layer: &'p Layer<'p>) -> Self {
        Self { layer, open: None }
    }

    /// The directory that `node` is in.
    fn around(&mut self, node: NodeId) -> Result<&NewDir> {
        let parent = self.layer.view.parent(node);
        let open = match self.open.take() {
            Some((there, dir)) if there == parent => (there, dir),
            _ => (parent, self.layer.tree.dir(&self.layer.view.path(parent))?),
        };
        Ok(&self.open.insert(open).1)
    }
}

/// A file that is being written.
struct Open {
    node: NodeId,
    file: NewFile,
    entry: Entry,
    /// Where what was written ends.
    end: u64,
}

impl Open {
    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<()> {
        let is_blank = |bytes: &[u8]| BLANK.get(..bytes.len()) == Some(bytes);
        if bytes.len() >= HOLE_BYTES && bytes.chunks(HOLE_BYTES).all(is_blank) {
            return Ok(());
        }
        self.file.write_at(bytes, at)?;
        self.end = at + bytes.len() as u64;
        Ok(())
    }

    fn finish(self) -> Result<()> {
        if self.end < self.entry.size {
            self.file.set_len(self.entry.size)?;
        }
        self.file.finish(&looks(&self.entry))?;
        Ok(())
    }
}
