//! The engine's one public error: what kind of thing went wrong, and why.

use std::error::Error as StdError;
use std::fmt;

/// What went wrong, as a caller would sort it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No image, container, blob or store by that name.
    NotFound,
    /// A prefix of an ID fits more than one thing.
    Ambiguous,
    /// What was asked for clashes with what is there.
    Conflict,
    /// A reference, platform, option or pattern that is not one.
    InvalidInput,
    /// An archive that is damaged, incomplete, contradicts itself or is none.
    InvalidArchive,
    /// A name that an archive gives to an image and that cannot be taken.
    BadName,
    /// An archive passed one of the [`Limits`](crate::archive::Limits).
    LimitExceeded,
    /// Something valid that larder does not do.
    Unsupported,
    /// Bytes in the store that are not what was put there.
    Corrupt,
    /// The disk or the quota is full.
    NoSpace,
    /// There is not enough memory.
    OutOfMemory,
    /// The process, or the system, may open no more files.
    OutOfDescriptors,
    /// The store may not be written.
    ReadOnly,
    /// The command that a container is to execute is not in it.
    CommandNotFound,
    /// It is, and cannot be executed.
    CommandNotExecutable,
    /// The runtime refuses to run a container.
    Runtime,
    /// The work was told to stop.
    Cancelled,
    /// Reading or writing failed otherwise.
    Io,
}

/// Anything that the engine could not do.
///
/// Its text says what failed and on what; [`StdError::source`] leads on to the
/// cause, which the text does not repeat.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    cause: Box<dyn StdError + Send + Sync>,
}

/// What the engine's functions give.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind` because of `cause`.
    pub(crate) fn new(kind: ErrorKind, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind, cause: cause.into() }
    }

    /// The cause, if it is a `T`.
    pub(crate) fn cause<T: StdError + 'static>(&self) -> Option<&T> {
        self.cause.downcast_ref()
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.cause, f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.source()
    }
}
