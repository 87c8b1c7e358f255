//! What an archive claims to hold, from its small members alone.
//!
//! A plan is checked as far as documents go: every document in it is there,
//! whole, has the digest and size that it is named by, and agrees with the
//! others; every layer's member is there and has the size it should. What
//! only the layers' bytes can tell, their digests and diff IDs, is left to
//! whoever reads them.

use std::sync::Arc;

use super::legacy::V1Config;
use super::planner::Planner;
use super::{BadName, Documents, Error, MemberName, Refusal, dir, docker, legacy, oci};
use crate::image::{Descriptor, DiffId, Pinned, Platform, Reference};

/// How an archive is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// `manifest.json` with its list of configs and layers: Docker up to 24,
    /// podman, kaniko, crane, bazel.
    DockerArchive,
    /// `index.json` and `blobs/`: skopeo, umoci, buildx.
    OciLayout,
    /// Both in one: Docker from 25 on, containerd.
    Hybrid,
    /// Flat files, named by digest, and one `manifest.json`: skopeo's `dir:`.
    DockerDir,
    /// `repositories`, and a directory for each layer: Docker before 1.10.
    LegacyV1,
}

/// The images of an archive.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How the archive is laid out.
    pub layout: Layout,
    /// The images, in the archive's order. There may be none: `docker save`
    /// of nothing is an archive too.
    pub images: Vec<PlannedImage>,
}

/// One image: all that one root leads to.
#[derive(Debug, Clone)]
pub struct PlannedImage {
    /// What it is called; always with a tag or a digest, each once.
    pub names: Vec<PlannedName>,
    /// The manifest or index that is its root, without annotations; `None` when the archive has none,
    /// and a manifest has to be made for its only variant.
    pub target: Option<Descriptor>,
    /// The line of `index.json` that names the root, exactly as it is written
    /// there; the first of them, if there are several.
    pub entry: Option<String>,
    /// The root and all indexes, manifests and image configs under it that the
    /// archive has, each once.
    pub documents: Vec<PlannedDocument>,
    /// The images that can run here, in the order of the index. None for an
    /// artifact.
    pub variants: Vec<PlannedVariant>,
    /// Content that is only carried: attestations, artifacts, images for other
    /// systems.
    pub carried: Vec<PlannedBlob>,
    /// What an index lists but the archive does not have, or the platform that
    /// was asked for leaves out.
    pub absent: Vec<Pinned>,
    /// Why there is nothing in it that can be loaded.
    pub refusal: Option<Box<Refusal>>,
    /// Why a name that the archive has for it, the first of those, is not among the names.
    pub bad_name: Option<Box<BadName>>,
}

/// A name for an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedName {
    /// The name.
    pub reference: Reference,
    /// The line of `index.json` that gives it, if one does.
    pub entry: Option<String>,
}

/// A document, digest and size verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedDocument {
    /// What names it.
    pub descriptor: Pinned,
    /// The document, byte for byte.
    pub bytes: Arc<[u8]>,
}

/// An image for one platform.
#[derive(Debug, Clone)]
pub struct PlannedVariant {
    /// Its manifest, which is among the image's documents, without annotations
    /// and platform; `None` when the archive has none.
    pub manifest: Option<Descriptor>,
    /// Its config.
    pub config: PlannedConfig,
    /// What it runs on. A config that names no system is for Linux.
    pub platform: Platform,
    /// Its layers, base first.
    pub layers: Vec<PlannedLayer>,
}

/// An image's config, as far as it is known before the layers are read.
#[derive(Debug, Clone)]
pub enum PlannedConfig {
    /// The config that came with the image.
    Document(PlannedDocument),
    /// An image from before there were configs: one is made of its layers' v1
    /// documents by [`V1Config::document`], once the diff IDs are known.
    FromV1(V1Config),
}

/// A layer of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedLayer {
    /// The member that holds it, behind all links.
    pub member: MemberName,
    /// What names the member, if the archive does not have it: a store may have the layer already.
    pub absent: Option<MemberName>,
    /// What it must expand to; `None` if and only if the config is
    /// [`PlannedConfig::FromV1`].
    pub diff_id: Option<DiffId>,
    /// What the manifest says of its bytes; `None` where only the diff ID counts.
    pub blob: Option<Pinned>,
}

/// Content that is only carried. Its size was checked, its digest was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedBlob {
    /// What names it.
    pub descriptor: Pinned,
    /// The member that holds it, behind all links.
    pub member: MemberName,
}

impl Plan {
    /// Reads the documents of an archive; only what `platform` accepts of an
    /// image with several, if there is one. An image that has nothing to be loaded is
    /// in the plan, and it is there that the reason is: nobody may want that image.
    ///
    /// # Errors
    /// When the archive is none, lacks something, or contradicts itself.
    pub fn of(documents: &mut dyn Documents, platform: Option<&Platform>) -> Result<Self, Error> {
        let mut planner = Planner::new(documents, platform);
        let index = planner.find(oci::INDEX)?;
        let manifest = planner.find(docker::MANIFEST)?;
        let (layout, images) = match (index, manifest) {
            (Some(index), None) => (Layout::OciLayout, oci::images(&mut planner, &index)?),
            (Some(index), Some(manifest)) => {
                let images = oci::images(&mut planner, &index)?;
                (Layout::Hybrid, docker::merge(&mut planner, &manifest, images)?)
            }
            (None, Some(manifest)) if planner.is_object(&manifest)? => {
                (Layout::DockerDir, vec![dir::image(&mut planner, &manifest)?])
            }
            (None, Some(manifest)) => {
                (Layout::DockerArchive, docker::merge(&mut planner, &manifest, Vec::new())?)
            }
            (None, None) => match planner.find(legacy::REPOSITORIES)? {
                Some(repositories) => (Layout::LegacyV1, legacy::images(&mut planner, &repositories)?),
                None => return Err(Error::NoManifest),
            },
        };
        Ok(Self { layout, images })
    }

    /// Checks that there is something in every image that can be loaded, and that every name can be taken.
    ///
    /// # Errors
    /// [`Error::Refused`], for the first image in which there is nothing; [`Error::BadName`].
    pub fn check_loadable(&self) -> Result<(), Error> {
        let refused = |image: &PlannedImage| Some(image.refusal.as_deref()?.clone().named(image));
        if let Some(refusal) = self.images.iter().find_map(refused) {
            return Err(refusal.into());
        }
        match self.images.iter().find_map(|image| image.bad_name.as_deref()) {
            Some(bad_name) => Err(bad_name.clone().into()),
            None => Ok(()),
        }
    }
}

impl PlannedImage {
    /// Notes that a name of it cannot be taken.
    pub(super) fn note(&mut self, bad_name: BadName) {
        self.bad_name.get_or_insert_with(|| Box::new(bad_name));
    }

    /// The names, without where they come from.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.names.iter().map(|name| &name.reference)
    }
}

impl PlannedConfig {
    /// The config that came with the image, if one did.
    pub fn as_document(&self) -> Option<&PlannedDocument> {
        match self {
            Self::Document(document) => Some(document),
            Self::FromV1(_) => None,
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
