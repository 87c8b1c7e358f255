//! Clearing up behind monitors that were killed.

use crate::Result;
use crate::catalog::Container;
use crate::ops::containers::spec_of;
use crate::runtime::{cgroup_of, settle};
use crate::store::Store;

impl Store {
    /// Clears up behind the monitor of a container, if it was killed: afterwards what is
    /// said of the container is true. Who may not write leaves it to somebody who may.
    pub(in crate::ops) fn settle(&self, container: &Container) -> Result<()> {
        if !self.is_writable() {
            return Ok(());
        }
        let id = container.id;
        let settled = settle(self.disk(), &Self::container_dir(&id), &cgroup_of(&id.to_string()))?;
        if settled && spec_of(container)?.host_config.auto_remove {
            self.remove_one(container, "rm", &self.listener())?;
        }
        Ok(())
    }
}
