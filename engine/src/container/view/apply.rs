//! Applying a layer, entry by entry.

use super::limits::{MAX_EXTENTS, MAX_LAYERS, MAX_PATH_BYTES, MAX_PATHS, MAX_TARGET_BYTES};
use super::resolve::{Reached, parts};
use super::{Follow, Inode, NONE, Node, NodeId, Place, View};
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
        if parts.iter().any(|part| matches!(Whiteout::of(part), Ok(Some(Whiteout::Aufs)))) {
            return Ok(());
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
            self.clear_below(node);
            self.remove_if_lower(node);
        }
        Ok(())
    }

    /// Takes away what lower layers have in the directory `path`.
    ///
    /// # Errors
    /// If `path` leads in a circle.
    pub fn clear(&mut self, path: &[u8]) -> Result<(), Error> {
        let Reached::Node(directory) = self.reach(path, Follow::Yes)? else { return Ok(()) };
        self.clear_below(directory);
        Ok(())
    }

    /// The entry for the root itself.
    fn change_root(&mut self, entry: Entry) -> Result<(), Error> {
        if entry.kind != EntryKind::Directory {
            return Err(Error::RootKind { entry: entry.name });
        }
        let inode = self.inode_of(&entry, Data::None)?;
        if let Some(root) = self.inodes.first_mut() {
            *root = inode;
        }
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
        if let Some(there) = self.child(directory, name) {
            if let Some(number) = linked.filter(|number| *number == self.node(there).inode) {
                self.touch(there);
                self.release(number);
                return Ok(());
            }
            if entry.kind == EntryKind::Directory && self.is_directory(NodeId(there)) {
                let inode = self.inode_of(entry, data)?;
                let number = self.node(there).inode;
                if let Some(place) = self.inodes.get_mut(number as usize) {
                    *place = inode;
                }
                self.touch(there);
                return Ok(());
            }
            self.remove(there);
        }
        let inode = match linked {
            Some(inode) => inode,
            None => {
                let inode = self.inode_of(entry, data)?;
                self.add_inode(inode)
            }
        };
        let node = self.add_node(directory, name, inode)?;
        self.touch(node);
        Ok(())
    }

    /// How long the path of a directory is, with a slash before each name.
    fn path_bytes(&self, directory: u32) -> usize {
        let (mut bytes, mut at) = (0, directory);
        while at != 0 {
            let node = self.node(at);
            bytes += 1 + self.names.get(node.name).len();
            at = node.parent;
        }
        bytes
    }

    /// The inode that a hard link leads to.
    fn link_target(&self, entry: &[u8], target: &[u8]) -> Result<u32, Error> {
        let mut path = parts(target)?;
        let absent = || Error::NoLinkTarget { entry: entry.into(), target: target.into() };
        let last = path.pop().ok_or_else(absent)?;
        let Reached::Node(directory) = self.reach(&path.join(&b'/'), Follow::Yes)? else {
            return Err(absent());
        };
        let node = self.child(directory, last).ok_or_else(absent)?;
        if self.is_directory(NodeId(node)) {
            return Err(Error::LinkToDirectory { entry: entry.into(), target: target.into() });
        }
        Ok(self.node(node).inode)
    }

    /// The directory at `path`, made if it is missing; what is no directory
    /// makes way for one.
    fn make_directories(&mut self, path: &[u8], entry: &[u8]) -> Result<u32, Error> {
        loop {
            match self.reach(path, Follow::Yes)? {
                Reached::Node(node) if self.is_directory(NodeId(node)) => return Ok(node),
                Reached::Node(node) | Reached::NoDirectory { node } => {
                    let Node { parent, name, .. } = self.node(node);
                    let name = self.names.get(name).to_vec();
                    self.remove(node);
                    self.implied_directory(parent, &name)?;
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
        let inode = self.add_inode(Inode::directory());
        let node = self.add_node(parent, name, inode)?;
        self.touch(node);
        Ok(node)
    }

    fn inode_of(&mut self, entry: &Entry, data: Data) -> Result<Inode, Error> {
        if let EntryKind::Symlink(target) = &entry.kind
            && target.len() > MAX_TARGET_BYTES
        {
            return Err(Error::LongPath { path: target.clone(), limit: MAX_TARGET_BYTES });
        }
        let data = match data {
            Data::None => Place::Nowhere,
            Data::Plain { offset } => Place::At(offset),
            Data::Sparse(extents) => {
                self.sparse_extents += extents.len();
                if self.sparse_extents > MAX_EXTENTS {
                    return Err(Error::Extents { entry: entry.name.clone(), limit: MAX_EXTENTS });
                }
                self.sparse.push(extents);
                Place::Sparse((self.sparse.len() - 1) as u32)
            }
        };
        Ok(Inode {
            kind: entry.kind.clone(),
            links: 1,
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

    fn add_inode(&mut self, inode: Inode) -> u32 {
        match self.free_inodes.pop() {
            Some(number) => {
                if let Some(place) = self.inodes.get_mut(number as usize) {
                    *place = inode;
                }
                number
            }
            None => {
                self.inodes.push(inode);
                (self.inodes.len() - 1) as u32
            }
        }
    }

    fn add_node(&mut self, parent: u32, name: &[u8], inode: u32) -> Result<u32, Error> {
        if self.paths() >= MAX_PATHS {
            return Err(Error::Paths { limit: MAX_PATHS });
        }
        let next = self.node(parent).first_child;
        let node = Node {
            parent,
            next,
            previous: NONE,
            first_child: NONE,
            inode,
            name: self.names.add(name),
            layer: 0,
            cleared: 0,
        };
        let number = match self.free_nodes.pop() {
            Some(number) => number,
            None => {
                self.nodes.push(node);
                (self.nodes.len() - 1) as u32
            }
        };
        self.change(number, |place| *place = node);
        self.change(next, |sibling| sibling.previous = number);
        self.change(parent, |parent| parent.first_child = number);
        let hash = self.hash(parent, name);
        let Self { table, nodes, names, hasher, .. } = self;
        table.insert_unique(hash, number, |number| {
            let node = nodes.get(*number as usize);
            node.map_or(0, |node| {
                std::hash::BuildHasher::hash_one(hasher, (node.parent, names.get(node.name)))
            })
        });
        Ok(number)
    }

    fn change(&mut self, node: u32, change: impl FnOnce(&mut Node)) {
        if let Some(node) = self.nodes.get_mut(node as usize) {
            change(node);
        }
    }

    /// The current layer speaks of `node`, and so of all above it.
    fn touch(&mut self, node: u32) {
        let layer = self.layers;
        let mut at = node;
        while self.node(at).layer != layer {
            self.change(at, |node| node.layer = layer);
            at = self.node(at).parent;
        }
    }

    /// Takes away what lower layers have below `directory`.
    ///
    /// What was cleared in this layer holds nothing of lower ones any more, so
    /// that no node is looked at twice, however many whiteouts there are.
    fn clear_below(&mut self, directory: u32) {
        let layer = self.layers;
        let mut at = directory;
        loop {
            let node = self.node(at);
            if node.cleared == layer {
                return;
            }
            if at == 0 {
                break;
            }
            at = node.parent;
        }
        let mut waiting = vec![directory];
        let mut seen = Vec::new();
        while let Some(node) = waiting.pop() {
            if self.node(node).cleared == layer {
                continue;
            }
            self.change(node, |node| node.cleared = layer);
            let mut child = self.node(node).first_child;
            while child != NONE {
                waiting.push(child);
                seen.push(child);
                child = self.node(child).next;
            }
        }
        // The deepest first: what is empty then and not of this layer goes.
        for node in seen.into_iter().rev() {
            self.remove_if_lower(node);
        }
    }

    fn remove_if_lower(&mut self, node: u32) {
        let found = self.node(node);
        if found.layer != self.layers && found.first_child == NONE {
            self.note_gone(node);
            self.remove_one(node);
        }
    }

    /// Takes `node` away, and everything below it.
    pub(super) fn remove(&mut self, node: u32) {
        // Something else gets the name, and hides what is no directory by that.
        if self.is_directory(NodeId(node)) {
            self.note_gone(node);
        }
        let mut waiting = vec![node];
        let mut going = Vec::new();
        while let Some(node) = waiting.pop() {
            going.push(node);
            let mut child = self.node(node).first_child;
            while child != NONE {
                waiting.push(child);
                child = self.node(child).next;
            }
        }
        for node in going.into_iter().rev() {
            self.remove_one(node);
        }
    }

    /// Takes a node away that has nothing below it.
    fn remove_one(&mut self, number: u32) {
        let node = self.node(number);
        let hash = self.hash(node.parent, self.names.get(node.name));
        if let Ok(entry) = self.table.find_entry(hash, |other| *other == number) {
            entry.remove();
        }
        match node.previous {
            NONE => self.change(node.parent, |parent| parent.first_child = node.next),
            previous => self.change(previous, |previous| previous.next = node.next),
        }
        self.change(node.next, |next| next.previous = node.previous);
        self.change(number, |node| node.inode = NONE);
        self.forget_gone_in(number);
        self.free_nodes.push(number);
        self.release(node.inode);
        if self.names.forget(node.name) {
            self.move_names();
        }
    }

    /// Brings the names that are left close together again.
    fn move_names(&mut self) {
        let mut names = super::Names::default();
        for node in self.nodes.iter_mut().filter(|node| node.inode != NONE) {
            node.name = names.add(self.names.get(node.name));
        }
        self.names = names;
    }

    fn hold(&mut self, inode: u32) {
        if let Some(inode) = self.inodes.get_mut(inode as usize) {
            inode.links += 1;
        }
    }

    fn release(&mut self, number: u32) {
        if let Some(inode) = self.inodes.get_mut(number as usize) {
            inode.links -= 1;
            if inode.links == 0 {
                *inode = Inode::directory();
                self.free_inodes.push(number);
            }
        }
    }
}
