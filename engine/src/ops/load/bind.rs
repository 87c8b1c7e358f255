//! From a plan and its layers to images: every document stored, missing ones made.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::known::Known;
use super::layers::{Found, Meant, Stored};
use crate::Result;
use crate::archive::{
    Compression, Plan, PlannedConfig, PlannedDocument, PlannedImage, PlannedName, PlannedVariant,
};
use crate::catalog::{Blob, Image, Kind, StoredLayer, Time, Variant};
use crate::image::{Config, Descriptor, Digest, ImageId, Index, Manifest, Platform, Reference, media_type};
use crate::ops::Error;
use crate::store::Ingest;
use crate::task::Event;

/// The images of a plan, with all their blobs in the packs.
#[derive(Debug, Default)]
pub struct Bound {
    pub(super) blobs: HashMap<Digest, Blob>,
    pub(super) images: Vec<BoundImage>,
    views: HashMap<Digest, View>,
    labels_bytes: usize,
}

/// The most that the labels of all images take together in memory; later ones
/// are left to be read from their configs. A thousand images with the forty
/// labels of a talkative build tool take half of it.
const MAX_LABELS_BYTES: usize = 16 << 20;

/// What a label takes beside its text: a place in a tree, two allocations.
const LABEL_BYTES: usize = 150;

/// What the catalog has of a config.
#[derive(Debug, Clone)]
struct View {
    created: Option<Time>,
    labels: Option<Arc<BTreeMap<String, String>>>,
}

#[derive(Debug, Clone)]
pub(super) struct BoundImage {
    pub(super) image: Image,
    /// Its names, with the lines that gave them.
    pub(super) names: Vec<(Reference, Option<Digest>)>,
}

impl BoundImage {
    /// The ID by which the image is told.
    pub(super) fn id(&self) -> ImageId {
        self.image.id()
    }
}

impl Bound {
    /// Puts the documents of `plan` into the packs, makes those that are
    /// missing, and ties them to the layers that were found.
    pub fn of(plan: &Plan, known: &Known, found: &Found, ingest: &mut Ingest<'_>) -> Result<Self> {
        let mut bound = Self { blobs: known.blobs.clone(), ..Self::default() };
        for planned in &plan.images {
            let mut image = match known.image(planned) {
                Some(image) => image.clone(),
                None => bound.image(planned, found, ingest)?,
            };
            // What an index said of a manifest does not hold for another one.
            let is_as_it_came = planned.target.as_ref().is_some_and(|target| target.digest == image.target);
            let mut names = Vec::new();
            for PlannedName { reference, entry } in &planned.names {
                if reference.digest().is_some_and(|digest| digest != image.target) {
                    let name = reference.familiar();
                    let text =
                        format!("the name {name} is of the manifest that was unwrapped, and is left out");
                    ingest.task.report(&Event::Notice { text: &text });
                    continue;
                }
                let entry = entry.as_ref().filter(|_| is_as_it_came);
                let entry = entry.map(|line| bound.line(line, ingest)).transpose()?;
                image.lines.extend(entry);
                names.push((reference.clone(), entry));
            }
            if let Some(line) = planned.entry.as_ref().filter(|_| is_as_it_came) {
                let entry = bound.line(line, ingest)?;
                image.lines.insert(entry);
                image.entry = Some(entry);
            }
            bound.images.push(BoundImage { image, names });
        }
        Ok(bound)
    }

