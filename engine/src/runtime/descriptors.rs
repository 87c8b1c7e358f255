//! File descriptors, of which a process may have few (`ulimit -n`).

use std::os::fd::OwnedFd;

use rustix::process::{Resource, getrlimit};

/// How many must be left to start a process in a container. 26 are the fewest that worked; the
/// runtime takes more for each mount and cgroup, and where it finds none it panics.
const NEEDED: usize = 40;

/// A limit that leaves enough however many are in use.
const PLENTY: u64 = 1024;

/// There are too few to start a process in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "starting a process in a container takes {NEEDED} file descriptors, and fewer are left of the \
     {limit} that this process may have (ulimit -n)"
)]
pub struct TooFew {
    /// How many the process may have.
    limit: u64,
}

/// Makes sure that enough are left to start a process in a container.
///
/// # Errors
/// If they are not.
pub fn check() -> Result<(), TooFew> {
    let Some(limit) = getrlimit(Resource::Nofile).current.filter(|limit| *limit < PLENTY) else {
        return Ok(());
    };
    // Taken, and given back.
    let mut taken: Vec<OwnedFd> = Vec::new();
    while taken.len() < NEEDED {
        taken.extend(rustix::pipe::pipe().map(<[OwnedFd; 2]>::from).map_err(|_| TooFew { limit })?);
    }
    Ok(())
}
