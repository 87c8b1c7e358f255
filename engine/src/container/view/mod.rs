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
//! A path takes 24 bytes of memory, two in a table, and a packed [record](records) with its
//! name and all else: about 50 in all for a real one. How many paths there may be, and how
//! much memory they may take, is bounded: see [`limits`]. A copy of a view shares everything
//! that neither of the two has changed since.

mod apply;
mod arena;
mod aside;
mod attributes;
mod docker;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod gone;
pub mod limits;
mod marks;
mod records;
mod remove;
mod resolve;
mod table;
mod walk;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arena::Arena;
use attributes::Sets;
use records::{Body, Records};
use table::Buckets;

use super::Error;
use crate::tar::{Entry, EntryKind, Extent, Mtime};

pub use marks::Marks;
pub use resolve::{Follow, Spot, clean};
pub use walk::Walk;

/// No node.
const NONE: u32 = u32::MAX;

/// Instead of the first child: this is no directory.
const NO_DIRECTORY: u32 = u32::MAX - 1;

/// What sets the number of a file with several names apart from that of a node.
const SHARED: u32 = 1 << 31;

/// A path of the view; valid until the view is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

/// A name in a directory.
#[derive(Debug, Clone, Copy)]
struct Node {
    parent: u32,
    /// Among the directory's names, in no order.
    next: u32,
    first_child: u32,
    /// The next one in its bucket of the table; of a free node the next free one.
    chain: u32,
    /// Its name and what it stands for; [`NONE`] if it is there no more.
    record: u32,
    /// The last layer that spoke of it or of something below it.
    layer: u16,
    /// The layer that has taken away what lower ones had below it.
    cleared: u16,
}

/// A file that has several names, or had.
#[derive(Debug, Clone, Copy)]
struct Shared {
    links: u32,
    /// What it is; without a name. Of a free one the next free one.
    record: u32,
}

/// What names stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Inode {
    kind: EntryKind,
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
    /// In so many extents, from this one on.
    Sparse {
        first: u32,
        count: u32,
    },
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
    nodes: Arena<Node>,
    /// The first free node.
    free: u32,
    /// Nodes that are there.
    live: usize,
    /// Nodes that are not, but still in the list of their directory.
    dead: usize,
    records: Records,
    shared: Arena<Shared>,
    free_shared: u32,
    buckets: Buckets,
    hasher: RandomState,
    xattrs: Sets,
    sparse: Arc<Vec<Extent>>,
    /// Parts of paths that symbolic links led over.
    followed: Arc<AtomicU64>,
    /// The number of layers so far.
    layers: u16,
    /// What the current layer took away, if that is to be known.
    gone: Option<gone::Gone>,
    aside: aside::Aside,
    /// How many paths there may be.
    max_paths: usize,
    /// Paths and bytes of other views that count with these.
    others: (usize, usize),
}

impl View {
    /// The root directory, and nothing in it, for any number of paths.
    #[cfg(test)]
    pub fn new() -> Self {
        Self::with_limit(1 << 30).unwrap()
    }

    /// The root directory, and nothing in it, for `max_paths` paths at most, each of which may take
    /// [`PATH_BYTES`](limits::PATH_BYTES) bytes of memory on average.
    ///
    /// # Errors
    /// If there is not enough memory.
    pub fn with_limit(max_paths: usize) -> Result<Self, Error> {
        let mut view = Self {
            nodes: Arena::default(),
            free: NONE,
            live: 1,
            dead: 0,
            records: Records::default(),
            shared: Arena::default(),
            free_shared: NONE,
            buckets: Buckets::new()?,
            hasher: RandomState::new(),
            xattrs: Sets::default(),
            sparse: Arc::default(),
            followed: Arc::default(),
            layers: 0,
            gone: None,
            aside: aside::Aside::default(),
            max_paths,
            others: (0, 0),
        };
        view.nodes.reserve()?;
        view.records.reserve()?;
        let record = view.records.add(b"", &Body::Implied);
        view.nodes.push(Node { record, ..Node::ROOT });
        Ok(view)
    }

    /// An empty view whose paths and bytes are limited together with those of this one, for
    /// who looks at both.
    ///
    /// # Errors
    /// If there is not enough memory.
    pub fn beside(&self) -> Result<Self, Error> {
        Ok(Self { others: (self.paths(), self.bytes()), ..Self::with_limit(self.max_paths)? })
    }

    /// A copy that counts the symbolic links it follows from here on by itself: for an image
    /// that has the layers so far in common with another one.
    pub fn separate(&self) -> Self {
        let followed = self.followed.load(std::sync::atomic::Ordering::Relaxed);
        Self { followed: Arc::new(AtomicU64::new(followed)), ..self.clone() }
    }

    /// Makes sure that another path has room, and that there is memory for it.
    fn check_room(&mut self) -> Result<(), Error> {
        if self.others.0 + self.paths() >= self.max_paths || self.nodes.len() >= SHARED as usize {
            return Err(Error::Paths { limit: self.max_paths });
        }
        self.nodes.reserve()?;
        self.buckets.reserve()?;
        self.check_bytes()
    }

    /// Makes sure that what there is takes no more memory than it may, and that there is some for
    /// another record.
    fn check_bytes(&mut self) -> Result<(), Error> {
        let limit = self.max_bytes();
        if self.others.1 + self.bytes() > limit || self.records.is_full() {
            return Err(Error::PathBytes { limit, paths: self.paths() });
        }
        Ok(self.records.reserve()?)
    }

    fn max_bytes(&self) -> usize {
        self.max_paths.saturating_mul(limits::PATH_BYTES).max(limits::MIN_BYTES)
    }

