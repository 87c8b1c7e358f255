//! Why a container could not be run.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;

use crate::disk;

/// What this room's functions give.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a container could not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store's disk failed.
    #[error(transparent)]
    Disk(#[from] disk::Error),
    /// What is said of a container cannot be read.
    #[error("{file} is damaged")]
    BadStatus {
        /// The file.
        file: String,
        /// How.
        source: serde_json::Error,
    },
    /// The process cannot be started as it was asked for, in the runtime's words.
    #[error("{text}")]
    Refused {
        /// Which sort of reason it is.
        refusal: Refusal,
        /// The words.
        text: String,
    },
    /// The system refused something that a container needs.
    #[error("cannot {verb}")]
    System {
        /// What was tried.
        verb: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The same, about something that has a path.
    #[error("cannot {verb} {}", path.display())]
    Path {
        /// What was tried.
        verb: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What the monitor or its client says makes no sense.
    #[error("the monitor of the container says what makes no sense")]
    Nonsense,
    /// The monitor is gone.
    #[error("the monitor of the container has ended")]
    Gone,
    /// The container has no such user.
    #[error("unable to find user {user}: no matching entries in passwd file")]
    NoUser {
        /// What was asked for.
        user: String,
    },
    /// The container has no such group.
    #[error("unable to find group {group}: no matching entries in group file")]
    NoGroup {
        /// What was asked for.
        group: String,
    },
    /// A number that no user has.
    #[error("uids and gids must be in range 0-2147483647")]
    UserRange,
    /// The programs that map subordinate IDs refused to.
    #[error("cannot map the subordinate IDs of this user: {text}")]
    IdMapping {
        /// What they said.
        text: String,
    },
    /// The user namespace of a caller who is not root does not have this user or group.
    #[error(
        "{kind} {id} does not exist in the user namespace of a caller who is not root: give the caller \
         subordinate IDs (see subuid(5)) and install newuidmap, or run as root"
    )]
    NotMapped {
        /// `user` or `group`.
        kind: &'static str,
        /// Its number.
        id: u32,
    },
    /// The container has no cgroup, and so nothing that cgroups do.
    #[error(
        "the container has no cgroup: a caller who is not root needs one that was delegated to them, \
         see docs/running.md"
    )]
    NoCgroup,
    /// Nothing would keep the container from the machine's devices.
    #[error(
        "the container could use the devices of this machine: {why}, and there is no device filter: {no_filter}"
    )]
    OpenDevices {
        /// Why its cgroup has no device filter.
        no_filter: String,
        /// Why its mounts do not help either.
        why: String,
    },
    /// The filter of system calls that was asked for cannot be made.
    #[error("invalid seccomp profile")]
    Seccomp(#[from] super::bundle::ProfileError),
    /// Not what an option of the run may be.
    #[error("{option} cannot be {value}: {why}")]
    Option {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
        /// Why not.
        why: &'static str,
    },
}

/// Why a process is not started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Refusal {
    /// There is no such program: 127.
    NotFound,
    /// There is, and it may not be executed: 126.
    NotExecutable,
    /// Anything else: 125.
    Other,
}

impl Refusal {
    /// Docker's exit code for it.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::NotFound => 127,
            Self::NotExecutable => 126,
            Self::Other => 125,
        }
    }

    /// Which one `text`, that of a runtime, tells of. Only what it says of the command counts:
    /// a mount or a cgroup that is not found is no missing command.
    pub(super) fn of(text: &str) -> Self {
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if text.starts_with("chdir to cwd") {
            Self::NotExecutable
        } else if !text.starts_with("exec") && !text.contains("executable file") {
            Self::Other
        } else if says(&[
            "executable file not found",
            "no such file or directory",
            "No such file or directory",
        ]) {
            Self::NotFound
        } else if says(&["permission denied", "Permission denied", "is a directory", "exec format error"]) {
            Self::NotExecutable
        } else {
            Self::Other
        }
    }
}

/// What an error says, with all that led to it; what a cause repeats is said once.
pub(super) fn whole_text(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut at = error.source();
    while let Some(cause) = at {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        at = cause.source();
    }
    text
}

/// Turns what a call of the system gives into this room's error.
pub(super) trait Tried<T> {
    /// The value, or that it was not possible to `verb`.
    fn tried(self, verb: &'static str) -> Result<T>;
}

impl<T, E: Into<io::Error>> Tried<T> for std::result::Result<T, E> {
    fn tried(self, verb: &'static str) -> Result<T> {
        self.map_err(|error| Error::System { verb, source: error.into() })
    }
}
