//! `manifest.json`: a list of configs, their layers, and names.
//!
//! Docker up to 24 writes it alone; from 25 on it stands beside `index.json`,
//! which knows more and goes first. What only `manifest.json` knows is added:
//! names, and images that the index lacks (Docker 29 leaves out an untagged
//! image that is saved together with tagged ones).

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::plan::{PlannedConfig, PlannedDocument, PlannedImage, PlannedName, PlannedVariant};
use super::planner::{Planner, bad, named};
use super::{BadName, Error, MemberName, Refusal, name};
use crate::image::{Digest, Pinned, Reference, parse_array};

/// The member's name.
pub(super) const MANIFEST: &str = "manifest.json";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    #[serde(default)]
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Option<Vec<String>>,
}

/// The images of an index, and what `manifest.json` adds.
pub(super) fn merge(
    planner: &mut Planner<'_>,
    manifest: &MemberName,
    mut images: Vec<PlannedImage>,
) -> Result<Vec<PlannedImage>, Error> {
    let (bytes, _) = planner.document("the manifest", manifest, manifest)?;
    if bytes.trim_ascii() == b"null" {
        return Err(Error::NullManifest { member: manifest.to_string() });
    }
    let indexed = images.len();
    // By config: the first image that has it, and the roots of all.
    let mut known = HashMap::new();
    let mut roots = HashSet::new();
    for (at, image) in images.iter().enumerate() {
        for config in image.variants.iter().filter_map(|variant| variant.config.as_document()) {
            let config = config.descriptor.digest;
            known.entry(config).or_insert(at);
            roots.extend(image.target.as_ref().map(|target| (config, target.digest)));
        }
    }
    for entry in parse_array::<Entry>(&bytes).map_err(bad(manifest))? {
        let at = named(&entry.config, manifest.as_str())?;
        let (bytes, digest) = planner.document("the config", &at, manifest)?;
        check_name(&at, digest, manifest)?;
        let at = match known.get(&digest) {
            Some(at) => *at,
            None => {
                let descriptor = Pinned { digest, size: bytes.len() as u64 };
                let image = image(planner, &entry, &at, PlannedDocument { descriptor, bytes }, manifest)?;
                // Left out of the index's image for the same reason.
                if indexed > 0 && matches!(image.refusal.as_deref(), Some(Refusal::Platform { .. })) {
                    continue;
                }
                images.push(image);
                known.insert(digest, images.len() - 1);
                images.len() - 1
            }
        };
        let Some(image) = images.get_mut(at) else { continue };
        let identity = image.target.as_ref().map_or(digest, |target| target.digest);
        for tag in entry.repo_tags.unwrap_or_default() {
            let root = image.target.as_ref().map(|target| target.digest);
            let reference = match tagged(&tag, root, manifest) {
                Ok(reference) => reference,
                Err(bad_name) => {
                    image.note(bad_name);
                    continue;
                }
            };
            // An index and one of its manifests may both be images, with names of their own.
            if planner.claimed(&reference).is_some_and(|root| roots.contains(&(digest, root))) {
                continue;
            }
            if planner.claim(&reference, identity, manifest)? {
                image.names.push(PlannedName { reference, entry: None });
            }
        }
    }
    Ok(images)
}

/// A config that is called by a digest must have it. Docker's own `<hex>.json`
/// is not held to this: tools that edit configs in place do not rename them.
fn check_name(member: &MemberName, got: Digest, named_by: &MemberName) -> Result<(), Error> {
    let digest = match member.blob_hex() {
        Some(hex) => Digest::from_hex(hex),
        None if member.as_str().starts_with("sha256:") => member.as_str().parse(),
        None => return Ok(()),
    };
    let wanted = digest.map_err(|source| Error::BadDigest { document: named_by.to_string(), source })?;
    if wanted == got {
        return Ok(());
    }
    let (member, named_by) = (member.to_string(), named_by.to_string());
    Err(Error::Digest { member, named_by, wanted, got })
}

fn image(
    planner: &mut Planner<'_>,
    entry: &Entry,
    at: &MemberName,
    document: PlannedDocument,
    manifest: &MemberName,
) -> Result<PlannedImage, Error> {
    planner.count_image()?;
    let mut image = PlannedImage {
        names: Vec::new(),
        target: None,
        entry: None,
        documents: vec![document.clone()],
        variants: Vec::new(),
        carried: Vec::new(),
        absent: Vec::new(),
        refusal: None,
        bad_name: None,
    };
    let config = planner.config(at, &document)?;
    let platform = config.platform.clone();
    if !planner.wants(&platform) || platform.os != "linux" {
        image.refusal = Refusal::of(&image, at, std::slice::from_ref(&platform), planner).map(Box::new);
        return Ok(image);
    }
    let names = entry.layers.as_deref().unwrap_or_default();
    if names.len() != config.diff_ids.len() {
        let (wanted, got) = (config.diff_ids.len(), names.len());
        return Err(Error::LayerCount { document: manifest.to_string(), wanted, got });
    }
    let mut layers = Vec::new();
    for (layer, diff_id) in names.iter().zip(&config.diff_ids) {
        let layer = named(layer, manifest.as_str())?;
        let mut layer = planner.layer_or_absent(&layer, None, manifest)?;
        layer.diff_id = Some(*diff_id);
        layers.push(layer);
    }
    let config = PlannedConfig::Document(document);
    image.variants.reserve_exact(1);
    image.variants.push(PlannedVariant { manifest: None, config, platform, layers });
    Ok(image)
}

/// Docker refuses a digest in any tag; with containerd's store it writes the image's own.
fn tagged(tag: &str, root: Option<Digest>, document: &MemberName) -> Result<Reference, BadName> {
    let reference = BadName::parse(tag, document)?;
    if reference.tag().is_none() && (reference.digest().is_none() || reference.digest() != root) {
        let name = name::shown(tag.as_bytes());
        return Err(BadName::Untagged { document: document.to_string(), name });
    }
    BadName::check_digest(&reference, root, document)?;
    Ok(reference)
}
