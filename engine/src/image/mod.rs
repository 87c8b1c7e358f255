//! Images as values: digests, descriptors, manifests, configs, references.
//!
//! Nothing here reads or writes anything. Names and rules are the OCI
//! image-spec's; where Docker wrote something else before there was a spec,
//! the item says so.

mod descriptor;
mod digest;
mod layer;
mod platform;

pub use descriptor::Descriptor;
pub use digest::{Digest, DigestError, Sha256};
pub use layer::{ChainId, DiffId, ImageId};
pub use platform::{Platform, PlatformError};
