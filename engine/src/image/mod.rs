//! Images as values: digests, descriptors, manifests, configs, references.
//!
//! Nothing here reads or writes anything. Names and rules are the OCI
//! image-spec's; where Docker wrote something else before there was a spec,
//! the item says so.

mod config;
mod descriptor;
mod digest;
mod document;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod glob;
mod index;
mod layer;
mod manifest;
pub mod media_type;
mod platform;
mod reference;
mod whiteout;

pub use config::{Config, History};
pub use descriptor::{Descriptor, Pinned};
pub use digest::{Digest, DigestError, Sha256};
pub use document::{DocumentError, MAX_DEPTH, parse_array, parse_object};
pub use glob::GlobError;
pub use index::{Index, IndexEntry};
pub use layer::{ChainId, DiffId, ImageId};
pub use manifest::Manifest;
pub use platform::{Platform, PlatformError};
pub use whiteout::{Whiteout, WhiteoutError};
pub use reference::{Reference, ReferenceError};
