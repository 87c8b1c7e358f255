//! Whole or not at all: what a verb that failed had put into packs goes again.

use crate::Result;
use crate::store::Store;
use crate::task::Task;

impl Store {
    /// Does `act`, which adds packs and then commits. If it fails, the packs that
    /// have their names already are garbage, and may be what fills the disk.
    pub(super) fn whole<T>(&self, task: &Task, act: impl FnOnce() -> Result<T>) -> Result<T> {
        self.check_writable()?;
        let before = self.disk().list("packs")?.len();
        let done = act();
        if done.is_err() {
            // The error to tell is the verb's.
            if self.disk().list("packs")?.len() > before {
                let _ = self.reclaim_in_passing(&Task::silent());
            }
            // A source that stops because the work was told to has an error of its own.
            task.check()?;
        }
        done
    }
}
