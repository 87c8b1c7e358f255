//! Images on their way out: what an archive is assembled from.

use super::plan::{PlannedDocument, PlannedName};
use crate::image::{Descriptor, DiffId, Digest};

/// Which kind of archive to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Format {
    /// What Docker writes from 25.0 on: an OCI layout that also carries
    /// `manifest.json` and `repositories`, for readers old and new.
    #[default]
    Docker,
    /// An OCI layout, and nothing else.
    Oci,
}

/// One image to write, complete.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// What it is to be called there; none to save it by its digest alone.
    pub names: Vec<PlannedName>,
    /// Its line in an `index.json` that gave it no name, if there was one. Used
    /// when there are no names.
    pub entry: Option<String>,
    /// Its root.
    pub target: Descriptor,
    /// The root, and every index, manifest and config under it that is there.
    pub documents: Vec<PlannedDocument>,
    /// Its images, the one that `manifest.json` is to point at first. None for
    /// an artifact.
    pub variants: Vec<OutgoingVariant>,
    /// Content that is only carried.
    pub carried: Vec<Descriptor>,
}

/// An image for one platform, to write.
#[derive(Debug, Clone)]
pub struct OutgoingVariant {
    /// Its config, which is among the documents.
    pub config: Digest,
    /// Its layers, base first.
    pub layers: Vec<OutgoingLayer>,
}

/// A layer to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingLayer {
    /// Its bytes, as the manifest names them.
    pub blob: Descriptor,
    /// What they expand to.
    pub diff_id: DiffId,
}
