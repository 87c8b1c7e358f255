//! Containers, as they are remembered.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Time, Variant};
use crate::image::Digest;

/// Names a container; random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContainerId(pub [u8; 32]);

impl ContainerId {
    /// The first twelve digits, as lists show them.
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A container: an image and what was asked for when it was created. What it
/// wrote lies in the directory of its ID.
///
/// It stands on its own: the image may go, and its blobs stay for the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Its key.
    pub id: ContainerId,
    /// The name, which no other container has.
    pub name: String,
    /// The target of the image that it was created of.
    pub image: Digest,
    /// How the image was named then.
    pub image_name: String,
    /// The image for one platform, without its labels.
    pub variant: Variant,
    /// When it was created.
    pub created: Time,
    /// What it was created with: JSON, of at most [`Container::MAX_SPEC_BYTES`].
    pub spec: String,
}

impl Container {
    /// No specification is longer.
    ///
    /// 32 MiB: it holds the image's config, of which [`load`](crate::Store::load) takes 20 MiB, and
    /// what a command line may add, which Linux limits to 2 MiB.
    pub const MAX_SPEC_BYTES: usize = 32 << 20;

    /// Every blob that the container needs, each once.
    pub fn blobs(&self) -> BTreeSet<Digest> {
        let layers = self.variant.layers.iter().map(|layer| layer.blob);
        layers.chain([self.variant.manifest, self.variant.id.0]).collect()
    }
}
