//! The layers that a plan needs: found in the store, or taken in and checked.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;
use std::ops::Range;

use super::{Compressed, LoadOptions};
use crate::Result;
use crate::archive::{Compression, Error as ArchiveError, MemberName, Plan};
use crate::catalog::{Blob, Kind};
use crate::image::{DiffId, Digest};
use crate::ops::Error;
use crate::store::{Ingest, IngestError, Taken, Treatment};
use crate::task::Event;

use super::known::Known;
use super::source::Random;

/// What a member holds.
pub enum Content {
    /// So many bytes, to be taken in.
    Bytes(u64, Box<dyn Read + Send>),
    /// It was taken in already.
    Taken(Box<Taken>),
}

/// Members by name, as layers.
pub trait Members {
    /// How many bytes are still to be taken in of `name`.
    fn waiting_bytes(&self, name: &MemberName) -> u64;

    /// What `name`, which the plan has found, holds.
    fn content(&mut self, name: &MemberName) -> Result<Content, ArchiveError>;
}

impl Members for Random {
    fn waiting_bytes(&self, name: &MemberName) -> u64 {
        self.size(name)
    }

    fn content(&mut self, name: &MemberName) -> Result<Content, ArchiveError> {
        let (size, body) = self.body(name)?.ok_or_else(|| ArchiveError::Missing {
            what: "member",
            member: name.to_string(),
            named_by: "the plan".into(),
        })?;
        Ok(Content::Bytes(size, Box::new(body)))
    }
}

/// One thing that has to be in the store, and what was promised of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// The member that holds it.
    pub member: MemberName,
    /// The digest of the member's bytes, where a descriptor names it.
    pub digest: Option<Digest>,
    /// The digest of the plain tar and the layer's number, for a layer; `None`
    /// for a diff ID that will be taken as it comes.
    pub layer: Option<(Option<DiffId>, usize)>,
    /// What names the member, if the archive does not have it.
    pub absent: Option<MemberName>,
}

impl Want {
    fn meant(&self) -> Meant {
        Meant { member: self.member.clone(), digest: self.digest, is_layer: self.layer.is_some() }
    }

    /// What it is called before people.
    fn told(&self) -> String {
        match (self.layer, self.digest) {
            (Some((Some(diff_id), _)), _) => format!("layer {}", diff_id.0.short()),
            (Some(_), _) => format!("layer {}", self.member),
            (None, Some(digest)) => format!("blob {}", digest.short()),
            (None, None) => self.member.to_string(),
        }
    }
}

/// All that a plan needs, each member once for each promise; layers first, so
/// that what is a layer somewhere is stored as one.
#[derive(Debug, Default)]
pub struct Needed {
    wants: Vec<Want>,
}

impl Needed {
    /// What `plan` needs beside the images that are `known`.
    pub fn of(plan: &Plan, known: &Known) -> Self {
        let mut seen = HashSet::new();
        let mut needed = Self::default();
        let images = || plan.images.iter().filter(|image| known.image(image).is_none());
        for variant in images().flat_map(|image| &image.variants) {
            for (number, layer) in variant.layers.iter().enumerate() {
                let digest = layer.blob.as_ref().map(|blob| blob.digest);
                if seen.insert((layer.member.clone(), digest, layer.diff_id)) {
                    let layer_of = Some((layer.diff_id, number));
                    let (member, absent) = (layer.member.clone(), layer.absent.clone());
                    needed.wants.push(Want { member, digest, layer: layer_of, absent });
                }
            }
        }
        for blob in images().flat_map(|image| &image.carried) {
            let digest = Some(blob.descriptor.digest);
            if seen.insert((blob.member.clone(), digest, None)) {
                let member = blob.member.clone();
                needed.wants.push(Want { member, digest, layer: None, absent: None });
            }
        }
        needed
    }
}

/// What there is for each member that the plan needs, by what a descriptor says
/// its digest is, if one does: one archive may mean a member's bytes in one
/// place and only what is in them in another.
pub type Found = BTreeMap<Meant, Stored>;

/// Of the blobs that were taken in, their parts of the chunks that a writer was given.
pub type Given = HashMap<Digest, Range<usize>>;

/// A member, and what is meant by it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Meant {
    /// The member.
    pub member: MemberName,
    /// The digest of its bytes, if that names it.
    pub digest: Option<Digest>,
    /// Whether it is a layer, or only carried.
    pub is_layer: bool,
}

/// A blob, and how its bytes are compressed as far as that is known.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The blob.
    pub blob: Blob,
    /// How it is compressed.
    pub compression: Compression,
}

/// Brings what a plan needs into the store.
pub struct Layers<'l, 'w> {
    ingest: &'l mut Ingest<'w>,
    compressed: Compressed,
    known: HashMap<Digest, Blob>,
    /// Layers that were taken in, by what is in them.
    taken: HashMap<DiffId, Blob>,
    /// How blobs that were taken in are compressed.
    compressions: HashMap<Digest, Compression>,
    given: Given,
    found: Found,
}

