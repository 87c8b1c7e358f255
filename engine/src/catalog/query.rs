//! Questions to the catalog.

use std::collections::BTreeSet;

use super::tables::{BLOBS, CONTAINER_NAMES, CONTAINERS, HOLDS, IDS, IMAGES, NAMES, REFERENCES, USES};
use super::{Blob, Catalog, Container, ContainerId, Image, Named, Result};
use crate::image::{Digest, ImageId};

impl Catalog {
    /// What `name`, a canonical reference, names.
    ///
    /// # Errors
    /// If the database fails, as for every question here.
    pub fn reference(&self, name: &str) -> Result<Option<Named>> {
        self.record(REFERENCES, name.as_bytes())
    }

    /// All references, by name.
    pub fn references(&self) -> impl Iterator<Item = Result<Named>> + '_ {
        self.records(REFERENCES, &[])
    }

    /// The references whose canonical names begin with `prefix`.
    pub fn references_from(&self, prefix: &str) -> impl Iterator<Item = Result<Named>> + '_ {
        self.records(REFERENCES, prefix.as_bytes())
    }

    /// The references of the image `target`, by name.
    pub fn names_of(&self, target: &Digest) -> Result<Vec<Named>> {
        let mut found = Vec::new();
        for key in self.keys(NAMES, target.as_bytes()) {
            let key = key?;
            let name = key.get(32..).map(String::from_utf8_lossy).unwrap_or_default();
            found.extend(self.reference(&name)?);
        }
        Ok(found)
    }

    /// The image `target`.
    pub fn image(&self, target: &Digest) -> Result<Option<Image>> {
        self.record(IMAGES, target.as_bytes())
    }

    /// All images, by target.
    pub fn images(&self) -> impl Iterator<Item = Result<Image>> + '_ {
        self.records(IMAGES, &[])
    }

    /// The targets of the images with a variant whose ID begins with the bytes
    /// of `prefix`, with that ID.
    pub fn targets_by_id(&self, prefix: &[u8]) -> impl Iterator<Item = Result<(ImageId, Digest)>> + '_ {
        self.keys(IDS, prefix).filter_map(|key| match key {
            Ok(key) => {
                let (id, target) = key.split_first_chunk::<32>()?;
                let target = target.first_chunk::<32>()?;
                Some(Ok((ImageId(Digest::from_bytes(*id)), Digest::from_bytes(*target))))
            }
            Err(error) => Some(Err(error)),
        })
    }

    /// The targets that begin with the bytes of `prefix`.
    pub fn targets_from(&self, prefix: &[u8]) -> impl Iterator<Item = Result<Digest>> + '_ {
        self.keys(IMAGES, prefix).filter_map(|key| match key {
            Ok(key) => Some(Ok(Digest::from_bytes(*key.first_chunk::<32>()?))),
            Err(error) => Some(Err(error)),
        })
    }

    /// The blob `digest`.
    pub fn blob(&self, digest: &Digest) -> Result<Option<Blob>> {
        self.record(BLOBS, digest.as_bytes())
    }

    /// All blobs, by digest.
    pub fn blobs(&self) -> impl Iterator<Item = Result<Blob>> + '_ {
        self.records(BLOBS, &[])
    }

    /// The targets of the images that need the blob `digest`.
    pub fn users_of(&self, digest: &Digest) -> Result<BTreeSet<Digest>> {
        let mut users = BTreeSet::new();
        for key in self.keys(USES, digest.as_bytes()) {
            let key = key?;
            let target = key.get(32..).and_then(|rest| rest.first_chunk::<32>());
            users.extend(target.map(|target| Digest::from_bytes(*target)));
        }
        Ok(users)
    }

    /// The containers that need the blob `digest`.
    pub fn holders_of(&self, digest: &Digest) -> Result<BTreeSet<ContainerId>> {
        let mut holders = BTreeSet::new();
        for key in self.keys(HOLDS, digest.as_bytes()) {
            let key = key?;
            let id = key.get(32..).and_then(|rest| rest.first_chunk::<32>());
            holders.extend(id.copied().map(ContainerId));
        }
        Ok(holders)
    }

    /// Whether nobody needs the blob `digest` but these.
    pub fn is_needed_only_by(
        &self,
        digest: &Digest,
        images: &BTreeSet<Digest>,
        containers: &BTreeSet<ContainerId>,
    ) -> Result<bool> {
        Ok(self.users_of(digest)?.is_subset(images) && self.holders_of(digest)?.is_subset(containers))
    }

    /// The container `id`.
    pub fn container(&self, id: &ContainerId) -> Result<Option<Container>> {
        self.record(CONTAINERS, &id.0)
    }

    /// The container called `name`.
    pub fn container_by_name(&self, name: &str) -> Result<Option<Container>> {
        match self.pages.get(CONTAINER_NAMES, name.as_bytes())? {
            Some(id) => self.record(CONTAINERS, &id),
            None => Ok(None),
        }
    }

    /// All containers, by ID.
    pub fn containers(&self) -> impl Iterator<Item = Result<Container>> + '_ {
        self.records(CONTAINERS, &[])
    }

    /// The IDs that begin with the bytes of `prefix`.
    pub fn container_ids_from(&self, prefix: &[u8]) -> impl Iterator<Item = Result<ContainerId>> + '_ {
        self.keys(CONTAINERS, prefix).filter_map(|key| match key {
            Ok(key) => Some(Ok(ContainerId(*key.first_chunk::<32>()?))),
            Err(error) => Some(Err(error)),
        })
    }
}
