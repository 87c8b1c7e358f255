//! What differs between a container, an image and another one.

use super::stack::{Stack, Wanted};
use crate::Result;
use crate::container::{Change, ChangedBytes, Changes, FileChange, FileChanges, Patch, RootFs};
use crate::store::{Access, Store};
use crate::task::Task;

impl Store {
    /// What was changed in `name`, a container or an image, in the order of the
    /// paths: against `against`, a container or an image too; without one a
    /// container against its image, and an image against what is below its top
    /// layer.
    ///
    /// ```
    /// use larder_engine::Task;
    /// # use larder_engine::{Input, LoadOptions, Store};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// # store.load(Input::open(archive.as_ref())?, &LoadOptions::default(), &Task::silent())?;
    /// for change in store.diff("greeter:1.0", None, &Task::silent())? {
    ///     println!("{} {}", change.kind.letter(), String::from_utf8_lossy(&change.path));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such
    /// container or image.
    pub fn diff(&self, name: &str, against: Option<&str>, task: &Task) -> Result<Vec<Change>> {
        let mut difference = self.difference(name, against, task)?;
        let changes = difference.changes(task).collect::<Result<_>>()?;
        difference.finish(self, task)?;
        Ok(changes)
    }

    /// The same, each change found when it is asked for: there may be millions.
    ///
    /// # Errors
    /// As [`Store::diff`].
    pub fn difference(&self, name: &str, against: Option<&str>, task: &Task) -> Result<Difference> {
        let access = self.share(task)?;
        let stack = self.container_or_image(&access, name, None, task)?;
        let against = against.map(|name| self.container_or_image(&access, name, None, task)).transpose()?;
        let (old, new) = match &against {
            Some(against) => {
                let old = self.rootfs_of(&access, against, Wanted::Some, task)?;
                let new = self.rootfs_beside(&old, &access, &stack, Wanted::Some, task)?;
                (old, new)
            }
            None => self.two_rootfs(&access, &stack, below(&stack), Wanted::Some, task)?,
        };
        let stacks = against.into_iter().chain([stack]).collect();
        Ok(Difference { _access: access, stacks, old, new })
    }
}

/// Two file systems that are compared. While it is there, nothing is removed from the store.
#[derive(Debug)]
pub struct Difference {
    _access: Access,
    stacks: Vec<Stack>,
    old: RootFs,
    new: RootFs,
}

impl Difference {
    /// What was changed, in the order of the paths; may be asked more than once.
    pub fn changes<'d>(&'d mut self, task: &'d Task) -> impl Iterator<Item = Result<Change>> + 'd {
        Changes::between(&mut self.old, &mut self.new, task).map(|change| Ok(change?))
    }

    /// What was changed, file by file: those below a directory that was removed too, and no
    /// directories.
    ///
    /// ```
    /// use larder_engine::{Patch, Task};
    /// # use larder_engine::{Input, LoadOptions, Store};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// # store.load(Input::open(archive.as_ref())?, &LoadOptions::default(), &Task::silent())?;
    /// # let task = Task::silent();
    /// let mut difference = store.difference("greeter:1.0", None, &task)?;
    /// let mut changes = difference.files(&task);
    /// while let Some(change) = changes.next_file()? {
    ///     if let Patch::Text(hunks) = changes.patch(&change)? {
    ///         println!("{}\n{}", String::from_utf8_lossy(&change.path), String::from_utf8_lossy(&hunks));
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn files<'d>(&'d mut self, task: &'d Task) -> ChangedFiles<'d> {
        ChangedFiles(FileChanges::new(Changes::between(&mut self.old, &mut self.new, task)))
    }

    /// Makes sure that the containers were there all the time.
    ///
    /// # Errors
    /// If one was removed meanwhile.
    pub fn finish(self, store: &Store, task: &Task) -> Result<()> {
        self.stacks.iter().try_for_each(|stack| store.check_there(stack, task))
    }
}

/// The files that were changed, in the order of their paths.
#[derive(Debug)]
pub struct ChangedFiles<'d>(FileChanges<'d>);

impl ChangedFiles<'_> {
    /// The next one.
    ///
    /// # Errors
    /// If the file systems cannot be read, or the task is told to stop.
    pub fn next_file(&mut self) -> Result<Option<FileChange>> {
        Ok(self.0.next_file()?)
    }

    /// How many bytes of a file were changed. Files up to 2 MiB are compared line by line,
    /// longer ones by the chunks that they are stored as.
    ///
    /// # Errors
    /// If the file cannot be read, or the task is told to stop.
    pub fn changed_bytes(&mut self, change: &FileChange) -> Result<ChangedBytes> {
        Ok(self.0.changed_bytes(change)?)
    }

    /// What differs between the contents of a file, as a unified diff if it is text.
    ///
    /// # Errors
    /// If the file cannot be read, or the task is told to stop.
    pub fn patch(&mut self, change: &FileChange) -> Result<Patch> {
        Ok(self.0.patch(change)?)
    }
}

/// How many layers a container, or an image's top layer, stands on.
fn below(stack: &Stack) -> usize {
    let layers = stack.layers.len();
    if stack.container.is_some() { layers } else { layers.saturating_sub(1) }
}
