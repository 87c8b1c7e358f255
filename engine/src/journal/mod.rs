//! The log of commits: with the packs, the truth about the store.
//!
//! One file, `journal`, appended to and never rewritten in place. A commit is
//! one record; it has happened if and only if its record is whole and durable.
//! What a record means is not known here.

#[cfg(feature = "bench")]
pub(crate) mod bench;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod log;
mod record;
mod remake;

pub use error::{Error, Result};
pub use log::{FILE, Journal, Position, StoreId, empty, store_of};
pub use record::MAX_PAYLOAD_BYTES;
