//! The log of commits: with the packs, the truth about the store.
//!
//! One file, `journal`, appended to and never rewritten in place. A commit is
//! one record; it has happened if and only if its record is whole and durable.
//! What a record means is not known here. A shorter journal may take the place
//! of a long one; see [`NewJournal`].

#[cfg(feature = "bench")]
pub(crate) mod bench;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod header;
mod log;
mod record;
mod remake;

pub use error::{Error, Result};
pub use header::{FileHeader, empty, store_of};
pub use log::{FILE, Journal, Position, StoreId};
pub use record::MAX_PAYLOAD_BYTES;
pub use remake::NewJournal;
