//! Why a store could not be used, and how errors of the rooms below appear.

use std::io;
use std::path::PathBuf;

use crate::image::Digest;
use crate::{ErrorKind, catalog, chunk, disk, journal, task};

/// Why a store could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A thread, which the catalog cannot do without, cannot be started.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// There is less memory than the store takes to open.
    #[error("there is too little memory to work in")]
    Memory(#[source] std::io::Error),
    /// No store there.
    #[error("there is no store at {}", path.display())]
    NoStore {
        /// Where one was expected.
        path: PathBuf,
    },
    /// The clock shows a time before 1970 or after 9999.
    #[error("the clock of this machine shows a year before 1970 or after 9999; set it first")]
    Clock,
    /// A store is there already.
    #[error("there is a store at {} already", path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// A directory with something else in it.
    #[error("{} is no store, and not empty: it has {entry:?}", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
        /// One thing in it.
        entry: String,
    },
    /// The file `format` is not what was written.
    #[error("the file format is damaged: {what}")]
    BadFormat {
        /// How it shows.
        what: &'static str,
    },
    /// A store with features that this larder does not know.
    #[error("the store needs a newer larder: it uses version {version}, features {features:#x}")]
    Newer {
        /// The format's version.
        version: u32,
        /// The unknown incompatible features, as bits.
        features: u64,
    },
    /// Packs without a journal.
    #[error("the store has packs but no journal: the file journal is missing")]
    NoJournal,
    /// A level of compression that zstd does not have.
    #[error("there is no level {level} of compression: levels go from 1, the fastest, to 22, the smallest")]
    BadLevel {
        /// What was asked for.
        level: u8,
    },
    /// The store may not be changed.
    #[error("the store is read-only")]
    ReadOnly,
    /// The catalog says a blob is there, but it is not what its digest says.
    #[error("blob {want} is damaged: its bytes hash to {got}")]
    CorruptBlob {
        /// The blob.
        want: Digest,
        /// What its bytes hash to.
        got: Digest,
    },
    /// An image needs a blob that the catalog does not have.
    #[error("blob {0} is missing from the store")]
    NoBlob(Digest),
}

impl From<Error> for crate::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::NoStore { .. } => ErrorKind::NotFound,
            Error::Exists { .. } | Error::NotEmpty { .. } => ErrorKind::Conflict,
            Error::Newer { .. } | Error::Clock => ErrorKind::Unsupported,
            Error::BadLevel { .. } => ErrorKind::InvalidInput,
            Error::Thread(source) | Error::Memory(source) => kind_of(source),
            Error::ReadOnly => ErrorKind::ReadOnly,
            Error::BadFormat { .. } | Error::NoJournal | Error::CorruptBlob { .. } | Error::NoBlob(_) => {
                ErrorKind::Corrupt
            }
        };
        Self::new(kind, error)
    }
}

/// The kind of an error that the system gave.
pub(crate) fn kind_of(error: &io::Error) -> ErrorKind {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::NoSpace,
        io::ErrorKind::ReadOnlyFilesystem => ErrorKind::ReadOnly,
        io::ErrorKind::OutOfMemory => ErrorKind::OutOfMemory,
        // One that is neither of the above, and says nothing about a file.
        _ if disk::is_shortage(error) => ErrorKind::OutOfDescriptors,
        _ => ErrorKind::Io,
    }
}

impl From<disk::Error> for crate::Error {
    fn from(error: disk::Error) -> Self {
        Self::new(kind_of(&error.source), error)
    }
}

impl From<task::Cancelled> for crate::Error {
    fn from(error: task::Cancelled) -> Self {
        Self::new(ErrorKind::Cancelled, error)
    }
}

impl From<chunk::Error> for crate::Error {
    fn from(error: chunk::Error) -> Self {
        let kind = match &error {
            chunk::Error::Disk(disk) => kind_of(&disk.source),
            chunk::Error::Output(source) => kind_of(source),
            chunk::Error::Cancelled(_) => ErrorKind::Cancelled,
            chunk::Error::Newer { .. } => ErrorKind::Unsupported,
            chunk::Error::Compress(source) | chunk::Error::Thread(source) => kind_of(source),
            chunk::Error::Memory(_) => ErrorKind::OutOfMemory,
            chunk::Error::Worker => ErrorKind::Io,
            chunk::Error::TooLong { .. } => ErrorKind::LimitExceeded,
            _ => ErrorKind::Corrupt,
        };
        Self::new(kind, error)
    }
}

impl From<journal::Error> for crate::Error {
    fn from(error: journal::Error) -> Self {
        let kind = match &error {
            journal::Error::Disk(disk) => kind_of(&disk.source),
            journal::Error::Memory(_) => ErrorKind::OutOfMemory,
            journal::Error::Newer { .. } => ErrorKind::Unsupported,
            journal::Error::TooLarge { .. } => ErrorKind::LimitExceeded,
            journal::Error::Removed => ErrorKind::Io,
            _ => ErrorKind::Corrupt,
        };
        Self::new(kind, error)
    }
}

impl From<catalog::Error> for crate::Error {
    fn from(error: catalog::Error) -> Self {
        let kind = match &error {
            catalog::Error::UnknownCommit(_) => ErrorKind::Unsupported,
            catalog::Error::TooLarge(_) => ErrorKind::LimitExceeded,
            catalog::Error::Database(sled::Error::Io(source)) => kind_of(source),
            _ => ErrorKind::Corrupt,
        };
        Self::new(kind, error)
    }
}
