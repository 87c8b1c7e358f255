//! Containers that run: starting them, and what can be done with them then.
//!
//! Whoever starts a container unpacks the layers of its image, if nobody has, and leaves
//! the rest to a monitor: see [`runtime`](crate::runtime).

mod ending;
mod error;
mod exec;
mod figures;
mod kill;
mod logs;
mod monitor;
mod pause;
mod restart;
mod settle;
mod start;
mod still;
mod stop;
mod top;
mod wait;

pub use error::Error;
pub use exec::ExecOptions;
pub use logs::LogOptions;
pub use monitor::monitor;
pub use start::{Attach, StartOptions, Started};
pub(super) use still::Still;
pub use stop::StopOptions;
pub use top::ProcessTable;

use std::path::PathBuf;

use super::find_container::find;
use crate::Result;
use crate::catalog::Container;
use crate::container::Spec;
use crate::runtime::{Connection, ContainerState, ContainerStatus, read_status};
use crate::store::Store;

/// A container and what it does.
pub(super) struct Found {
    pub container: Container,
    pub spec: Spec,
    pub status: ContainerStatus,
}

impl Found {
    /// Its monitor; an error if it does not run.
    pub fn connection(&self, store: &Store) -> Result<Connection> {
        Ok(self.monitor(store)?.ok_or(Error::NotRunning { id: self.container.id })?)
    }

    /// Its monitor; `None` if it has ended. One that cannot be called may go on all the same.
    pub fn monitor(&self, store: &Store) -> Result<Option<Connection>> {
        match self.status.state.is_live() {
            true => Ok(Connection::open(&store.container_path(&self.container.id)?)?),
            false => Ok(None),
        }
    }

    /// That it runs, and is not frozen; `name` is what it was asked for by.
    pub fn check_runs(&self, name: &str) -> Result<()> {
        let id = self.container.id;
        match self.status.state {
            ContainerState::Running => Ok(()),
            ContainerState::Paused => Err(Error::Paused { name: name.to_owned() }.into()),
            ContainerState::Restarting => Err(Error::Restarting { id }.into()),
            _ => Err(Error::NotRunning { id }.into()),
        }
    }
}

impl Store {
    /// The container `name` and what it does, after what monitors that were killed have
    /// left is cleared up.
    pub(super) fn find_settled(&self, name: &str) -> Result<Found> {
        let task = self.listener();
        let container = self.healing(&task, || find(self.ledger(&task)?.catalog(), name))?;
        self.settled(container)
    }

    /// The same of a container that was found.
    pub(super) fn settled(&self, container: Container) -> Result<Found> {
        self.settle(&container)?;
        let spec = super::containers::spec_of(&container)?;
        let status = read_status(&**self.disk(), &Self::container_dir(&container.id))?;
        Ok(Found { container, spec, status })
    }

    /// Where the directory of a container lies.
    pub(super) fn container_path(&self, id: &crate::catalog::ContainerId) -> Result<PathBuf> {
        let name = Self::container_dir(id);
        Ok(self.disk().host_path(&name)?.ok_or(Error::NotHere)?)
    }
}
