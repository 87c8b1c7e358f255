//! Waiting for the end of a container: of `stop`, `kill` and `rm`.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Found;
use crate::Result;
use crate::runtime::{self, Connection, Said, Wish};
use crate::store::Store;

pub(super) const SIGTERM: i32 = 15;
pub(super) const SIGKILL: i32 = 9;

/// A line on which the end of a container will be told.
pub(super) struct Ending(Connection);

impl Ending {
    /// That of `found`; `None` if it has ended.
    pub fn of(found: &Found, store: &Store) -> Result<Option<Self>> {
        let Some(mut connection) = found.monitor(store)? else { return Ok(None) };
        match connection.wish(Wish::Wait { for_good: true }) {
            Err(runtime::Error::Gone) => Ok(None),
            waits => Ok(Some(waits.map(|()| Self(connection))?)),
        }
    }

    /// It is not removed when it ends now.
    pub fn keep(&mut self) -> Result<()> {
        match self.0.wish(Wish::Keep) {
            Err(runtime::Error::Gone) => Ok(()),
            kept => Ok(kept?),
        }
    }

    /// Sends a signal; what it ends is not started again.
    pub fn send(&mut self, number: i32) -> Result<()> {
        match self.0.wish(Wish::Signal { number, is_final: true }) {
            Err(runtime::Error::Gone) => Ok(()),
            sent => Ok(sent?),
        }
    }

    /// Waits for the end; gives whether it came in time.
    pub fn comes_within(&mut self, patience: Option<Duration>) -> Result<bool> {
        // Longer than the clock goes is for ever.
        let end = patience.and_then(|patience| Instant::now().checked_add(patience));
        loop {
            if !self.0.has_heard() && !self.is_ready(end)? {
                return Ok(false);
            }
            let mut has_ended = false;
            self.0.listen::<crate::Error>(&mut |said| {
                has_ended |= matches!(said, Said::Exited(_) | Said::Over);
                Ok(())
            })?;
            if has_ended {
                return Ok(true);
            }
        }
    }

    /// Waits until there is something to hear, or it is `end`.
    fn is_ready(&self, end: Option<Instant>) -> Result<bool> {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let left =
            left.map(|left| Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() });
        let mut polled = [PollFd::from_borrowed_fd(self.0.as_fd(), PollFlags::IN)];
        match poll(&mut polled, left.as_ref()) {
            Err(rustix::io::Errno::INTR) => Ok(true),
            polled => Ok(polled.map_err(|error| runtime::Error::System {
                verb: "wait for the container",
                source: error.into(),
            })? > 0),
        }
    }
}
