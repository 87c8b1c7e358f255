//! Digests: `sha256:` and 64 hex digits, the name of a blob.
//!
//! The image-spec also registers sha512. No tool that larder reads from or
//! writes to produces it, and it could not be checked in one pass over an
//! archive that names the algorithm last, so it is refused by name rather
//! than half supported.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Digest as _;

/// A SHA-256 digest in the image-spec's notation, `sha256:<64 hex>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// Why a text is not a digest that larder can use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// No `algorithm:` in front.
    #[error("invalid digest {text:?}: expected sha256: and 64 hex digits")]
    Malformed {
        /// The text as it was found, or the start of it.
        text: String,
    },
    /// An algorithm other than sha256.
    #[error("unsupported digest algorithm {algorithm:?}: only sha256 is supported")]
    Algorithm {
        /// The algorithm as it was found, or the start of it.
        algorithm: String,
    },
    /// Not 64 lower-case hex digits behind `sha256:`.
    #[error("invalid sha256 digest {text:?}: expected 64 lower-case hex digits")]
    Hex {
        /// What stood behind the colon, or the start of it.
        text: String,
    },
}

/// How much of a hostile text an error repeats.
const SHOWN_CHARS: usize = 100;

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// A digest from its 32 raw bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 raw bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 hex digits, without the algorithm.
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// The first twelve hex digits, as tables show them.
    pub fn short(&self) -> String {
        let mut hex = self.hex();
        hex.truncate(12);
        hex
    }

    /// A digest from 64 lower-case hex digits alone.
    ///
    /// # Errors
    /// [`DigestError::Hex`] for anything else.
    pub fn from_hex(text: &str) -> Result<Self, DigestError> {
        let mut bytes = [0; 32];
        let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) if lower => Ok(Self(bytes)),
            _ => Err(DigestError::Hex { text: shown(text) }),
        }
    }
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS).collect()
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        match text.split_once(':') {
            Some(("sha256", hex)) => Self::from_hex(hex),
            Some((algorithm, _)) if !algorithm.is_empty() => {
                Err(DigestError::Algorithm { algorithm: shown(algorithm) })
            }
            _ => Err(DigestError::Malformed { text: shown(text) }),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text in formats for people (JSON), raw bytes in formats for machines.
impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        } else {
            <[u8; 32]>::deserialize(deserializer).map(Self)
        }
    }
}

/// A digest in the making.
#[derive(Clone, Default)]
pub struct Sha256(sha2::Sha256);

impl Sha256 {
    /// Takes in the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all that was taken in.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sha256")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_digest_reads_back_what_it_shows() {
        let empty = Digest::of(b"");
        assert_eq!(empty.to_string(), EMPTY);
        assert_eq!(EMPTY.parse(), Ok(empty));
        assert_eq!(empty.short(), "e3b0c44298fc");
    }

    #[test]
    fn a_digest_refuses_what_it_cannot_check() {
        let sha512 = format!("sha512:{}", "0".repeat(128));
        assert!(matches!(sha512.parse::<Digest>(), Err(DigestError::Algorithm { .. })));
        assert!(matches!("nonsense".parse::<Digest>(), Err(DigestError::Malformed { .. })));
        assert!(matches!(":00".parse::<Digest>(), Err(DigestError::Malformed { .. })));
        for hex in ["", "00", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64), &"A".repeat(64)] {
            assert!(
                matches!(format!("sha256:{hex}").parse::<Digest>(), Err(DigestError::Hex { .. })),
                "{hex}"
            );
        }
    }

    #[test]
    fn a_digest_in_the_making_agrees_with_the_whole() {
        let mut sum = Sha256::default();
        sum.update(b"lar");
        sum.update(b"der");
        assert_eq!(sum.finish(), Digest::of(b"larder"));
    }
}