    /// The memory that it takes.
    fn bytes(&self) -> usize {
        self.nodes.bytes()
            + self.shared.bytes()
            + self.buckets.bytes()
            + self.records.bytes()
            + self.xattrs.bytes()
            + self.sparse.len() * size_of::<Extent>()
            + self.gone.as_ref().map_or(0, gone::Gone::bytes)
            + self.aside.bytes()
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
        self.live
    }

    /// The bytes of all files, their holes included.
    pub fn file_bytes(&self) -> u64 {
        let own = self.nodes().filter_map(|node| match self.records.body(self.node(node.0).record) {
            Body::Own(inode) => Some(inode.size),
            _ => None,
        });
        let shared = (0..self.shared.len() as u32).filter_map(|number| self.shared_inode(number));
        own.chain(shared.map(|inode| inode.size)).fold(0, u64::saturating_add)
    }

    fn node(&self, id: u32) -> Node {
        // Every number that the view keeps is one of a node; the root stands in for none.
        self.nodes.get(id).or_else(|| self.nodes.get(0)).unwrap_or(Node::ROOT)
    }

    fn inode(&self, node: u32) -> Inode {
        match self.records.body(self.node(node).record) {
            Body::Implied => Inode::directory(),
            Body::Own(inode) => inode,
            Body::Shared(number) => self.shared_inode(number).unwrap_or_else(Inode::directory),
        }
    }

    fn shared_inode(&self, number: u32) -> Option<Inode> {
        let shared = self.shared.get(number).filter(|shared| shared.links > 0)?;
        match self.records.body(shared.record) {
            Body::Own(inode) => Some(inode),
            _ => None,
        }
    }

    /// The number of the file with several names that `node` is one of.
    fn shared_of(&self, node: u32) -> Option<u32> {
        self.records.shared(self.node(node).record)
    }

    fn hash(&self, parent: u32, name: &[u8]) -> u64 {
        self.hasher.hash_one((parent, name))
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
        self.records.name(self.node(node.0).record)
    }

    /// Its path, without a slash at either end; empty for the root.
    pub fn path(&self, node: NodeId) -> Vec<u8> {
        let mut parts = Vec::new();
        let mut at = node.0;
        while at != 0 {
            let node = self.node(at);
            parts.push(self.records.name(node.record));
            at = node.parent;
        }
        parts.reverse();
        parts.join(&b'/')
    }

    /// What it is.
    pub fn kind(&self, node: NodeId) -> EntryKind {
        match self.is_directory(node) {
            true => EntryKind::Directory,
            false => self.inode(node.0).kind,
        }
    }

    /// Whether it is a directory.
    pub fn is_directory(&self, node: NodeId) -> bool {
        self.node(node.0).first_child != NO_DIRECTORY
    }

    /// How many names of the view its file has.
    pub fn links(&self, node: NodeId) -> u32 {
        let shared = self.shared_of(node.0).and_then(|number| self.shared.get(number));
        shared.map_or(1, |shared| shared.links)
    }

    /// Tells whether two nodes are names of one file.
    pub fn file(&self, node: NodeId) -> u32 {
        self.shared_of(node.0).map_or(node.0, |number| SHARED | number)
    }

    /// Whether any file has, or had, more than one name.
    pub fn has_links(&self) -> bool {
        self.shared.len() > 0
    }

    /// The last layer that spoke of it or of something below it, the base being
    /// 1; 0 if none did.
    pub fn touched_by(&self, node: NodeId) -> usize {
        usize::from(self.node(node.0).layer)
    }

    /// Whether a layer spoke of `node` itself, and not only of what is below it.
    pub fn is_told(&self, node: NodeId) -> bool {
        self.records.body(self.node(node.0).record) != Body::Implied
    }

    /// The layer whose entry it is, the base being 1; 0 if none spoke of it itself.
    pub fn brought_by(&self, node: NodeId) -> usize {
        let inode = self.inode(node.0);
        if inode.is_told { usize::from(inode.layer) + 1 } else { 0 }
    }

    /// When its content was changed last.
    pub fn mtime(&self, node: NodeId) -> Mtime {
        self.inode(node.0).mtime
    }

    /// Everything that is known of it, as an entry with its path for a name.
    pub fn entry(&self, node: NodeId) -> Entry {
        self.entry_at(node, self.path(node))
    }

    /// The same, for who knows the path.
    pub fn entry_at(&self, node: NodeId, path: Vec<u8>) -> Entry {
        let inode = self.inode(node.0);
        Entry {
            name: path,
            kind: inode.kind,
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
        if self.is_directory(node) {
            return None;
        }
        let inode = self.inode(node.0);
        let extents = match inode.data {
            Place::Nowhere => return None,
            Place::At(offset) => Extents::At(offset),
            Place::Sparse { first, count } => {
                let first = first as usize;
                Extents::Sparse(self.sparse.get(first..first + count as usize)?)
            }
        };
        Some(Content { layer: usize::from(inode.layer), size: inode.size, extents })
    }
}

impl Node {
    /// The root directory's, with nothing in it.
    const ROOT: Self =
        Self { parent: 0, next: NONE, first_child: NONE, chain: NONE, record: 0, layer: 0, cleared: 0 };
}

impl Inode {
    /// A directory that nobody spoke of.
    fn directory() -> Self {
        Self {
            kind: EntryKind::Directory,
            mode: 0o755,
            is_told: false,
            layer: 0,
            uid: 0,
            gid: 0,
            xattrs: Sets::EMPTY,
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
