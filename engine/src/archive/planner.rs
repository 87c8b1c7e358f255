//! What all layouts need while they are looked through: documents by name or
//! descriptor, each read and verified once however often it is named.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::plan::{PlannedBlob, PlannedDocument, PlannedLayer};
use super::views::{ConfigView, Line, ManifestView};
use super::{Documents, Error, LimitError, MemberName, name};
use crate::image::{Config, Digest, DocumentError, Index, Manifest, Pinned, Platform, Reference, RunConfig};

/// The most layers of all images together.
///
/// A thousand images of the 127 layers that Docker stops at; small documents
/// that name one another could otherwise multiply to any number.
const MAX_LAYERS: usize = 127_000;

/// The most lines of indexes, each counted for every image that leads to it.
///
/// Ten thousand images for four platforms with attestations have as many.
const MAX_LINES: usize = 100_000;

/// The most images: an archive of twenty thousand is a registry.
const MAX_IMAGES: usize = 20_000;

/// The most names of all images together, five for each.
const MAX_NAMES: usize = 100_000;

pub(super) struct Planner<'a> {
    documents: &'a mut dyn Documents,
    /// The platform that was asked for.
    pub(super) platform: Option<&'a Platform>,
    read: HashMap<MemberName, Read>,
    read_bytes: u64,
    configs: HashMap<Digest, Arc<ConfigView>>,
    manifests: HashMap<Digest, Arc<ManifestView>>,
    indexes: HashMap<Digest, Arc<[Line]>>,
    layers: usize,
    lines: usize,
    images: usize,
    /// Which image each name was given to, by what makes it that image.
    names: BTreeMap<Reference, Digest>,
}

/// A document that was read before, by the name that led to it.
#[derive(Clone)]
struct Read {
    bytes: Arc<[u8]>,
    digest: Digest,
}

impl<'a> Planner<'a> {
    pub(super) fn new(documents: &'a mut dyn Documents, platform: Option<&'a Platform>) -> Self {
        Self {
            documents,
            platform,
            read: HashMap::new(),
            read_bytes: 0,
            configs: HashMap::new(),
            manifests: HashMap::new(),
            indexes: HashMap::new(),
            layers: 0,
            lines: 0,
            images: 0,
            names: BTreeMap::new(),
        }
    }

    /// The name, if the archive has such a file.
    pub(super) fn find(&self, text: &str) -> Result<Option<MemberName>, Error> {
        let member = named(text, "the layout")?;
        Ok(self.documents.find(&member)?.filter(|found| found.size.is_some()).map(|_| member))
    }

    /// Whether the archive has what the name leads to, of whatever kind.
    pub(super) fn has(&self, member: &MemberName) -> Result<bool, Error> {
        Ok(self.documents.find(member)?.is_some())
    }

    /// The document of that name.
    pub(super) fn document(
        &mut self,
        what: &'static str,
        member: &MemberName,
        named_by: &MemberName,
    ) -> Result<(Arc<[u8]>, Digest), Error> {
        if let Some(read) = self.read.get(member) {
            return Ok((Arc::clone(&read.bytes), read.digest));
        }
        let (_, size) = self.file(what, member, named_by)?;
        // Counted before it is read, so that what is too much is not held first.
        let limits = self.documents.limits();
        let (max, limit) = (limits.max_document_bytes, limits.max_documents_bytes);
        if size <= max && self.read_bytes.saturating_add(size) > limit {
            return Err(LimitError::DocumentsBytes { member: member.to_string(), limit }.into());
        }
        let bytes = self.documents.read(member, max)?.ok_or_else(|| missing(what, member, named_by))?;
        self.read_bytes = self.read_bytes.saturating_add(bytes.len() as u64);
        let read = Read { digest: Digest::of(&bytes), bytes };
        self.read.insert(member.clone(), read.clone());
        Ok((read.bytes, read.digest))
    }

