//! Images as values: digests, descriptors, manifests, configs, references.
//!
//! Nothing here reads or writes anything. Names and rules are the OCI
//! image-spec's; where Docker wrote something else before there was a spec,
//! the item says so.

mod change;
mod config;
mod descriptor;
mod digest;
mod document;
mod draft;
mod duration;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod glob;
mod go_json;
mod index;
mod layer;
mod manifest;
pub mod media_type;
mod platform;
mod reference;
mod run_config;
mod signal;
mod whiteout;

pub use change::{Change, ChangeError, Changes, Command, ExpandError, Port, parse_ports};
pub use config::{Config, History};
pub use descriptor::{Descriptor, Pinned};
pub use digest::{Digest, DigestError, Sha256};
pub use document::{DocumentError, MAX_DEPTH, parse_array, parse_object};
pub use draft::Draft;
pub use duration::{DurationError, parse_duration};
pub use glob::GlobError;
pub use index::{Index, IndexEntry};
pub use layer::{ChainId, DiffId, ImageId};
pub use manifest::Manifest;
pub use platform::{Platform, PlatformError};
pub use reference::{Reference, ReferenceError};
pub use run_config::{Healthcheck, NameSet, RunConfig, set_variable};
pub use signal::parse_signal;
pub use whiteout::{Whiteout, WhiteoutError};
