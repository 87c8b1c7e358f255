//! What is remembered of documents while an archive is planned.
//!
//! Documents are kept as bytes, each once; what is parsed from them may be
//! kept for every image that leads to them. So it is no more than planning
//! needs, and nothing in it is as long as whoever wrote it liked.

use super::{LimitError, MemberName};
use crate::image::{Config, Descriptor, DiffId, Digest, IndexEntry, Manifest, Pinned, Platform, media_type};

/// The most bytes of a platform: a hundred times what `linux/arm64/v8` has.
const MAX_PLATFORM_BYTES: usize = 1000;

/// On an attestation: the manifest it is about.
const SUBJECT: &str = "vnd.docker.reference.digest";

/// One line of an index.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) pinned: Pinned,
    pub(super) kind: LineKind,
    pub(super) is_attestation: bool,
    /// What an attestation says that it is about.
    pub(super) subject: Option<Digest>,
    pub(super) platform: Option<Box<Platform>>,
}

/// What a line leads to, by its media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineKind {
    Index,
    /// A manifest, of this media type.
    Manifest(&'static str),
    Other,
}

impl LineKind {
    fn of(text: &str) -> Self {
        let manifests = [media_type::OCI_MANIFEST, media_type::DOCKER_MANIFEST];
        match manifests.into_iter().find(|manifest| *manifest == text) {
            Some(manifest) => Self::Manifest(manifest),
            None if media_type::is_index(text) => Self::Index,
            None => Self::Other,
        }
    }
}

impl Line {
    /// What is to be remembered of a line of the index `named_by`.
    pub(super) fn of(entry: &IndexEntry, named_by: &MemberName) -> Result<Self, LimitError> {
        let descriptor = &entry.descriptor;
        if let Some(platform) = &descriptor.platform {
            check_platform(platform, named_by)?;
        }
        Ok(Self {
            pinned: descriptor.into(),
            kind: LineKind::of(&descriptor.media_type),
            is_attestation: entry.is_attestation(),
            subject: descriptor.annotations.get(SUBJECT).and_then(|digest| digest.parse().ok()),
            platform: descriptor.platform.clone().map(Box::new),
        })
    }
}

/// An image manifest.
#[derive(Debug)]
pub(super) struct ManifestView {
    pub(super) is_image: bool,
    pub(super) config: Pinned,
    pub(super) layers: Vec<Pinned>,
}

impl From<Manifest> for ManifestView {
    fn from(manifest: Manifest) -> Self {
        Self {
            is_image: manifest.is_image(),
            config: Pinned::from(&manifest.config),
            layers: manifest.layers.iter().map(Pinned::from).collect(),
        }
    }
}

/// An image config.
#[derive(Debug)]
pub(super) struct ConfigView {
    pub(super) platform: Platform,
    pub(super) diff_ids: Vec<DiffId>,
}

impl ConfigView {
    /// What is to be remembered of `config`; one that names no system is for Linux.
    pub(super) fn of(config: Config, member: &MemberName) -> Result<Self, LimitError> {
        check_platform(&config.platform, member)?;
        let (mut platform, diff_ids) = (config.platform, config.diff_ids);
        if platform.os.is_empty() {
            platform.os = "linux".into();
        }
        Ok(Self { platform, diff_ids })
    }
}

/// Platforms are the only text that is repeated for every image.
pub(super) fn check_platform(platform: &Platform, member: &MemberName) -> Result<(), LimitError> {
    let bytes = platform.os.len() + platform.architecture.len() + platform.variant.len();
    if bytes <= MAX_PLATFORM_BYTES {
        return Ok(());
    }
    Err(LimitError::PlatformBytes { member: member.to_string(), limit: MAX_PLATFORM_BYTES })
}

/// A root's descriptor, without what was only written for others to read.
pub(super) fn plain(descriptor: &Descriptor) -> Descriptor {
    Descriptor::new(descriptor.media_type.as_str(), descriptor.digest, descriptor.size)
}