    /// The document that `descriptor` names and `member` holds.
    pub(super) fn described(
        &mut self,
        what: &'static str,
        descriptor: Pinned,
        member: &MemberName,
        named_by: &MemberName,
    ) -> Result<PlannedDocument, Error> {
        let (_, got) = self.file(what, member, named_by)?;
        check_size(member, descriptor, got, named_by)?;
        let (bytes, got) = self.document(what, member, named_by)?;
        let wanted = descriptor.digest;
        if got != wanted {
            let (member, named_by) = (member.to_string(), named_by.to_string());
            return Err(Error::Digest { member, named_by, wanted, got });
        }
        Ok(PlannedDocument { descriptor, bytes })
    }

    /// An image config, read.
    pub(super) fn config(
        &mut self,
        member: &MemberName,
        document: &PlannedDocument,
    ) -> Result<Arc<ConfigView>, Error> {
        let digest = document.descriptor.digest;
        if let Some(config) = self.configs.get(&digest) {
            return Ok(Arc::clone(config));
        }
        let config = Config::parse(&document.bytes).map_err(bad(member))?;
        // As in Docker: what no container could be made of is refused now, not found damaged then.
        RunConfig::of_image(&document.bytes).map_err(bad(member))?;
        let config = Arc::new(ConfigView::of(config, member)?);
        self.configs.insert(digest, Arc::clone(&config));
        Ok(config)
    }

    /// An image manifest, read.
    pub(super) fn manifest(
        &mut self,
        member: &MemberName,
        document: &PlannedDocument,
    ) -> Result<Arc<ManifestView>, Error> {
        let digest = document.descriptor.digest;
        if let Some(manifest) = self.manifests.get(&digest) {
            return Ok(Arc::clone(manifest));
        }
        let manifest = Arc::new(ManifestView::from(Manifest::parse(&document.bytes).map_err(bad(member))?));
        self.manifests.insert(digest, Arc::clone(&manifest));
        Ok(manifest)
    }

    /// The lines of an image index, to be visited once more.
    pub(super) fn index(
        &mut self,
        member: &MemberName,
        document: &PlannedDocument,
    ) -> Result<Arc<[Line]>, Error> {
        let digest = document.descriptor.digest;
        let lines = match self.indexes.get(&digest) {
            Some(lines) => Arc::clone(lines),
            None => {
                let mut lines = Vec::new();
                let mut failed = None;
                let remember = |entry| match Line::of(&entry, member) {
                    Ok(line) => lines.push(line),
                    Err(error) => failed = Some(error),
                };
                Index::visit(&document.bytes, remember).map_err(bad(member))?;
                if let Some(error) = failed {
                    return Err(error.into());
                }
                let lines: Arc<[Line]> = lines.into();
                self.indexes.insert(digest, Arc::clone(&lines));
                lines
            }
        };
        self.count_lines(lines.len())?;
        Ok(lines)
    }

    /// Counts lines of an index that are about to be visited.
    pub(super) fn count_lines(&mut self, lines: usize) -> Result<(), LimitError> {
        self.lines = self.lines.saturating_add(lines);
        if self.lines > MAX_LINES { Err(LimitError::Lines { limit: MAX_LINES }) } else { Ok(()) }
    }

    /// Counts an image that is about to be planned.
    pub(super) fn count_image(&mut self) -> Result<(), LimitError> {
        self.images += 1;
        if self.images > MAX_IMAGES { Err(LimitError::Images { limit: MAX_IMAGES }) } else { Ok(()) }
    }

    /// Counts a document that is made, `text` of it, together with those that were read.
    pub(super) fn count_made(&mut self, member: &MemberName, text: &str) -> Result<(), LimitError> {
        self.read_bytes = self.read_bytes.saturating_add(text.len() as u64);
        let limit = self.documents.limits().max_documents_bytes;
        if self.read_bytes <= limit {
            return Ok(());
        }
        Err(LimitError::DocumentsBytes { member: member.to_string(), limit })
    }

    /// The layer that `member` leads to, or may be left out for who has it already: Docker writes and
    /// loads archives without the layers that it shares with a base.
    pub(super) fn layer_or_absent(
        &mut self,
        member: &MemberName,
        descriptor: Option<Pinned>,
        named_by: &MemberName,
    ) -> Result<PlannedLayer, Error> {
        if self.has(member)? {
            return self.layer(member, descriptor, named_by);
        }
        self.count_layer()?;
        let absent = Some(named_by.clone());
        Ok(PlannedLayer { member: member.clone(), absent, diff_id: None, blob: descriptor })
    }

