//! Files by their names, in all images.

use super::Error;
use super::image_sequence::{ImageSequence, SearchedImage};
use super::list::{Listed, listed};
use super::stack::Wanted;
use crate::Result;
use crate::container::PathPattern;
use crate::container::view::View;
use crate::image::Platform;
use crate::store::Store;
use crate::task::Task;

/// How to find files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FindOptions {
    /// Of images for several platforms, this one; images without it are left out, unless they
    /// are asked for by name.
    pub platform: Option<Platform>,
    /// Whether upper and lower case are the same.
    pub ignore_case: bool,
}

impl Store {
    /// Searches the images and containers `names`, or all images if there are none, for files
    /// whose paths match `pattern`: a glob, which is compared with the base name, or with the
    /// whole path if it has a slash. `**` stands for any number of directories.
    ///
    /// Layers that images begin with in common are read once.
    ///
    /// ```
    /// use larder_engine::{FindOptions, Task};
    /// # use larder_engine::{Input, LoadOptions, Store};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// # store.load(Input::open(archive.as_ref())?, &LoadOptions::default(), &Task::silent())?;
    /// # let task = Task::silent();
    /// let mut search = store.find(b"gre*", &[], &FindOptions::default(), &task)?;
    /// while let Some(image) = search.next_image() {
    ///     for file in search.open(&store, &task)?.files() {
    ///         println!("{}:{}", image.name, String::from_utf8_lossy(&file.path));
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if the pattern is malformed,
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such container or
    /// image.
    pub fn find(
        &self,
        pattern: &[u8],
        names: &[String],
        options: &FindOptions,
        task: &Task,
    ) -> Result<FileSearch> {
        let pattern = PathPattern::new(pattern, options.ignore_case).map_err(Error::PathPattern)?;
        let sequence = self.image_sequence(names, options.platform.as_ref(), Wanted::Names, task)?;
        Ok(FileSearch { pattern, sequence })
    }
}

/// A search for files. While it is there, nothing is removed from the store.
#[derive(Debug)]
pub struct FileSearch {
    pattern: PathPattern,
    sequence: ImageSequence,
}

impl FileSearch {
    /// Goes on to the next image or container. Those with the same layers come together.
    pub fn next_image(&mut self) -> Option<SearchedImage> {
        self.sequence.next().map(|target| target.searched())
    }

    /// Puts its file system together.
    ///
    /// # Errors
    /// If a layer cannot be read. The search can go on with the next image.
    pub fn open(&mut self, store: &Store, task: &Task) -> Result<FoundFiles<'_>> {
        self.sequence.open(store, task)?;
        self.sequence.check_there(store, task)?;
        let view = self.sequence.opened().map(|rootfs| rootfs.view());
        Ok(FoundFiles { view, pattern: &self.pattern })
    }
}

/// The files of one image that match.
#[derive(Debug)]
pub struct FoundFiles<'s> {
    view: Option<&'s View>,
    pattern: &'s PathPattern,
}

impl FoundFiles<'_> {
    /// The files, in the order of their paths, each made up when it is asked for; may be asked
    /// more than once. The root directory is not among them.
    pub fn files(&self) -> impl Iterator<Item = Listed> {
        let pattern = self.pattern;
        self.view.into_iter().flat_map(move |view| {
            let mut walk = view.walk(view.root());
            // The root directory.
            walk.next();
            std::iter::from_fn(move || {
                loop {
                    let node = walk.next()?;
                    if pattern.matches(walk.path(), view.is_directory(node)) {
                        return Some(listed(view, node, walk.path().to_vec()));
                    }
                }
            })
        })
    }
}
