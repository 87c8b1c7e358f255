//! What is in a directory of a container or an image.

use super::stack::Wanted;
use crate::Result;
use crate::container::view::{Follow, NodeId, View};
use crate::image::Platform;
use crate::store::Store;
use crate::tar::Entry;
use crate::task::Task;

/// How to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListOptions {
    /// Of an image for several platforms, this one.
    pub platform: Option<Platform>,
    /// Everything below too.
    pub recursive: bool,
    /// The directory itself, not what is in it.
    pub itself: bool,
}

/// A path of a file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its path from the root on, with a slash before it.
    pub path: Vec<u8>,
    /// All that is known of it; the name is the path without the slash.
    pub entry: Entry,
    /// How many names the file has.
    pub links: u32,
    /// The layer that brought it, the base being 1; 0 for a directory that is
    /// only implied.
    pub layer: usize,
}

impl Store {
    /// What is at `path` in the container or image `name`: of a directory what is
    /// in it, in the order of the names. Links are followed within the root.
    ///
    /// ```
    /// use larder_engine::{ListOptions, Task};
    /// # use larder_engine::{Input, LoadOptions, Store};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// # store.load(Input::open(archive.as_ref())?, &LoadOptions::default(), &Task::silent())?;
    /// for file in store.list("greeter:1.0", b"/", &ListOptions::default(), &Task::silent())? {
    ///     println!("{} {}", file.entry.size, String::from_utf8_lossy(&file.path));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such
    /// container, image or path.
    pub fn list(&self, name: &str, path: &[u8], options: &ListOptions, task: &Task) -> Result<Vec<Listed>> {
        let access = self.share(task)?;
        let stack = self.container_or_image(&access, name, options.platform.as_ref(), task)?;
        let rootfs = self.rootfs_of(&access, &stack, Wanted::Names, task)?;
        let view = rootfs.view();
        let node = view.find(path, if options.itself { Follow::No } else { Follow::Yes })?;
        let nodes: Vec<_> = if options.itself || !view.is_directory(node) {
            vec![node]
        } else if options.recursive {
            view.walk(node).skip(1).collect()
        } else {
            view.children(node)
        };
        self.check_there(&stack, task)?;
        Ok(nodes.into_iter().map(|node| listed(view, node)).collect())
    }
}

fn listed(view: &View, node: NodeId) -> Listed {
    let entry = view.entry(node);
    let path = [b"/", &entry.name[..]].concat();
    Listed { path, links: view.links(node), layer: view.brought_by(node), entry }
}
