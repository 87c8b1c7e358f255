//! Starting a container anew.

use super::{StartOptions, Started, StopOptions};
use crate::Result;
use crate::store::Store;
use crate::task::Task;

impl Store {
    /// Starts the container `name` anew: one that runs is stopped before, and is not removed
    /// then, even if it is one that is removed when it ends.
    ///
    /// # Errors
    /// As [`Store::stop`] and [`Store::start`].
    pub fn restart(
        &self,
        name: &str,
        stop: &StopOptions,
        start: &StartOptions,
        task: &Task,
    ) -> Result<Started> {
        self.stop_and(name, stop, true)?;
        self.start(name, start, task)
    }
}
