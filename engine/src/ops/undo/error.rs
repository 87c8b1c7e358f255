//! Why something cannot be taken back.

use crate::ErrorKind;
use crate::image::ImageId;

/// Why something cannot be taken back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The journal does not have so many entries.
    #[error("the journal has no entry {number}: the last is {last}")]
    NoEntry {
        /// What was asked for.
        number: u64,
        /// The last number.
        last: u64,
    },
    /// The journal was compacted since.
    #[error("entry {number} is not in the log any more: the journal was compacted; the first is {first}")]
    Compacted {
        /// What was asked for.
        number: u64,
        /// The first number that is left.
        first: u64,
    },
    /// Nothing was ever done.
    #[error("nothing was done yet that could be undone")]
    Nothing,
    /// The entry is no command.
    #[error("entry {number} ({verb}) is not undone: it says what was in the store before, after damage")]
    Mending {
        /// The entry.
        number: u64,
        /// What did it.
        verb: String,
    },
    /// What the entry brought has to stay.
    #[error("entry {number} ({verb}) is not undone: other names or containers need the image {id}")]
    Needed {
        /// The entry.
        number: u64,
        /// The command.
        verb: String,
        /// The image.
        id: ImageId,
    },
    /// The entry changed nothing that people see.
    #[error("entry {number} ({verb}) changed no name and no image")]
    Housekeeping {
        /// The entry.
        number: u64,
        /// The command.
        verb: String,
    },
    /// A container was removed.
    #[error("entry {number} ({verb}) cannot be undone: what the container {name} wrote is gone")]
    RemovedContainer {
        /// The entry.
        number: u64,
        /// The command.
        verb: String,
        /// The container's name.
        name: String,
    },
    /// A container was made.
    #[error("entry {number} ({verb}) is not undone: removing the container {name} would lose what it wrote")]
    CreatedContainer {
        /// The entry.
        number: u64,
        /// The command.
        verb: String,
        /// The container's name.
        name: String,
    },
    /// A container was renamed and is not what it was after that.
    #[error("the container {name} was renamed or removed since")]
    ChangedContainer {
        /// The name that entry gave it.
        name: String,
    },
    /// All is as it was before.
    #[error("entry {number} ({verb}) is undone already")]
    Undone {
        /// The entry.
        number: u64,
        /// The command.
        verb: String,
    },
    /// A name was given to another image since, or taken away.
    #[error("{name} {} since entry {number} ({verb})", since(now.as_ref()))]
    Moved {
        /// The entry.
        number: u64,
        /// The command.
        verb: String,
        /// The name.
        name: String,
        /// What it names now.
        now: Option<ImageId>,
    },
    /// The image that a name was taken from has gone since.
    #[error("{name} cannot name the image {id} again: that was removed since")]
    ImageGone {
        /// The name.
        name: String,
        /// The image.
        id: ImageId,
    },
    /// The bytes of an image are not there any more.
    #[error(
        "entry {number} ({verb}) cannot be undone: {lost_bytes} of {bytes} bytes of the image {id} are not there any more"
    )]
    Collected {
        /// The entry.
        number: u64,
        /// The command.
        verb: String,
        /// The image.
        id: ImageId,
        /// How many of its bytes are gone.
        lost_bytes: u64,
        /// How many it has.
        bytes: u64,
    },
}

fn since(now: Option<&ImageId>) -> String {
    match now {
        Some(id) => format!("was given to the image {id}"),
        None => "was taken away".into(),
    }
}

impl Error {
    pub(in crate::ops) fn kind(&self) -> ErrorKind {
        match self {
            Self::NoEntry { .. } | Self::Nothing => ErrorKind::InvalidInput,
            Self::Collected { .. } | Self::ImageGone { .. } | Self::Compacted { .. } => ErrorKind::NotFound,
            Self::Housekeeping { .. }
            | Self::Mending { .. }
            | Self::RemovedContainer { .. }
            | Self::CreatedContainer { .. } => ErrorKind::Unsupported,
            _ => ErrorKind::Conflict,
        }
    }
}

impl From<Error> for crate::Error {
    fn from(error: Error) -> Self {
        super::super::Error::Undo(error).into()
    }
}
