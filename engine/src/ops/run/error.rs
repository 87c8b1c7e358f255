//! Why something could not be done with a container that runs, or should; mostly in
//! Docker's words.

use crate::catalog::ContainerId;
use crate::runtime::descriptors::TooFew;
use crate::runtime::{self, Refusal};
use crate::store::kind_of;
use crate::{ErrorKind, disk};

/// Why something could not be done with a container that runs, or should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It does not run.
    #[error("Container {id} is not running")]
    NotRunning {
        /// The container.
        id: ContainerId,
    },
    /// It is frozen.
    #[error("Container {name} is paused, unpause the container before exec")]
    Paused {
        /// The container, as it was asked for.
        name: String,
    },
    /// It is frozen already.
    #[error("Container {id} is already paused")]
    AlreadyPaused {
        /// The container.
        id: ContainerId,
    },
    /// It is not frozen.
    #[error("Container {id} is not paused")]
    NotPaused {
        /// The container.
        id: ContainerId,
    },
    /// It is about to be started again.
    #[error("Container {id} is restarting, wait until the container is running")]
    Restarting {
        /// The container.
        id: ContainerId,
    },
    /// One that is frozen is not started.
    #[error("cannot start a paused container, try unpause instead")]
    StartPaused,
    /// Nobody can listen to what does not run.
    #[error("You cannot attach to a stopped container, start it first")]
    AttachStopped,
    /// Nor to what is frozen.
    #[error("You cannot attach to a paused container, unpause it first")]
    AttachPaused,
    /// It runs, and must not for this.
    #[error(
        "You cannot remove a running container {id}. Stop the container before attempting removal or force remove"
    )]
    RemoveRunning {
        /// The container.
        id: ContainerId,
    },
    /// It is frozen, and must not run for this.
    #[error(
        "You cannot remove a paused container {id}. Unpause and then stop the container before attempting removal or force remove"
    )]
    RemovePaused {
        /// The container.
        id: ContainerId,
    },
    /// It runs, and somebody would change files under it.
    #[error("container {id} is running: stop it first")]
    Running {
        /// The container.
        id: ContainerId,
    },
    /// The process could not be started.
    #[error("{text}")]
    Refused {
        /// Which sort of reason.
        refusal: Refusal,
        /// The runtime's words.
        text: String,
    },
    /// The monitor could not be started.
    #[error("cannot start the monitor {program}")]
    NoMonitor {
        /// The program.
        program: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The monitor has ended without a word.
    #[error("the container's monitor has ended unexpectedly: {status}")]
    MonitorEnded {
        /// How.
        status: String,
    },
    /// There are too few file descriptors to start it.
    #[error(transparent)]
    Descriptors(#[from] TooFew),
    /// A container of a store that lies on no file system.
    #[error("only a container of a store on a disk can run")]
    NotHere,
}

impl From<Error> for crate::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Refused { refusal, .. } => kind_of_refusal(*refusal),
            Error::NoMonitor { source, .. } => kind_of(source),
            Error::MonitorEnded { .. } => ErrorKind::Io,
            Error::Descriptors(_) => ErrorKind::OutOfDescriptors,
            Error::NotHere => ErrorKind::Unsupported,
            _ => ErrorKind::Conflict,
        };
        Self::new(kind, error)
    }
}

impl From<runtime::Error> for crate::Error {
    fn from(error: runtime::Error) -> Self {
        use runtime::Error as Runtime;
        let kind = match &error {
            Runtime::Disk(disk::Error { source, .. })
            | Runtime::System { source, .. }
            | Runtime::Path { source, .. } => kind_of(source),
            Runtime::Refused { refusal, .. } => kind_of_refusal(*refusal),
            Runtime::NoCgroup => ErrorKind::Unsupported,
            Runtime::BadStatus { .. } => ErrorKind::Corrupt,
            Runtime::NoUser { .. }
            | Runtime::NoGroup { .. }
            | Runtime::UserRange
            | Runtime::NotMapped { .. }
            | Runtime::Seccomp(_)
            | Runtime::Option { .. } => ErrorKind::InvalidInput,
            _ => ErrorKind::Io,
        };
        Self::new(kind, error)
    }
}

fn kind_of_refusal(refusal: Refusal) -> ErrorKind {
    match refusal {
        Refusal::NotFound => ErrorKind::CommandNotFound,
        Refusal::NotExecutable => ErrorKind::CommandNotExecutable,
        Refusal::Other => ErrorKind::Runtime,
    }
}
