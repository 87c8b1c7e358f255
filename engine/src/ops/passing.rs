//! Long steps, and how far they are.

use crate::chunk;
use crate::task::{Event, Task};

/// A step that tells how far it is, and stops when it is told to.
pub struct Passing<'t> {
    item: &'static str,
    done_bytes: u64,
    told_bytes: u64,
    task: &'t Task,
}

/// To tell more often is a burden for who listens.
const TOLD_EVERY: u64 = 1 << 20;

impl<'t> Passing<'t> {
    /// Begins a step of so many bytes.
    pub fn start(item: &'static str, total_bytes: u64, task: &'t Task) -> Self {
        task.report(&Event::Started { item, total_bytes: Some(total_bytes) });
        Self { item, done_bytes: 0, told_bytes: 0, task }
    }

    /// So many bytes more have passed.
    ///
    /// # Errors
    /// If the task is told to stop.
    pub fn advance(&mut self, bytes: u64) -> Result<(), chunk::Error> {
        self.done_bytes += bytes;
        if self.done_bytes - self.told_bytes >= TOLD_EVERY {
            self.told_bytes = self.done_bytes;
            self.task.report(&Event::Advanced { item: self.item, done_bytes: self.done_bytes });
        }
        Ok(self.task.check()?)
    }

    /// How many bytes have passed.
    pub fn done_bytes(&self) -> u64 {
        self.done_bytes
    }

    /// Ends the step.
    pub fn finish(self) {
        self.task.report(&Event::Finished { item: self.item, bytes: self.done_bytes, new_bytes: 0 });
    }
}
