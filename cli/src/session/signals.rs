//! Signals that are handed on.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use signal_hook::consts::{
    SIGALRM, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2,
};
use signal_hook::iterator::Signals;

use crate::failure::Failure;

/// The window of the terminal has another size.
pub const SIGWINCH: i32 = signal_hook::consts::SIGWINCH;

/// What Docker hands on of what a user or a program would send. Those that tell a program
/// of its children and its pipes are its own.
pub const HANDED_ON: [i32; 11] =
    [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT, SIGTTIN, SIGTTOU, SIGWINCH];

/// What a session at a terminal takes if it hands nothing on: those that end a command.
pub const AT_TERMINAL: [i32; 5] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH];

/// Signals as something that can be waited for.
pub struct Forwarded(UnixStream);

impl Forwarded {
    /// From now on they do nothing to this process.
    pub fn begin(numbers: &[i32]) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::error(format!("cannot catch signals: {error}"));
        let (ours, mut theirs) = UnixStream::pair().map_err(failed)?;
        ours.set_nonblocking(true).map_err(failed)?;
        let mut signals = Signals::new(numbers).map_err(failed)?;
        let handing_on = std::thread::Builder::new().spawn(move || {
            for number in signals.forever() {
                // There are fewer than 128 of them.
                if theirs.write_all(&[number as u8]).is_err() {
                    return;
                }
            }
        });
        handing_on.map_err(|error| Failure::error(format!("cannot start a thread: {error}")))?;
        Ok(Self(ours))
    }

    /// Those that have come since.
    pub fn received(&mut self) -> Vec<i32> {
        let mut numbers = [0; 64];
        let count = self.0.read(&mut numbers).unwrap_or_default();
        numbers.iter().take(count).map(|number| i32::from(*number)).collect()
    }
}

impl AsFd for Forwarded {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
