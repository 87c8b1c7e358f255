//! Why an archive was not understood: what, which member, wanted, got.

use std::io;

use super::{BadName, Compression, LimitError, NameProblem, Refusal};
use crate::image::{Digest, DigestError, DocumentError};
use crate::tar::{HeaderError, PaxError};
use crate::task::Cancelled;

/// The place of what is in no member.
pub(super) const WHOLE: &str = "the archive";

/// Why an archive could not be read, or is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The reader failed, through no fault of the archive.
    #[error("cannot read {place}")]
    Read {
        /// The member, or `the archive`.
        place: String,
        /// What the reader said.
        source: io::Error,
    },
    /// The archive stops in the middle of something.
    #[error("the archive is truncated: it ends inside {place}")]
    Truncated {
        /// The member, or `a header`.
        place: String,
    },
    /// Compressed data that is damaged.
    #[error("cannot expand {place}")]
    Corrupt {
        /// The member, or `the archive`.
        place: String,
        /// What the decoder said.
        source: io::Error,
    },
    /// No byte at all.
    #[error("the archive is empty")]
    Empty,
    /// Its first block is no tar header.
    #[error("not a tar archive")]
    NotTar {
        /// What is wrong with the block.
        source: HeaderError,
    },
    /// Under the compression that was taken off there is another.
    #[error("not a tar archive: it is compressed twice, with {inner} inside")]
    CompressedTwice {
        /// What it is under the first one.
        inner: Compression,
    },
    /// The same, of a member: a layer is a tar, so it is none. Taken for one all
    /// the same, it would not come back from the archive that it is saved to.
    #[error("{member} is compressed twice, with {inner} inside")]
    MemberCompressedTwice {
        /// The member.
        member: String,
        /// What it is under the first one.
        inner: Compression,
    },
    /// A block that should be a header is none.
    #[error("damaged archive: no header at byte {offset}, after {after}")]
    Header {
        /// Where in the (expanded) archive.
        offset: u64,
        /// The member before it.
        after: String,
        /// What is wrong with it.
        source: HeaderError,
    },
    /// A pax header that is none.
    #[error("damaged archive: bad pax header at byte {offset}")]
    Pax {
        /// Where in the (expanded) archive.
        offset: u64,
        /// What is wrong with it.
        source: PaxError,
    },
    /// A member name that cannot be used.
    #[error("bad member name {name:?}: {problem}")]
    Name {
        /// The name as it was found, or the start of it.
        name: String,
        /// What is wrong with it.
        problem: NameProblem,
    },
    /// A link that cannot be used.
    #[error("bad link {member} -> {target:?}: {problem}")]
    Link {
        /// The link.
        member: String,
        /// What it points to, or the start of it.
        target: String,
        /// What is wrong with it.
        problem: NameProblem,
    },
    /// Links that lead back to where they start.
    #[error("the link {member} leads to itself")]
    LinkCycle {
        /// One of them.
        member: String,
    },
    /// A link to a member that is not there.
    #[error("the link {member} leads to {target}, which is not in the archive")]
    LinkNowhere {
        /// The link.
        member: String,
        /// What it leads to, behind other links.
        target: String,
    },
    /// A member that is stored without its holes, and does not say where they are.
    #[error("{member} is a sparse file with an invalid map")]
    SparseMap {
        /// The member.
        member: String,
    },
    /// A limit was passed.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// The work was told to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// A limit was passed inside a member.
    #[error("{member} is refused")]
    MemberLimit {
        /// The member.
        member: String,
        /// The limit.
        source: LimitError,
    },
    /// A list of images that is empty.
    #[error("the archive holds no images: {document} lists none")]
    NoImages {
        /// The document that should list them.
        document: &'static str,
    },
    /// Nothing that says which images there are.
    #[error("not an image archive: it has no manifest.json, index.json or repositories")]
    NoManifest,
    /// A large member that a document should be, and that is no JSON.
    #[error("{member} is not a JSON document")]
    NotADocument {
        /// The member.
        member: String,
    },
    /// A document that is not what it should be.
    #[error("bad document {member}")]
    Document {
        /// The member.
        member: String,
        /// What is wrong with it.
        source: DocumentError,
    },
    /// A `manifest.json` that is `null`; in Docker's words.
    #[error("{member}: invalid manifest, manifest cannot be null (but can be [])")]
    NullManifest {
        /// The member.
        member: String,
    },
    /// A member that another one speaks of is not there.
    #[error("{what} {member} is missing from the archive, named by {named_by}")]
    Missing {
        /// A layer, a config, …
        what: &'static str,
        /// The member that should be there.
        member: String,
        /// The document that names it.
        named_by: String,
    },
    /// A member is there, but is no file.
    #[error("{member} is not a file, named by {named_by} as {what}")]
    NotAFile {
        /// A layer, a config, …
        what: &'static str,
        /// The member.
        member: String,
        /// The document that names it.
        named_by: String,
    },
    /// A name in a document that is no member name.
    #[error("bad name {name:?} in {document}: {problem}")]
    Named {
        /// The document.
        document: String,
        /// The name, or the start of it.
        name: String,
        /// What is wrong with it.
        problem: NameProblem,
    },
    /// The bytes of a member are not those that its descriptor names.
    #[error("{member} hashes to {got}, but {named_by} names it as {wanted}")]
    Digest {
        /// The member.
        member: String,
        /// The document that names it.
        named_by: String,
        /// By the descriptor.
        wanted: Digest,
        /// By the bytes.
        got: Digest,
    },
    /// A member has another size than its descriptor says.
    #[error("{member} has {got} bytes, but {named_by} says {wanted}")]
    Size {
        /// The member.
        member: String,
        /// The document that names it.
        named_by: String,
        /// By the descriptor.
        wanted: u64,
        /// By the archive.
        got: u64,
    },
    /// A file is named by a digest that is none.
    #[error("bad digest in {document}")]
    BadDigest {
        /// The document.
        document: String,
        /// What is wrong with it.
        source: DigestError,
    },
    /// The manifest and the config do not agree on the number of layers; in Docker's words.
    #[error("{document}: invalid manifest, layers length mismatch: expected {wanted}, got {got}")]
    LayerCount {
        /// The manifest.
        document: String,
        /// Layers of the config.
        wanted: usize,
        /// Layers of the manifest.
        got: usize,
    },
    /// A name that cannot be taken, of an image that was given no other.
    #[error(transparent)]
    BadName(#[from] BadName),
    /// Two images claim one name.
    #[error("{document} gives the name {name} to two images")]
    DuplicateName {
        /// The document.
        document: String,
        /// The name.
        name: String,
    },
    /// An image that cannot be loaded, for no fault of the archive's.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A layout that larder does not know.
    #[error("{member}: unsupported layout version {got:?}, expected 1.0.0")]
    LayoutVersion {
        /// The member that says so.
        member: String,
        /// The version found.
        got: String,
    },
    /// Indexes in indexes, deeper than any real one.
    #[error("{member} is nested more than {limit} indexes deep")]
    IndexDepth {
        /// The innermost document looked at.
        member: String,
        /// The limit.
        limit: usize,
    },
    /// Parents that lead back to where they start, or too many of them.
    #[error("the image {member} has more than {limit} ancestors, or is its own")]
    Ancestors {
        /// The image.
        member: String,
        /// The limit.
        limit: usize,
    },
    /// What was to be written is not whole.
    #[error("cannot assemble an archive: {what} of {image} is missing")]
    Incomplete {
        /// What is not there.
        what: &'static str,
        /// The image.
        image: String,
    },
}

