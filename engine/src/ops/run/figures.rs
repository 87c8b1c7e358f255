//! What containers that run use.

use crate::Result;
use crate::runtime::{Figures, figures};
use crate::store::Store;

impl Store {
    /// What the container `name` uses; nothing if it does not run.
    ///
    /// # Errors
    /// If there is none, or its cgroup cannot be read.
    pub fn figures(&self, name: &str) -> Result<Figures> {
        let found = self.find_settled(name)?;
        match found.status.state.is_live() {
            true => Ok(figures(&found.container.id.to_string(), found.status.pid)?),
            false => Ok(Figures::default()),
        }
    }
}
