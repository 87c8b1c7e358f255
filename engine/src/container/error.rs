//! Why a container's file system cannot be put together or changed.

use std::io;

use crate::image::DiffId;
use crate::tar::{EntryError, shown};
use crate::{chunk, disk};

/// Why a container's file system cannot be put together or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An entry that would land outside the root.
    #[error("entry {} leads out of the root directory", shown(entry))]
    Escapes {
        /// Its name.
        entry: Vec<u8>,
    },
    /// An entry for the root that is no directory.
    #[error("entry {:?} would replace the root directory with something else", shown(entry))]
    RootKind {
        /// Its name.
        entry: Vec<u8>,
    },
    /// A whiteout of nothing.
    #[error("invalid whiteout entry {}", shown(entry))]
    Whiteout {
        /// Its name.
        entry: Vec<u8>,
    },
    /// A hard link to what is not there.
    #[error("entry {} is a hard link to {}, which is not there", shown(entry), shown(target))]
    NoLinkTarget {
        /// Its name.
        entry: Vec<u8>,
        /// What it leads to.
        target: Vec<u8>,
    },
    /// A hard link to a directory.
    #[error("entry {} is a hard link to {}, which is a directory", shown(entry), shown(target))]
    LinkToDirectory {
        /// Its name.
        entry: Vec<u8>,
        /// What it leads to.
        target: Vec<u8>,
    },
    /// A path longer than Linux has.
    #[error("the path {} is longer than {limit} bytes", shown(path))]
    LongPath {
        /// The path.
        path: Vec<u8>,
        /// The longest.
        limit: usize,
    },
    /// Symbolic links that lead in a circle.
    #[error("{}: too many levels of symbolic links", shown(path))]
    Loop {
        /// The path.
        path: Vec<u8>,
    },
    /// Symbolic links without end, if not in a circle.
    #[error("the symbolic links lead over more than {limit} directories with {}", shown(path))]
    Links {
        /// The path that was too much.
        path: Vec<u8>,
        /// The limit.
        limit: u64,
    },
    /// Nothing is at the path.
    #[error("{}: no such file or directory", shown(path))]
    NoFile {
        /// The path.
        path: Vec<u8>,
    },
    /// What is in the middle of the path is no directory, or what is at its end
    /// and should be.
    #[error("{}: not a directory", shown(path))]
    NotADirectory {
        /// The path.
        path: Vec<u8>,
    },
    /// A directory where a file was expected.
    #[error("{}: is a directory", shown(path))]
    IsADirectory {
        /// The path.
        path: Vec<u8>,
    },
    /// Something else than a file.
    #[error("{}: not a regular file", shown(path))]
    NotAFile {
        /// The path.
        path: Vec<u8>,
    },
    /// Extended attributes without end.
    #[error("the extended attributes take more than {limit} bytes with {}", shown(entry))]
    XattrBytes {
        /// The entry that was too much.
        entry: Vec<u8>,
        /// The limit.
        limit: usize,
    },
    /// Sparse files in too many pieces.
    #[error("the sparse files have more than {limit} pieces with {}", shown(entry))]
    Extents {
        /// The entry that was too much.
        entry: Vec<u8>,
        /// The limit.
        limit: usize,
    },
    /// Files that come to more than was allowed, with their holes.
    #[error("the files come to {bytes} bytes, more than the {limit} allowed")]
    FileBytes {
        /// What they come to.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// More paths than any image has.
    #[error("there are more than {limit} paths")]
    Paths {
        /// The limit.
        limit: usize,
    },
    /// Paths that take more memory than any image's do.
    #[error("the names and attributes of {paths} paths take more than {limit} bytes of memory")]
    PathBytes {
        /// How many there are so far.
        paths: usize,
        /// The limit.
        limit: usize,
    },
    /// More layers than anybody stacks.
    #[error("there are more than {limit} layers")]
    Layers {
        /// The limit.
        limit: usize,
    },
    /// A layer that is no tar.
    #[error("layer {layer} is no valid tar")]
    Tar {
        /// The layer.
        layer: DiffId,
        /// What is wrong with it.
        source: EntryError,
    },
    /// A layer whose entries come to no file system.
    #[error("layer {layer} cannot be applied")]
    Apply {
        /// The layer.
        layer: DiffId,
        /// What is wrong with it.
        source: Box<Error>,
    },
    /// A layer that does not unwrap.
    #[error("layer {layer} cannot be unwrapped")]
    Unwrap {
        /// The layer.
        layer: DiffId,
        /// What is wrong with it.
        source: io::Error,
    },
    /// The passing file for an unwrapped layer failed.
    #[error("cannot keep an unwrapped layer in a passing file")]
    Scratch(#[source] io::Error),
    /// What is kept beside a writable layer is not what was written.
    #[error("{file} is damaged")]
    Kept {
        /// The file, as the store names it.
        file: String,
    },
    /// A file of a writable layer whose content lies elsewhere.
    #[error("{} in the writable layer refers to another place (redirect_dir or metacopy)", shown(path))]
    Redirected {
        /// The file.
        path: Vec<u8>,
    },
    /// A file that a layer takes for the absence of one.
    #[error("{} cannot be told from a whiteout", shown(path))]
    LikeWhiteout {
        /// The file.
        path: Vec<u8>,
    },
    /// A directory that may not hide the one below it.
    #[error("the file system of the store keeps no extended attributes, which overlayfs needs")]
    Opaque,
    /// A file that has become shorter while it was read.
    #[error("{} has changed while it was read", shown(path))]
    Changed {
        /// The file.
        path: Vec<u8>,
    },
    /// There is no writable layer.
    #[error("the file system cannot be changed")]
    NotWritable,
    /// What is to be put into a container cannot be read.
    #[error("cannot read what is to be copied")]
    Input(#[source] io::Error),
    /// Whoever takes the bytes did not take them.
    #[error("cannot write the output")]
    Output(#[source] io::Error),
    /// The work was told to stop.
    #[error(transparent)]
    Cancelled(#[from] crate::task::Cancelled),
    /// The store's bytes failed.
    #[error(transparent)]
    Chunk(#[from] chunk::Error),
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] disk::Error),
    /// There is not enough memory.
    #[error(transparent)]
    Memory(#[from] larder_memory::OutOfMemory),
}

/// What the room's functions give.
pub type Result<T, E = Error> = std::result::Result<T, E>;
