//! Why a name that an archive gives to an image cannot be taken.
//!
//! It is no fault of the image: whoever gives it another name may load it.

use super::{MemberName, name};
use crate::image::{Digest, Reference, ReferenceError};

/// Why a name cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadName {
    /// It is no reference.
    #[error("{document}: bad image name {name:?}")]
    Reference {
        /// The document that gives it.
        document: String,
        /// The name, or the start of it.
        name: String,
        /// What is wrong with it.
        source: ReferenceError,
    },
    /// It has no tag; in Docker's words.
    #[error("{document}: invalid tag {name:?}")]
    Untagged {
        /// The document that gives it.
        document: String,
        /// The name.
        name: String,
    },
    /// It has the digest of other content.
    #[error("{document} gives the name {name} to other content")]
    OtherContent {
        /// The document that gives it.
        document: String,
        /// The name.
        name: String,
        /// Which content it is given to.
        source: OtherDigest,
    },
}

/// What has the name, and should not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OtherDigest {
    /// An image with another digest.
    #[error("the image's digest is {0}")]
    Is(Digest),
    /// An image whose manifest the archive does not have, so that nothing in it has the digest.
    #[error("the archive has no manifest for the image, and so no digest")]
    Unknown,
}

impl BadName {
    /// The reference written as `text` in `document`.
    pub(super) fn parse(text: &str, document: &MemberName) -> Result<Reference, Self> {
        text.parse().map_err(|source| Self::reference(text, document, source))
    }

    /// `text` is no reference.
    pub(super) fn reference(text: &str, document: &MemberName, source: ReferenceError) -> Self {
        Self::Reference { document: document.to_string(), name: name::shown(text.as_bytes()), source }
    }

    /// A name with a digest is a promise of content, and no archive can give it to other content.
    pub(super) fn check_digest(
        reference: &Reference,
        root: Option<Digest>,
        document: &MemberName,
    ) -> Result<(), Self> {
        if reference.digest().is_none() || reference.digest() == root {
            return Ok(());
        }
        let source = root.map_or(OtherDigest::Unknown, OtherDigest::Is);
        Err(Self::OtherContent { document: document.to_string(), name: reference.familiar(), source })
    }
}
