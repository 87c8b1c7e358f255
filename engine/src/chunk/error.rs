//! Why chunks could not be stored or given back.

use std::io;

use super::ChunkName;
use crate::disk;

/// Why chunks could not be stored or given back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No pack has the chunk.
    #[error("chunk {0} is not in the store")]
    NotFound(ChunkName),
    /// The bytes read back do not hash to the name they were stored under.
    #[error("{file} is damaged: the bytes of chunk {want} hash to {got}")]
    Corrupt {
        /// The pack.
        file: String,
        /// The chunk's name.
        want: ChunkName,
        /// What its bytes hash to.
        got: ChunkName,
    },
    /// A file's structure is not what was written.
    #[error("{file} is damaged: {what}")]
    Damaged {
        /// The file.
        file: String,
        /// Which part of it, and how it shows.
        what: &'static str,
    },
    /// A frame does not decompress.
    #[error("{file} is damaged: the frame at {offset} does not decompress")]
    Frame {
        /// The pack.
        file: String,
        /// Where the frame begins, in bytes.
        offset: u64,
        /// What the decompressor said.
        source: io::Error,
    },
    /// A file of a later version than this program knows.
    #[error("{file} has version {got}, which this larder does not read (it reads {want})")]
    Newer {
        /// The file.
        file: String,
        /// The version read here.
        want: u32,
        /// The version found.
        got: u32,
    },
    /// A recipe that no version of larder writes.
    #[error("recipe {name} is malformed: {what}")]
    Recipe {
        /// The chunk that holds the recipe's segment.
        name: ChunkName,
        /// How it shows.
        what: &'static str,
    },
    /// A chunk longer than chunks may be.
    #[error("a chunk of {bytes} bytes is over the limit of {limit}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The longest.
        limit: usize,
    },
    /// Compressing failed: the codec has no memory or was given a bad level.
    #[error("cannot compress a frame")]
    Compress(#[source] io::Error),
    /// A thread that is needed cannot be started.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    /// A worker thread is gone without having said why.
    #[error("a worker stopped before its work was done")]
    Worker,
    /// The receiver of a blob's bytes did not take them.
    #[error("cannot write the output")]
    Output(#[source] io::Error),
    /// The work was told to stop.
    #[error(transparent)]
    Cancelled(#[from] crate::task::Cancelled),
    /// There is not enough memory.
    #[error(transparent)]
    Memory(#[from] larder_memory::OutOfMemory),
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] disk::Error),
}

/// What the room's functions give.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Whether memory, threads or descriptors ran out, which says nothing about what is stored.
    pub fn is_shortage(&self) -> bool {
        match self {
            Self::Memory(_) | Self::Thread(_) => true,
            Self::Disk(error) => error.is_shortage(),
            _ => false,
        }
    }

    /// Whether stored bytes are not what they were: the disk does its work, but
    /// what it gives is wrong.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Corrupt { .. } | Self::Damaged { .. } | Self::Frame { .. } | Self::Recipe { .. })
    }
}
