//! Three digests that must not be confused: of a layer, of a stack, of an image.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Digest;

macro_rules! named_digest {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

/// Names a layer by the digest of its uncompressed tar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DiffId(pub Digest);
named_digest!(DiffId);

impl DiffId {
    /// The layer of nothing: a tar of two blocks of zeros. Docker leaves it out
    /// of an image that changes nothing.
    pub fn empty() -> Self {
        Self(Digest::of([0; 1024]))
    }
}

/// Names a stack of changesets, applied in order: what a container stands on.
///
/// Not interchangeable with [`DiffId`], though the two are equal for a stack
/// of one; the type system keeps them apart because the digests cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChainId(pub Digest);
named_digest!(ChainId);

impl ChainId {
    /// The chain of `diffs`, base first; `None` for no layers at all.
    pub fn of(diffs: &[DiffId]) -> Option<Self> {
        Self::each(diffs).last()
    }

    /// The chain up to and including each of `diffs`, base first.
    pub fn each(diffs: &[DiffId]) -> impl Iterator<Item = Self> + '_ {
        diffs.iter().scan(None, |below: &mut Option<Digest>, diff| {
            let chain = match below {
                None => diff.0,
                Some(below) => Digest::of(format!("{below} {}", diff.0)),
            };
            *below = Some(chain);
            Some(Self(chain))
        })
    }
}

/// Names an image by the digest of its config, byte for byte as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImageId(pub Digest);
named_digest!(ImageId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_folds_the_texts_of_its_parts() {
        let [a, b, c] = [b"a", b"b", b"c"].map(|bytes| DiffId(Digest::of(bytes)));
        assert_eq!(ChainId::of(&[]), None);
        assert_eq!(ChainId::of(&[a]), Some(ChainId(a.0)));
        let two = Digest::of(format!("{a} {b}"));
        let three = Digest::of(format!("{two} {c}"));
        assert_eq!(ChainId::of(&[a, b, c]), Some(ChainId(three)));
        assert_eq!(
            ChainId::each(&[a, b, c]).collect::<Vec<_>>(),
            [ChainId(a.0), ChainId(two), ChainId(three)]
        );
    }
}
