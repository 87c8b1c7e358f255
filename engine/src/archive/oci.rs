//! OCI layouts: `index.json` and what it leads to.
//!
//! Names come from an entry's annotations: `io.containerd.image.name` holds a
//! whole reference; `org.opencontainers.image.ref.name` holds one in archives
//! of podman and skopeo, and a bare tag elsewhere, which names nothing.

use std::collections::{HashMap, HashSet};

use super::plan::{PlannedConfig, PlannedImage, PlannedName, PlannedVariant};
use super::planner::{Planner, bad, named};
use super::views::{ConfigView, Line, LineKind, plain};
use super::{BadName, Error, MemberName, Refusal};
use crate::image::{
    Descriptor, Digest, DocumentError, Index, IndexEntry, Pinned, Platform, Reference, parse_object,
};

/// The entry page of a layout.
pub(super) const INDEX: &str = "index.json";
/// Says that it is one, and of which version.
const LAYOUT: &str = "oci-layout";

/// A whole reference.
pub(super) const CONTAINERD_NAME: &str = "io.containerd.image.name";
/// A tag, or a whole reference.
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The most indexes in one another. Real archives have three: `index.json`, an
/// image's index, and that of a second tool around it.
const MAX_INDEXES: usize = 8;

/// The images of a layout.
pub(super) fn images(planner: &mut Planner<'_>, index: &MemberName) -> Result<Vec<PlannedImage>, Error> {
    check_layout(planner)?;
    let (bytes, _) = planner.document("the index", index, index)?;
    let mut images: Vec<PlannedImage> = Vec::new();
    let mut known = HashMap::<Digest, usize>::new();
    let entries = Index::parse(&bytes).map_err(bad(index))?.manifests;
    planner.count_lines(entries.len())?;
    for entry in entries {
        let digest = entry.descriptor.digest;
        let at = match known.get(&digest) {
            Some(at) => *at,
            None => {
                images.push(tree(planner, &entry, index, Place::Layout)?);
                known.insert(digest, images.len() - 1);
                images.len() - 1
            }
        };
        let Some(image) = images.get_mut(at) else { continue };
        let named = match name_of(&entry.descriptor, index) {
            Ok(named) => named,
            Err(bad_name) => {
                image.note(bad_name);
                continue;
            }
        };
        if let Some(reference) = named
            && planner.claim(&reference, digest, index)?
        {
            image.names.push(PlannedName { reference, entry: entry.raw });
        }
    }
    Ok(images)
}

fn check_layout(planner: &mut Planner<'_>) -> Result<(), Error> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Layout {
        image_layout_version: Option<String>,
    }
    // Left out by some; an index that reads as one is proof enough.
    let Some(member) = planner.find(LAYOUT)? else { return Ok(()) };
    let (bytes, _) = planner.document("the layout's version", &member, &member)?;
    let layout: Layout = parse_object(&bytes).map_err(bad(&member))?;
    match layout.image_layout_version {
        Some(version) if version.starts_with("1.") => Ok(()),
        Some(got) => Err(Error::LayoutVersion { member: member.to_string(), got }),
        None => Err(bad(&member)(DocumentError::Missing { field: "imageLayoutVersion" })),
    }
}

fn name_of(entry: &Descriptor, index: &MemberName) -> Result<Option<Reference>, BadName> {
    let whole = entry.annotations.get(CONTAINERD_NAME);
    let maybe = entry.annotations.get(REF_NAME).filter(|name| name.contains(['/', ':']));
    match whole.or(maybe).filter(|name| !name.is_empty()) {
        Some(name) => {
            let reference = BadName::parse(name, index)?.or_latest();
            BadName::check_digest(&reference, Some(entry.digest), index)?;
            Ok(Some(reference))
        }
        None => Ok(None),
    }
}

/// Where a layout keeps what has a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// `blobs/sha256/<hex>`.
    Layout,
    /// `<hex>`, and `<hex>.manifest.json` for the manifests of an index.
    Dir,
}

impl Place {
    /// Where a line of the index `named_by` leads to.
    fn line(self, line: &Line, named_by: &MemberName) -> Result<MemberName, Error> {
        match (self, line.kind) {
            (Self::Dir, LineKind::Index | LineKind::Manifest(_)) => {
                named(&format!("{}.manifest.json", line.pinned.digest.hex()), named_by.as_str())
            }
            _ => self.blob(line.pinned, named_by),
        }
    }

    /// Where content lies that the manifest or index `named_by` names.
    fn blob(self, pinned: Pinned, named_by: &MemberName) -> Result<MemberName, Error> {
        let hex = pinned.digest.hex();
        let text = match self {
            Self::Layout => format!("blobs/sha256/{hex}"),
            Self::Dir => hex,
        };
        named(&text, named_by.as_str())
    }
}

/// An image in the making, while its tree is walked.
struct Walk<'p, 'a> {
    planner: &'p mut Planner<'a>,
    place: Place,
    image: PlannedImage,
    seen: HashSet<Digest>,
    /// What else there is, of which no variant is made.
    others: Vec<Platform>,
}

/// All that one entry of an index leads to.
pub(super) fn tree(
    planner: &mut Planner<'_>,
    entry: &IndexEntry,
    named_by: &MemberName,
    place: Place,
) -> Result<PlannedImage, Error> {
    let root = place.line(&Line::of(entry, named_by)?, named_by)?;
    root_at(planner, entry, &root, named_by, place)
}

