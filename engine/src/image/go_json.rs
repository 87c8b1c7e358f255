//! JSON understood as Go's `encoding/json` understands it, because Docker reads with that.
//!
//! - The key of a struct's field matches in any case; an exact match goes first.
//! - Of a key that is there twice the last counts.
//! - `null` is the zero value of whatever was expected.
//! - Objects of one key are merged.
//! - A byte that is no UTF-8, and half of a surrogate pair, are U+FFFD.
//!
//! Keys of maps stay as they are. Keys that differ in case only are not merged: the last is
//! taken alone.

mod merge;

use serde::de::value::StringDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::Error;
use serde_json::value::RawValue;

/// Reads one value; what comes behind it is only white space, unless `is_stream`,
/// when it is not looked at, as by Go's `json.Decoder`.
pub(super) fn from_slice<T: DeserializeOwned>(bytes: &[u8], is_stream: bool) -> Result<T, Error> {
    let text = as_text(bytes);
    let raw = if is_stream {
        let first = serde_json::Deserializer::from_str(&text).into_iter::<&RawValue>().next();
        first.unwrap_or_else(|| serde_json::from_str(""))?
    } else {
        serde_json::from_str::<&RawValue>(&text)?
    };
    let text = merge::merged(raw.get());
    T::deserialize(Value { text: &text, fields: Fields::default() })
}

/// The fields of an object that may have others, and of the objects in it by the field that they are.
/// Where serde collects the others (`flatten`), it does not say itself which fields there are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fields {
    /// Its own.
    pub own: &'static [&'static str],
    /// Those of objects in it.
    pub nested: &'static [(&'static str, &'static [&'static str])],
}

/// Reads an object that has `fields` and may have others.
pub(super) fn from_raw<T: DeserializeOwned>(raw: &RawValue, fields: Fields) -> Result<T, Error> {
    T::deserialize(Value { text: raw.get(), fields })
}

/// Whether nothing of `bytes` is replaced when they are read.
pub(super) fn is_read_as_written(bytes: &[u8]) -> bool {
    as_text(bytes).as_bytes() == bytes
}

/// The bytes as text that is JSON if they are: what is no text becomes U+FFFD.
fn as_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    replace_lone_surrogates(text)
}

fn replace_lone_surrogates(text: String) -> String {
    if !text.contains("\\ud") && !text.contains("\\uD") {
        return text;
    }
    let mut replaced = String::with_capacity(text.len());
    let mut rest = &text[..];
    while let Some((before, escape)) = rest.find('\\').and_then(|at| rest.split_at_checked(at)) {
        replaced.push_str(before);
        let first = code_unit(escape);
        let second = escape.get(6..).and_then(code_unit);
        let taken = match (first, second) {
            (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => 12,
            (Some(0xd800..0xe000), _) => {
                replaced.push_str("\\ufffd");
                rest = escape.get(6..).unwrap_or_default();
                continue;
            }
            (Some(_), _) => 6,
            // A backslash and whatever it escapes.
            (None, _) => 1 + escape.chars().nth(1).map_or(0, char::len_utf8),
        };
        let (kept, after) = escape.split_at_checked(taken).unwrap_or((escape, ""));
        replaced.push_str(kept);
        rest = after;
    }
    replaced.push_str(rest);
    replaced
}

/// The number of the escape `\uXXXX` that `text` starts with.
fn code_unit(text: &str) -> Option<u16> {
    let hex = text.strip_prefix("\\u")?.get(..4)?;
    hex.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u16::from_str_radix(hex, 16).ok())?
}

/// The text of one JSON value.
#[derive(Clone, Copy)]
struct Value<'t> {
    text: &'t str,
    /// What keys of a map may mean.
    fields: Fields,
}

impl<'t> Value<'t> {
    fn is_null(self) -> bool {
        self.text == "null"
    }

