//! Long steps, and how far they are.

use std::borrow::Cow;

use super::{Cancelled, Event, Task};

/// A step that tells how far it is, and stops when it is told to.
pub(crate) struct Passing<'t> {
    /// None if nobody is to hear of it.
    item: Option<Cow<'t, str>>,
    done_bytes: u64,
    told_bytes: u64,
    new_bytes: Option<u64>,
    task: &'t Task,
}

/// To tell more often is a burden for who listens.
const TOLD_EVERY: u64 = 1 << 20;

impl<'t> Passing<'t> {
    /// Begins a step of so many bytes, if that is known.
    pub fn start(item: impl Into<Cow<'t, str>>, total_bytes: Option<u64>, task: &'t Task) -> Self {
        let item = item.into();
        task.report(&Event::Started { item: &item, total_bytes });
        Self { item: Some(item), ..Self::untold(task) }
    }

    /// A step that is a part of another, and only stops when it is told to.
    pub fn untold(task: &'t Task) -> Self {
        Self { item: None, done_bytes: 0, told_bytes: 0, new_bytes: None, task }
    }

    /// So many bytes more have passed.
    ///
    /// # Errors
    /// If the task is told to stop.
    pub fn advance(&mut self, bytes: u64) -> Result<(), Cancelled> {
        self.done_bytes += bytes;
        if let Some(item) = &self.item
            && self.done_bytes - self.told_bytes >= TOLD_EVERY
        {
            self.told_bytes = self.done_bytes;
            let (done_bytes, new_bytes) = (self.done_bytes, self.new_bytes);
            self.task.report(&Event::Advanced { item, done_bytes, new_bytes });
        }
        self.task.check()
    }

    /// So many of the bytes that have passed are new to the store.
    pub fn set_new(&mut self, bytes: u64) {
        self.new_bytes = Some(bytes);
    }

    /// What it is a step of.
    pub fn task(&self) -> &'t Task {
        self.task
    }

    /// How many bytes have passed.
    pub fn done_bytes(&self) -> u64 {
        self.done_bytes
    }

    /// Ends the step.
    pub fn finish(self) {
        if let Some(item) = &self.item {
            let (bytes, new_bytes) = (self.done_bytes, self.new_bytes);
            self.task.report(&Event::Finished { item, bytes, new_bytes });
        }
    }
}
