//! All or nothing: cleans up after a verb that failed, and keeps the chunks of one that
//! was interrupted.

use crate::chunk::{Writer, Written};
use crate::store::{Access, Store};
use crate::task::{Cancelled, Event, Task};
use crate::{ErrorKind, Result};

impl Store {
    /// Does `act`, which adds packs and then commits. If it fails, the packs that
    /// have their names already are garbage, and may be what fills the disk: they are
    /// removed. If it was interrupted they stay, because the next try wants their chunks.
    pub(super) fn whole<T>(&self, task: &Task, act: impl FnOnce() -> Result<T>) -> Result<T> {
        self.check_writable()?;
        let before = self.disk().list("packs")?.len();
        let done = act();
        if let Err(error) = &done {
            // The error to tell is the verb's.
            if error.kind() != ErrorKind::Cancelled && self.disk().list("packs")?.len() > before {
                let _ = self.reclaim_in_passing(&Task::silent());
            }
            // A source that stops because the work was told to has an error of its own.
            task.check()?;
        }
        done
    }

    /// Gives `act` a writer and publishes what it wrote. If `task` was told to stop
    /// meanwhile, what was written so far is published too: it is garbage until the same
    /// command is given again and finds it.
    ///
    /// # Errors
    /// The one of `act`, whose writer leaves nothing behind; [`Cancelled`] if it was
    /// interrupted; what the disk says.
    pub(super) fn with_writer<T>(
        &self,
        access: &Access,
        task: &Task,
        act: impl FnOnce(&mut Writer) -> Result<T>,
    ) -> Result<(T, Written)> {
        let mut writer = self.writer(access, task)?;
        match act(&mut writer) {
            Ok(done) => Ok((done, writer.finish()?.written)),
            Err(error) if task.check().is_ok() => Err(error),
            Err(_) => {
                // If the disk fails, `whole` must not take it for an interruption.
                let written = writer.finish()?.written;
                if written.new_bytes > 0 {
                    let text = "what was read so far is kept for the next try; 'larder gc' deletes it";
                    task.report(&Event::Notice { text });
                }
                Err(Cancelled.into())
            }
        }
    }
}
