//! What differs between a container, an image and another one.

use super::stack::{Stack, Wanted};
use crate::Result;
use crate::container::{Change, changes};
use crate::store::Store;
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
        let access = self.share(task)?;
        let stack = self.container_or_image(&access, name, None, task)?;
        let against = against.map(|name| self.container_or_image(&access, name, None, task)).transpose()?;
        let (mut old, mut new) = match &against {
            Some(against) => {
                let old = self.rootfs_of(&access, against, Wanted::Some, task)?;
                (old, self.rootfs_of(&access, &stack, Wanted::Some, task)?)
            }
            None => self.two_rootfs(&access, &stack, below(&stack), Wanted::Some, task)?,
        };
        let changes = changes(&mut old, &mut new, task)?;
        for stack in against.iter().chain([&stack]) {
            self.check_there(stack, task)?;
        }
        Ok(changes)
    }
}

/// How many layers a container, or an image's top layer, stands on.
fn below(stack: &Stack) -> usize {
    let layers = stack.layers.len();
    if stack.container.is_some() { layers } else { layers.saturating_sub(1) }
}
