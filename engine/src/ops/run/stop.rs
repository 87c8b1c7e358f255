//! Asking a container to end.

use std::time::Duration;

use super::ending::{Ending, SIGKILL, SIGTERM};
use crate::Result;
use crate::image::parse_signal;
use crate::store::Store;

/// How long a container may take to end before it is killed, as Docker has it.
const PATIENCE: Duration = Duration::from_secs(10);

/// How to stop a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StopOptions {
    /// The signal that asks it to; by default that of its image, or SIGTERM.
    pub signal: Option<i32>,
    /// For how many seconds it may take its time; below zero for ever. By default as it
    /// was created with, or 10.
    pub timeout: Option<i64>,
}

impl Store {
    /// Asks a container to end, and kills it if it does not. One that does not run is left
    /// alone; gives whether it ran.
    ///
    /// # Errors
    /// If there is none, or its monitor does not answer.
    pub fn stop(&self, name: &str, options: &StopOptions) -> Result<bool> {
        self.stop_and(name, options, false)
    }

    /// The same; with `keeps` it is not removed then, even if it is one that is removed when it
    /// ends.
    pub(super) fn stop_and(&self, name: &str, options: &StopOptions, keeps: bool) -> Result<bool> {
        let mut found = self.find_settled(name)?;
        if !found.status.state.is_live() && self.is_writable() {
            // Somebody may be about to start it.
            drop(self.alone_with(&found.container, &self.listener())?);
            found = self.settled(found.container)?;
        }
        if !found.status.state.is_live() {
            return Ok(false);
        }
        let config = &found.spec.config;
        let own = config.stop_signal.as_deref().and_then(parse_signal).map(i32::from);
        let number = options.signal.or(own).unwrap_or(SIGTERM);
        let seconds = options.timeout.or(config.stop_timeout);
        let patience = match seconds {
            None => Some(PATIENCE),
            Some(seconds) => u64::try_from(seconds).ok().map(Duration::from_secs),
        };
        let Some(mut ending) = Ending::of(&found, self)? else { return Ok(false) };
        if keeps {
            ending.keep()?;
        }
        let is_asked = ending.send(number);
        // One that cannot be asked is not waited for.
        let patience = if is_asked.is_ok() { patience } else { Some(Duration::ZERO) };
        if !ending.comes_within(patience)? {
            ending.send(SIGKILL)?;
            ending.comes_within(None)?;
        }
        Ok(true)
    }
}