    fn image(&mut self, planned: &PlannedImage, found: &Found, ingest: &mut Ingest<'_>) -> Result<Image> {
        let mut documents = Vec::new();
        for document in &planned.documents {
            documents.push(self.planned_document(document, ingest)?.digest);
        }
        for carried in &planned.carried {
            let digest = carried.descriptor.digest;
            let meant = Meant { member: carried.member.clone(), digest: Some(digest), is_layer: false };
            let blob = &found.get(&meant).ok_or(crate::store::Error::NoBlob(digest))?.blob;
            self.blobs.insert(blob.digest, blob.clone());
            documents.push(blob.digest);
        }
        let mut variants = Vec::new();
        let mut is_repacked = false;
        for variant in &planned.variants {
            let (variant, differs) = self.variant(variant, found, ingest)?;
            is_repacked |= differs;
            variants.push(variant);
        }
        let (target, generated) = match &planned.target {
            Some(target) if !is_repacked => (target.clone(), false),
            _ => {
                if !planned.carried.is_empty() {
                    let text = "attestations and other content beside the image speak of the manifest \
                                that was unwrapped, and are left out";
                    ingest.task.report(&Event::Notice { text });
                }
                documents.clear();
                (self.generated_target(&variants, ingest)?, true)
            }
        };
        let main = main_of(&variants);
        Ok(Image {
            target: target.digest,
            media_type: target.media_type.clone(),
            size: target.size,
            generated,
            entry: None,
            lines: BTreeSet::new(),
            variants: variants.into_iter().map(|variant| variant.variant).collect(),
            main,
            documents,
            added: Time::now(),
        })
    }

    /// One platform's image, and whether its manifest is not the one that came.
    fn variant(
        &mut self,
        planned: &PlannedVariant,
        found: &Found,
        ingest: &mut Ingest<'_>,
    ) -> Result<(BoundVariant, bool)> {
        let mut layers = Vec::new();
        let mut descriptors = Vec::new();
        let mut differs = planned.manifest.is_none();
        for layer in &planned.layers {
            let digest = layer.blob.as_ref().map(|blob| blob.digest);
            let absent = || Error::NoLayer { member: layer.member.to_string() };
            let meant = Meant { member: layer.member.clone(), digest, is_layer: true };
            let Stored { blob, compression } = found.get(&meant).ok_or_else(absent)?;
            let Kind::Layer { diff_id, content_bytes, .. } = blob.kind else { return Err(absent().into()) };
            differs |= layer.blob.as_ref().is_some_and(|named| named.digest != blob.digest);
            layers.push(StoredLayer { blob: blob.digest, diff_id, content_bytes });
            descriptors.push(layer_descriptor(blob, diff_id.0 == blob.digest, *compression));
            self.blobs.insert(blob.digest, blob.clone());
        }
        let (config, view) = match &planned.config {
            PlannedConfig::Document(document) => (
                self.planned_document(document, ingest)?,
                self.view(document.descriptor.digest, &document.bytes)?,
            ),
            PlannedConfig::FromV1(v1) => {
                let diff_ids: Vec<_> = layers.iter().map(|layer| layer.diff_id).collect();
                let bytes = v1.document(&diff_ids);
                let config = self.document(&bytes, ingest)?;
                let view = self.view(config.digest, &bytes)?;
                (config, view)
            }
        };
        let digest = config.digest;
        let config = Descriptor { media_type: media_type::OCI_CONFIG.into(), ..config };
        let manifest = match &planned.manifest {
            Some(manifest) if !differs => manifest.clone(),
            _ => {
                let bytes = Manifest::generate(&config, &descriptors);
                let manifest = self.document(&bytes, ingest)?;
                Descriptor { media_type: media_type::OCI_MANIFEST.into(), ..manifest }
            }
        };
        let variant = Variant {
            manifest: manifest.digest,
            id: ImageId(digest),
            platform: planned.platform.clone(),
            layers,
            created: view.created,
            labels: self.labels(&view),
        };
        Ok((BoundVariant { variant, manifest }, differs))
    }

    /// The root of an image whose manifests were made here: the only one of
    /// them, or an index of all.
    fn generated_target(&mut self, variants: &[BoundVariant], ingest: &mut Ingest<'_>) -> Result<Descriptor> {
        if let [only] = variants {
            return Ok(only.manifest.clone());
        }
        let entries: Vec<_> = variants
            .iter()
            .map(|bound| {
                let platform = Some(bound.variant.platform.clone());
                Descriptor { platform, ..bound.manifest.clone() }
            })
            .collect();
        let bytes = Index::generate(&entries);
        let index = self.document(&bytes, ingest)?;
        Ok(Descriptor { media_type: media_type::OCI_INDEX.into(), ..index })
    }

