//! Making an image here, and giving it its name.

use super::resolve::told_id;
use crate::Result;
use crate::catalog::{Blob, Change, Image, Kind, Named, StoredLayer, Time, Variant};
use crate::chunk::Writer;
use crate::image::{Config, Descriptor, DiffId, Digest, ImageId, Manifest, Reference, media_type};
use crate::ops::Error;
use crate::store::Ledger;

/// An image that was made here, every blob of it in the packs.
#[derive(Debug)]
pub(super) struct Made {
    pub image: Image,
    blobs: Vec<Blob>,
}

/// A layer of an image that is being made.
#[derive(Debug, Clone)]
pub(super) struct MadeLayer {
    /// The blob, of kind [`Kind::Layer`].
    pub blob: Blob,
    /// What the manifest says of it.
    pub descriptor: Descriptor,
}

impl MadeLayer {
    /// A layer that is a plain tar.
    pub fn plain(blob: Blob) -> Self {
        let descriptor = Descriptor::new(media_type::OCI_LAYER, blob.digest, blob.body.len);
        Self { blob, descriptor }
    }
}

impl MadeLayer {
    /// The digest of its plain tar.
    pub fn diff_id(&self) -> DiffId {
        match self.blob.kind {
            Kind::Layer { diff_id, .. } => diff_id,
            _ => DiffId(self.blob.digest),
        }
    }

    /// The bytes of the files in it.
    pub fn content_bytes(&self) -> u64 {
        match self.blob.kind {
            Kind::Layer { content_bytes, .. } => content_bytes,
            _ => 0,
        }
    }
}

impl Made {
    /// Stores the config and a manifest for it and `layers`, base first.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn new(config: &[u8], layers: Vec<MadeLayer>, writer: &mut Writer) -> Result<Self> {
        let digest = Digest::of(config);
        let view = Config::parse(config).map_err(|source| Error::Document { digest, source })?;
        let mut blobs = Vec::new();
        let mut document = |bytes: &[u8]| -> Result<Digest> {
            let digest = Digest::of(bytes);
            blobs.push(Blob { digest, body: writer.document(bytes)?, kind: Kind::Document });
            Ok(digest)
        };
        let id = ImageId(document(config)?);
        let described = Descriptor::new(media_type::OCI_CONFIG, digest, config.len() as u64);
        let descriptors: Vec<_> = layers.iter().map(|layer| layer.descriptor.clone()).collect();
        let manifest_bytes = Manifest::generate(&described, &descriptors);
        let manifest = document(&manifest_bytes)?;
        let mut stored = Vec::new();
        for MadeLayer { blob, .. } in layers {
            let Kind::Layer { diff_id, content_bytes, .. } = blob.kind else {
                return Err(crate::store::Error::NoBlob(blob.digest).into());
            };
            stored.push(StoredLayer { blob: blob.digest, diff_id, content_bytes });
            blobs.push(blob);
        }
        let variant = Variant {
            manifest,
            id,
            platform: view.platform,
            layers: stored,
            created: view.created.map(Time::from),
            labels: Variant::labels_to_keep(&view.labels),
        };
        let image = Image {
            target: manifest,
            media_type: media_type::OCI_MANIFEST.into(),
            size: manifest_bytes.len() as u64,
            generated: true,
            entry: None,
            variants: vec![variant],
            main: 0,
            documents: Vec::new(),
            lines: std::collections::BTreeSet::new(),
            added: Time::now(),
        };
        Ok(Self { image, blobs })
    }

    /// The image's ID.
    pub fn id(&self) -> ImageId {
        self.image.id()
    }

    /// Makes the image part of the store by the commit of `verb`, under the name
    /// `reference` if there is one; gives the image that had that name.
    ///
    /// # Errors
    /// If the journal cannot be written.
    pub fn commit(
        &self,
        ledger: &mut Ledger,
        verb: &str,
        reference: Option<&Reference>,
    ) -> Result<Option<ImageId>> {
        let mut changes = Vec::new();
        for blob in &self.blobs {
            // What another image had may have gone since it was found there.
            if ledger.catalog().blob(&blob.digest)?.is_none_or(|there| there.kind == Kind::Other) {
                changes.push(Change::PutBlob(blob.clone()));
            }
        }
        let target = self.image.target;
        if ledger.catalog().image(&target)?.is_none() {
            changes.push(Change::PutImage(self.image.clone()));
        }
        let mut replaced = None;
        if let Some(reference) = reference {
            let name = reference.to_string();
            let before = ledger.catalog().reference(&name)?.filter(|named| named.target != target);
            replaced = before.map(|named| told_id(ledger.catalog(), &named.target)).transpose()?;
            changes.push(Change::SetReference(Named { name, target, entry: None, tagged: Time::now() }));
        }
        ledger.commit(verb, changes)?;
        Ok(replaced)
    }
}
