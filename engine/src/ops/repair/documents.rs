//! Manifests and indexes that larder made: from the config and the layers they come
//! out the same again.

use std::collections::HashMap;

use super::Brought;
use crate::Result;
use crate::catalog::{Blob, Catalog, Image, Variant};
use crate::image::{Descriptor, Digest, Index, Manifest, media_type};
use crate::store::{Access, Store};
use crate::task::Task;

/// How compressed layers may be called in a manifest that was made here.
const SUFFIXES: [&str; 2] = ["+gzip", "+zstd"];

impl Store {
    /// Stores again those of the `broken` documents that can be made.
    pub(super) fn make_documents_again(
        &self,
        access: &Access,
        broken: &[Blob],
        task: &Task,
    ) -> Result<Brought> {
        let made = self.healing(task, || {
            let ledger = self.ledger(task)?;
            let mut made = HashMap::new();
            for image in ledger.catalog().images() {
                for bytes in documents_of(ledger.catalog(), &image?)? {
                    made.insert(Digest::of(&bytes), bytes);
                }
            }
            Ok(made)
        })?;
        let mut writer = self.writer(access, task)?;
        let mut brought = Brought::new();
        for blob in broken {
            if let Some(bytes) = made.get(&blob.digest) {
                brought.insert(blob.digest, writer.document(bytes)?);
            }
        }
        writer.finish()?;
        Ok(brought)
    }
}

/// What larder would have made for an image that came without: if it has done so, one
/// of these is it.
fn documents_of(catalog: &Catalog, image: &Image) -> Result<Vec<Vec<u8>>> {
    let mut documents = Vec::new();
    if !image.generated {
        return Ok(documents);
    }
    for suffix in SUFFIXES {
        let mut entries = Vec::new();
        for variant in &image.variants {
            let Some(bytes) = manifest_of(catalog, variant, suffix)? else { return Ok(documents) };
            let described = Descriptor::new(media_type::OCI_MANIFEST, Digest::of(&bytes), bytes.len() as u64);
            entries.push(Descriptor { platform: Some(variant.platform.clone()), ..described });
            documents.push(bytes);
        }
        documents.push(Index::generate(&entries));
    }
    Ok(documents)
}

fn manifest_of(catalog: &Catalog, variant: &Variant, suffix: &str) -> Result<Option<Vec<u8>>> {
    let described = |digest: &Digest, media_type: String| -> Result<Option<Descriptor>> {
        let blob = catalog.blob(digest)?;
        Ok(blob.map(|blob| Descriptor::new(media_type, *digest, blob.body.len)))
    };
    let Some(config) = described(&variant.id.0, media_type::OCI_CONFIG.into())? else { return Ok(None) };
    let mut layers = Vec::new();
    for layer in &variant.layers {
        let suffix = if layer.blob == layer.diff_id.0 { "" } else { suffix };
        let Some(layer) = described(&layer.blob, format!("{}{suffix}", media_type::OCI_LAYER))? else {
            return Ok(None);
        };
        layers.push(layer);
    }
    Ok(Some(Manifest::generate(&config, &layers)))
}
