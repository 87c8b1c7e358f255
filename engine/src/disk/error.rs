//! What the disk could not do, and with which file.

use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

/// A failed operation: what was tried, on which file, and what the system said.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} {}", path.display())]
pub struct Error {
    /// What was tried, as it follows "cannot".
    pub verb: &'static str,
    /// The file or directory.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// What operations on a disk give.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The kind of the system's error.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }

    /// Whether memory or descriptors ran out.
    pub fn is_shortage(&self) -> bool {
        is_shortage(&self.source)
    }

    /// Whether there was no such file.
    pub fn is_absent(&self) -> bool {
        matches!(self.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
    }
}

/// Whether memory or descriptors ran out, which says nothing about the file.
pub fn is_shortage(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    error.kind() == io::ErrorKind::OutOfMemory || matches!(errno, Some(Errno::MFILE | Errno::NFILE))
}

/// Names the operation and the file of a failure.
pub(super) trait Context<T> {
    fn context(self, verb: &'static str, path: impl Into<PathBuf>) -> Result<T>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, verb: &'static str, path: impl Into<PathBuf>) -> Result<T> {
        self.map_err(|source| Error { verb, path: path.into(), source })
    }
}

impl<T> Context<T> for rustix::io::Result<T> {
    fn context(self, verb: &'static str, path: impl Into<PathBuf>) -> Result<T> {
        self.map_err(io::Error::from).context(verb, path)
    }
}
