//! What is remembered: commits in the journal, records in the catalog.
//!
//! The journal is bincode 1 with fixed-width little-endian integers: a struct is its
//! fields in order; an enum is the number of its variant as 4 bytes, then its
//! fields; text, lists and maps are their length as 8 bytes, then their items;
//! an option is a byte 0 or 1, then its value; a digest is its 32 bytes.
//!
//! The order of fields and variants below **is** the format of the journal.
//! Nothing is ever reordered or removed; a new kind of change is a new variant
//! at the end of [`Change`], which larders that do not know it refuse. A field
//! cannot be added: what needs more becomes a new variant. The golden test
//! below holds this.

use std::collections::{BTreeMap, BTreeSet};

use bincode::Options;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Container, ContainerId};
use crate::chunk::Body;
use crate::image::{DiffId, Digest, ImageId, Platform};

/// No record is longer: an image of a thousand layers takes some 100 KiB, its
/// labels and annotations what their documents take, which are limited.
pub(super) const MAX_RECORD_BYTES: u64 = 256 << 20;

/// A time as seconds since 1970 and nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Time {
    /// Whole seconds since 1970, negative before.
    pub seconds: i64,
    /// Nanoseconds on top, of the same sign.
    pub nanoseconds: i32,
}

impl From<jiff::Timestamp> for Time {
    fn from(time: jiff::Timestamp) -> Self {
        Self { seconds: time.as_second(), nanoseconds: time.subsec_nanosecond() }
    }
}

impl Time {
    /// This moment.
    pub fn now() -> Self {
        jiff::Timestamp::now().into()
    }

    /// The same time; `None` if it is out of the calendar.
    pub fn timestamp(&self) -> Option<jiff::Timestamp> {
        jiff::Timestamp::new(self.seconds, self.nanoseconds).ok()
    }
}

/// One record of the journal: what one command changed, as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// When it was made.
    pub time: Time,
    /// The command that made it, such as `load`.
    pub verb: String,
    /// What it changed, in order.
    pub changes: Vec<Change>,
}

/// One change. Applying one twice is the same as once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// A blob is in the packs.
    PutBlob(Blob),
    /// A blob is needed no more.
    ForgetBlob(Digest),
    /// An image is in the store, its blobs having been put before.
    PutImage(Image),
    /// The image with this target is no more.
    ForgetImage(Digest),
    /// A reference names an image from now on.
    SetReference(Named),
    /// A reference names nothing any more.
    RemoveReference(String),
    /// A container is in the store, its blobs having been put before.
    PutContainer(Container),
    /// The container is no more.
    ForgetContainer(ContainerId),
    /// The commit is part of a snapshot: a compaction has left of it only the changes that still
    /// held, and its number is not the one that it was made with.
    Snapshot,
}

/// A blob and where its bytes are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// Its name.
    pub digest: Digest,
    /// Its bytes.
    pub body: Body,
    /// What it is to larder.
    pub kind: Kind,
}

impl Blob {
    /// Whether it is mere content, of which nothing is known: no layer, and no document that
    /// may be one.
    pub fn is_other(&self) -> bool {
        self.kind == Kind::Other
    }
}

/// What a blob is to larder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A JSON document: index, manifest or config.
    Document,
    /// A layer.
    Layer {
        /// The digest of the layer's plain tar; the blob's own if it is not compressed.
        diff_id: DiffId,
        /// How long the plain tar is.
        diff_bytes: u64,
        /// The bytes of files in it, as Docker counts a layer's size.
        content_bytes: u64,
    },
    /// Content that is only carried: signatures, attestations, artifacts.
    Other,
}

/// An image: an index or manifest, and what hangs below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The digest of the index or manifest: the image's key.
    pub target: Digest,
    /// The target's media type.
    pub media_type: String,
    /// The target's length in bytes.
    pub size: u64,
    /// Whether the manifest was made here, because the image came without one.
    pub generated: bool,
    /// The line of an index that named the target, where the image came without a
    /// name: a document, whose bytes are the descriptor's JSON as it came.
    pub entry: Option<Digest>,
    /// The images for single platforms that can be run.
    pub variants: Vec<Variant>,
    /// Which of `variants` stands for the image in lists.
    pub main: u32,
    /// Every blob below the target but the layers: documents and carried content.
    pub documents: Vec<Digest>,
    /// The lines of indexes by which the image and its references are known.
    /// They are kept with it and are no part of it.
    pub lines: BTreeSet<Digest>,
    /// When it was stored.
    pub added: Time,
}

