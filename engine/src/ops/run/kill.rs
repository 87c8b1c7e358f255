//! Signals to a container.

use std::time::Duration;

use super::Error;
use super::ending::{Ending, SIGKILL};
use crate::Result;
use crate::image::parse_signal;
use crate::runtime::Wish;
use crate::store::Store;

/// The kernel takes no longer to end what is killed, but for a disk that does not answer.
const PATIENCE: Duration = Duration::from_secs(10);

impl Store {
    /// Sends a signal to the first process of a container. It is not started again by itself
    /// then, unless another signal than this is the one that stops it.
    ///
    /// # Errors
    /// If it does not run.
    pub fn kill(&self, name: &str, signal: i32) -> Result<()> {
        let found = self.find_settled(name)?;
        if signal == SIGKILL {
            // The end is part of it: what comes next finds it over.
            let absent = || Error::NotRunning { id: found.container.id };
            let mut ending = Ending::of(&found, self)?.ok_or_else(absent)?;
            ending.send(signal)?;
            return ending.comes_within(Some(PATIENCE)).map(drop);
        }
        let stop_signal = found.spec.config.stop_signal.as_deref().filter(|name| !name.is_empty());
        let is_final = stop_signal.is_none_or(|name| parse_signal(name).map(i32::from) == Some(signal));
        Ok(found.connection(self)?.wish(Wish::Signal { number: signal, is_final })?)
    }
}
