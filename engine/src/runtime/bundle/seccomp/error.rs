//! Why a seccomp profile cannot be used.

/// Why a seccomp profile cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// Not JSON, or not a profile.
    #[error("decoding seccomp profile failed")]
    Json(#[from] serde_json::Error),
    /// A path instead of the file's content: a container of an older larder.
    #[error("the container has no seccomp profile, but the name of a file: create it anew")]
    NotRead,
    /// Nothing is said of the calls that no rule names.
    #[error("the seccomp profile has no defaultAction")]
    NoDefaultAction,
    /// Docker has it so.
    #[error("both 'architectures' and 'archMap' are specified in the seccomp profile")]
    ArchitecturesTwice,
    /// Docker has it so.
    #[error("both 'name' and 'names' are specified in the seccomp profile")]
    NamesTwice,
    /// A rule for no call.
    #[error("a rule of the seccomp profile names no system call")]
    NoNames,
    /// A version that no kernel has.
    #[error("invalid kernel version {0:?} in the seccomp profile, expected \"<kernel>.<major>\"")]
    Kernel(String),
    /// Somebody would have to listen.
    #[error("{0} in the seccomp profile is not supported")]
    Unsupported(&'static str),
    /// A call has six arguments.
    #[error("a rule of the seccomp profile is about argument {0}: they are counted from 0 to 5")]
    Argument(usize),
    /// The kernel would cut it.
    #[error("{0} in the seccomp profile is no error number: the largest is 4095")]
    Errno(u32),
}
