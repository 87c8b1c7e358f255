//! Why something could not be copied, in Docker's words where it has some.

use crate::ErrorKind;
use crate::tar::shown;

/// Why something could not be copied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing is at the path.
    #[error("Could not find the file {} in {what} {name}", shown(path))]
    NoFile {
        /// The path as it was given.
        path: Vec<u8>,
        /// `container` or `image`.
        what: &'static str,
        /// Its name as it was given.
        name: String,
    },
    /// A path that says it is a directory, and is none.
    #[error("{}: not a directory", shown(path))]
    NotADirectory {
        /// The path.
        path: Vec<u8>,
    },
    /// A directory cannot be copied onto a file.
    #[error("cannot copy directory")]
    CannotCopyDirectory,
    /// The target says it is a directory, and is not there.
    #[error("no such directory")]
    NoDirectory,
    /// The target is a device or the like.
    #[error("destination \"{}\" must be a directory or a regular file", shown(path))]
    OddTarget {
        /// The target.
        path: Vec<u8>,
    },
    /// A tar goes into a directory only.
    #[error("destination \"{}\" must be a directory", shown(path))]
    MustBeDirectory {
        /// The target.
        path: Vec<u8>,
    },
    /// The directory that the target is to lie in is not there.
    #[error("invalid output path: directory {:?} does not exist", shown(path))]
    NoParent {
        /// The directory.
        path: Vec<u8>,
    },
    /// More links than any path leads over.
    #[error("too many symlinks in {}", shown(path))]
    Links {
        /// The path.
        path: Vec<u8>,
    },
    /// A file in the way of a directory.
    #[error("cannot overwrite non-directory {:?} with directory {:?}", shown(there), shown(new))]
    OverFile {
        /// What is there.
        there: Vec<u8>,
        /// What was to be put there.
        new: Vec<u8>,
    },
    /// A directory in the way of a file.
    #[error("cannot overwrite directory {:?} with non-directory {:?}", shown(there), shown(new))]
    OverDirectory {
        /// What is there.
        there: Vec<u8>,
        /// What was to be put there.
        new: Vec<u8>,
    },
    /// An entry of a tar that leads out of the directory that it goes into.
    #[error("{:?} is outside of {:?}", shown(entry), shown(dir))]
    Outside {
        /// The entry, or what it links to.
        entry: Vec<u8>,
        /// The directory.
        dir: Vec<u8>,
    },
    /// An image was given where only a container can be written to.
    #[error("{name} is an image, and images do not change: copy into a container of it and commit that")]
    IntoImage {
        /// Its name.
        name: String,
    },
    /// The container was created with `--read-only`.
    #[error("container rootfs is marked read-only")]
    ReadOnly,
}

impl Error {
    pub(in crate::ops) fn kind(&self) -> ErrorKind {
        match self {
            Self::NoFile { .. } | Self::NoParent { .. } | Self::NoDirectory => ErrorKind::NotFound,
            Self::OverFile { .. } | Self::OverDirectory { .. } => ErrorKind::Conflict,
            Self::Outside { .. } => ErrorKind::InvalidArchive,
            Self::IntoImage { .. } | Self::ReadOnly => ErrorKind::Unsupported,
            _ => ErrorKind::InvalidInput,
        }
    }
}

impl From<Error> for crate::Error {
    fn from(error: Error) -> Self {
        super::super::Error::Copy(error).into()
    }
}
