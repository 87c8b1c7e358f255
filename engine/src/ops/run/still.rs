//! A container that is kept still while somebody looks at its files, or changes them.

use std::path::PathBuf;

use crate::Result;
use crate::catalog::Container;
use crate::runtime::ContainerState;
use crate::store::Store;

/// Keeps the processes of a container still, if it has any, until it is dropped.
pub(in crate::ops) struct Still<'s> {
    store: &'s Store,
    id: String,
    /// Its first process; 0 if it does not run.
    pid: i32,
    /// Whether it went before, and goes on.
    goes_on: bool,
}

impl Store {
    /// Keeps `container` still. One that does not run is still already; one that cannot be
    /// frozen, without cgroups, goes on: it is read and written safely all the same, but not
    /// as it was at one moment.
    pub(in crate::ops) fn hold_still(&self, container: &Container) -> Result<Still<'_>> {
        let found = self.settled(container.clone())?;
        let id = container.id.to_string();
        let goes_on = found.status.state == ContainerState::Running && self.pause(&id).is_ok();
        Ok(Still { store: self, id, pid: found.status.pid, goes_on })
    }
}

impl Still<'_> {
    /// The root directory of its processes, as they see it; `None` if there are none.
    pub fn root(&self) -> Option<PathBuf> {
        (self.pid != 0).then(|| format!("/proc/{}/root", self.pid).into())
    }
}

impl Drop for Still<'_> {
    fn drop(&mut self) {
        if self.goes_on {
            // One that has ended meanwhile does not go on.
            let _ = self.store.unpause(&self.id);
        }
    }
}
