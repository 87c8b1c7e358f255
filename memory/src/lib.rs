//! Memory that may run out.
//!
//! When an allocation fails, Rust's standard library aborts the process: SIGABRT, a core dump,
//! no cleanup. Two things take the place of that:
//!
//! - **Buffers whose size comes from input, from the store or from the configuration** are made
//!   by the functions of this package. They return [`OutOfMemory`], which the caller passes on
//!   like any other error.
//! - **Every other allocation** goes through the program's [`Allocator`]. When one of those fails,
//!   it prints what was wanted and ends the process with an exit code, without running
//!   destructors: to the store, that is a process that was killed.
//!
//! The allocator tells the two apart by a flag of the thread, which the functions below set while
//! they allocate. With another allocator they work the same; only the second part is missing.
//!
//! The package is apart from the engine because an allocator is unsafe code: all of it is in the
//! private module `allocator`.

#![warn(missing_docs)]

mod allocator;
mod buffer;

use std::fmt;
use std::io;

pub use allocator::{Allocator, set_exit_code};
pub use buffer::{Growable, check, copy, read_up_to, reserve, with_capacity, zeroed};

/// There is not as much memory as was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfMemory {
    /// How many bytes were wanted.
    pub wanted: usize,
}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "out of memory: {} bytes wanted", self.wanted)
    }
}

impl std::error::Error for OutOfMemory {}

impl From<OutOfMemory> for io::Error {
    fn from(error: OutOfMemory) -> Self {
        Self::new(io::ErrorKind::OutOfMemory, error)
    }
}
