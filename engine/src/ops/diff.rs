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
        let mut new = self.rootfs_of(&access, &stack, Wanted::Names, task)?;
        let layers = match against {
            Some(against) => {
                let stack = self.container_or_image(&access, against, None, task)?;
                let mut old = self.rootfs_of(&access, &stack, Wanted::Names, task)?;
                return Ok(changes(&mut old, &mut new, task)?);
            }
            None => below(&stack),
        };
        let mut old = self.rootfs(&access, &layers, Wanted::Names, task)?;
        Ok(changes(&mut old, &mut new, task)?)
    }
}

/// What a container stands on, or an image's top layer.
fn below(stack: &Stack) -> Vec<crate::container::Layer> {
    let mut layers = stack.layers();
    if stack.container.is_none() {
        layers.pop();
    }
    layers
}
