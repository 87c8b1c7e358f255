//! The mark of an unpacked layer that is whole.
//!
//! A layer is unpacked under a passing name and renamed when it is whole, and nothing of
//! it is synced: it can be made again, and there may be gigabytes of it. So after a power
//! cut there may be a directory of the right name with files that are torn or empty. What
//! nothing can have torn is what was made since the machine was started, so the mark says
//! when that was: `layers/<name>/ready` is one line of text,
//!
//! ```text
//! larder layer 1 <boot id> <user id> trusted|user
//! ```
//!
//! and a layer is taken as it is if and only if the line is what this process would write
//! itself. One that another user has unpacked has other owners, and perhaps its marks in
//! another [`Space`].

use crate::container::{Result, Space};
use crate::disk::{Disk, host};

/// The mark, in the layer's directory.
const FILE: &str = "ready";

/// What is in the mark of a layer that this process may take as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready(String);

impl Ready {
    /// The mark of what this process makes.
    ///
    /// # Errors
    /// If it cannot be told when this machine was started.
    pub fn here(space: Space) -> Result<Self> {
        let space = match space {
            Space::Trusted => "trusted",
            Space::User => "user",
        };
        let (boot, user) = (host::boot_id()?, rustix::process::geteuid().as_raw());
        Ok(Self(format!("larder layer 1 {boot} {user} {space}\n")))
    }

    /// Whether the layer in `dir` has this mark.
    pub fn is_on(&self, disk: &dyn Disk, dir: &str) -> bool {
        let Ok(file) = disk.open(&format!("{dir}/{FILE}")) else { return false };
        let mut found = vec![0; self.0.len()];
        let is_as_long = file.len().is_ok_and(|len| len == found.len() as u64);
        is_as_long && file.read_exact_at(&mut found, 0).is_ok() && found == self.0.as_bytes()
    }

    /// Puts the mark on the layer in `dir`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put(&self, disk: &dyn Disk, dir: &str) -> Result<()> {
        Ok(disk.create(&format!("{dir}/{FILE}"))?.write_all_at(self.0.as_bytes(), 0)?)
    }
}
