//! The directories that what containers wrote and unpacked layers lie in, and the locks on them.

use super::{CONTAINERS, LAYERS, LOCK, Store, lock};
use crate::Result;
use crate::catalog::ContainerId;
use crate::disk::{self, Guard, Mode};
use crate::task::Task;

impl Store {
    /// The directory of a container.
    pub(crate) fn container_dir(id: &ContainerId) -> String {
        format!("{CONTAINERS}/{id}")
    }

    /// Makes the directory of a container, durably.
    pub(crate) fn make_container_dir(&self, id: &ContainerId) -> Result<()> {
        self.disk.create_dir(CONTAINERS)?;
        self.disk.sync_dir("")?;
        self.disk.create_dir(&Self::container_dir(id))?;
        Ok(self.disk.sync_dir(CONTAINERS)?)
    }

    /// The right to write to a container's files; nobody else has it then.
    pub(crate) fn lock_container(&self, id: &ContainerId, task: &Task) -> Result<Box<dyn Guard>> {
        loop {
            // A copy of the store may have lost a directory that was empty.
            self.make_container_dir(id)?;
            match self.lock_dir(&Self::container_dir(id), task) {
                // Whoever had the lock has removed the container. Who has it now sees that.
                Err(error) if error.cause().is_some_and(disk::Error::is_absent) => {}
                locked => return locked,
            }
        }
    }

    /// The right to put unpacked layers in their place; nobody else has it then.
    pub(crate) fn lock_layers(&self, task: &Task) -> Result<Box<dyn Guard>> {
        self.disk.create_dir(LAYERS)?;
        self.lock_dir(LAYERS, task)
    }

    fn lock_dir(&self, dir: &str, task: &Task) -> Result<Box<dyn Guard>> {
        let name = format!("{dir}/{LOCK}");
        match self.disk.create(&name) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error.into()),
            _ => lock::wait(&*self.disk, &name, Mode::Exclusive, task),
        }
    }
}
