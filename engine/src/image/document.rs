//! What all JSON documents of an image have in common: how they are refused.
//!
//! Views of documents are larder's own and not those of `oci-spec`: Docker and
//! Go tools write `null` where the spec has a list or a map, leave out what it
//! requires and add what it does not know; a strict view would refuse images
//! that every engine runs. Nothing is lost by a narrow view, because documents
//! are kept byte for byte and never written from it.

use serde::de::DeserializeOwned;

use super::go_json;

/// How deep a document may be nested.
///
/// Real ones reach six. Deeper ones are refused at once, wherever the nesting
/// is, rather than by whatever later looks into that part.
pub const MAX_DEPTH: usize = 128;

/// The most values in a document, counted by its commas and brackets.
///
/// A value of a few bytes takes a hundred in memory. The documents of a
/// thousand images, all in one list, have half of this.
pub const MAX_VALUES: usize = 250_000;

/// Why bytes are not the document they should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// Not JSON, or a field has another type than it should.
    #[error("invalid JSON")]
    Json {
        /// What the parser says, and where.
        source: serde_json::Error,
    },
    /// JSON, but something else than wanted.
    #[error("expected {wanted}, got {got}")]
    Type {
        /// What it should be.
        wanted: &'static str,
        /// What it is.
        got: &'static str,
    },
    /// Brackets in brackets.
    #[error("nested more than {MAX_DEPTH} deep")]
    Depth,
    /// Values without end.
    #[error("it has more than {MAX_VALUES} values")]
    Values,
    /// One document that reads as two, so that two readers would disagree on it
    /// (CVE-2021-41190).
    #[error("ambiguous document: {wanted} with the field {field:?} of another kind")]
    Ambiguous {
        /// What it was to be read as.
        wanted: &'static str,
        /// The field that belongs to the other kind.
        field: &'static str,
    },
    /// It calls itself something else than the one who names it does.
    #[error("expected {wanted}, got a document of media type {got:?}")]
    MediaType {
        /// What it was to be read as.
        wanted: &'static str,
        /// Its own `mediaType`.
        got: String,
    },
    /// A schema version that larder does not know.
    #[error("unsupported schema version {got}, expected 2")]
    SchemaVersion {
        /// The version found.
        got: u64,
    },
    /// A field without which it means nothing.
    #[error("the field {field:?} is missing")]
    Missing {
        /// The field's name.
        field: &'static str,
    },
}

/// Reads a JSON object.
///
/// # Errors
/// When the bytes are none, or are nested deeper than [`MAX_DEPTH`].
pub fn parse_object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DocumentError> {
    expect(bytes, b'{', "an object", false)?;
    go_json::from_slice(bytes, false).map_err(|source| DocumentError::Json { source })
}

/// Reads a JSON array. What comes behind it is not looked at, as Docker does not
/// when it reads `manifest.json`, the only document that is an array.
///
/// # Errors
/// When the bytes are none, or are nested deeper than [`MAX_DEPTH`].
pub fn parse_array<T: DeserializeOwned>(bytes: &[u8]) -> Result<Vec<T>, DocumentError> {
    expect(bytes, b'[', "an array", true)?;
    go_json::from_slice(bytes, true).map_err(|source| DocumentError::Json { source })
}

/// Looks at the first byte, because a struct may also be read from an array,
/// and at the depth, because parts that nobody reads have no limit of their own.
fn expect(bytes: &[u8], open: u8, wanted: &'static str, is_stream: bool) -> Result<(), DocumentError> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&open) {
        // That it is not JSON at all is the better answer when it is true.
        if let Err(source) = go_json::from_slice::<serde::de::IgnoredAny>(bytes, is_stream) {
            return Err(DocumentError::Json { source });
        }
        let got = match first {
            Some(b'{') => "an object",
            Some(b'[') => "an array",
            Some(b'n') => "null",
            Some(b'"') => "a string",
            Some(b't' | b'f') => "a boolean",
            _ => "a number",
        };
        return Err(DocumentError::Type { wanted, got });
    }
    match shape(bytes) {
        (depth, _) if depth > MAX_DEPTH => Err(DocumentError::Depth),
        (_, values) if values > MAX_VALUES => Err(DocumentError::Values),
        _ => Ok(()),
    }
}

/// How deep the document is nested, and how many commas and brackets it has.
fn shape(bytes: &[u8]) -> (usize, usize) {
    let (mut depth, mut deepest, mut values) = (0_usize, 0, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => {
                depth += 1;
                values += 1;
                deepest = deepest.max(depth);
            }
            b',' => values += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    (deepest, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Any = std::collections::BTreeMap<String, serde_json::Value>;

    fn refused(bytes: &str) -> String {
        parse_object::<Any>(bytes.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_object_is_named() {
        assert_eq!(refused("null"), "expected an object, got null");
        assert_eq!(refused(" [1]"), "expected an object, got an array");
        assert_eq!(refused("17"), "expected an object, got a number");
        assert_eq!(refused("\"x\""), "expected an object, got a string");
        assert_eq!(refused("true"), "expected an object, got a boolean");
        for junk in ["", "nonsense", "{", "{}{}", "\u{1f}\u{8b}", "[", "{\"a\":1,}"] {
            assert_eq!(refused(junk), "invalid JSON", "{junk}");
        }
        assert_eq!(parse_array::<u8>(b"null").unwrap_err().to_string(), "expected an array, got null");
        assert_eq!(parse_array::<u8>(b" [1, 2]").unwrap(), [1, 2]);
    }

    #[test]
    fn nesting_is_refused_in_parts_nobody_reads() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse_object::<serde::de::IgnoredAny>(nested(MAX_DEPTH - 1).as_bytes()).is_ok());
        assert!(matches!(
            parse_object::<serde::de::IgnoredAny>(nested(MAX_DEPTH).as_bytes()),
            Err(DocumentError::Depth)
        ));
        assert!(matches!(parse_array::<u8>("[".repeat(1_000_000).as_bytes()), Err(DocumentError::Depth)));
        let text = format!("{{\"a\":\"\\\"{}\"}}", "[".repeat(1000));
        assert!(parse_object::<Any>(text.as_bytes()).is_ok(), "brackets in strings are text");
    }

    #[test]
    fn values_without_end_are_refused() {
        let values = |count: usize| format!("[{}1]", "1,".repeat(count - 2));
        assert!(parse_array::<u8>(values(MAX_VALUES).as_bytes()).is_ok());
        let refused = parse_array::<u8>(values(MAX_VALUES + 2).as_bytes());
        assert!(matches!(refused, Err(DocumentError::Values)));
        let text = format!("{{\"a\":\"{}\"}}", ",".repeat(MAX_VALUES + 1));
        assert!(parse_object::<Any>(text.as_bytes()).is_ok(), "commas in strings are text");
    }
}
