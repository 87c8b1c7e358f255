//! The tar format over bytes, hostile input expected.
//!
//! Three readers stand on the same header: [`Scanner`] looks over a layer's
//! shoulder and only hints where files lie, so it can never fail; [`Entries`]
//! and the archive room's member reader must understand their input or refuse
//! it, the one with all that a file system has, the other with what an archive
//! of images may hold. What is written is the same bytes every time.
//!
//! The rules where tars disagree are those of Go's `archive/tar`, because that
//! is what Docker, podman and skopeo read with.

mod entries;
mod entry;
mod error;
mod extension;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod header;
mod hints;
mod holes;
mod number;
mod pax;
mod source;
mod sparse;
mod writer;

pub use entries::{Data, Entries, Found, Payload};
pub use entry::{Device, Entry, EntryKind, Mtime};
pub use error::EntryError;
pub(crate) use error::shown;
pub use extension::{Extension, Pairs};
pub use header::{BLOCK_BYTES, Header, HeaderError, Kind, padding_bytes};
pub use hints::{Scanner, Span};
pub use holes::Holes;
pub use pax::{PaxError, Record, push_record, records};
pub use source::{Source, Streamed};
pub use sparse::{Extent, MapError, SparseFile, read_map};
pub use writer::{END, EntryHeader, global_header};

/// The most that one pax header or long name may take, as in Go's reader.
///
/// Real ones are a few hundred bytes; one with many extended attributes a few
/// thousand. The limit is what keeps a hostile size field out of memory.
pub const MAX_EXTENSION_BYTES: u64 = 1 << 20;
