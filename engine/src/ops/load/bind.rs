//! From a plan and its layers to the commit that makes images of them.

use std::collections::{BTreeSet, HashMap};

use super::LoadedImage;
use super::known::Known;
use super::layers::Found;
use crate::Result;
use crate::archive::{Plan, PlannedConfig, PlannedImage, PlannedName, PlannedVariant};
use crate::catalog::{Blob, Change, Image, Kind, Named, StoredLayer, Time, Variant};
use crate::image::{Config, Descriptor, Digest, ImageId, Manifest, Platform, Reference, media_type};
use crate::ops::Error;
use crate::ops::remove::remove_image;
use crate::store::{Ingest, Ledger, Store};
use crate::task::Task;

/// The images of a plan, with all their blobs in the packs.
#[derive(Debug, Default)]
pub struct Bound {
    blobs: HashMap<Digest, Blob>,
    images: Vec<BoundImage>,
}

#[derive(Debug)]
struct BoundImage {
    image: Image,
    names: Vec<(Reference, Option<String>)>,
}

impl Bound {
    /// Puts the documents of `plan` into the packs, makes those that are
    /// missing, and ties them to the layers that were found.
    pub fn of(plan: &Plan, known: &Known, found: &Found, ingest: &mut Ingest<'_>) -> Result<Self> {
        let mut bound = Self { blobs: known.blobs.clone(), images: Vec::new() };
        for planned in &plan.images {
            let image = match known.image(planned) {
                Some(image) => image.clone(),
                None => bound.image(planned, found, ingest)?,
            };
            // What an index said of a manifest does not hold for another one.
            let is_as_it_came = planned.target.as_ref().is_some_and(|target| target.digest == image.target);
            let name =
                |name: &PlannedName| (name.reference.clone(), name.entry.clone().filter(|_| is_as_it_came));
            let names = planned.names.iter().map(name).collect();
            bound.images.push(BoundImage { image, names });
        }
        Ok(bound)
    }

    fn image(&mut self, planned: &PlannedImage, found: &Found, ingest: &mut Ingest<'_>) -> Result<Image> {
        let mut documents = Vec::new();
        for document in &planned.documents {
            documents.push(self.document(&document.bytes, ingest)?.digest);
        }
        for carried in &planned.carried {
            let blob =
                found.get(&carried.member).ok_or(crate::store::Error::NoBlob(carried.descriptor.digest))?;
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
            entry: if generated { None } else { planned.entry.clone() },
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
            let absent =
                || crate::store::Error::NoBlob(layer.blob.as_ref().map_or(Digest::of(b""), |b| b.digest));
            let blob = found.get(&layer.member).ok_or_else(absent)?;
            let Kind::Layer { diff_id, content_bytes, .. } = blob.kind else { return Err(absent().into()) };
            differs |= layer.blob.as_ref().is_some_and(|named| named.digest != blob.digest);
            layers.push(StoredLayer { blob: blob.digest, diff_id, content_bytes });
            descriptors.push(layer_descriptor(blob, diff_id.0 == blob.digest));
            self.blobs.insert(blob.digest, blob.clone());
        }
        let bytes = match &planned.config {
            PlannedConfig::Document(document) => document.bytes.to_vec(),
            PlannedConfig::FromV1(v1) => {
                v1.document(&layers.iter().map(|layer| layer.diff_id).collect::<Vec<_>>())
            }
        };
        let config = self.document(&bytes, ingest)?;
        let digest = config.digest;
        let view = Config::parse(&bytes).map_err(|source| Error::Document { digest, source })?;
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
            created: view.created.map(Time::from),
            labels: view.labels,
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
        let bytes = crate::image::Index::generate(&entries);
        let index = self.document(&bytes, ingest)?;
        Ok(Descriptor { media_type: media_type::OCI_INDEX.into(), ..index })
    }

    /// Stores a document.
    fn document(&mut self, bytes: &[u8], ingest: &mut Ingest<'_>) -> Result<Descriptor> {
        let digest = Digest::of(bytes);
        let body = ingest.writer.document(bytes)?;
        self.blobs.insert(digest, Blob { digest, body, kind: Kind::Document });
        Ok(Descriptor {
            media_type: String::new(),
            digest,
            size: bytes.len() as u64,
            annotations: Default::default(),
            platform: None,
        })
    }
}

