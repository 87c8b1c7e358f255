//! Image indexes: manifests by platform, and the entry page of a layout.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::document::parse_object;
use super::{Descriptor, DocumentError, go_json, media_type};

/// An index as the image-spec's `image-index.md` has it, or Docker's manifest list.
///
/// A view: the bytes it was read from are the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Its own media type, which the spec only recommends to give.
    pub media_type: Option<String>,
    /// What it lists, in its order.
    pub manifests: Vec<IndexEntry>,
}

/// One line of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// What the line says.
    pub descriptor: Descriptor,
    /// The line as it was written, with all that the descriptor has no place for. `None` if it has
    /// something that is no text, and was read in another form than it is written.
    pub raw: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    schema_version: Option<u64>,
    media_type: Option<String>,
    manifests: Option<Vec<Box<RawValue>>>,
    layers: Option<IgnoredAny>,
    config: Option<IgnoredAny>,
    fs_layers: Option<IgnoredAny>,
}

const WANTED: &str = "an image index";

/// On an attestation's line: the digest of the manifest that it speaks of.
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";

impl Index {
    /// Reads an index.
    ///
    /// # Errors
    /// When the bytes are not one, or could as well be a manifest.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        let mut manifests = Vec::new();
        let media_type = Self::visit(bytes, |entry| manifests.push(entry))?;
        Ok(Self { media_type, manifests })
    }

    /// Reads an index line by line, for those who do not keep all that is in
    /// the lines; gives its own media type.
    ///
    /// # Errors
    /// As for [`Self::parse`]; lines before a bad one were seen by then.
    pub fn visit(bytes: &[u8], mut each: impl FnMut(IndexEntry)) -> Result<Option<String>, DocumentError> {
        let fields: Fields = parse_object(bytes)?;
        let other = [("layers", fields.layers), ("config", fields.config), ("fsLayers", fields.fs_layers)];
        if let Some((field, _)) = other.iter().find(|(_, found)| found.is_some()) {
            return Err(DocumentError::Ambiguous { wanted: WANTED, field });
        }
        match (fields.schema_version, &fields.media_type) {
            (Some(got), _) if got != 2 => return Err(DocumentError::SchemaVersion { got }),
            (_, Some(got)) if media_type::is_manifest(got) => {
                return Err(DocumentError::MediaType { wanted: WANTED, got: got.clone() });
            }
            // An empty `{}` is what is left of an index with all else unknown.
            (None, None) if fields.manifests.is_none() => {
                return Err(DocumentError::Missing { field: "manifests" });
            }
            _ => {}
        }
        let is_text = go_json::is_read_as_written(bytes);
        for raw in fields.manifests.unwrap_or_default() {
            each(IndexEntry::parse(&raw, is_text)?);
        }
        Ok(fields.media_type)
    }
}

impl Index {
    /// The bytes of an OCI index of `entries`, for an image that came without
    /// one. The same entries always give the same bytes.
    pub fn generate(entries: &[Descriptor]) -> Vec<u8> {
        let line = |entry: &Descriptor| {
            let mut line = serde_json::json!(entry);
            if let Some(platform) = line.get_mut("platform").and_then(serde_json::Value::as_object_mut) {
                platform.retain(|_, value| value.as_str() != Some(""));
            }
            line.to_string()
        };
        let lines: Vec<_> = entries.iter().map(line).collect();
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[{}]}}"#,
            media_type::OCI_INDEX,
            lines.join(",")
        )
        .into_bytes()
    }
}

impl IndexEntry {
    /// `is_text` says that nothing in the index was replaced; otherwise this line may be one in which
    /// something was.
    fn parse(raw: &RawValue, is_text: bool) -> Result<Self, DocumentError> {
        let raw = raw.get();
        let is_as_written = is_text || !raw.contains('\u{fffd}') && !raw.contains("\\ufffd");
        Ok(Self { descriptor: parse_object(raw.as_bytes())?, raw: is_as_written.then(|| raw.to_owned()) })
    }

    /// Whether the line says that it is about another one, and no image itself.
    pub fn is_attestation(&self) -> bool {
        self.descriptor.annotations.contains_key(REFERENCE_TYPE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = r#"{ "digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "size":0,
        "mediaType":"application/vnd.oci.image.manifest.v1+json", "urls": [ ],"unknown":1e2,
        "platform":{"os":"linux","architecture":"arm","variant":"v7","os.version":"1"}}"#;

    #[test]
    fn an_entry_keeps_the_text_it_was_written_in() {
        let text = format!(r#"{{"schemaVersion":2,"manifests":[{ENTRY}, {ENTRY}]}}"#);
        let index = Index::parse(text.as_bytes()).unwrap();
        assert_eq!(index.manifests.len(), 2);
        let entry = &index.manifests[1];
        assert_eq!(entry.raw.as_deref(), Some(ENTRY));
        assert_eq!(entry.descriptor.platform.as_ref().unwrap().to_string(), "linux/arm/v7");
        assert!(!entry.is_attestation());
    }

    /// Go reads it; kept it could only be otherwise than it is written.
    #[test]
    fn a_line_that_is_no_text_is_understood_and_not_kept() {
        for odd in [&b"\xff"[..], b"\\ud800"] {
            let line = ENTRY.replace("\"unknown\":1e2", "\"annotations\":{\"a\":\"ODD\"}");
            let text = format!(r#"{{"schemaVersion":2,"manifests":[{line}, {ENTRY}]}}"#).into_bytes();
            let at = text.windows(3).position(|window| window == b"ODD").unwrap();
            let bytes = [&text[..at], odd, &text[at + 3..]].concat();
            let [first, second] = Index::parse(&bytes).unwrap().manifests.try_into().unwrap();
            assert_eq!((first.raw, &first.descriptor.annotations["a"][..]), (None, "\u{fffd}"));
            assert_eq!(second.raw.as_deref(), Some(ENTRY));
        }
    }

    #[test]
    fn an_index_may_be_empty_or_null() {
        for text in
            [r#"{"schemaVersion":2}"#, r#"{"manifests":[]}"#, r#"{"schemaVersion":2,"manifests":null}"#]
        {
            assert_eq!(Index::parse(text.as_bytes()).unwrap().manifests, [], "{text}");
        }
    }

    #[test]
    fn what_is_not_or_not_only_an_index_is_refused() {
        let refused = |text: &str| Index::parse(text.as_bytes()).unwrap_err().to_string();
        for field in ["layers", "config", "fsLayers"] {
            assert_eq!(
                refused(&format!(r#"{{"schemaVersion":2,"manifests":[],"{field}":[]}}"#)),
                format!("ambiguous document: an image index with the field {field:?} of another kind")
            );
        }
        assert_eq!(
            refused(&format!(r#"{{"mediaType":"{}","manifests":[]}}"#, media_type::OCI_MANIFEST)),
            format!("expected an image index, got a document of media type {:?}", media_type::OCI_MANIFEST)
        );
        assert_eq!(refused(r#"{"manifests":[null]}"#), "expected an object, got null");
        assert_eq!(refused(r#"{"schemaVersion":3}"#), "unsupported schema version 3, expected 2");
        assert_eq!(refused("{}"), r#"the field "manifests" is missing"#);
        assert_eq!(refused("null"), "expected an object, got null");
    }
}
