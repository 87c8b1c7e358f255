//! Why the journal could not be read or written.

use crate::disk;

/// Why the journal could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The first bytes are not a journal's, or another store's.
    #[error("journal is damaged: {what}")]
    Damaged {
        /// How it shows.
        what: &'static str,
    },
    /// A sound journal, but another store's.
    #[error("journal belongs to another store")]
    Foreign,
    /// A record in the middle is not what was written: whole ones follow it.
    #[error(
        "journal is damaged at byte {offset}: the record there is broken, and whole ones follow at byte {next}"
    )]
    Broken {
        /// Where the broken record begins.
        offset: u64,
        /// Where the next whole one begins.
        next: u64,
    },
    /// A journal of a later version.
    #[error("journal has version {got}, which this larder does not read (it reads {want})")]
    Newer {
        /// The version read here.
        want: u32,
        /// The version found.
        got: u32,
    },
    /// A new journal was removed from `tmp/` before it had its name.
    #[error("another process has removed the new journal from tmp/ while it was written")]
    Removed,
    /// A commit too large for a record.
    #[error("a commit of {bytes} bytes is over the limit of {limit}; load fewer images at once")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The most.
        limit: usize,
    },
    /// There is not enough memory for a record.
    #[error(transparent)]
    Memory(#[from] larder_memory::OutOfMemory),
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] disk::Error),
}

/// What the room's functions give.
pub type Result<T, E = Error> = std::result::Result<T, E>;