    /// The members of an object, keys named by `rename`, of each key the last.
    fn members(self, rename: impl Fn(String) -> String) -> Result<Members<'t>, Error> {
        let mut members = if self.is_null() { Vec::new() } else { self.plain(All)? };
        members.iter_mut().for_each(|(key, _)| *key = rename(std::mem::take(key)));
        // From behind, and sorted stably, the last of each key comes first.
        members.reverse();
        members.sort_by(|(one, _), (other, _)| one.cmp(other));
        members.dedup_by(|(later, _), (kept, _)| later == kept);
        Ok(Members { members: members.into_iter(), value: None, nested: self.fields.nested })
    }

    fn plain<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        serde_json::Deserializer::from_str(self.text).deserialize_any(visitor)
    }
}

/// Takes all members of an object as they are.
struct All;

impl<'t> Visitor<'t> for All {
    type Value = Vec<(String, &'t RawValue)>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

struct Members<'t> {
    members: std::vec::IntoIter<(String, &'t RawValue)>,
    /// The value of the key that was given last, and the fields that it has.
    value: Option<(&'t RawValue, Fields)>,
    nested: &'static [(&'static str, &'static [&'static str])],
}

impl<'t> MapAccess<'t> for Members<'t> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'t>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.members.next() else { return Ok(None) };
        let own = self.nested.iter().find(|(name, _)| *name == key).map_or(&[][..], |(_, fields)| fields);
        self.value = Some((value, Fields { own, nested: &[] }));
        seed.deserialize(StringDeserializer::<Error>::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'t>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let (text, fields) =
            self.value.take().map_or(("null", Fields::default()), |(raw, fields)| (raw.get(), fields));
        seed.deserialize(Value { text, fields })
    }
}

struct Elements<'t>(std::vec::IntoIter<&'t RawValue>);

impl<'t> SeqAccess<'t> for Elements<'t> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'t>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        self.0
            .next()
            .map(|raw| seed.deserialize(Value { text: raw.get(), fields: Fields::default() }))
            .transpose()
    }
}

/// Forwards to `visit` with the zero value where the text is `null`.
macro_rules! zero_if_null {
    ($($method:ident => $visit:ident($zero:expr),)*) => {
        $(fn $method<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
            if self.is_null() { visitor.$visit($zero) } else { self.plain(visitor) }
        })*
    };
}

