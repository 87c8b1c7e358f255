//! Why a filter could not be made.

/// Why a filter could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeccompError {
    /// There is no table of calls for this machine.
    #[error("there are no seccomp filters for {}", std::env::consts::ARCH)]
    Architecture,
    /// The table has no such call.
    #[error("there is no system call {0} on this architecture")]
    UnknownSyscall(String),
    /// A call has six arguments.
    #[error("a system call has no argument {0}: they are counted from 0 to 5")]
    Argument(u32),
    /// An error number that the kernel would cut.
    #[error("the error number {0} is not between 0 and 4095")]
    Errno(i32),
    /// Nobody would listen.
    #[error("seccomp notifications are not supported")]
    Notify,
    /// This crate leaves `no_new_privs` alone.
    #[error("setting no_new_privs with the filter is not supported")]
    NoNewPrivs,
    /// The compiler refused.
    #[error("cannot compile the seccomp filter")]
    Compile(#[from] seccompiler::BackendError),
    /// The kernel would not take it.
    #[error("the seccomp filter has {0} instructions, more than the 4096 that the kernel takes")]
    TooLong(usize),
    /// The kernel has no filters.
    #[error("the kernel has no seccomp filters (CONFIG_SECCOMP_FILTER)")]
    NoKernelSupport(#[source] std::io::Error),
    /// The kernel did not take it.
    #[error("cannot install the seccomp filter")]
    Install(#[source] std::io::Error),
    /// A thread has another filter.
    #[error("cannot install the seccomp filter in thread {0}")]
    Thread(libc::c_long),
}
