//! What the store has already of what an archive speaks of.

use std::collections::{HashMap, HashSet};

use crate::Result;
use crate::archive::{Plan, PlannedConfig, PlannedImage};
use crate::catalog::{Blob, Catalog, Image};
use crate::chunk::Reader;
use crate::image::{Digest, ImageId};

/// Blobs and images that are in the store, as they were when it was asked. They
/// may be removed by others until the commit, which then puts them back: their
/// bytes stay as long as the packs are shared.
#[derive(Debug, Default)]
pub struct Known {
    /// Blobs, by digest or by the diff ID of what they hold.
    pub blobs: HashMap<Digest, Blob>,
    images: HashMap<ImageId, Image>,
}

impl Known {
    /// What `catalog` has of what `plan` speaks of.
    pub fn of(plan: &Plan, catalog: &Catalog) -> Result<Self> {
        let mut known = Self::default();
        for image in &plan.images {
            if let Some((id, there)) = known_image(image, catalog)? {
                for digest in there.blobs() {
                    known.add(digest, catalog)?;
                }
                known.images.insert(id, there);
                continue;
            }
            let layers = image.variants.iter().flat_map(|variant| &variant.layers);
            let digests: HashSet<Digest> = layers
                .flat_map(|layer| [layer.blob.as_ref().map(|blob| blob.digest), layer.diff_id.map(|id| id.0)])
                .flatten()
                .chain(image.carried.iter().map(|blob| blob.descriptor.digest))
                .collect();
            for digest in digests {
                known.add(digest, catalog)?;
            }
        }
        Ok(known)
    }

    fn add(&mut self, digest: Digest, catalog: &Catalog) -> Result<()> {
        if let Some(blob) = catalog.blob(&digest)? {
            self.blobs.insert(digest, blob);
        }
        Ok(())
    }

    /// Forgets what cannot be given back: the archive may heal it.
    pub fn forget_broken(&mut self, reader: &mut Reader) {
        self.blobs.retain(|_, blob| reader.lost(&blob.body).ranges.is_empty());
        let blobs = &self.blobs;
        self.images.retain(|_, image| image.blobs().iter().all(|digest| blobs.contains_key(digest)));
    }

    /// The image in the store that `planned` is, though it came without a manifest.
    pub fn image(&self, planned: &PlannedImage) -> Option<&Image> {
        self.images.get(&id_without_manifest(planned)?)
    }
}

/// The image ID of an image that came without a manifest. It stands for the
/// config, and that for all layers: an image in the store with this ID is this one.
fn id_without_manifest(planned: &PlannedImage) -> Option<ImageId> {
    let ([variant], None) = (planned.variants.as_slice(), &planned.target) else { return None };
    match &variant.config {
        PlannedConfig::Document(config) => Some(ImageId(config.descriptor.digest)),
        PlannedConfig::FromV1(_) => None,
    }
}

fn known_image(planned: &PlannedImage, catalog: &Catalog) -> Result<Option<(ImageId, Image)>> {
    let Some(id) = id_without_manifest(planned) else { return Ok(None) };
    for target in catalog.targets_by_id(id.0.as_bytes()) {
        let (_, target) = target?;
        // Of an image for several platforms one is not the whole.
        if let Some(image) = catalog.image(&target)?.filter(|image| image.variants.len() == 1) {
            return Ok(Some((id, image)));
        }
    }
    Ok(None)
}
