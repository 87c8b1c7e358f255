//! Descriptors: media type, digest and size, how one document names another.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Digest, Platform};

/// A descriptor as the image-spec's `descriptor.md` has it.
///
/// Fields that larder does not act on (`urls`, `data`, `artifactType`) are not
/// lost: documents are kept byte for byte and never written from this value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the bytes are; never empty in a valid document.
    #[serde(default)]
    pub media_type: String,
    /// The digest of the bytes.
    pub digest: Digest,
    /// The number of bytes.
    pub size: u64,
    /// Annotations, by key.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "super::descriptor::null_as_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// What the described image runs on; only inside an image index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

impl Descriptor {
    /// A descriptor that says no more than it must.
    pub fn new(media_type: impl Into<String>, digest: Digest, size: u64) -> Self {
        let (annotations, platform) = (BTreeMap::new(), None);
        Self { media_type: media_type.into(), digest, size, annotations, platform }
    }
}

/// Content, pinned by digest and size: what of a descriptor finds and checks it.
///
/// All there is to keep where descriptors are kept by the thousand: their
/// other fields are as long as whoever wrote them liked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pinned {
    /// The digest of the bytes.
    pub digest: Digest,
    /// The number of bytes.
    pub size: u64,
}

impl From<&Descriptor> for Pinned {
    fn from(descriptor: &Descriptor) -> Self {
        Self { digest: descriptor.digest, size: descriptor.size }
    }
}

/// Go writes `null` for an empty map.
pub(super) fn null_as_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_descriptor_says_no_more_than_it_must() {
        let descriptor = Descriptor::new("text/plain", Digest::of("x"), 1);
        let text = serde_json::to_string(&descriptor).unwrap();
        assert_eq!(text, format!(r#"{{"mediaType":"text/plain","digest":"{}","size":1}}"#, Digest::of("x")));
        assert_eq!(serde_json::from_str::<Descriptor>(&text).unwrap(), descriptor);
    }
}