/// A variant, and what names its manifest.
struct BoundVariant {
    variant: Variant,
    manifest: Descriptor,
}

fn layer_descriptor(blob: &Blob, is_plain: bool) -> Descriptor {
    // Kept compressed by its name alone, without a manifest that tells how: gzip is
    // what archives without manifests have.
    let media_type = match is_plain {
        true => media_type::OCI_LAYER.to_owned(),
        false => format!("{}+gzip", media_type::OCI_LAYER),
    };
    Descriptor {
        media_type,
        digest: blob.digest,
        size: blob.body.len,
        annotations: Default::default(),
        platform: None,
    }
}

/// The variant for this machine, or the first.
fn main_of(variants: &[BoundVariant]) -> u32 {
    let host = Platform::host();
    let here = variants.iter().position(|bound| host.accepts(&bound.variant.platform));
    here.unwrap_or_default() as u32
}

impl Store {
    /// Makes the images part of the store, all at once.
    pub(super) fn commit_load(&self, bound: Bound, task: &Task) -> Result<Vec<LoadedImage>> {
        let mut ledger = self.ledger(task)?;
        let mut changes = Vec::new();
        let put: BTreeSet<Digest> = bound.images.iter().flat_map(|bound| bound.image.blobs()).collect();
        for digest in &put {
            let blob = bound.blobs.get(digest).ok_or(crate::store::Error::NoBlob(*digest))?;
            // Somebody may have removed since what was found there at the beginning.
            let there = ledger.catalog().blob(digest)?;
            if there.is_none_or(|there| there.kind != blob.kind && there.kind == Kind::Other) {
                changes.push(Change::PutBlob(blob.clone()));
            }
        }
        let targets: BTreeSet<Digest> = bound.images.iter().map(|bound| bound.image.target).collect();
        let mut taken = BTreeSet::new();
        let mut superseded = BTreeSet::new();
        let mut loaded = Vec::new();
        for BoundImage { image, names } in bound.images {
            taken.extend(names.iter().map(|(reference, _)| reference.to_string()));
            loaded.push(bind(&ledger, image, names, &mut superseded, &mut changes)?);
        }
        for target in superseded.difference(&targets) {
            forget_other_packing(&ledger, target, &taken, &put, &mut changes)?;
        }
        ledger.commit("load", changes)?;
        Ok(loaded)
    }
}

fn bind(
    ledger: &Ledger,
    image: Image,
    names: Vec<(Reference, Option<String>)>,
    superseded: &mut BTreeSet<Digest>,
    changes: &mut Vec<Change>,
) -> Result<LoadedImage> {
    let target = image.target;
    let id = image.main_variant().map_or(ImageId(target), |variant| variant.id);
    if ledger.catalog().image(&target)?.is_none() {
        changes.push(Change::PutImage(image));
    }
    let mut replaced = Vec::new();
    let mut references = Vec::new();
    for (reference, entry) in names {
        let name = reference.to_string();
        let before = ledger.catalog().reference(&name)?.map(|named| named.target);
        if let Some(before) = before.filter(|before| *before != target) {
            let other = ledger.catalog().image(&before)?;
            let other_id =
                other.as_ref().and_then(Image::main_variant).map_or(ImageId(before), |variant| variant.id);
            if other_id == id {
                superseded.insert(before);
            } else {
                replaced.push((reference.clone(), other_id));
            }
        }
        changes.push(Change::SetReference(Named { name, target, entry, tagged: Time::now() }));
        references.push(reference);
    }
    Ok(LoadedImage { id, target, references, replaced })
}

/// An image in another packing has lost a name to the new one. Without any
/// other name it would only be listed twice.
fn forget_other_packing(
    ledger: &Ledger,
    target: &Digest,
    taken: &BTreeSet<String>,
    put: &BTreeSet<Digest>,
    changes: &mut Vec<Change>,
) -> Result<()> {
    let names = ledger.catalog().names_of(target)?;
    if names.iter().any(|named| !taken.contains(&named.name)) {
        return Ok(());
    }
    let Some(image) = ledger.catalog().image(target)? else { return Ok(()) };
    let (forget, _) = remove_image(ledger, &image)?;
    changes.extend(forget.into_iter().filter(|change| match change {
        Change::ForgetBlob(digest) => !put.contains(digest),
        Change::ForgetImage(_) => true,
        _ => false,
    }));
    Ok(())
}
