//! Freezing a container, and letting it go on.

use super::Error;
use crate::Result;
use crate::runtime::{ContainerState, Wish};
use crate::store::Store;

impl Store {
    /// Freezes a container.
    ///
    /// # Errors
    /// If it does not run, or is frozen already.
    pub fn pause(&self, name: &str) -> Result<()> {
        let found = self.find_settled(name)?;
        match found.status.state {
            ContainerState::Paused => Err(Error::AlreadyPaused { id: found.container.id }.into()),
            _ => {
                found.check_runs(name)?;
                Ok(found.connection(self)?.wish(Wish::Pause)?)
            }
        }
    }

    /// Lets a container go on.
    ///
    /// # Errors
    /// If it is not frozen.
    pub fn unpause(&self, name: &str) -> Result<()> {
        let found = self.find_settled(name)?;
        match found.status.state {
            ContainerState::Paused => Ok(found.connection(self)?.wish(Wish::Resume)?),
            _ => Err(Error::NotPaused { id: found.container.id }.into()),
        }
    }
}
