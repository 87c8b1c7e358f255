//! Bytes by digest: what is stored, each piece once.
//!
//! A blob is cut into **chunks**, each named by its BLAKE3. New chunks are
//! gathered into **frames** that zstd compresses as a whole, frames into
//! **packs**, files that never change. **Index runs** find a chunk's pack by
//! the start of its name; they are a view of the packs' trailers and can be
//! made again from them at any time. A **recipe** says how a blob is put
//! together from chunks; it is stored as chunks itself, so that a blob comes
//! down to one [`Body`] of a few bytes, which the journal keeps.
//!
//! ```text
//!  blob ──┬─ skeleton (headers, padding) ─┐
//!         ├─ payload of files, cut ───────┼─► chunks ─► frames ─► pack ─► index run
//!         └─ recipe, in segments ─────────┘      by lane
//! ```
//!
//! Nothing here knows what a blob means, nor tar.

#[cfg(feature = "bench")]
pub(crate) mod bench;
mod blob;
mod cache;
mod cut;
mod damage;
mod error;
mod frame;
mod front;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod index;
mod lost;
mod name;
mod pack;
mod packer;
mod pieces;
mod reader;
mod recipe;
mod renewal;
mod run;
mod salvage;
mod similar;
mod tally;
mod trailer;
mod verify;
mod writer;

pub use blob::BlobWriter;
pub use cut::MAX_CHUNK_BYTES;
pub use error::{Error, Result};
pub use frame::{Coding, Lane};
pub use index::{Index, Place};
pub use lost::Lost;
pub use name::ChunkName;
pub use pack::{Pack, PackId};
pub use pieces::{Cursor, Outline, Piece};
pub use reader::Reader;
pub use recipe::Body;
#[cfg(any(test, fuzzing))]
pub use recipe::Shape;
pub use renewal::Renewal;
pub use salvage::salvage;
pub use tally::{Counting, Tally};
pub use trailer::Row;
pub use verify::Flaw;
#[cfg(test)]
pub use writer::Finished;
pub use writer::Writer;
pub use writer::Written;

#[cfg(test)]
mod tests;