/// The same, for a root that lies in a place of its own.
pub(super) fn root_at(
    planner: &mut Planner<'_>,
    entry: &IndexEntry,
    root: &MemberName,
    named_by: &MemberName,
    place: Place,
) -> Result<PlannedImage, Error> {
    planner.count_image()?;
    let line = Line::of(entry, named_by)?;
    let image = PlannedImage {
        names: Vec::new(),
        target: Some(plain(&entry.descriptor)),
        entry: entry.raw.clone(),
        documents: Vec::new(),
        variants: Vec::new(),
        carried: Vec::new(),
        absent: Vec::new(),
        refusal: None,
        bad_name: None,
    };
    let mut walk = Walk { planner, place, image, seen: HashSet::new(), others: Vec::new() };
    walk.visit(&line, root, named_by, 1)?;
    let Walk { planner, mut image, others, .. } = walk;
    image.refusal = Refusal::of(&image, root, &others, planner).map(Box::new);
    // There may be thousands, and most have one variant.
    image.documents.shrink_to_fit();
    image.variants.shrink_to_fit();
    image.carried.shrink_to_fit();
    image.absent.shrink_to_fit();
    Ok(image)
}

impl Walk<'_, '_> {
    fn visit(
        &mut self,
        line: &Line,
        member: &MemberName,
        named_by: &MemberName,
        depth: usize,
    ) -> Result<(), Error> {
        if !self.seen.insert(line.pinned.digest) {
            return Ok(());
        }
        match line.kind {
            LineKind::Index => self.index(line.pinned, member, named_by, depth),
            LineKind::Manifest(media_type) => self.manifest(line, media_type, member, named_by),
            LineKind::Other => {
                let blob = self.planner.blob(line.pinned, member, named_by)?;
                self.image.carried.push(blob);
                Ok(())
            }
        }
    }

    fn index(
        &mut self,
        pinned: Pinned,
        member: &MemberName,
        named_by: &MemberName,
        depth: usize,
    ) -> Result<(), Error> {
        if depth > MAX_INDEXES {
            return Err(Error::IndexDepth { member: member.to_string(), limit: MAX_INDEXES });
        }
        let document = self.planner.described("the index", pinned, member, named_by)?;
        let lines = self.planner.index(member, &document)?;
        self.image.documents.push(document);
        // Attestations last: only then is it known which images they are about.
        let (about, images): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.is_attestation);
        for line in images.into_iter().chain(about) {
            let child = self.place.line(line, member)?;
            if self.planner.has(&child)? && self.is_wanted(line) {
                self.visit(line, &child, member, depth + 1)?;
            } else if self.seen.insert(line.pinned.digest) {
                self.image.absent.push(line.pinned);
            }
        }
        Ok(())
    }

    /// An attestation goes where the image goes that it is about.
    fn is_wanted(&self, line: &Line) -> bool {
        let about = |subject| {
            let manifests = self.image.variants.iter().filter_map(|variant| variant.manifest.as_ref());
            manifests.map(|manifest| manifest.digest).any(|digest| digest == subject)
        };
        self.planner.platform.is_none() || !line.is_attestation || line.subject.is_some_and(about)
    }

    fn manifest(
        &mut self,
        line: &Line,
        media_type: &'static str,
        member: &MemberName,
        named_by: &MemberName,
    ) -> Result<(), Error> {
        let document = self.planner.described("the manifest", line.pinned, member, named_by)?;
        let manifest = self.planner.manifest(member, &document)?;
        if line.is_attestation || !manifest.is_image {
            self.image.documents.push(document);
            return self.carry(std::iter::once(&manifest.config).chain(&manifest.layers), member);
        }
        let at = self.place.blob(manifest.config, member)?;
        let config_document = self.planner.described("the config", manifest.config, &at, member)?;
        let config = self.planner.config(&at, &config_document)?;
        let platform = platform(&config, line);
        if !self.planner.wants(&platform) {
            self.others.push(platform);
            self.image.absent.push(line.pinned);
            return Ok(());
        }
        self.image.documents.push(document);
        if self.seen.insert(manifest.config.digest) {
            self.image.documents.push(config_document.clone());
        }
        if platform.os != "linux" {
            self.others.push(platform);
            return self.carry(manifest.layers.iter(), member);
        }
        if manifest.layers.len() != config.diff_ids.len() {
            let (wanted, got) = (config.diff_ids.len(), manifest.layers.len());
            return Err(Error::LayerCount { document: member.to_string(), wanted, got });
        }
        let mut layers = Vec::new();
        for (layer, diff_id) in manifest.layers.iter().zip(&config.diff_ids) {
            let at = self.place.blob(*layer, member)?;
            let mut layer = self.planner.layer_or_absent(&at, Some(*layer), member)?;
            layer.diff_id = Some(*diff_id);
            layers.push(layer);
        }
        self.image.variants.push(PlannedVariant {
            manifest: Some(Descriptor::new(media_type, line.pinned.digest, line.pinned.size)),
            config: PlannedConfig::Document(config_document),
            platform,
            layers,
        });
        Ok(())
    }

    fn carry<'d>(
        &mut self,
        blobs: impl Iterator<Item = &'d Pinned>,
        named_by: &MemberName,
    ) -> Result<(), Error> {
        for pinned in blobs {
            if self.seen.insert(pinned.digest) {
                let at = self.place.blob(*pinned, named_by)?;
                let blob = self.planner.blob(*pinned, &at, named_by)?;
                self.image.carried.push(blob);
            }
        }
        Ok(())
    }
}

/// What the config says, and the variant from the index where it leaves that out.
fn platform(config: &ConfigView, line: &Line) -> Platform {
    let mut platform = config.platform.clone();
    if let Some(listed) = &line.platform
        && platform.variant.is_empty()
        && platform.architecture == listed.architecture
    {
        platform.variant.clone_from(&listed.variant);
    }
    platform
}
