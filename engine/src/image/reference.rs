//! References: `[domain/]path[:tag][@digest]`, Docker's grammar.
//!
//! Written by hand and not taken from `oci-spec`, whose parser knows neither
//! the rule on 64 hex digits nor IPv6 hosts, calls a domain by other rules
//! than Docker (a first part with a capital letter is one), does not say which
//! name must be lower-case, and brings a regular expression engine for it.
//!
//! ```text
//! domain    := host [":" port]         host := label *("." label) | "[" ipv6 "]"
//! path      := component *("/" component)
//! component := alnum *(separator alnum)     separator := "." | "_" | "__" | "-"...
//! tag       := word *127(word | "." | "-")
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Digest, DigestError, GlobError, glob};

/// The most characters of domain and path together.
const MAX_NAME_CHARS: usize = 255;
/// The most characters of a tag.
const MAX_TAG_CHARS: usize = 128;
/// How much of a hostile text an error repeats.
const SHOWN_CHARS: usize = 300;

const DEFAULT_DOMAIN: &str = "docker.io";
const LEGACY_DOMAIN: &str = "index.docker.io";
const OFFICIAL: &str = "library/";
const DEFAULT_TAG: &str = "latest";

/// The name of an image, in full: `docker.io/library/debian:12`.
///
/// ```
/// use larder_engine::image::Reference;
///
/// let reference: Reference = "debian:12".parse()?;
/// assert_eq!(reference.to_string(), "docker.io/library/debian:12");
/// assert_eq!(reference.familiar(), "debian:12");
/// # Ok::<(), larder_engine::image::ReferenceError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is not a reference; in Docker's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// Against the grammar.
    #[error("invalid reference format")]
    Format,
    /// The path has capitals.
    #[error("invalid reference format: repository name ({path}) must be lowercase")]
    Uppercase {
        /// The path, or the start of it.
        path: String,
    },
    /// It would read as an image ID.
    #[error("invalid repository name ({hex}), cannot specify 64-byte hexadecimal strings")]
    Identifier {
        /// The 64 digits.
        hex: String,
    },
    /// Domain and path are too long.
    #[error("repository name must not be more than {MAX_NAME_CHARS} characters")]
    Long,
    /// A digest that larder cannot check.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

impl Reference {
    /// The repository in full: `docker.io/library/debian`.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    /// The repository as people call it: `debian`.
    pub fn familiar_repository(&self) -> String {
        let bare = Self { tag: None, digest: None, ..self.clone() };
        bare.familiar()
    }

    /// The tag, if there is one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if there is one.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// As people write it: without `docker.io/` and `library/`.
    ///
    /// Unlike in Docker, always a text that reads back as the same reference:
    /// `docker.io/localhost/x` stays whole.
    pub fn familiar(&self) -> String {
        let path = match self.path.strip_prefix(OFFICIAL) {
            _ if self.domain != DEFAULT_DOMAIN => return self.to_string(),
            Some(name) if !name.contains('/') => name,
            _ => &self.path,
        };
        let short = format!("{path}{}", Suffix(self));
        if short.parse().as_ref() == Ok(self) { short } else { self.to_string() }
    }

    /// The same with the tag `latest`, unless it has a tag or a digest.
    #[must_use]
    pub fn or_latest(mut self) -> Self {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some(DEFAULT_TAG.into());
        }
        self
    }

    /// The same repository with `tag` and no digest.
    ///
    /// # Errors
    /// [`ReferenceError::Format`] if the tag is none.
    pub fn with_tag(&self, tag: &str) -> Result<Self, ReferenceError> {
        if !is_tag(tag) {
            return Err(ReferenceError::Format);
        }
        Ok(Self { tag: Some(tag.into()), digest: None, ..self.clone() })
    }

    /// Whether a pattern of `docker images` fits: the familiar text, the
    /// familiar repository, or the whole.
    ///
    /// # Errors
    /// When the pattern is malformed.
    pub fn matches(&self, pattern: &str) -> Result<bool, GlobError> {
        for text in [self.familiar(), self.familiar_repository(), self.to_string()] {
            if glob::matches(pattern, &text)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Tag and digest, with what goes before them.
struct Suffix<'a>(&'a Reference);

impl fmt::Display for Suffix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tag) = &self.0.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.0.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.domain, self.path, Suffix(self))
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.len() == 64 && is_lower_hex(text) {
            return Err(ReferenceError::Identifier { hex: text.into() });
        }
        let (domain, rest) = split_domain(text);
        let (named, digest) = match rest.split_once('@') {
            Some((named, digest)) => (named, Some(digest)),
            None => (rest.as_str(), None),
        };
        let (path, tag) = match named.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (named, None),
        };
        if path.chars().any(char::is_uppercase) {
            return Err(ReferenceError::Uppercase { path: path.chars().take(SHOWN_CHARS).collect() });
        }
        if !is_domain(domain) || !path.split('/').all(is_component) || !tag.is_none_or(is_tag) {
            return Err(ReferenceError::Format);
        }
        if domain.len() + 1 + path.len() > MAX_NAME_CHARS {
            return Err(ReferenceError::Long);
        }
        let digest = match digest {
            Some(digest) if !digest.contains(':') => return Err(ReferenceError::Format),
            Some(digest) => Some(digest.parse()?),
            None => None,
        };
        Ok(Self { domain: domain.into(), path: path.into(), tag: tag.map(Into::into), digest })
    }
}

/// Domain and rest, with what Docker puts in when they are left out.
fn split_domain(text: &str) -> (&str, String) {
    let (domain, rest) = match text.split_once('/') {
        Some((LEGACY_DOMAIN, rest)) => (DEFAULT_DOMAIN, rest),
        Some((first, rest))
            if first == "localhost"
                || first.contains(['.', ':'])
                || first.chars().any(char::is_uppercase) =>
        {
            (first, rest)
        }
        _ => (DEFAULT_DOMAIN, text),
    };
    let official = domain == DEFAULT_DOMAIN && !rest.contains('/');
    (domain, if official { format!("{OFFICIAL}{rest}") } else { rest.into() })
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (domain, None),
    };
    let ipv6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host_fits = match ipv6 {
        Some(ip) => !ip.is_empty() && ip.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':'),
        None => host.split('.').all(is_label),
    };
    host_fits && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Runs of letters and digits, with one separator between any two.
fn is_component(component: &str) -> bool {
    let alnum = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = component.as_bytes();
    let mut runs = bytes.chunk_by(|a, b| alnum(*a) == alnum(*b));
    let separator = |run: &[u8]| matches!(run, b"." | b"_" | b"__") || run.iter().all(|byte| *byte == b'-');
    bytes.first().is_some_and(|byte| alnum(*byte))
        && bytes.last().is_some_and(|byte| alnum(*byte))
        && runs.all(|run| run.first().is_some_and(|byte| alnum(*byte)) || separator(run))
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= MAX_TAG_CHARS
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
