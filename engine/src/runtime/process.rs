//! The first process of a container, for those who are not its parent: they know its number,
//! which another one may have by now, and when it began.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

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
