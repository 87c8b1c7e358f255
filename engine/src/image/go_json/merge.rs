//! Objects that a document has twice under one key: Go reads the second into what it made of the
//! first, so that both count.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::de::Deserializer as _;

use super::All;

/// How deep objects are looked into: a config's `config.Labels` is three deep. What is kept as it is
/// written, such as the lines of an index, lies in lists, which are not looked into.
const MAX_DEPTH: usize = 3;

/// `text` with each key once whose values are objects, if it is an object; as it is otherwise.
pub(super) fn merged(text: &str) -> Cow<'_, str> {
    objects(text, MAX_DEPTH).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// `None` if nothing was merged.
fn objects(text: &str, depth: usize) -> Option<String> {
    let deeper = depth.checked_sub(1).filter(|_| is_object(text))?;
    // What is no JSON is refused by whoever reads it.
    let members = serde_json::Deserializer::from_str(text).deserialize_map(All).ok()?;
    let mut values: Vec<Cow<'_, str>> = Vec::with_capacity(members.len());
    let mut keys: Vec<&str> = Vec::with_capacity(members.len());
    let mut latest: HashMap<&str, usize> = HashMap::new();
    let mut is_changed = false;
    for (key, value) in &members {
        let value = value.get();
        let before = latest.get(key.as_str()).and_then(|at| values.get_mut(*at));
        match before.filter(|before| is_object(before) && is_object(value)) {
            Some(before) => {
                *before = Cow::Owned(joined(before, value));
                is_changed = true;
            }
            None => {
                latest.insert(key, values.len());
                keys.push(key);
                values.push(Cow::Borrowed(value));
            }
        }
    }
    for value in &mut values {
        if let Some(merged) = objects(value, deeper) {
            *value = Cow::Owned(merged);
            is_changed = true;
        }
    }
    let member = |(key, value): (&&str, &Cow<'_, str>)| format!("{}:{value}", serde_json::Value::from(*key));
    is_changed.then(|| {
        let members: Vec<_> = keys.iter().zip(&values).map(member).collect();
        format!("{{{}}}", members.join(","))
    })
}

fn is_object(text: &str) -> bool {
    text.starts_with('{')
}

/// The members of two objects as one object.
fn joined(one: &str, other: &str) -> String {
    let inside = |object: &str| object.get(1..object.len() - 1).unwrap_or_default().trim().to_owned();
    match (inside(one), inside(other)) {
        (one, other) if one.is_empty() => format!("{{{other}}}"),
        (one, other) if other.is_empty() => format!("{{{one}}}"),
        (one, other) => format!("{{{one},{other}}}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_one_key_are_one_object() {
        for (text, wanted) in [
            (r#"{"a":{"x":1},"b":2,"a":{"y":3}}"#, r#"{"a":{"x":1,"y":3},"b":2}"#),
            (r#"{"a":{"m":{"x":1}},"a":{"m":{"y":2}}}"#, r#"{"a":{"m":{"x":1,"y":2}}}"#),
            (r#"{"a":{},"a":{ },"a":{"x":1}}"#, r#"{"a":{"x":1}}"#),
            (r#"{"a":{"x":1},"a":null,"a":{"y":2}}"#, r#"{"a":{"x":1},"a":null,"a":{"y":2}}"#),
            (r#"{"a":[{"x":1}],"a":[{"y":2}]}"#, r#"{"a":[{"x":1}],"a":[{"y":2}]}"#),
            (r#"{"k\"":{"x":1},"k\"":{"y":2}}"#, r#"{"k\"":{"x":1,"y":2}}"#),
            ("nonsense", "nonsense"),
            (r#"{"a":{"x":1},"a":{"#, r#"{"a":{"x":1},"a":{"#),
        ] {
            assert_eq!(merged(text), wanted);
        }
        let plain = r#"{ "a": {"x": 1},  "b": [1, 2] }"#;
        assert!(matches!(merged(plain), Cow::Borrowed(_)), "what needs no change is not copied");
    }

    #[test]
    fn many_objects_take_no_longer_than_their_number() {
        let members: Vec<_> = (0..200_000).map(|at| format!("\"{at}\":{{}}")).collect();
        let begun = std::time::Instant::now();
        assert!(matches!(merged(&format!("{{{}}}", members.join(","))), Cow::Borrowed(_)));
        assert!(begun.elapsed().as_secs() < 20);
    }
}
