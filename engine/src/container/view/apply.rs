//! Applying a layer, entry by entry.

use std::sync::Arc;

use super::limits::{MAX_EXTENTS, MAX_LAYERS, MAX_PATH_BYTES, MAX_TARGET_BYTES};
use super::records::Body;
use super::resolve::{Reached, parts};
use super::{Follow, Inode, NO_DIRECTORY, NONE, Node, NodeId, Place, Shared, View};
use crate::container::Error;
use crate::image::Whiteout;
use crate::tar::{Data, Entry, EntryKind, Found};

impl View {
    /// Begins the next layer.
    ///
    /// # Errors
    /// If there are more than anybody stacks.
    pub fn begin_layer(&mut self) -> Result<(), Error> {
        if usize::from(self.layers) >= MAX_LAYERS {
            return Err(Error::Layers { limit: MAX_LAYERS });
        }
        self.end_layer();
        self.layers += 1;
        self.gone.iter_mut().for_each(super::gone::Gone::clear);
        Ok(())
    }

    /// Applies an entry of the current layer.
    ///
    /// # Errors
    /// If the entry could not be unpacked by anybody, or leads out of the root.
    pub fn apply(&mut self, found: Found) -> Result<(), Error> {
        let Found { entry, data } = found;
        let mut parts = parts(&entry.name)?;
        let Some(last) = parts.pop() else { return self.change_root(entry) };
        if parts.iter().any(|part| is_aufs(part)) {
            return self.put_aside(last, &entry, data);
        }
        let whiteout = Whiteout::of(last).map_err(|_| Error::Whiteout { entry: entry.name.clone() })?;
        let parent = parts.join(&b'/');
        match whiteout {
            Some(Whiteout::Aufs) => Ok(()),
            Some(Whiteout::Name(hidden)) => self.hide_in(&parent, hidden),
            Some(Whiteout::Opaque) => self.clear(&parent),
            None => self.put(&parent, last, &entry, data),
        }
    }

    /// Applies an entry of the current layer that is what it is, whatever it is
    /// called: in a directory on disk, `.wh.` at the start of a name says nothing.
    ///
    /// # Errors
    /// As [`View::apply`].
    pub fn place(&mut self, found: Found) -> Result<(), Error> {
        let Found { entry, data } = found;
        let mut parts = parts(&entry.name)?;
        match parts.pop() {
            None => self.change_root(entry),
            Some(last) => self.put(&parts.join(&b'/'), last, &entry, data),
        }
    }

    /// Takes away what lower layers have at `path`, and below it.
    ///
    /// # Errors
    /// If `path` leads out of the root or in a circle.
    pub fn hide(&mut self, path: &[u8]) -> Result<(), Error> {
        let mut parts = parts(path)?;
        let Some(last) = parts.pop() else { return Ok(()) };
        self.hide_in(&parts.join(&b'/'), last)
    }

    fn hide_in(&mut self, parent: &[u8], hidden: &[u8]) -> Result<(), Error> {
        let Reached::Node(parent) = self.reach(parent, Follow::Yes)? else { return Ok(()) };
        if let Some(node) = self.child(parent, hidden) {
            self.clear_below(node)?;
            self.remove_if_lower(node)?;
        }
        Ok(())
    }

    /// Takes away what lower layers have in the directory `path`.
    ///
    /// # Errors
    /// If `path` leads in a circle.
    pub fn clear(&mut self, path: &[u8]) -> Result<(), Error> {
        let Reached::Node(directory) = self.reach(path, Follow::Yes)? else { return Ok(()) };
        self.clear_below(directory)
    }

    /// The entry for the root itself.
    fn change_root(&mut self, entry: Entry) -> Result<(), Error> {
        if entry.kind != EntryKind::Directory {
            return Err(Error::RootKind { entry: entry.name });
        }
        let inode = self.inode_of(&entry, Data::None)?;
        self.set_record(0, b"", &Body::Own(inode))?;
        self.touch(0);
        Ok(())
    }

    fn put(&mut self, parent: &[u8], name: &[u8], entry: &Entry, data: Data) -> Result<(), Error> {
        // Looked up before anything makes way for the new name, and held, so
        // that it does not go with what makes way.
        let linked = match &entry.kind {
            EntryKind::Hardlink(target) => Some(self.link_target(&entry.name, target)?),
            _ => None,
        };
        if let Some(number) = linked {
            self.hold(number);
        }
        let directory = self.make_directories(parent, &entry.name)?;
        // Over a link a short name may be a long path. A byte is left for the
        // slash of a directory, as Linux leaves one for the zero.
        if self.path_bytes(directory) + 1 + name.len() > MAX_PATH_BYTES {
            return Err(Error::LongPath { path: entry.name.clone(), limit: MAX_PATH_BYTES });
        }
        let there = self.child(directory, name);
        if let (Some(number), Some(there)) = (linked, there)
            && self.shared_of(there) == Some(number)
        {
            self.touch(there);
            self.release(number);
            return Ok(());
        }
        let body = match linked {
            Some(number) => Body::Shared(number),
            None => Body::Own(self.inode_of(entry, data)?),
        };
        let is_directory = entry.kind == EntryKind::Directory;
        let node = match there {
            Some(there) if is_directory && self.is_directory(NodeId(there)) => {
                self.set_record(there, name, &body)?;
                there
            }
            Some(there) => {
                self.replace(there, name, &body, is_directory)?;
                there
            }
            None => self.add_node(directory, name, &body, is_directory)?,
        };
        self.touch(node);
        Ok(())
    }

