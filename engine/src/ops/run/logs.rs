//! What a container has written.

use std::time::Duration;

use jiff::Timestamp;

use crate::Result;
use crate::ops::Error;
use crate::ops::containers::spec_of;
use crate::runtime::{LogEntry, LogReader, read_status};
use crate::store::Store;
use crate::task::Task;

/// How long to wait for more; who follows a log sees a line this much later.
const PAUSE: Duration = Duration::from_millis(25);

/// Which part of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogOptions {
    /// Go on as long as the container runs.
    pub follow: bool,
    /// No more than the last entries of what is there.
    pub tail: Option<u64>,
    /// What was written then or later.
    pub since: Option<Timestamp>,
    /// What was written before.
    pub until: Option<Timestamp>,
}

impl Store {
    /// Hands to `each` what the container `name` has written, entry by entry.
    ///
    /// # Errors
    /// If there is none, or `each` fails.
    pub fn logs<E: From<crate::Error>>(
        &self,
        name: &str,
        options: &LogOptions,
        task: &Task,
        each: &mut dyn FnMut(LogEntry) -> Result<(), E>,
    ) -> Result<(), E> {
        let found = self.find_settled(name)?;
        if !spec_of(&found.container)?.host_config.log_config.keeps_output() {
            return Err(crate::Error::from(Error::NoLog).into());
        }
        let dir = Self::container_dir(&found.container.id);
        let disk = &**self.disk();
        let as_ours = |error: crate::runtime::Error| crate::Error::from(error);
        let mut reader = LogReader::open(disk, &dir, options.tail).map_err(as_ours)?;
        loop {
            // Asked first: what is written before the end is read after it.
            let is_live = read_status(disk, &dir).map_err(as_ours)?.state.is_live();
            loop {
                task.check().map_err(crate::Error::from)?;
                let entries = reader.more().map_err(as_ours)?;
                if entries.is_empty() {
                    break;
                }
                for entry in entries {
                    if options.until.is_some_and(|until| entry.time >= until) {
                        return Ok(());
                    }
                    if options.since.is_none_or(|since| entry.time >= since) {
                        each(entry)?;
                    }
                }
            }
            let is_over = options.until.is_some_and(|until| Timestamp::now() >= until);
            if !options.follow || !is_live || is_over {
                return Ok(());
            }
            std::thread::sleep(PAUSE);
        }
    }
}