/// Whose fault an [`Error`] is, for those who sort them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The archive's.
    Archive,
    /// A limit was passed.
    Limit,
    /// The archive is fine, but not for here.
    Unsupported,
    /// The reader's.
    Reader,
    /// Nobody's: the work was told to stop.
    Cancelled,
}

impl Error {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Read { .. } => Fault::Reader,
            Self::Limit(_) | Self::MemberLimit { .. } => Fault::Limit,
            Self::Cancelled(_) => Fault::Cancelled,
            Self::Refused(Refusal::System { .. } | Refusal::Platform { .. }) => Fault::Unsupported,
            _ => Fault::Archive,
        }
    }

    /// What became of reading `place`: readers hide limits, corruption,
    /// truncation and interruption in their [`io::Error`].
    pub fn reading(place: impl Into<String>, source: io::Error) -> Self {
        let place = place.into();
        if let Some(inner) = source.get_ref() {
            if let Some(limit) = inner.downcast_ref::<LimitError>() {
                return match place.as_str() {
                    WHOLE => Self::Limit(limit.clone()),
                    _ => Self::MemberLimit { member: place, source: limit.clone() },
                };
            }
            if let Some(cancelled) = inner.downcast_ref::<Cancelled>() {
                return Self::Cancelled(*cancelled);
            }
            if let Some(super::CompressedTwice { inner }) = inner.downcast_ref() {
                let inner = *inner;
                return match place.as_str() {
                    WHOLE => Self::CompressedTwice { inner },
                    _ => Self::MemberCompressedTwice { member: place, inner },
                };
            }
        }
        match source.kind() {
            _ if source.get_ref().is_some_and(|inner| inner.is::<super::Corrupt>()) => {
                Self::Corrupt { place, source }
            }
            io::ErrorKind::UnexpectedEof => Self::Truncated { place },
            _ => Self::Read { place, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_readers_hide_is_found_again() {
        let reading = |source: io::Error| Error::reading("layer.tar", source);
        let limit = reading(io::Error::other(LimitError::Members { limit: 1 }));
        assert_eq!((limit.to_string().as_str(), limit.fault()), ("layer.tar is refused", Fault::Limit));
        assert_eq!(reading(io::Error::other(Cancelled)).fault(), Fault::Cancelled);
        let short = reading(io::ErrorKind::UnexpectedEof.into());
        assert_eq!(short.to_string(), "the archive is truncated: it ends inside layer.tar");
        let disk = reading(io::Error::from_raw_os_error(5));
        assert_eq!((disk.to_string().as_str(), disk.fault()), ("cannot read layer.tar", Fault::Reader));
    }
}
