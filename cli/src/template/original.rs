//! The document that a template is filled in with, its members in their order.
//!
//! gotmpl sorts the members of a map, Go writes those of a struct in the order of its fields.
//! So `json` looks where in the document its value comes from, and writes it as it is there.

use std::sync::{Arc, Mutex, PoisonError};

use crate::output::json::Json;

/// The document, while there is one. Clones share it.
#[derive(Clone, Default)]
pub struct Original(Arc<Mutex<Option<Json>>>);

impl Original {
    /// Remembers the document.
    pub fn set(&self, document: Json) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(document);
    }

    /// `value` in the order in which the document has it, if it has it.
    pub fn ordered(&self, value: Json) -> Json {
        let original = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let has_order = matches!(value, Json::Object(_) | Json::Array(_));
        let found = original.as_ref().filter(|_| has_order).and_then(|whole| find(whole, &value)).cloned();
        found.unwrap_or(value)
    }
}

/// The first part of `whole` that says what `value` says.
fn find<'w>(whole: &'w Json, value: &Json) -> Option<&'w Json> {
    if is_same(whole, value) {
        return Some(whole);
    }
    match whole {
        Json::Array(items) => items.iter().find_map(|item| find(item, value)),
        Json::Object(members) => members.iter().find_map(|(_, member)| find(member, value)),
        _ => None,
    }
}

/// Whether two values are equal but for the order of members.
fn is_same(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Object(one), Json::Object(_)) => {
            let count = |value: &Json| if let Json::Object(members) = value { members.len() } else { 0 };
            one.len() == count(other)
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|theirs| is_same(value, theirs)))
        }
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        _ => one == other,
    }
}
