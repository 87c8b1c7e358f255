//! A container that is kept still while somebody looks at its files, or changes them.

use std::path::PathBuf;

use crate::Result;
use crate::catalog::Container;
use crate::runtime::{Connection, Wish};
use crate::store::Store;

/// Keeps the processes of a container still, if it has any, until it is dropped, or until
/// this process is gone.
pub(in crate::ops) struct Still {
    /// Its first process; 0 if it does not run.
    pid: i32,
    /// The line to the monitor that holds it; none if nobody has to.
    holding: Option<Connection>,
}

impl Store {
    /// Keeps `container` still. One that does not run is still already; one that cannot be
    /// frozen, without cgroups, goes on: it is read and written safely all the same, but not
    /// as it was at one moment.
    pub(in crate::ops) fn hold_still(&self, container: &Container) -> Result<Still> {
        let found = self.settled(container.clone())?;
        let mut holding = found.monitor(self)?;
        if holding.as_mut().is_some_and(|monitor| monitor.wish(Wish::Hold).is_err()) {
            holding = None;
        }
        Ok(Still { pid: found.status.pid, holding })
    }
}

impl Still {
    /// The root directory of its processes, as they see it; `None` if there are none.
    pub fn root(&self) -> Option<PathBuf> {
        (self.pid != 0).then(|| format!("/proc/{}/root", self.pid).into())
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        if let Some(monitor) = &mut self.holding {
            // One that has ended meanwhile does not go on.
            let _ = monitor.wish(Wish::Release);
        }
    }
}