impl<'t> Deserializer<'t> for Value<'t> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.text.as_bytes().first() {
            Some(b'{') => self.deserialize_map(visitor),
            Some(b'[') => self.deserialize_seq(visitor),
            _ => self.plain(visitor),
        }
    }

    fn deserialize_map<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        if !self.is_null() && !self.text.starts_with('{') {
            return self.plain(visitor);
        }
        visitor.visit_map(self.members(|key| field_of(self.fields.own, key))?)
    }

    fn deserialize_struct<V: Visitor<'t>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if !self.is_null() && !self.text.starts_with('{') {
            return self.plain(visitor);
        }
        visitor.visit_map(self.members(|key| field_of(fields, key))?)
    }

    fn deserialize_seq<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        let elements = match self.text.as_bytes().first() {
            Some(b'[') => Vec::<&RawValue>::deserialize(&mut serde_json::Deserializer::from_str(self.text))?,
            _ if self.is_null() => Vec::new(),
            _ => return self.plain(visitor),
        };
        visitor.visit_seq(Elements(elements.into_iter()))
    }

    fn deserialize_option<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'t>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        // Raw values are known to serde_json alone, by a name of its own.
        if name.starts_with("$serde_json") {
            return serde_json::Deserializer::from_str(self.text).deserialize_newtype_struct(name, visitor);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'t>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        serde_json::Deserializer::from_str(self.text).deserialize_enum(name, variants, visitor)
    }

    zero_if_null! {
        deserialize_bool => visit_bool(false),
        deserialize_i8 => visit_i8(0),
        deserialize_i16 => visit_i16(0),
        deserialize_i32 => visit_i32(0),
        deserialize_i64 => visit_i64(0),
        deserialize_u8 => visit_u8(0),
        deserialize_u16 => visit_u16(0),
        deserialize_u32 => visit_u32(0),
        deserialize_u64 => visit_u64(0),
        deserialize_f32 => visit_f32(0.0),
        deserialize_f64 => visit_f64(0.0),
        deserialize_str => visit_str(""),
        deserialize_string => visit_str(""),
    }

    forward_to_deserialize_any! {
        <V: Visitor<'t>>
        i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

/// The field that `key` means, or the key itself.
fn field_of(fields: &[&str], key: String) -> String {
    if fields.contains(&key.as_str()) {
        return key;
    }
    let folded = |text: &str| text.chars().map(fold).collect::<String>();
    let wanted = folded(&key);
    fields.iter().find(|field| folded(field) == wanted).map_or(key, |field| (*field).to_owned())
}

/// A letter without its case. ASCII, and the two letters beyond it that fold to ASCII.
fn fold(letter: char) -> char {
    match letter {
        '\u{212a}' => 'k',
        '\u{17f}' => 's',
        other => other.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, rename_all = "PascalCase")]
    struct Entry {
        config: String,
        repo_tags: Option<Vec<String>>,
        labels: BTreeMap<String, String>,
        count: i64,
    }

    fn read(text: &[u8]) -> Entry {
        from_slice(text, false).unwrap()
    }

    #[test]
    fn keys_of_fields_match_in_any_case_and_those_of_maps_do_not() {
        let entry = read(r#"{"config":"c","repoTagſ":["a"],"LABELS":{"x":"1","X":"2"}}"#.as_bytes());
        assert_eq!((&entry.config[..], entry.repo_tags), ("c", Some(vec!["a".into()])));
        assert_eq!(entry.labels.len(), 2);
    }

    #[test]
    fn the_last_of_a_key_counts() {
        assert_eq!(read(br#"{"Config":"a","config":"b"}"#).config, "b");
        assert_eq!(read(br#"{"config":"a","Config":"b"}"#).config, "b");
        assert_eq!(read(br#"{"Labels":{"a":"1","a":"2"}}"#).labels["a"], "2");
    }

    #[test]
    fn objects_of_one_key_are_read_into_one_another() {
        let entry = read(br#"{"Labels":{"a":"1","b":"2"},"Labels":{"b":"3"}}"#);
        assert_eq!(entry.labels, BTreeMap::from([("a".into(), "1".into()), ("b".into(), "3".into())]));
    }

    #[test]
    fn null_is_the_zero_value() {
        let entry = read(br#"{"Config":null,"RepoTags":[null],"Labels":null,"Count":null}"#);
        assert_eq!(entry, Entry { repo_tags: Some(vec![String::new()]), ..Entry::default() });
        assert_eq!(from_slice::<Vec<Entry>>(b"[null]", false).unwrap(), [Entry::default()]);
    }

    #[test]
    fn what_is_no_text_is_replaced() {
        assert_eq!(read(b"{\"Config\":\"a\xff\xe2\x82b\"}").config, "a\u{fffd}\u{fffd}\u{fffd}b");
        assert_eq!(
            read(br#"{"Config":"\ud800x\udc00 \\ud800 \ud83d\ude00"}"#).config,
            "\u{fffd}x\u{fffd} \\ud800 😀"
        );
    }

    #[test]
    fn only_a_stream_may_go_on_behind_the_value() {
        assert_eq!(from_slice::<Vec<u8>>(b"[1]\0\0", true).unwrap(), [1]);
        assert!(from_slice::<Vec<u8>>(b"[1]\0\0", false).is_err());
        assert!(from_slice::<Vec<u8>>(b"[1", true).is_err());
        assert!(from_slice::<Vec<u8>>(b"", true).is_err());
        assert!(from_slice::<i64>(b"1.5", false).is_err());
    }

    #[test]
    fn raw_values_stay_as_they_are() {
        let raw: BTreeMap<String, Box<RawValue>> = from_slice(br#"{"a": {"b":1, "b":2}}"#, false).unwrap();
        assert_eq!(raw["a"].get(), r#"{"b":1, "b":2}"#);
    }
}