    /// How long the path of a directory is, with a slash before each name.
    fn path_bytes(&self, directory: u32) -> usize {
        let (mut bytes, mut at) = (0, directory);
        while at != 0 {
            let node = self.node(at);
            bytes += 1 + self.records.name(node.record).len();
            at = node.parent;
        }
        bytes
    }

    /// The number of the file that a hard link leads to.
    fn link_target(&mut self, entry: &[u8], target: &[u8]) -> Result<u32, Error> {
        let mut path = parts(target)?;
        let absent = || Error::NoLinkTarget { entry: entry.into(), target: target.into() };
        let last = path.pop().ok_or_else(absent)?;
        if path.iter().any(|part| is_aufs(part)) {
            return self.put_aside_as(last).ok_or_else(absent);
        }
        let Reached::Node(directory) = self.reach(&path.join(&b'/'), Follow::Yes)? else {
            return Err(absent());
        };
        let node = self.child(directory, last).ok_or_else(absent)?;
        if self.is_directory(NodeId(node)) {
            return Err(Error::LinkToDirectory { entry: entry.into(), target: target.into() });
        }
        self.share(node)
    }

    /// The number of the file at `node`, from now on one that may have several names.
    fn share(&mut self, node: u32) -> Result<u32, Error> {
        if let Some(number) = self.shared_of(node) {
            return Ok(number);
        }
        self.shared.reserve()?;
        self.records.reserve()?;
        let record = self.records.add(b"", &Body::Own(self.inode(node)));
        let number = self.add_shared(Shared { links: 1, record });
        let name = self.name(NodeId(node)).to_vec();
        self.set_record(node, &name, &Body::Shared(number))?;
        Ok(number)
    }

    /// Gives a file that may have several names its number.
    pub(super) fn add_shared(&mut self, shared: Shared) -> u32 {
        match self.free_shared {
            NONE => self.shared.push(shared),
            free => {
                self.free_shared = self.shared.get(free).map_or(NONE, |free| free.record);
                self.shared.change(free, |place| *place = shared);
                free
            }
        }
    }

    /// The directory at `path`, made if it is missing; what is no directory
    /// makes way for one.
    fn make_directories(&mut self, path: &[u8], entry: &[u8]) -> Result<u32, Error> {
        loop {
            match self.reach(path, Follow::Yes)? {
                Reached::Node(node) if self.is_directory(NodeId(node)) => return Ok(node),
                Reached::Node(node) | Reached::NoDirectory { node } => {
                    let name = self.name(NodeId(node)).to_vec();
                    self.replace(node, &name, &Body::Implied, true)?;
                    self.touch(node);
                }
                Reached::Missing { directory, name, mut rest } => {
                    // Links may lead on to a long way that is not there.
                    let long: usize = rest.iter().map(|part| part.len() + 1).sum();
                    if long > MAX_PATH_BYTES {
                        return Err(Error::LongPath { path: entry.into(), limit: MAX_PATH_BYTES });
                    }
                    let mut at = self.implied_directory(directory, &name)?;
                    while let Some(part) = rest.pop() {
                        if part == b".." {
                            // What was made for this part is there; the rest is looked up again.
                            break;
                        }
                        at = self.implied_directory(at, &part)?;
                    }
                }
            }
        }
    }

    fn implied_directory(&mut self, parent: u32, name: &[u8]) -> Result<u32, Error> {
        let node = self.add_node(parent, name, &Body::Implied, true)?;
        self.touch(node);
        Ok(node)
    }

