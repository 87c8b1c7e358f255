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
        Ok(self.listing(name, path, options, task)?.files().collect())
    }

    /// The same, each file made up when it is asked for: there may be millions.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub fn listing(&self, name: &str, path: &[u8], options: &ListOptions, task: &Task) -> Result<Listing> {
        let access = self.share(task)?;
        let stack = self.container_or_image(&access, name, options.platform.as_ref(), task)?;
        let view = self.rootfs_of(&access, &stack, Wanted::Names, task)?.into_view();
        let node = view.find(path, if options.itself { Follow::No } else { Follow::Yes })?;
        let what = match () {
            () if options.itself || !view.is_directory(node) => What::Itself,
            () if options.recursive => What::Below,
            () => What::Children,
        };
        self.check_there(&stack, task)?;
        Ok(Listing { view, node, what })
    }
}

/// What is at a path of a container or an image.
#[derive(Debug)]
pub struct Listing {
    view: View,
    node: NodeId,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Itself,
    Children,
    Below,
}

impl Listing {
    /// The files, in the order of their paths.
    pub fn files(&self) -> impl Iterator<Item = Listed> {
        let (view, node) = (&self.view, self.node);
        let itself = matches!(self.what, What::Itself).then(|| listed(view, node, view.path(node)));
        let children = matches!(self.what, What::Children).then(|| view.children(node));
        let children = children.unwrap_or_default().into_iter();
        let mut walk = matches!(self.what, What::Below).then(|| view.walk(node));
        if let Some(walk) = &mut walk {
            // The directory itself.
            walk.next();
        }
        let below = std::iter::from_fn(move || {
            let walk = walk.as_mut()?;
            let node = walk.next()?;
            Some(listed(view, node, walk.path().to_vec()))
        });
        let children = children.map(|child| listed(view, child, view.path(child)));
        itself.into_iter().chain(children).chain(below)
    }
}

/// What is known of `node`, whose path is `path`.
pub(super) fn listed(view: &View, node: NodeId, path: Vec<u8>) -> Listed {
    let absolute = [b"/", &path[..]].concat();
    let entry = view.entry_at(node, path);
    Listed { path: absolute, links: view.links(node), layer: view.brought_by(node), entry }
}
