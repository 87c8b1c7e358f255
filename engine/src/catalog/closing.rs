//! Closing the database on a disk that fails.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// The last to let go of a database.
///
/// sled syncs its log when it is closed, and panics where the disk refuses: a disk that is
/// pulled out between the commit and the end of the program. Nothing is lost then. What the
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
        let _ = catch_unwind(AssertUnwindSafe(|| drop(last)));
    }
}
