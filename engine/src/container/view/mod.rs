//! The file system that a stack of layers comes to, as a model in memory.
//!
//! Layers are applied in order, base first, as the image-spec's `layer.md` has
//! it: an entry replaces what has its name, a directory only changes the
//! directory that is there, a whiteout takes away what *lower* layers brought,
//! wherever in its own layer it stands. Nothing is unpacked: of a file the view
//! knows in which layer its bytes lie and where, and no path in a layer ever
//! becomes a path on this machine.
//!
//! Where the spec is silent the view does what unpacking each layer into one
//! root directory would do: a symbolic link in the middle of a name is followed
//! within the root, a hard link may lead to a lower layer's file, a directory
//! that is only implied is made with mode 0755, and one that is there stays as
//! it is.
//!
//! A path takes 132 bytes of memory, its own name and a place in a table. What may grow
//! without being a path has a limit: see [`limits`].

mod apply;
mod docker;
mod gone;
pub mod limits;
mod names;
mod resolve;
mod walk;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use hashbrown::HashTable;

use names::{Name, Names};

use crate::tar::{Entry, EntryKind, Extent, Mtime};

pub use resolve::{Follow, Spot, clean};
pub use walk::Walk;

/// No node, or no inode.
const NONE: u32 = u32::MAX;

/// A path of the view; valid until the view is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

/// A name in a directory.
#[derive(Debug, Clone, Copy)]
struct Node {
    parent: u32,
    /// Among the directory's names, in no order.
    next: u32,
    previous: u32,
    first_child: u32,
    inode: u32,
    name: Name,
    /// The last layer that spoke of it or of something below it.
    layer: u16,
    /// The layer that has taken away what lower ones had below it.
    cleared: u16,
}

/// What names stand for.
#[derive(Debug, Clone)]
struct Inode {
    kind: EntryKind,
    /// Names that it has.
    links: u32,
    mode: u16,
    /// Whether an entry spoke of it; else it is only implied.
    is_told: bool,
    /// The layer that holds its bytes.
    layer: u16,
    uid: u32,
    gid: u32,
    xattrs: u32,
    mtime: Mtime,
    size: u64,
    data: Place,
}

/// Where the bytes of a file lie in its layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Nowhere,
    At(u64),
    Sparse(u32),
}

/// The bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content<'v> {
    /// The layer that holds them, the base being 0.
    pub layer: usize,
    /// How many, with holes.
    pub size: u64,
    /// Where they are.
    pub extents: Extents<'v>,
}

/// Where the bytes of a file lie in the plain tar of its layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extents<'v> {
    /// All of them here.
    At(u64),
    /// With holes between these.
    Sparse(&'v [Extent]),
}

/// The file system that a stack of layers comes to.
#[derive(Clone)]
pub struct View {
    nodes: Vec<Node>,
    free_nodes: Vec<u32>,
    inodes: Vec<Inode>,
    free_inodes: Vec<u32>,
    names: Names,
    /// Nodes by parent and name.
    table: HashTable<u32>,
    hasher: RandomState,
    xattrs: names::Sets,
    sparse: Vec<Vec<Extent>>,
    sparse_extents: usize,
    /// Parts of paths that symbolic links led over.
    followed: Arc<AtomicU64>,
    /// The number of layers so far.
    layers: u16,
    /// What the current layer took away, if that is to be known.
    gone: Option<gone::Gone>,
}

impl Default for View {
    fn default() -> Self {
        Self::new()
    }
}

impl View {
    /// The root directory, and nothing in it.
    pub fn new() -> Self {
        Self {
            nodes: vec![Node::ROOT],
            free_nodes: Vec::new(),
            inodes: vec![Inode::directory()],
            free_inodes: Vec::new(),
            names: Names::default(),
            table: HashTable::new(),
            hasher: RandomState::new(),
            xattrs: names::Sets::default(),
            sparse: Vec::new(),
            sparse_extents: 0,
            followed: Arc::default(),
            layers: 0,
            gone: None,
        }
    }

    /// The root directory.
    pub fn root(&self) -> NodeId {
        NodeId(0)
    }

    /// How many layers there are.
    pub fn layers(&self) -> usize {
        usize::from(self.layers)
    }

    /// How many paths there are, the root among them.
    pub fn paths(&self) -> usize {
        self.nodes.len() - self.free_nodes.len()
    }

    /// The bytes of all files, their holes included.
    pub fn file_bytes(&self) -> u64 {
        self.inodes.iter().fold(0, |sum, inode| sum.saturating_add(inode.size))
    }

    fn node(&self, id: u32) -> Node {
        // Every number that the view keeps is one of a node; the root stands in for none.
        self.nodes.get(id as usize).or(self.nodes.first()).copied().unwrap_or(Node::ROOT)
    }

