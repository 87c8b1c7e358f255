//! Giving a container another name.

use super::Error;
use super::create::free_name;
use super::find_container::find;
use crate::Result;
use crate::catalog::{Change, Container};
use crate::store::Store;

impl Store {
    /// Names the container `old` from now on `new`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such
    /// container, [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) if another
    /// one has the name.
    pub fn rename_container(&self, old: &str, new: &str) -> Result<()> {
        self.check_writable()?;
        let task = self.listener();
        self.healing(&task, || {
            let mut ledger = self.ledger(&task)?;
            let container = find(ledger.catalog(), old)?;
            if container.name == new.strip_prefix('/').unwrap_or(new) {
                return Err(Error::SameName.into());
            }
            let name = free_name(ledger.catalog(), new)?;
            ledger.commit("rename", vec![Change::PutContainer(Container { name, ..container })])
        })
    }
}
