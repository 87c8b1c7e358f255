//! Closing the database on a disk that fails.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

use crate::task::threads;

/// A disk that works has synced a few megabytes by then, however busy it is.
const PATIENCE: Duration = Duration::from_secs(60);

/// The last to let go of a database.
///
/// sled syncs its log when it is closed, and panics where the disk refuses: a disk that is
/// pulled out between the commit and the end of the program. Where a thread of its own was the
/// one that the disk refused, it waits for ever. Nothing is lost then. What the
/// catalog knows is in the journal, and it catches up when it is opened next; whoever needs the
/// disk for more is told by the disk itself.
#[derive(Debug)]
pub struct Closing(Option<sled::Db>);

impl Closing {
    /// Closes `database` once everybody else has let go of it.
    pub fn of(database: &sled::Db) -> Self {
        Self(Some(database.clone()))
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        let last = self.0.take();
        let (done, is_done) = mpsc::sync_channel::<()>(1);
        let close = move || {
            let _ = catch_unwind(AssertUnwindSafe(|| drop(last)));
            drop(done);
        };
        let spawned = catch_unwind(AssertUnwindSafe(|| threads::start(close).is_ok()));
        if matches!(spawned, Ok(true)) {
            // It says so by going away.
            let _ = is_done.recv_timeout(PATIENCE);
        }
    }
}