impl<'l, 'w> Layers<'l, 'w> {
    /// `known` are the blobs that the store has.
    pub fn new(ingest: &'l mut Ingest<'w>, options: &LoadOptions, known: &Known) -> Self {
        let known = known.blobs.clone();
        Self {
            ingest,
            compressed: options.compressed,
            known,
            taken: HashMap::new(),
            compressions: HashMap::new(),
            given: Given::new(),
            found: Found::new(),
        }
    }

    /// Takes in everything that is needed and not there.
    pub fn take_all(&mut self, needed: &Needed, members: &mut dyn Members) -> Result<()> {
        let waiting = needed.wants.iter().filter(|want| self.known_blob(want).is_none());
        let total_bytes = waiting.map(|want| members.waiting_bytes(&want.member)).sum();
        if total_bytes > 0 {
            self.ingest.task.report(&Event::Planned { total_bytes });
        }
        for want in &needed.wants {
            self.ingest.task.check()?;
            let blob = match self.known_blob(want) {
                Some(blob) => {
                    self.ingest.task.report(&Event::Skipped { item: &want.told() });
                    blob
                }
                None => self.take(want, members)?,
            };
            check_diff_id(want, &blob)?;
            let compression = self.compressions.get(&blob.digest).copied().unwrap_or(Compression::None);
            self.found.insert(want.meant(), Stored { blob, compression });
        }
        Ok(())
    }

    /// What was found, by member, and what of it was taken in.
    pub fn finish(self) -> (Found, Given) {
        (self.found, self.given)
    }

    /// The blob in the store that the archive's is known to be.
    fn known_blob(&self, want: &Want) -> Option<Blob> {
        let by_diff_id = || {
            let diff_id = want.layer?.0?;
            self.known.get(&diff_id.0).or_else(|| self.taken.get(&diff_id))
        };
        let by_digest = || self.known.get(&want.digest?);
        let known = match (self.compressed, want.layer) {
            (Compressed::Unwrap, Some(_)) => by_diff_id(),
            _ if want.digest.is_some() => by_digest(),
            _ => by_diff_id(),
        };
        // What was only carried so far was never looked into.
        known.filter(|blob| want.layer.is_none() || matches!(blob.kind, Kind::Layer { .. })).cloned()
    }

    fn take(&mut self, want: &Want, members: &mut dyn Members) -> Result<Blob> {
        let name = want.member.as_str();
        if let Some(named_by) = &want.absent {
            let (member, named_by) = (want.member.to_string(), named_by.to_string());
            return Err(Error::Archive(ArchiveError::Missing { what: "the layer", member, named_by }).into());
        }
        let treatment = match (self.compressed, want.digest, want.layer) {
            (_, _, None) => Treatment::AsIs,
            (Compressed::Keep, Some(_), _) => Treatment::Keep,
            _ => Treatment::Unwrap,
        };
        let content = members.content(&want.member).map_err(Error::Archive)?;
        let taken = match content {
            Content::Taken(taken) => *taken,
            Content::Bytes(size, mut bytes) => self
                .ingest
                .take(&want.told(), Some(size), &mut *bytes, treatment)
                .map_err(|error| failed(error, name))?,
        };
        if let Some(wanted) = want.digest.filter(|wanted| *wanted != taken.digest) {
            let (member, got) = (name.to_owned(), taken.digest);
            return Err(Error::MemberDigest { member, wanted, got }.into());
        }
        if want.layer.is_none() && taken.stored != taken.digest {
            return Err(Error::Unwrapped { member: name.to_owned() }.into());
        }
        let digest = taken.stored;
        let kind = match want.layer {
            None => Kind::Other,
            Some(_) => {
                let plain = taken.plain.map_err(|error| failed(IngestError::Read(error), name))?;
                Kind::Layer {
                    diff_id: plain.diff_id,
                    diff_bytes: plain.bytes,
                    content_bytes: plain.content_bytes,
                }
            }
        };
        if taken.stored == taken.digest {
            self.compressions.insert(digest, taken.compression);
        }
        self.given.insert(digest, taken.given);
        let blob = Blob { digest, body: taken.body, kind };
        self.known.insert(digest, blob.clone());
        if let Kind::Layer { diff_id, .. } = blob.kind {
            self.taken.insert(diff_id, blob.clone());
        }
        Ok(blob)
    }
}

/// A layer must expand to what the config says.
fn check_diff_id(want: &Want, blob: &Blob) -> Result<()> {
    match (want.layer, &blob.kind) {
        (Some((Some(wanted), number)), Kind::Layer { diff_id, .. }) if wanted != *diff_id => {
            let (member, got) = (want.member.to_string(), *diff_id);
            Err(Error::DiffId { member, number, wanted, got }.into())
        }
        _ => Ok(()),
    }
}

/// Names the member that could not be taken in.
pub fn failed(error: IngestError, member: &str) -> crate::Error {
    match error {
        IngestError::Read(source) => Error::Archive(ArchiveError::reading(member, source)).into(),
        IngestError::Store(error) => error.into(),
        IngestError::Cancelled(error) => error.into(),
    }
}
