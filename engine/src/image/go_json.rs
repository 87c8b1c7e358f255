//! JSON understood as Go's `encoding/json` understands it, because Docker reads with that.
//!
//! - The key of a struct's field matches in any case; an exact match goes first.
//! - Of a key that is there twice the last counts; but an object is read into the object before it,
//!   so that what only the first says stays. (Go does so where the key is a field, and here it is
//!   done in maps too: the objects in maps of image documents are empty.)
//! - `null` is the zero value of whatever was expected.
//! - A byte that is no UTF-8, and half of a surrogate pair, are U+FFFD.
//!
//! Keys of maps stay as they are.

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
    T::deserialize(Value::of(raw.get()))
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
    T::deserialize(Value { fields, ..Value::of(raw.get()) })
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
struct Value<'t> {
    text: &'t str,
    /// If it is an object, those before it of the same key, whose members it has too.
    earlier: Vec<&'t str>,
    /// What keys of a map may mean.
    fields: Fields,
}

impl<'t> Value<'t> {
    fn of(text: &'t str) -> Self {
        Self { text, earlier: Vec::new(), fields: Fields::default() }
    }

    fn is_null(&self) -> bool {
        self.text == "null"
    }

    /// What it is when its key is there once more, with `text`.
    fn read_again(&mut self, text: &'t str) {
        let before = std::mem::replace(&mut self.text, text);
        if before.starts_with('{') && text.starts_with('{') {
            self.earlier.push(before);
        } else {
            self.earlier.clear();
        }
    }

    /// The members of an object, keys named by `rename`, each key once.
    fn members(&self, rename: impl Fn(String) -> String) -> Result<Members<'t>, Error> {
        let mut found = Vec::new();
        for text in self.earlier.iter().copied().chain([self.text]).filter(|_| !self.is_null()) {
            found.extend(plain(text, All)?);
        }
        found.iter_mut().for_each(|(key, _)| *key = rename(std::mem::take(key)));
        // Stably: those of one key stay in their order.
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut members: Vec<(String, Self)> = Vec::with_capacity(found.len());
        for (key, raw) in found {
            match members.last_mut().filter(|(last, _)| *last == key) {
                Some((_, value)) => value.read_again(raw.get()),
                None => members.push((key, Self::of(raw.get()))),
            }
        }
        Ok(Members { members: members.into_iter(), value: None, nested: self.fields.nested })
    }

    fn plain<V: Visitor<'t>>(&self, visitor: V) -> Result<V::Value, Error> {
        plain(self.text, visitor)
    }

    /// One object of the members of all.
    fn joined(&self) -> String {
        let inside = |object: &'t str| object.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let all = self.earlier.iter().copied().chain([self.text]).filter_map(inside).map(str::trim);
        let all: Vec<_> = all.filter(|members| !members.is_empty()).collect();
        format!("{{{}}}", all.join(","))
    }
}

fn plain<'t, V: Visitor<'t>>(text: &'t str, visitor: V) -> Result<V::Value, Error> {
    serde_json::Deserializer::from_str(text).deserialize_any(visitor)
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
    members: std::vec::IntoIter<(String, Value<'t>)>,
    /// The value of the key that was given last.
    value: Option<Value<'t>>,
    nested: &'static [(&'static str, &'static [&'static str])],
}

impl<'t> MapAccess<'t> for Members<'t> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'t>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.members.next() else { return Ok(None) };
        let own = self.nested.iter().find(|(name, _)| *name == key).map_or(&[][..], |(_, fields)| fields);
        self.value = Some(Value { fields: Fields { own, nested: &[] }, ..value });
        seed.deserialize(StringDeserializer::<Error>::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'t>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(self.value.take().unwrap_or_else(|| Value::of("null")))
    }
}

struct Elements<'t>(std::vec::IntoIter<&'t RawValue>);

impl<'t> SeqAccess<'t> for Elements<'t> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'t>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        self.0.next().map(|raw| seed.deserialize(Value::of(raw.get()))).transpose()
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
            if self.earlier.is_empty() {
                return serde_json::Deserializer::from_str(self.text)
                    .deserialize_newtype_struct(name, visitor);
            }
            let joined = self.joined();
            return serde_json::Deserializer::from_reader(joined.as_bytes())
                .deserialize_newtype_struct(name, visitor);
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
        for (text, wanted) in [
            (r#"{"Labels":{"a":"1","b":"2"},"Labels":{"b":"3"}}"#, &["a1", "b3"][..]),
            (r#"{"labels":{"a":"1","b":"2"},"LABELS":{"b":"3"},"Labels":{}}"#, &["a1", "b3"]),
            (r#"{"Labels":{"a":"1"},"Labels":null,"Labels":{"b":"2"}}"#, &["b2"]),
            (r#"{"Labels":{"a":"1"},"Labels":null}"#, &[]),
        ] {
            let labels: Vec<_> =
                read(text.as_bytes()).labels.into_iter().map(|(key, value)| key + &value).collect();
            assert_eq!(labels, wanted, "{text}");
        }
        let deep = br#"{"o":{"Entry":{"config":"c"}},"o":{"Entry":{"Count":2}}}"#;
        let deep: BTreeMap<String, BTreeMap<String, Entry>> = from_slice(deep, false).unwrap();
        assert_eq!(deep["o"]["Entry"], Entry { config: "c".into(), count: 2, ..Entry::default() });
    }

    #[test]
    fn a_raw_value_has_the_members_of_all_objects_of_its_key() {
        for (text, wanted) in [
            (r#"{"a":{"x":1},"b":{},"a":{ "y" : 3 }}"#, r#"{"x":1,"y" : 3}"#),
            (r#"{"a":{},"a":{ },"a":{"x":1}}"#, r#"{"x":1}"#),
            (r#"{"a":{"x":1},"a":{ }}"#, r#"{"x":1}"#),
            (r#"{"a":{},"a":{}}"#, "{}"),
            (r#"{"a":[{"x":1}],"a":[{"y":2}]}"#, r#"[{"y":2}]"#),
        ] {
            let raw: BTreeMap<String, Box<RawValue>> = from_slice(text.as_bytes(), false).unwrap();
            assert_eq!(raw["a"].get(), wanted, "{text}");
        }
    }

    #[test]
    fn many_members_take_no_longer_than_their_number() {
        let members: Vec<_> = (0..200_000).map(|at| format!("\"{}\":{{}}", at / 2)).collect();
        let begun = std::time::Instant::now();
        let text = format!("{{{}}}", members.join(","));
        let read: BTreeMap<String, serde_json::Value> = from_slice(text.as_bytes(), false).unwrap();
        assert_eq!(read.len(), 100_000);
        assert!(begun.elapsed().as_secs() < 20);
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
