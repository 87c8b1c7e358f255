//! What a container has written: `containers/<id>/log`, and `log.1` and so on once that is full.
//!
//! One JSON object a line, as Docker's `json-file` has it:
//! `{"log":"text\n","stream":"stdout","time":"2026-11-22T09:00:00.123456789Z"}`. An entry is
//! a line, with the newline that ends it; a longer one than [`MAX_ENTRY`] comes in several
//! entries, of which the last has the newline. What is no UTF-8 has the member `hex` in place
//! of `log`, so that it comes back as it was; so has what would be longer as text.
//!
//! Only the monitor writes the last file, at its end; it starts another one when that is full, and
//! removes the first when there are too many. An entry that is cut off by a crash is the
//! last one, and has no newline: it does not count.

mod files;
mod read;
mod write;

pub use files::newest;
pub use read::{LogEntry, LogReader};
pub use write::LogWriter;

/// Where a line is cut, as Docker does it.
const MAX_ENTRY: usize = 16 << 10;

#[cfg(test)]
mod tests;