    pub(super) fn inode_of(&mut self, entry: &Entry, data: Data) -> Result<Inode, Error> {
        if let EntryKind::Symlink(target) = &entry.kind
            && target.len() > MAX_TARGET_BYTES
        {
            return Err(Error::LongPath { path: target.clone(), limit: MAX_TARGET_BYTES });
        }
        let data = match data {
            Data::None => Place::Nowhere,
            Data::Plain { offset } => Place::At(offset),
            Data::Sparse(extents) => {
                let (first, count) = (self.sparse.len(), extents.len());
                if first + count > MAX_EXTENTS {
                    return Err(Error::Extents { entry: entry.name.clone(), limit: MAX_EXTENTS });
                }
                let sparse = Arc::make_mut(&mut self.sparse);
                larder_memory::reserve(sparse, count)?;
                sparse.extend(extents);
                Place::Sparse { first: first as u32, count: count as u32 }
            }
        };
        Ok(Inode {
            kind: entry.kind.clone(),
            mode: (entry.mode & 0o7777) as u16,
            is_told: true,
            layer: self.layers.saturating_sub(1),
            uid: entry.uid,
            gid: entry.gid,
            xattrs: self.xattrs.add(entry.xattrs.clone(), &entry.name)?,
            mtime: entry.mtime,
            size: entry.size,
            data,
        })
    }

    fn add_node(&mut self, parent: u32, name: &[u8], body: &Body, is_directory: bool) -> Result<u32, Error> {
        self.check_room()?;
        self.tidy_records()?;
        let next = self.node(parent).first_child;
        let first_child = if is_directory { NONE } else { NO_DIRECTORY };
        let record = self.records.add(name, body);
        let node = Node { parent, next, first_child, chain: NONE, record, layer: 0, cleared: 0 };
        let number = match self.free {
            NONE => self.nodes.push(node),
            free => {
                self.free = self.node(free).chain;
                self.nodes.change(free, |place| *place = node);
                free
            }
        };
        self.nodes.change(parent, |parent| parent.first_child = number);
        self.live += 1;
        self.enter(number, parent, name);
        Ok(number)
    }

    /// Has `node`, which is called `name`, stand for `body`.
    fn set_record(&mut self, node: u32, name: &[u8], body: &Body) -> Result<(), Error> {
        self.check_bytes()?;
        self.tidy_records()?;
        self.records.forget(self.node(node).record);
        let record = self.records.add(name, body);
        self.nodes.change(node, |node| node.record = record);
        Ok(())
    }

    /// Has `node`, which is called `name`, stand for something else, with nothing below it.
    fn replace(&mut self, node: u32, name: &[u8], body: &Body, is_directory: bool) -> Result<(), Error> {
        // Something else gets the name, and hides what is no directory by that.
        if self.is_directory(NodeId(node)) {
            self.note_gone(node)?;
            self.remove_below(node);
            self.forget_gone_in(node);
        }
        let shared = self.shared_of(node);
        self.set_record(node, name, body)?;
        if let Some(number) = shared {
            self.release(number);
        }
        let first_child = if is_directory { NONE } else { NO_DIRECTORY };
        self.nodes.change(node, |node| (node.first_child, node.cleared) = (first_child, 0));
        Ok(())
    }

    /// Brings the records that are left close together again, if many are gone.
    fn tidy_records(&mut self) -> Result<(), Error> {
        if !self.records.is_worn() {
            return Ok(());
        }
        if self.others.1 + self.bytes() + self.records.live_bytes() > self.max_bytes() {
            return Err(Error::PathBytes { limit: self.max_bytes(), paths: self.paths() });
        }
        larder_memory::check(self.records.live_bytes())?;
        let mut moved = super::Records::emptied(&self.records);
        for number in 0..self.nodes.len() as u32 {
            let record = self.node(number).record;
            if record != NONE {
                let record = moved.take_over(&self.records, record);
                self.nodes.change(number, |node| node.record = record);
            }
        }
        for number in 0..self.shared.len() as u32 {
            if let Some(shared) = self.shared.get(number).filter(|shared| shared.links > 0) {
                let record = moved.take_over(&self.records, shared.record);
                self.shared.change(number, |shared| shared.record = record);
            }
        }
        self.records = moved;
        Ok(())
    }

    /// The current layer speaks of `node`, and so of all above it.
    fn touch(&mut self, node: u32) {
        let layer = self.layers;
        let mut at = node;
        while self.node(at).layer != layer {
            self.nodes.change(at, |node| node.layer = layer);
            at = self.node(at).parent;
        }
    }

    fn hold(&mut self, number: u32) {
        self.shared.change(number, |shared| shared.links += 1);
    }

    /// A file has a name less.
    pub(super) fn release(&mut self, number: u32) {
        let Some(Shared { links, record }) = self.shared.get(number) else { return };
        if links > 1 {
            return self.shared.change(number, |shared| shared.links -= 1);
        }
        self.records.forget(record);
        let free = self.free_shared;
        self.shared.change(number, |shared| *shared = Shared { links: 0, record: free });
        self.free_shared = number;
    }
}

/// Whether a part of a path is one of aufs's own.
fn is_aufs(part: &[u8]) -> bool {
    matches!(Whiteout::of(part), Ok(Some(Whiteout::Aufs)))
}