    fn count_layer(&mut self) -> Result<(), LimitError> {
        self.layers += 1;
        if self.layers > MAX_LAYERS { Err(LimitError::Layers { limit: MAX_LAYERS }) } else { Ok(()) }
    }

    /// The layer that `member` leads to.
    pub(super) fn layer(
        &mut self,
        member: &MemberName,
        descriptor: Option<Pinned>,
        named_by: &MemberName,
    ) -> Result<PlannedLayer, Error> {
        self.count_layer()?;
        let (resolved, got) = self.file("the layer", member, named_by)?;
        if let Some(descriptor) = descriptor {
            check_size(member, descriptor, got, named_by)?;
        }
        Ok(PlannedLayer { member: resolved, absent: None, diff_id: None, blob: descriptor })
    }

    /// Content that is only carried.
    pub(super) fn blob(
        &mut self,
        descriptor: Pinned,
        member: &MemberName,
        named_by: &MemberName,
    ) -> Result<PlannedBlob, Error> {
        let layer = self.layer(member, Some(descriptor), named_by)?;
        Ok(PlannedBlob { descriptor, member: layer.member })
    }

    /// Notes that an image, known by `identity`, is called `reference`; whether
    /// that is news.
    ///
    /// # Errors
    /// When another image is called so too: which of them should have the name
    /// is anybody's guess.
    pub(super) fn claim(
        &mut self,
        reference: &Reference,
        identity: Digest,
        document: &MemberName,
    ) -> Result<bool, Error> {
        if self.names.len() >= MAX_NAMES {
            return Err(LimitError::Names { limit: MAX_NAMES }.into());
        }
        match self.names.insert(reference.clone(), identity) {
            Some(other) if other != identity => {
                Err(Error::DuplicateName { document: document.to_string(), name: reference.familiar() })
            }
            known => Ok(known.is_none()),
        }
    }

    /// The identity of the image that is called `reference`.
    pub(super) fn claimed(&self, reference: &Reference) -> Option<Digest> {
        self.names.get(reference).copied()
    }

    /// Whether the document is a JSON object, by its first byte.
    pub(super) fn is_object(&mut self, member: &MemberName) -> Result<bool, Error> {
        let (bytes, _) = self.document("the manifest", member, member)?;
        Ok(bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{'))
    }

    /// Whether what runs on `platform` was asked for.
    pub(super) fn wants(&self, platform: &Platform) -> bool {
        self.platform.is_none_or(|wanted| wanted.accepts(platform))
    }

    /// The member behind all links, and its size.
    fn file(
        &self,
        what: &'static str,
        member: &MemberName,
        named_by: &MemberName,
    ) -> Result<(MemberName, u64), Error> {
        let found = self.documents.find(member)?.ok_or_else(|| missing(what, member, named_by))?;
        let (member, named_by) = (member.to_string(), named_by.to_string());
        let size = found.size.ok_or(Error::NotAFile { what, member, named_by })?;
        Ok((found.name, size))
    }
}

/// The member that `text`, found in `document`, names.
pub(super) fn named(text: &str, document: &str) -> Result<MemberName, Error> {
    MemberName::parse(text.as_bytes()).map_err(|problem| Error::Named {
        document: document.into(),
        name: name::shown(text.as_bytes()),
        problem,
    })
}

/// Makes an error of a document that is not what it should be.
pub(super) fn bad(member: &MemberName) -> impl Fn(DocumentError) -> Error {
    move |source| Error::Document { member: member.to_string(), source }
}

fn missing(what: &'static str, member: &MemberName, named_by: &MemberName) -> Error {
    Error::Missing { what, member: member.to_string(), named_by: named_by.to_string() }
}

fn check_size(member: &MemberName, descriptor: Pinned, got: u64, named_by: &MemberName) -> Result<(), Error> {
    let wanted = descriptor.size;
    if got == wanted {
        return Ok(());
    }
    Err(Error::Size { member: member.to_string(), named_by: named_by.to_string(), wanted, got })
}