    /// What the catalog has of a config, which may be that of many images.
    fn view(&mut self, digest: Digest, bytes: &[u8]) -> Result<View> {
        if let Some(view) = self.views.get(&digest) {
            return Ok(view.clone());
        }
        let config = Config::parse(bytes).map_err(|source| Error::Document { digest, source })?;
        let labels = Variant::labels_to_keep(&config.labels).filter(|labels| self.has_room_for(labels));
        let view = View { created: config.created.map(Time::from), labels: labels.map(Arc::new) };
        self.views.insert(digest, view.clone());
        Ok(view)
    }

    /// The labels for one more variant, as long as there is room.
    fn labels(&mut self, view: &View) -> Option<BTreeMap<String, String>> {
        let labels = view.labels.as_ref()?;
        self.has_room_for(labels).then(|| BTreeMap::clone(labels))
    }

    fn has_room_for(&mut self, labels: &BTreeMap<String, String>) -> bool {
        let bytes: usize = labels.iter().map(|(key, value)| key.len() + value.len() + LABEL_BYTES).sum();
        let has_room = self.labels_bytes + bytes <= MAX_LABELS_BYTES;
        self.labels_bytes += if has_room { bytes } else { 0 };
        has_room
    }

    /// Stores a document that came with the archive, once.
    fn planned_document(
        &mut self,
        document: &PlannedDocument,
        ingest: &mut Ingest<'_>,
    ) -> Result<Descriptor> {
        let digest = document.descriptor.digest;
        if self.blobs.get(&digest).is_none_or(|blob| blob.kind != Kind::Document) {
            let body = ingest.writer.document(&document.bytes)?;
            self.blobs.insert(digest, Blob { digest, body, kind: Kind::Document });
        }
        Ok(described(digest, document.bytes.len()))
    }

    /// Stores a line of an index.
    fn line(&mut self, line: &str, ingest: &mut Ingest<'_>) -> Result<Digest> {
        Ok(self.document(line.as_bytes(), ingest)?.digest)
    }

    /// Stores a document that was made here.
    fn document(&mut self, bytes: &[u8], ingest: &mut Ingest<'_>) -> Result<Descriptor> {
        let digest = Digest::of(bytes);
        let body = ingest.writer.document(bytes)?;
        self.blobs.insert(digest, Blob { digest, body, kind: Kind::Document });
        Ok(described(digest, bytes.len()))
    }
}

fn described(digest: Digest, bytes: usize) -> Descriptor {
    Descriptor::new("", digest, bytes as u64)
}

/// A variant, and what names its manifest.
struct BoundVariant {
    variant: Variant,
    manifest: Descriptor,
}

/// What names a layer in a manifest that is made here.
fn layer_descriptor(blob: &Blob, is_plain: bool, compression: Compression) -> Descriptor {
    let suffix = match compression {
        _ if is_plain => "",
        Compression::Zstd => "+zstd",
        // The spec knows no others.
        _ => "+gzip",
    };
    let media_type = format!("{}{suffix}", media_type::OCI_LAYER);
    Descriptor::new(media_type, blob.digest, blob.body.len)
}

/// The variant for this machine, or the first.
fn main_of(variants: &[BoundVariant]) -> u32 {
    let host = Platform::host();
    let here = variants.iter().position(|bound| host.accepts(&bound.variant.platform));
    here.unwrap_or_default() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_many_images_come_to_an_end() {
        let labels: BTreeMap<_, _> = (0..20).map(|n| (format!("label.{n}"), "x".repeat(100))).collect();
        let labels = Variant::labels_to_keep(&labels).unwrap();
        let view = View { created: None, labels: Some(Arc::new(labels)) };
        let mut bound = Bound::default();
        let kept = (0..100_000).filter(|_| bound.labels(&view).is_some()).count();
        assert!((1000..5000).contains(&kept), "{kept}");
        assert!(bound.labels_bytes <= MAX_LABELS_BYTES);
    }
}
