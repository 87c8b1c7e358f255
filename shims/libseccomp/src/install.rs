//! The one call that hands a filter to the kernel.
//!
//! seccompiler's own always sets `no_new_privs`, with which no program that is set-user-ID
//! works; libcontainer decides that itself. No safe wrapper of `seccomp(2)` leaves it alone.

use seccompiler::BpfProgramRef;

use crate::Result;
use crate::error::SeccompError;

/// The most instructions that the kernel takes (`BPF_MAXINSNS`).
const MAX_INSTRUCTIONS: usize = 4096;

/// Installs `program` for the calling thread.
pub fn install(program: BpfProgramRef, flags: libc::c_ulong) -> Result<()> {
    let mut instructions: Vec<_> = program
        .iter()
        .map(|one| libc::sock_filter { code: one.code, jt: one.jt, jf: one.jf, k: one.k })
        .collect();
    let length = u16::try_from(instructions.len()).ok().filter(|len| usize::from(*len) <= MAX_INSTRUCTIONS);
    let len = length.ok_or(SeccompError::TooLong(instructions.len()))?;
    let filter = libc::sock_fprog { len, filter: instructions.as_mut_ptr() };
    let filter: *const libc::sock_fprog = &filter;
    // SAFETY: the pointer is to a `sock_fprog` that tells the address and the number of
    // initialised instructions; both live until the call returns, and the kernel copies them
    // without writing to them.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, filter) };
    match result {
        0 => Ok(()),
        1.. => Err(SeccompError::Thread(result)),
        _ => {
            let error = std::io::Error::last_os_error();
            Err(match error.raw_os_error() {
                Some(libc::ENOSYS) => SeccompError::NoKernelSupport(error),
                _ => SeccompError::Install(error),
            })
        }
    }
}
