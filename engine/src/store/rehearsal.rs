//! Stores in which nothing happens: to learn what would.

use std::path::Path;
use std::sync::{Arc, Mutex};

use super::{Access, Format, Store, check_empty};
use crate::Result;
use crate::catalog::Commit;
use crate::chunk::{Coding, Writer};
use crate::disk::{RealDisk, StillDisk};
use crate::journal;
use crate::task::Task;

/// The commits of a rehearsal, in order.
pub(super) type Rehearsed = Arc<Mutex<Vec<Commit>>>;

impl Store {
    /// What stands for the store that could be made at `path`: it is empty and cannot be
    /// written.
    ///
    /// ```
    /// use larder_engine::Store;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = Store::absent("/nowhere/yet")?;
    /// assert!(store.images()?.is_empty());
    /// assert!(!store.is_writable());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) if there is something else.
    pub fn absent(path: impl AsRef<Path>) -> Result<Self> {
        match RealDisk::open(path.as_ref()) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            disk => check_empty(&disk?, path.as_ref())?,
        }
        let format = Format::new();
        let disk = StillDisk::with([(journal::FILE, journal::empty(format.store))]);
        Ok(Self::of(Arc::new(disk), &format, false))
    }

    /// The same store to rehearse in: what [`Store::remove`], [`Store::prune`],
    /// [`Store::prune_containers`] and [`Store::undo`] do is said and not done, and is as if
    /// done for what this handle is asked afterwards. All else that changes a store is
    /// refused, and nothing on the disk changes.
    ///
    /// ```
    /// use larder_engine::{RemoveOptions, Task};
    /// # use larder_engine::{Input, LoadOptions, Store};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// # store.load(Input::open(archive.as_ref())?, &LoadOptions::default(), &Task::silent())?;
    /// let rehearsal = store.rehearsal();
    /// let id = store.images()?[0].id.to_string();
    /// rehearsal.remove(&id, &RemoveOptions { force: true, ..RemoveOptions::default() }, &Task::silent())?;
    /// assert!(rehearsal.survey(&Task::silent())?.forecast().freed_bytes > 0);
    /// assert_eq!(store.images()?.len(), rehearsal.images()?.len() + 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn rehearsal(&self) -> Self {
        Self {
            disk: Arc::clone(&self.disk),
            id: self.id,
            writable: false,
            level: self.level,
            threads: self.threads,
            max_paths: self.max_paths,
            listener: self.listener.clone(),
            compaction: self.compaction,
            rehearsed: Some(Rehearsed::default()),
        }
    }

    /// Whether nothing is to be done in earnest.
    pub(crate) fn is_rehearsal(&self) -> bool {
        self.rehearsed.is_some()
    }

    /// The same store as one who may not write it sees it: nothing in it is changed, and
    /// the catalog is made in memory.
    pub(crate) fn still(&self) -> Self {
        let (disk, listener) = (Arc::clone(&self.disk), self.listener());
        Self { disk, listener, writable: false, rehearsed: None, ..*self }
    }

    /// Refuses to go on if names may not be taken away, not even in a rehearsal.
    pub(crate) fn check_removable(&self) -> Result<()> {
        if self.is_rehearsal() { Ok(()) } else { self.check_writable() }
    }

    /// A writer that only counts what it would have to write.
    pub(crate) fn tallying_writer(&self, access: &Access, task: &Task) -> Result<Writer> {
        Ok(Writer::tallying(self.index(access, task)?, Coding::as_they_come(self.level.into())))
    }
}
