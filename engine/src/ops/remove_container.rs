//! Taking containers away: from the journal first, then from the disk. A crash
//! in between leaves a directory that nobody names, which a collection removes.

use std::collections::BTreeSet;

use super::find_container::find;
use super::prune::LabelFilter;
use super::remove::changes_to_remove;
use crate::catalog::{self, Change, Container, ContainerId};
use crate::runtime::{ContainerState, read_status};
use crate::store::{Ledger, Store};
use crate::task::Task;
use crate::{ErrorKind, Result};

/// How to remove a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RemoveContainerOptions {
    /// Kill it, if it runs.
    pub force: bool,
}

/// A container that was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedContainer {
    /// Its ID.
    pub id: ContainerId,
    /// The bytes of files that it wrote.
    pub writable_bytes: u64,
    /// Whether it was the last that needed something of an image that is gone,
    /// whose space [`Store::reclaim`] gives back.
    pub leaves_garbage: bool,
}

/// Which containers to remove: of those that do not run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PruneContainersOptions {
    /// Only those created before.
    pub until: Option<jiff::Timestamp>,
    /// Only those that every filter lets pass.
    pub labels: Vec<LabelFilter>,
}

impl Store {
    /// Removes the container `name`, with all that it wrote.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is none,
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) if it runs and is not to be
    /// ended for that.
    pub fn remove_container(&self, name: &str, options: &RemoveContainerOptions) -> Result<RemovedContainer> {
        self.check_writable()?;
        let task = self.listener();
        let _access = self.share(&task)?;
        let container = self.healing(&task, || find(self.ledger(&task)?.catalog(), name))?;
        // Nobody starts it meanwhile.
        let _alone = self.alone_with(&container, &task)?;
        // Its end may take a while, and nobody should have to wait for the ledger.
        self.end(&container, options.force)?;
        self.healing(&task, || self.remove_one(container.id, "rm", &task))
    }

    /// Removes the container `id`, which has ended, for its own monitor.
    pub(super) fn remove_ended(&self, id: &str) -> Result<RemovedContainer> {
        let task = self.listener();
        let _access = self.share(&task)?;
        self.healing(&task, || {
            let ledger = self.ledger(&task)?;
            let container = find(ledger.catalog(), id)?;
            self.remove_on(ledger, container.id, "rm")
        })
    }

    /// Removes all containers that do not run and that `options` let pass.
    ///
    /// # Errors
    /// If the store cannot be read or written; some may be removed then.
    pub fn prune_containers(
        &self,
        options: &PruneContainersOptions,
        task: &Task,
    ) -> Result<Vec<RemovedContainer>> {
        self.check_removable()?;
        let _access = self.share(task)?;
        self.healing(task, || {
            let all =
                self.ledger(task)?.catalog().containers().collect::<Result<Vec<_>, catalog::Error>>()?;
            let mut removed = Vec::new();
            for container in all {
                task.check()?;
                if !self.passes(&container, options, task)? {
                    continue;
                }
                if self.is_rehearsal() {
                    if !self.container_state(&container)?.is_live() {
                        removed.push(self.remove_one(container.id, "container prune", task)?);
                    }
                } else {
                    let _alone = match self.alone_with(&container, task) {
                        // Somebody else has removed it.
                        Err(error) if error.kind() == ErrorKind::NotFound => continue,
                        alone => alone?,
                    };
                    if self.end(&container, false).is_ok() {
                        removed.push(self.remove_one(container.id, "container prune", task)?);
                    }
                }
            }
            Ok(removed)
        })
    }

    fn container_state(&self, container: &Container) -> Result<ContainerState> {
        Ok(read_status(&**self.disk(), &Self::container_dir(&container.id))?.state)
    }

    fn passes(&self, container: &Container, options: &PruneContainersOptions, task: &Task) -> Result<bool> {
        let summary = self.summary(self.ledger(task)?.catalog(), container)?;
        let is_old = options.until.is_none_or(|until| summary.created.is_some_and(|created| created < until));
        let labels = summary.spec.config.labels.unwrap_or_default();
        Ok(is_old && options.labels.iter().all(|filter| filter.accepts(&labels)))
    }

    /// Takes the container away, unless its monitor has done so.
    pub(super) fn remove_one(&self, id: ContainerId, verb: &str, task: &Task) -> Result<RemovedContainer> {
        let ledger = self.ledger(task)?;
        if ledger.catalog().container(&id)?.is_some() {
            return self.remove_on(ledger, id, verb);
        }
        drop(ledger);
        self.disk().remove_tree(&Self::container_dir(&id))?;
        Ok(RemovedContainer { id, writable_bytes: 0, leaves_garbage: false })
    }

    fn remove_on(&self, mut ledger: Ledger, id: ContainerId, verb: &str) -> Result<RemovedContainer> {
        let writable_bytes = self.writable_bytes(&id)?;
        let changes = changes_to_remove(ledger.catalog(), &BTreeSet::new(), &[id].into())?;
        let leaves_garbage = changes.iter().any(|change| matches!(change, Change::ForgetBlob(_)));
        ledger.commit(verb, changes)?;
        drop(ledger);
        if !self.is_rehearsal() {
            self.disk().remove_tree(&Self::container_dir(&id))?;
        }
        Ok(RemovedContainer { id, writable_bytes, leaves_garbage })
    }
}