    fn inode(&self, node: u32) -> Option<&Inode> {
        self.inodes.get(self.node(node).inode as usize)
    }

    fn hash(&self, parent: u32, name: &[u8]) -> u64 {
        self.hasher.hash_one((parent, name))
    }

    /// The node `name` of the directory `parent`.
    fn child(&self, parent: u32, name: &[u8]) -> Option<u32> {
        let is_it = |id: &u32| {
            let node = self.node(*id);
            node.parent == parent && self.names.get(node.name) == name
        };
        self.table.find(self.hash(parent, name), is_it).copied()
    }

    /// The node `name` of the directory `parent`; no link is followed.
    pub fn entry_in(&self, parent: NodeId, name: &[u8]) -> Option<NodeId> {
        self.child(parent.0, name).map(NodeId)
    }

    /// The directory that `node` is in; the root is in itself.
    pub fn parent(&self, node: NodeId) -> NodeId {
        NodeId(self.node(node.0).parent)
    }

    /// The last part of its path; empty for the root.
    pub fn name(&self, node: NodeId) -> &[u8] {
        self.names.get(self.node(node.0).name)
    }

    /// Its path, without a slash at either end; empty for the root.
    pub fn path(&self, node: NodeId) -> Vec<u8> {
        let mut parts = Vec::new();
        let mut at = node.0;
        while at != 0 {
            let node = self.node(at);
            parts.push(self.names.get(node.name));
            at = node.parent;
        }
        parts.reverse();
        parts.join(&b'/')
    }

    /// What it is.
    pub fn kind(&self, node: NodeId) -> &EntryKind {
        self.inode(node.0).map_or(&EntryKind::Directory, |inode| &inode.kind)
    }

    /// Whether it is a directory.
    pub fn is_directory(&self, node: NodeId) -> bool {
        *self.kind(node) == EntryKind::Directory
    }

    /// How many names of the view its file has.
    pub fn links(&self, node: NodeId) -> u32 {
        self.inode(node.0).map_or(1, |inode| inode.links)
    }

    /// Tells whether two nodes are names of one file.
    pub fn file(&self, node: NodeId) -> u32 {
        self.node(node.0).inode
    }

    /// The last layer that spoke of it or of something below it, the base being
    /// 1; 0 if none did.
    pub fn touched_by(&self, node: NodeId) -> usize {
        usize::from(self.node(node.0).layer)
    }

    /// Whether a layer spoke of `node` itself, and not only of what is below it.
    pub fn is_told(&self, node: NodeId) -> bool {
        self.inode(node.0).is_some_and(|inode| inode.is_told)
    }

    /// The layer whose entry it is, the base being 1; 0 if none spoke of it itself.
    pub fn brought_by(&self, node: NodeId) -> usize {
        self.inode(node.0).filter(|inode| inode.is_told).map_or(0, |inode| usize::from(inode.layer) + 1)
    }

    /// When its content was changed last.
    pub fn mtime(&self, node: NodeId) -> Mtime {
        self.inode(node.0).map_or(Mtime::default(), |inode| inode.mtime)
    }

    /// Everything that is known of it, as an entry with its path for a name.
    pub fn entry(&self, node: NodeId) -> Entry {
        let directory = Inode::directory();
        let inode = self.inode(node.0).unwrap_or(&directory);
        Entry {
            name: self.path(node),
            kind: inode.kind.clone(),
            mode: u32::from(inode.mode),
            uid: inode.uid,
            gid: inode.gid,
            mtime: inode.mtime,
            size: inode.size,
            xattrs: self.xattrs.get(inode.xattrs).to_vec(),
        }
    }

    /// Where the bytes of a file are; `None` for all else.
    pub fn content(&self, node: NodeId) -> Option<Content<'_>> {
        let inode = self.inode(node.0)?;
        let extents = match inode.data {
            Place::Nowhere => return None,
            Place::At(offset) => Extents::At(offset),
            Place::Sparse(number) => Extents::Sparse(self.sparse.get(number as usize)?),
        };
        Some(Content { layer: usize::from(inode.layer), size: inode.size, extents })
    }
}

impl Node {
    /// The root directory's, with nothing in it.
    const ROOT: Self = Self {
        parent: 0,
        next: NONE,
        previous: NONE,
        first_child: NONE,
        inode: 0,
        name: Name::EMPTY,
        layer: 0,
        cleared: 0,
    };
}

impl Inode {
    /// A directory that nobody spoke of.
    fn directory() -> Self {
        Self {
            kind: EntryKind::Directory,
            links: 1,
            mode: 0o755,
            is_told: false,
            layer: 0,
            uid: 0,
            gid: 0,
            xattrs: names::Sets::EMPTY,
            mtime: Mtime::default(),
            size: 0,
            data: Place::Nowhere,
        }
    }
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View")
            .field("paths", &self.paths())
            .field("layers", &self.layers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
