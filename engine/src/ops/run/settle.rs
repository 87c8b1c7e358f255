//! Clearing up behind containers: those whose monitors were killed, and those that are to
//! be removed.

use super::Error;
use super::ending::{Ending, SIGKILL};
use crate::Result;
use crate::catalog::{Container, ContainerId};
use crate::container::Spec;
use crate::disk::Guard;
use crate::ops::containers::{ContainerSummary, spec_of};
use crate::runtime::{ContainerState, cgroup_of, end_cgroup, has_had_monitor, read_status, settle};
use crate::store::Store;
use crate::task::Task;

impl Store {
    /// Clears up behind the monitor of a container, if it was killed: afterwards what is
    /// said of the container is true. Who may not write leaves it to somebody who may.
    pub(in crate::ops) fn settle(&self, container: &Container) -> Result<()> {
        self.settle_by_id(container.id, &spec_of(container)?).map(drop)
    }

    /// The same of all of a list: those that are removed when they end are removed then.
    pub(in crate::ops) fn settle_all(&self, list: &mut Vec<ContainerSummary>) {
        list.retain_mut(|summary| {
            // Who only looks is told what can be told.
            let settled = self.settle_by_id(summary.id, &summary.spec).unwrap_or_default();
            if settled && let Ok(status) = read_status(&**self.disk(), &Self::container_dir(&summary.id)) {
                summary.status = status;
            }
            !(settled && summary.spec.host_config.auto_remove)
        });
    }

    /// The same of one of which something is to be told.
    pub(in crate::ops) fn settle_one(&self, summary: ContainerSummary) -> Result<ContainerSummary> {
        let name = summary.name.clone();
        let mut list = vec![summary];
        self.settle_all(&mut list);
        Ok(list.pop().ok_or(crate::ops::Error::NoSuchContainer { name })?)
    }

    /// Gives whether there was something to be cleared up.
    fn settle_by_id(&self, id: ContainerId, spec: &Spec) -> Result<bool> {
        if !self.is_writable() {
            return Ok(false);
        }
        let settled = settle(self.disk(), &Self::container_dir(&id), &cgroup_of(&id.to_string()))?;
        if settled && spec.host_config.auto_remove {
            self.remove_one(id, "rm", &self.listener())?;
        }
        Ok(settled)
    }

    /// Keeps everybody else from starting, changing and removing a container, which somebody
    /// may have removed before.
    pub(in crate::ops) fn alone_with(&self, container: &Container, task: &Task) -> Result<Box<dyn Guard>> {
        let id = container.id;
        let alone = self.lock_container(&id, task)?;
        if self.healing(task, || Ok(self.ledger(task)?.catalog().container(&id)?.is_none()))? {
            self.disk().remove_tree(&Self::container_dir(&id))?;
            return Err(crate::ops::Error::NoSuchContainer { name: container.name.clone() }.into());
        }
        Ok(alone)
    }

    /// Sees to it that a container has ended, in order to remove it: clears up behind it,
    /// or kills it if that is wanted.
    pub(in crate::ops) fn end(&self, container: &Container, kills: bool) -> Result<()> {
        let found = self.settled(container.clone())?;
        let id = found.container.id;
        match found.status.state {
            state if !state.is_live() => {
                // What a monitor was killed over before it could say anything.
                if has_had_monitor(&**self.disk(), &Self::container_dir(&id)) {
                    end_cgroup(&cgroup_of(&id.to_string()));
                }
                Ok(())
            }
            _ if kills => match Ending::of(&found, self)? {
                Some(mut ending) => {
                    ending.send(SIGKILL)?;
                    ending.comes_within(None).map(drop)
                }
                None => Ok(()),
            },
            ContainerState::Paused => Err(Error::RemovePaused { id }.into()),
            _ => Err(Error::RemoveRunning { id }.into()),
        }
    }
}
