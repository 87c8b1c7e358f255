//! The socket on which the monitor waits for clients.

use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use super::super::error::{Result, Tried};

/// How long no client is accepted after one could not be, for want of descriptors or memory.
/// The client stays in the queue, and without a pause `poll` would return at once, for ever.
const PAUSE: Duration = Duration::from_millis(100);

/// A listening socket that rests when it cannot accept.
#[derive(Debug)]
pub struct Door {
    listener: UnixListener,
    closed_until: Option<Instant>,
}

impl Door {
    /// Listens at `path`.
    ///
    /// # Errors
    /// If that is not possible.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let listener = UnixListener::bind(path).tried("listen for clients")?;
        listener.set_nonblocking(true).tried("listen for clients")?;
        Ok(Self { listener, closed_until: None })
    }

    /// Accepts every client that waits.
    pub fn accept(&mut self) -> Vec<UnixStream> {
        let mut accepted = Vec::new();
        if self.rest().is_some() {
            return accepted;
        }
        self.closed_until = None;
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => accepted.push(stream),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => break,
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    _ => {
                        self.closed_until = Some(Instant::now() + PAUSE);
                        break;
                    }
                },
            }
        }
        accepted
    }

    /// Returns what to poll the socket for.
    pub fn poll_flags(&self) -> PollFlags {
        if self.rest().is_some() { PollFlags::empty() } else { PollFlags::IN }
    }

    /// Returns how long no client is accepted from now on, if that is so.
    pub fn rest(&self) -> Option<Duration> {
        let left = self.closed_until?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }
}

impl AsFd for Door {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    use super::*;

    #[test]
    fn a_monitor_without_descriptors_rests_and_accepts_later() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let mut door = Door::open(&path).unwrap();
        let _client = UnixStream::connect(&path).unwrap();
        assert_eq!(door.poll_flags(), PollFlags::IN);

        let before = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(0), ..before }).unwrap();
        let accepted = door.accept().len();
        setrlimit(Resource::Nofile, before).unwrap();

        assert_eq!(accepted, 0);
        let rest = door.rest().unwrap();
        assert!(rest <= PAUSE && door.poll_flags().is_empty());
        assert!(door.accept().is_empty());
        std::thread::sleep(rest);
        assert_eq!((door.poll_flags(), door.accept().len()), (PollFlags::IN, 1));
    }
}
