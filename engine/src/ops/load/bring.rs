//! Single blobs out of an archive, whatever images they belong to.

use std::collections::{HashMap, HashSet};

use super::LoadOptions;
use super::layers::{Content, Members, failed};
use super::source::{self, Source};
use super::streamed::Streamed;
use crate::Result;
use crate::archive::{Documents, MemberName, Plan, PlannedConfig, PlannedImage};
use crate::chunk::Body;
use crate::disk::Input;
use crate::image::Digest;
use crate::ops::Error;
use crate::store::{Ingest, Treatment};

/// Takes in those of the `wanted` blobs that the archive has: layers under the digest
/// of their bytes or of their plain tar, documents, carried content.
///
/// # Errors
/// If it is no archive, or storing fails.
pub fn bring(
    input: Input,
    options: &LoadOptions,
    wanted: &HashSet<Digest>,
    ingest: &mut Ingest<'_>,
) -> Result<HashMap<Digest, Body>> {
    let mut bringing = Bringing { wanted, ingest, brought: HashMap::new() };
    match source::open(input, &bringing.ingest.budget)? {
        Source::Random(mut random) => bringing.all(&mut random, options)?,
        Source::Stream(mut stream) => {
            let mut streamed = Streamed::take(&mut stream, bringing.ingest, options)?;
            bringing.all(&mut streamed, options)?;
        }
    }
    Ok(bringing.brought)
}

struct Bringing<'b, 'w> {
    wanted: &'b HashSet<Digest>,
    ingest: &'b mut Ingest<'w>,
    brought: HashMap<Digest, Body>,
}

impl Bringing<'_, '_> {
    fn wants(&self, digest: &Digest) -> bool {
        self.wanted.contains(digest) && !self.brought.contains_key(digest)
    }

    fn all(&mut self, members: &mut (impl Documents + Members), options: &LoadOptions) -> Result<()> {
        let plan = Plan::of(members, options.platform.as_ref()).map_err(Error::from)?;
        for image in &plan.images {
            self.documents(image)?;
            let layers = image.variants.iter().flat_map(|variant| &variant.layers);
            for layer in layers.filter(|layer| layer.absent.is_none()) {
                let named = layer.blob.as_ref().map(|blob| blob.digest).filter(|digest| self.wants(digest));
                let plain = layer.diff_id.map(|diff_id| diff_id.0).filter(|digest| self.wants(digest));
                if let Some(digest) = named {
                    self.member(&layer.member, digest, Treatment::Keep, members)?;
                } else if let Some(digest) = plain {
                    self.member(&layer.member, digest, Treatment::Unwrap, members)?;
                }
            }
            for blob in &image.carried {
                if self.wants(&blob.descriptor.digest) {
                    self.member(&blob.member, blob.descriptor.digest, Treatment::AsIs, members)?;
                }
            }
        }
        Ok(())
    }

    fn documents(&mut self, image: &PlannedImage) -> Result<()> {
        let configs = image.variants.iter().filter_map(|variant| match &variant.config {
            PlannedConfig::Document(config) => Some(config),
            PlannedConfig::FromV1(_) => None,
        });
        let documents = image.documents.iter().chain(configs).map(|document| &document.bytes[..]);
        let lines = image.names.iter().filter_map(|name| name.entry.as_ref()).chain(&image.entry);
        for bytes in documents.chain(lines.map(|line| line.as_bytes())) {
            let digest = Digest::of(bytes);
            if self.wants(&digest) {
                let body = self.ingest.writer.document(bytes)?;
                self.brought.insert(digest, body);
            }
        }
        Ok(())
    }

    fn member(
        &mut self,
        name: &MemberName,
        digest: Digest,
        treatment: Treatment,
        members: &mut dyn Members,
    ) -> Result<()> {
        self.ingest.task.check()?;
        let taken = match members.content(name).map_err(Error::Archive)? {
            Content::Taken(taken) => *taken,
            Content::Bytes(size, mut bytes) => {
                let told = format!("blob {}", digest.short());
                let taken = self.ingest.take(&told, Some(size), &mut *bytes, treatment);
                taken.map_err(|error| failed(error, name.as_str()))?
            }
        };
        // Another one under this name heals nothing.
        if taken.stored == digest {
            self.brought.insert(digest, taken.body);
        }
        Ok(())
    }
}
