//! Why a verb could not do what it was asked for.

use crate::image::{ChangeError, DiffId, Digest, DocumentError, Platform, ReferenceError};
use crate::store::kind_of;
use crate::tar::EntryError;
use crate::{ErrorKind, archive, container};

/// Why a verb could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No image has that name, ID or ID prefix.
    #[error("No such image: {name}")]
    NoSuchImage {
        /// What was asked for.
        name: String,
    },
    /// No image has that name and tag, where a repository is asked for by tags.
    #[error("reference does not exist: {name}")]
    NoReference {
        /// What was asked for.
        name: String,
    },
    /// More than one image has an ID that begins so.
    #[error("ambiguous image ID {prefix}: it fits {first} and {second}")]
    Ambiguous {
        /// What was asked for.
        prefix: String,
        /// One of them.
        first: Digest,
        /// Another.
        second: Digest,
    },
    /// Not a reference.
    #[error("{name:?} is not a valid repository/tag")]
    BadReference {
        /// What was given.
        name: String,
        /// Against which rule it is.
        source: ReferenceError,
    },
    /// A digest names its content already; it cannot be pointed elsewhere.
    #[error("refusing to create a tag with a digest reference")]
    TagWithDigest,
    /// What is made by an import has a digest of its own.
    #[error("cannot import digest reference")]
    ImportWithDigest,
    /// The image is not there for the platform.
    #[error("image {name} does not have the platform {want}: it has {got}")]
    NoPlatform {
        /// The image.
        name: String,
        /// What was asked for.
        want: Platform,
        /// What there is, separated by commas.
        got: String,
    },
    /// Removing an ID would take several names away.
    #[error(
        "conflict: unable to delete {short} (must be forced) - image is referenced in multiple repositories"
    )]
    ManyNames {
        /// The image ID's first twelve digits.
        short: String,
    },
    /// A stored document cannot be read.
    #[error("document {digest} cannot be read")]
    Document {
        /// The document.
        digest: Digest,
        /// Why.
        source: DocumentError,
    },
    /// A history that does not fit the layers.
    #[error("too many non-empty layers in History section")]
    LongHistory,
    /// A layer that was planned for was not taken in: a mistake of larder's own.
    #[error("the layer {member} was not taken in")]
    NoLayer {
        /// The member that holds it.
        member: String,
    },
    /// A layer does not expand to what the config says; in Docker's words.
    #[error("{member}: invalid diffID for layer {number}: expected \"{wanted}\", got \"{got}\"")]
    DiffId {
        /// The member that holds the layer.
        member: String,
        /// Which layer, the base being 0.
        number: usize,
        /// By the config.
        wanted: DiffId,
        /// By the bytes.
        got: DiffId,
    },
    /// Compressed content that is no layer came by a stream, where nothing tells
    /// it from one before the end, and was unwrapped as was asked for.
    #[error("{member} is compressed and no layer: a stream cannot be unwrapped with it; load from a file")]
    Unwrapped {
        /// The member that holds it.
        member: String,
    },
    /// A member's bytes do not hash to what a descriptor says.
    #[error("{member} hashes to {got}, but its descriptor says {wanted}")]
    MemberDigest {
        /// The member.
        member: String,
        /// By the descriptor.
        wanted: Digest,
        /// By the bytes.
        got: Digest,
    },
    /// An image of which nothing can be run: it has no layers to look into.
    #[error("{name} is no image with a file system")]
    NothingToRun {
        /// The image.
        name: String,
    },
    /// A directory where a tar was expected.
    #[error("a directory is no tar")]
    Directory,
    /// What was to be imported is no tar.
    #[error("not a tar archive")]
    NoTar {
        /// What is wrong with it.
        source: EntryError,
    },
    /// A change to a config that cannot be made.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The archive cannot be taken in.
    #[error(transparent)]
    Archive(#[from] archive::Error),
}

impl From<Error> for crate::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::NoSuchImage { .. } | Error::NoReference { .. } | Error::NoPlatform { .. } => {
                ErrorKind::NotFound
            }
            Error::Ambiguous { .. } => ErrorKind::Ambiguous,
            Error::NothingToRun { .. } => ErrorKind::Unsupported,
            Error::Directory | Error::Change(_) => ErrorKind::InvalidInput,
            Error::NoTar { .. } => ErrorKind::InvalidArchive,
            Error::BadReference { .. } | Error::TagWithDigest | Error::ImportWithDigest => {
                ErrorKind::InvalidInput
            }
            Error::ManyNames { .. } => ErrorKind::Conflict,
            Error::Document { .. } | Error::LongHistory | Error::NoLayer { .. } => ErrorKind::Corrupt,
            Error::Unwrapped { .. } => ErrorKind::Unsupported,
            Error::DiffId { .. } | Error::MemberDigest { .. } => ErrorKind::InvalidArchive,
            Error::Archive(error) => kind_of_archive(error),
        };
        Self::new(kind, error)
    }
}

impl From<container::Error> for crate::Error {
    fn from(error: container::Error) -> Self {
        use container::Error as Container;
        match error {
            Container::Chunk(error) => error.into(),
            Container::Disk(error) => error.into(),
            Container::Cancelled(error) => error.into(),
            error => Self::new(kind_of_container(&error), error),
        }
    }
}

fn kind_of_container(error: &container::Error) -> ErrorKind {
    use container::Error as Container;
    match error {
        Container::NoFile { .. } | Container::NotADirectory { .. } | Container::Loop { .. } => {
            ErrorKind::NotFound
        }
        Container::XattrBytes { .. }
        | Container::Extents { .. }
        | Container::Links { .. }
        | Container::Paths { .. }
        | Container::Layers { .. } => ErrorKind::LimitExceeded,
        Container::LongPath { .. } => ErrorKind::InvalidInput,
        Container::Apply { source, .. } => match kind_of_container(source) {
            ErrorKind::LimitExceeded => ErrorKind::LimitExceeded,
            _ => ErrorKind::InvalidArchive,
        },
        Container::Output(source) | Container::Scratch(source) => kind_of(source),
        _ => ErrorKind::InvalidArchive,
    }
}

fn kind_of_archive(error: &archive::Error) -> ErrorKind {
    match (error, error.fault()) {
        (archive::Error::Read { source, .. }, _) => kind_of(source),
        (_, archive::Fault::Limit) => ErrorKind::LimitExceeded,
        (_, archive::Fault::Unsupported) => ErrorKind::Unsupported,
        (_, archive::Fault::Cancelled) => ErrorKind::Cancelled,
        _ => ErrorKind::InvalidArchive,
    }
}