/// An image for one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// Its manifest.
    pub manifest: Digest,
    /// Its config.
    pub id: ImageId,
    /// What it runs on.
    pub platform: Platform,
    /// Its layers, base first.
    pub layers: Vec<StoredLayer>,
    /// When it was made, as its config says.
    pub created: Option<Time>,
    /// The labels in its config, if they are short: see [`Variant::labels_to_keep`].
    pub labels: Option<BTreeMap<String, String>>,
}

/// Labels that are longer together are not repeated in the catalog.
const MAX_LABELS_BYTES: usize = 4096;

/// A layer of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredLayer {
    /// The blob, compressed or not.
    pub blob: Digest,
    /// The digest of the plain tar.
    pub diff_id: DiffId,
    /// The bytes of files in it, as Docker counts a layer's size.
    pub content_bytes: u64,
}

/// A reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The canonical name, `docker.io/library/app:1`.
    pub name: String,
    /// What it names.
    pub target: Digest,
    /// The line of an index that gave the target this name: one of the image's
    /// [`Image::lines`].
    pub entry: Option<Digest>,
    /// When it was given.
    pub tagged: Time,
}

impl Variant {
    /// The labels as a record keeps them: the catalog's records stay small,
    /// whatever a config holds, and the config has them too.
    pub fn labels_to_keep(labels: &BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
        let bytes: usize = labels.iter().map(|(key, value)| key.len() + value.len()).sum();
        (bytes <= MAX_LABELS_BYTES).then(|| labels.clone())
    }
}

impl Image {
    /// The variant that stands for the image in lists. There is none if nothing
    /// in the image can be run.
    pub fn main_variant(&self) -> Option<&Variant> {
        self.variants.get(self.main as usize)
    }

    /// The ID by which the image is told: that of what stands for it, or the digest of what
    /// has nothing that can be run.
    pub fn id(&self) -> ImageId {
        self.main_variant().map_or(ImageId(self.target), |variant| variant.id)
    }

    /// Every blob that the image needs, each once.
    pub fn blobs(&self) -> BTreeSet<Digest> {
        let layers = self.variants.iter().flat_map(|variant| variant.layers.iter().map(|layer| layer.blob));
        let documents = self.variants.iter().flat_map(|variant| [variant.manifest, variant.id.0]);
        let others = self.documents.iter().chain(&self.lines).copied();
        layers.chain(documents).chain(others).chain([self.target]).collect()
    }
}

fn options() -> impl Options {
    bincode::DefaultOptions::new().with_fixint_encoding().with_little_endian().with_limit(MAX_RECORD_BYTES)
}

/// The bytes of a record.
pub(super) fn encode(record: &impl Serialize) -> Result<Vec<u8>, bincode::Error> {
    options().serialize(record)
}

/// A record from its bytes, all of them.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, bincode::Error> {
    options().deserialize(bytes)
}

/// How many bytes a record takes in the journal.
pub(super) fn encoded_bytes(record: &impl Serialize) -> Result<u64, bincode::Error> {
    options().serialized_size(record)
}

impl Commit {
    /// Whether it is part of a snapshot and tells nothing of what was done.
    pub fn is_snapshot(&self) -> bool {
        self.changes.first() == Some(&Change::Snapshot)
    }

    /// The commit as the payload of a record of the journal.
    ///
    /// # Errors
    /// If it is too large for one.
    pub fn encode(&self) -> super::Result<Vec<u8>> {
        encode(self).map_err(super::Error::TooLarge)
    }

    /// Reads the payload of a record.
    ///
    /// # Errors
    /// If a later larder wrote it.
    pub fn decode(payload: &[u8]) -> super::Result<Self> {
        decode(payload).map_err(super::Error::UnknownCommit)
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
