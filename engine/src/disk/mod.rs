//! The only room that names `std::fs`.
//!
//! Everything that larder keeps lies below one directory and is reached by a
//! name relative to it, such as `packs/0123.pack`. The store's formats see a
//! [`Disk`], never a path, so that a disk that fails or loses power can stand
//! in for the real one.
//!
//! What a `Disk` promises is what POSIX promises and no more: written bytes
//! survive a power cut after [`File::sync`], names after [`Disk::sync_dir`],
//! and [`Disk::rename`] replaces a name in one step.

mod below;
mod beneath;
mod checksum;
mod error;
mod folder;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
pub mod host;
mod input;
mod new_tree;
mod real;
mod scratch;
#[cfg(any(test, fuzzing))]
#[cfg_attr(fuzzing, allow(dead_code, reason = "fuzzers count no calls"))]
mod simulated;
mod still;
mod temporary;
mod tree;
mod trust;
mod whole;

use std::fmt;
use std::path::{Path, PathBuf};

pub use checksum::{Checksum, checksum};
pub use error::{Error, Result, is_shortage};
pub use folder::{FileKind, Folder, Stat, Walk};
pub use input::{Input, InputFile};
pub use new_tree::{Looks, NewDir, NewFile, NewTree, is_trusted};
pub use real::RealDisk;
pub use scratch::Scratch;
#[cfg(any(test, fuzzing))]
pub use simulated::{Failure, SimulatedDisk, Survival};
pub use still::StillDisk;
pub use temporary::{Temporary, TemporaryDir, passing_name};
pub use tree::{Tree, TreeFileKind};
pub use trust::check_caller;
pub use whole::{put_whole, remove_if_there, swap_in};

/// Where the store lies.
pub trait Disk: Send + Sync + fmt::Debug {
    /// A new, empty file that only its owner may read; fails if the name is taken.
    fn create(&self, name: &str) -> Result<Box<dyn File>>;

    /// A file to read.
    fn open(&self, name: &str) -> Result<Box<dyn File>>;

    /// A file to read and write.
    fn open_writable(&self, name: &str) -> Result<Box<dyn File>>;

    /// Gives the file `from` the name `to`, replacing what had it.
    fn rename(&self, from: &str, to: &str) -> Result<()>;

    /// Takes a file's name away.
    fn remove(&self, name: &str) -> Result<()>;

    /// A directory that only its owner may enter; one that is there is left alone.
    fn create_dir(&self, name: &str) -> Result<()>;

    /// Removes a directory and all below it; one that is not there is no error.
    fn remove_tree(&self, name: &str) -> Result<()>;

    /// The files and directories directly in `dir`, in no order. An absent
    /// directory has none.
    fn list(&self, dir: &str) -> Result<Vec<Entry>>;

    /// The bytes of all regular files below `dir`, each file counted once. An
    /// absent directory has none.
    fn file_bytes(&self, dir: &str) -> Result<u64>;

    /// Makes the names in `dir` (empty: the store's own directory) survive a power cut.
    fn sync_dir(&self, dir: &str) -> Result<()>;

    /// Locks the file `name`, which must be there, against other openers of
    /// it, in this process or another. `None`: somebody else holds it.
    fn try_lock(&self, name: &str, mode: Mode) -> Result<Option<Box<dyn Guard>>>;

    /// What is called `name` (empty: the store's own directory) and everything below
    /// it, with what it takes on disk; nothing if it is not there.
    fn usage(&self, name: &str) -> Result<Vec<Allocated>>;

    /// Where `name` lies for a library that wants a path; `None` if nowhere. The directories
    /// on the way there are trusted: see the module `trust`.
    fn host_path(&self, name: &str) -> Result<Option<PathBuf>>;

    /// Checks that everything in the directory `name` is trusted, for a library that opens
    /// what it finds there by path. An absent directory is.
    fn check_all(&self, name: &str) -> Result<()>;
}

/// An open file. All offsets are in bytes from its start.
pub trait File: Send + Sync + fmt::Debug {
    /// What errors call it.
    fn path(&self) -> &Path;

    /// The `len` bytes from `offset` on. It is an error if the file ends before, or if there is
    /// not enough memory for them.
    fn read_at(&self, len: usize, offset: u64) -> Result<Vec<u8>> {
        let bytes = larder_memory::zeroed(len).map_err(std::io::Error::from);
        let mut bytes = error::Context::context(bytes, "read", self.path())?;
        self.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    /// Fills `buffer` from `offset`; an end of file before it is full is an error.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()>;

    /// Writes all of `bytes` at `offset`.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> Result<()>;

    /// The length in bytes.
    fn len(&self) -> Result<u64>;

    /// Cuts the file to `len` bytes.
    fn truncate(&self, len: u64) -> Result<()>;

    /// Sets space aside for writes to come, if that can be done.
    fn reserve(&self, offset: u64, len: u64);

    /// Makes what was written survive a power cut.
    fn sync(&self) -> Result<()>;
}

/// Who else may hold a lock at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Any number of other shared holders.
    Shared,
    /// Nobody.
    Exclusive,
}

/// Holds a lock until it is dropped.
pub trait Guard: Send + Sync + fmt::Debug {}

/// What a directory holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name, without the directory's.
    pub name: String,
    /// Whether it is a directory.
    pub is_dir: bool,
}

/// What one file or directory takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocated {
    /// The name relative to the store; empty for the store's own directory.
    pub name: String,
    /// Bytes on disk, as `du --block-size=1` counts them.
    pub bytes: u64,
}
