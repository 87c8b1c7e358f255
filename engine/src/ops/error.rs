//! Why a verb could not do what it was asked for.

use crate::catalog::{Container, ContainerId};
use crate::container::{NameError, PathPatternError, SpecError};
use crate::image::{ChangeError, DiffId, Digest, DocumentError, GlobError, Platform, ReferenceError};
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
    /// Not a pattern for names.
    #[error(transparent)]
    Pattern(GlobError),
    /// Not a pattern for paths.
    #[error(transparent)]
    PathPattern(PathPatternError),
    /// Not a regular expression.
    #[error("invalid regular expression {pattern:?}")]
    Regex {
        /// What was given.
        pattern: String,
        /// What is wrong with it.
        source: regex::Error,
    },
    /// No image of an archive fits a pattern.
    #[error("no image in the archive fits {pattern:?}: it has {has}")]
    NotInArchive {
        /// What was asked for.
        pattern: String,
        /// What there is, separated by commas.
        has: String,
    },
    /// A name is given to one image.
    #[error("{name} can be the name of one image only, and {images} would be loaded")]
    ManyToTag {
        /// The name.
        name: String,
        /// How many images there are.
        images: usize,
    },
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
    /// What the container writes is not kept; in Docker's words.
    #[error("configured logging driver does not support reading")]
    NoLog,
    /// A container needs the image, whose last name would go.
    #[error(
        "conflict: unable to remove repository reference {name:?} (must force) - container {container} is using its referenced image {image}"
    )]
    UsedName {
        /// The name.
        name: String,
        /// The container ID's first twelve digits.
        container: String,
        /// The image ID's.
        image: String,
    },
    /// A container needs the image.
    #[error(
        "conflict: unable to delete {image} (must be forced) - image is being used by stopped container {container}"
    )]
    UsedImage {
        /// The image ID's first twelve digits.
        image: String,
        /// The container ID's.
        container: String,
    },
    /// A container that runs needs the image.
    #[error(
        "conflict: unable to delete {image} (cannot be forced) - image is being used by running container {container}"
    )]
    RunningImage {
        /// The image ID's first twelve digits.
        image: String,
        /// The container ID's.
        container: String,
    },
    /// Neither a container nor an image has that name, ID or ID prefix.
    #[error("No such container or image: {name}")]
    NoSuchContainerOrImage {
        /// What was asked for.
        name: String,
    },
    /// No container has that name, ID or ID prefix.
    #[error("No such container: {name}")]
    NoSuchContainer {
        /// What was asked for.
        name: String,
    },
    /// More than one container has an ID that begins so.
    #[error("multiple IDs found with provided prefix: {prefix}")]
    ManyContainers {
        /// What was asked for.
        prefix: String,
    },
    /// Not a name for a container.
    #[error(transparent)]
    ContainerName(NameError),
    /// Another container has the name.
    #[error(
        "Conflict. The container name \"/{name}\" is already in use by container \"{owner}\". You have to remove (or rename) that container to be able to reuse that name."
    )]
    NameTaken {
        /// The name.
        name: String,
        /// Who has it.
        owner: ContainerId,
    },
    /// The container has that name already.
    #[error("Renaming a container with the same name as its current name")]
    SameName,
    /// The container cannot be what was asked for.
    #[error(transparent)]
    Spec(SpecError),
    /// More was asked for than a record keeps.
    #[error(
        "the container's configuration takes {bytes} bytes, more than the {} that are kept",
        Container::MAX_SPEC_BYTES
    )]
    SpecTooLong {
        /// How much it takes.
        bytes: usize,
    },
    /// What a container was created with cannot be read.
    #[error("the configuration of container {id} cannot be read")]
    BadSpec {
        /// The container.
        id: ContainerId,
        /// Why.
        source: serde_json::Error,
    },
    /// An image of signatures or other carried content.
    #[error("image {name} has nothing that can be run")]
    NothingToRun {
        /// The image.
        name: String,
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
    /// No layer of the image has that number or diff ID.
    #[error("no such layer: {layer}; the image has {layers}, the base being 1, each with a diff ID")]
    NoSuchLayer {
        /// What was asked for.
        layer: String,
        /// How many there are.
        layers: usize,
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
    /// Copying between here and a container.
    #[error(transparent)]
    Copy(#[from] super::copy::Error),
    /// Taking back what was done.
    #[error(transparent)]
    Undo(#[from] super::undo::Error),
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
            Error::NoSuchImage { .. }
            | Error::NoSuchLayer { .. }
            | Error::NoReference { .. }
            | Error::NotInArchive { .. }
            | Error::NoPlatform { .. }
            | Error::NoSuchContainer { .. }
            | Error::NoSuchContainerOrImage { .. } => ErrorKind::NotFound,
            Error::Ambiguous { .. } | Error::ManyContainers { .. } | Error::ManyToTag { .. } => {
                ErrorKind::Ambiguous
            }
            Error::NoTar { .. } => ErrorKind::InvalidArchive,
            Error::BadReference { .. }
            | Error::Directory
            | Error::ImportWithDigest
            | Error::Change(_)
            | Error::TagWithDigest
            | Error::Pattern(_)
            | Error::PathPattern(_)
            | Error::Regex { .. }
            | Error::ContainerName(_)
            | Error::SameName
            | Error::Spec(_)
            | Error::SpecTooLong { .. }
            | Error::NothingToRun { .. } => ErrorKind::InvalidInput,
            Error::ManyNames { .. }
            | Error::UsedName { .. }
            | Error::UsedImage { .. }
            | Error::RunningImage { .. }
            | Error::NameTaken { .. } => ErrorKind::Conflict,
            Error::BadSpec { .. } => ErrorKind::Corrupt,
            Error::Document { .. } | Error::LongHistory | Error::NoLayer { .. } => ErrorKind::Corrupt,
            Error::Unwrapped { .. } | Error::NoLog => ErrorKind::Unsupported,
            Error::DiffId { .. } | Error::MemberDigest { .. } => ErrorKind::InvalidArchive,
            Error::Archive(error) => kind_of_archive(error),
            Error::Copy(error) => error.kind(),
            Error::Undo(error) => error.kind(),
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
        | Container::FileBytes { .. }
        | Container::Paths { .. }
        | Container::PathBytes { .. }
        | Container::Layers { .. } => ErrorKind::LimitExceeded,
        Container::LongPath { .. } | Container::IsADirectory { .. } | Container::NotAFile { .. } => {
            ErrorKind::InvalidInput
        }
        Container::Apply { source, .. } => match kind_of_container(source) {
            ErrorKind::LimitExceeded => ErrorKind::LimitExceeded,
            _ => ErrorKind::InvalidArchive,
        },
        Container::Output(source) | Container::Scratch(source) | Container::Input(source) => kind_of(source),
        Container::Kept { .. } => ErrorKind::Corrupt,
        Container::Redirected { .. } | Container::LikeWhiteout { .. } | Container::Opaque => {
            ErrorKind::Unsupported
        }
        Container::Memory(_) => ErrorKind::OutOfMemory,
        Container::Changed { .. } => ErrorKind::Io,
        _ => ErrorKind::InvalidArchive,
    }
}

fn kind_of_archive(error: &archive::Error) -> ErrorKind {
    match (error, error.fault()) {
        (archive::Error::Read { source, .. }, _) => kind_of(source),
        (archive::Error::BadName(_), _) => ErrorKind::BadName,
        (_, archive::Fault::Limit) => ErrorKind::LimitExceeded,
        (_, archive::Fault::Unsupported) => ErrorKind::Unsupported,
        (_, archive::Fault::Cancelled) => ErrorKind::Cancelled,
        _ => ErrorKind::InvalidArchive,
    }
}
