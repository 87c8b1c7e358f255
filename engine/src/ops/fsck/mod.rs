//! Checking a store, as deep as there is time for.
//!
//! | level | what is looked at | costs |
//! |---|---|---|
//! | quick | every structure, and whether all that is needed is there | a glance at each recipe |
//! | data  | the same, and every chunk against its BLAKE3 | reading the disk once |
//! | exact | the same, and every blob made again, against its SHA-256 | a `save` of everything |
//!
//! The first part is done whole each time. What takes long, the other two, can be
//! stopped, and goes on where it was: see [`Bookmark`].
//!
//! Nothing is changed. What is found damaged is noted, so that the next load of an
//! image that suffers heals it.

mod bookmark;
mod check;
mod packs;
mod structure;

use std::time::{Duration, Instant};

use crate::Result;
use crate::store::Store;
use crate::task::Task;

#[cfg(doc)]
use bookmark::Bookmark;
pub(super) use check::{Check, digest_of};

/// How deep to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum FsckLevel {
    /// Every structure, and whether all that is needed is there.
    #[default]
    Quick,
    /// The same, and every chunk is checked against its name.
    Data,
    /// The same, and every blob is made again and checked against its digest.
    Exact,
}

/// How to check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FsckOptions {
    /// How deep to look.
    pub level: FsckLevel,
    /// When this time is over, stop; the next check of this level goes on there.
    pub max_duration: Option<Duration>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// Packs looked at.
    pub packs: u64,
    /// Chunks in them.
    pub chunks: u64,
    /// Images looked at.
    pub images: u64,
    /// Containers looked at.
    pub containers: u64,
    /// Blobs looked at.
    pub blobs: u64,
    /// Bytes of packs that were read and verified; 0 at level quick.
    pub packed_bytes: u64,
    /// Bytes of blobs that were made again; 0 but at level exact.
    pub bytes: u64,
    /// Whether a check that was stopped was gone on with.
    pub is_resumed: bool,
    /// Whether the time was over before the check was.
    pub is_unfinished: bool,
    /// What is wrong. Nothing: the store is clean, as far as it was looked at.
    pub faults: Vec<Fault>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fault {
    /// Where: a layer, a document, a name, a file of the store.
    pub place: String,
    /// What, and how it shows.
    pub problem: String,
    /// The images that suffer from it, by name or ID, and the containers, as
    /// `container NAME`. None: nothing is lost.
    pub images: Vec<String>,
    /// The files of a layer that cannot be given back: paths from the root on,
    /// without a slash before them. No more than a hundred.
    pub files: Vec<Vec<u8>>,
    /// How many more there are.
    pub more_files: u64,
}

impl FsckOptions {
    /// A check of this level, to its end.
    pub fn at(level: FsckLevel) -> Self {
        Self { level, max_duration: None }
    }
}

impl Fault {
    /// Something that costs nobody anything.
    fn harmless(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into(), ..Self::default() }
    }

    /// An error, with what led to it.
    fn of(place: impl Into<String>, error: &dyn std::error::Error) -> Self {
        let (place, problem) = (place.into(), told(error));
        // Where it is need not be told twice.
        let rest = problem.strip_prefix(&*place).and_then(|rest| rest.strip_prefix(" is "));
        Self::harmless(place, rest.unwrap_or(&problem))
    }
}

/// An error, with what led to it.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl Store {
    /// Checks the store, changing nothing.
    ///
    /// ```
    /// use larder_engine::{FsckLevel, FsckOptions, Task};
    /// # use larder_engine::{Input, LoadOptions, Store};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// # store.load(Input::open(archive.as_ref())?, &LoadOptions::default(), &Task::silent())?;
    /// let checked = store.fsck(&FsckOptions::at(FsckLevel::Exact), &Task::silent())?;
    /// assert_eq!(checked.faults, []);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the journal cannot be read at all, or the task is told to stop. Everything
    /// else that is wrong is a [`Fault`].
    pub fn fsck(&self, options: &FsckOptions, task: &Task) -> Result<Checked> {
        let end = options.max_duration.and_then(|time| Instant::now().checked_add(time));
        self.healing(task, || {
            let access = self.share(task)?;
            let mut check = Check::begin(self, &access, options.level, end, task)?;
            check.run()?;
            Ok(check.finish().0)
        })
    }
}

#[cfg(test)]
mod tests;
