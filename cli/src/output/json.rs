//! JSON as Go writes it, with the keys of an object in the order they came.
//!
//! serde_json's own map would sort them or, with a feature, keep them in every
//! crate of the build; a small tree of our own does neither to the engine.

use std::fmt::{self, Write as _};

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Number;

/// A JSON value; an object is a list, in the order it was written.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Whether `<`, `>` and `&` are written as `\u003c` and so on, as Go does
/// unless told otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Html {
    Escaped,
    Plain,
}

impl Json {
    /// Reads one document; nesting is bounded by serde_json.
    pub fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// The member `key` of an object; the last one, if it is there twice.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().rfind(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// On one line, without spaces.
    pub fn compact(&self, html: Html) -> String {
        let mut out = String::new();
        self.write(&mut out, html, None);
        out
    }

    /// Over many lines, four spaces a level, as `inspect` prints it.
    pub fn pretty(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, Html::Plain, Some(0));
        out
    }

    fn write(&self, out: &mut String, html: Html, level: Option<usize>) {
        let inner = level.map(|level| level + 1);
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(number) => out.push_str(&number.to_string()),
            Self::String(text) => quote(out, text, html),
            Self::Array(items) if items.is_empty() => out.push_str("[]"),
            Self::Object(members) if members.is_empty() => out.push_str("{}"),
            Self::Array(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    separate(out, at, inner);
                    item.write(out, html, inner);
                }
                break_line(out, level);
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (at, (key, value)) in members.iter().enumerate() {
                    separate(out, at, inner);
                    quote(out, key, html);
                    out.push_str(if level.is_some() { ": " } else { ":" });
                    value.write(out, html, inner);
                }
                break_line(out, level);
                out.push('}');
            }
        }
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<u64> for Json {
    fn from(number: u64) -> Self {
        Self::Number(number.into())
    }
}

impl From<i32> for Json {
    fn from(number: i32) -> Self {
        Self::Number(number.into())
    }
}

fn separate(out: &mut String, at: usize, level: Option<usize>) {
    if at > 0 {
        out.push(',');
    }
    break_line(out, level);
}

fn break_line(out: &mut String, level: Option<usize>) {
    if let Some(level) = level {
        out.push('\n');
        out.extend(std::iter::repeat_n("    ", level));
    }
}

/// Writes `text` in quotation marks, escaped as Go's `encoding/json` does.
fn quote(out: &mut String, text: &str, html: Html) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' if html == Html::Escaped => escape(out, character),
            '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => escape(out, character),
            _ => out.push(character),
        }
    }
    out.push('"');
}

fn escape(out: &mut String, character: char) {
    // Writing to a string cannot fail.
    let _ = write!(out, "\\u{:04x}", u32::from(character));
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (key, value) in members {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tree)
    }
}

struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Json, E> {
        Number::from_f64(value).map(Json::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::String(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_object_keeps_its_order() {
        let text = r#"{"b":1,"a":[true,null,-2,1.5],"c":{},"d":[]}"#;
        assert_eq!(Json::parse(text.as_bytes()).unwrap().compact(Html::Plain), text);
    }

    #[test]
    fn inspect_indents_by_four_and_leaves_html_alone() {
        let json = Json::parse(br#"[{"Cmd":["a && b > c"],"Volumes":null,"Env":[]}]"#).unwrap();
        let want = "[\n    {\n        \"Cmd\": [\n            \"a && b > c\"\n        ],\n        \
                    \"Volumes\": null,\n        \"Env\": []\n    }\n]";
        assert_eq!(json.pretty(), want);
    }

    #[test]
    fn rows_escape_what_html_would_read() {
        let json = Json::from("<none> & \"\\\n\t\u{1b}\u{2028}é");
        assert_eq!(json.compact(Html::Escaped), r#""\u003cnone\u003e \u0026 \"\\\n\t\u001b\u2028é""#);
        assert_eq!(json.compact(Html::Plain), r#""<none> & \"\\\n\t\u001b\u2028é""#);
    }

    #[test]
    fn deep_nesting_is_refused_and_does_not_overflow() {
        assert!(Json::parse("[".repeat(100_000).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn any_string_reads_back(text: String, escaped: bool) {
            let html = if escaped { Html::Escaped } else { Html::Plain };
            let written = Json::from(text.as_str()).compact(html);
            prop_assert_eq!(Json::parse(written.as_bytes()).unwrap(), Json::from(text));
        }
    }
}
