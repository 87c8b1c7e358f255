//! The first process of a container, for those who are not its parent: they know its number,
//! which another one may have by now, and when it began.

use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::error::Result;
use crate::disk::host;

/// The kernel takes no longer to end what is killed, but for a disk that does not answer.
const PATIENCE: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// Whether the process `pid` that began at `start` goes on.
pub fn goes_on(pid: i32, start: u64) -> bool {
    pid != 0 && host::start_of_process(pid) == Some(start)
}

/// Kills it, and waits until it has ended. All that is in a PID namespace ends with the first
/// process there.
pub fn end(pid: i32, start: u64) {
    let Some(process) = Pid::from_raw(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else {
        return;
    };
    // What was opened is what began then: otherwise it ended before, and this is another one.
    if goes_on(pid, start) && pidfd_send_signal(&process, Signal::KILL).is_ok() {
        let _ = poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&PATIENCE));
    }
}

/// The processes in the PID namespace of `pid`; none if that is the machine's own, whose other
/// processes are not the container's.
///
/// # Errors
/// If `/proc` cannot be read.
pub fn in_pid_namespace_of(pid: i32) -> Result<Vec<i32>> {
    let namespace = |process: &str| host::link(Path::new(&format!("/proc/{process}/ns/pid"))).ok();
    let theirs = namespace(&pid.to_string());
    if theirs.is_none() || theirs == namespace("self") {
        return Ok(vec![pid]);
    }
    // Some end meanwhile, and those of others cannot be looked at.
    Ok(host::processes()?.into_iter().filter(|other| namespace(&other.to_string()) == theirs).collect())
}
