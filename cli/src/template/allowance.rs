//! How much the functions of a template may make.
//!
//! What is printed is bounded anyway; what is not is made all the same, and a
//! template of forty words can double a text forty times.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gotmpl::{TemplateError, Value, ValueFunc};

use super::MAX_OUTPUT_BYTES;

/// The most that one call may come to, by what it is given.
const MAX_CALL_BYTES: usize = 64 << 20;
/// What a call costs that makes nothing.
const CALL_BYTES: usize = 16;
/// What a value takes beside its text.
const VALUE_BYTES: usize = 32;
/// The most that escaping makes of a byte: `\u0000`.
const ESCAPED_BYTES: usize = 6;
/// The widest that gotmpl's `printf` makes anything.
const MAX_WIDTH: usize = 1 << 16;

/// What may still be made while a template is filled in once. Clones share it.
#[derive(Clone, Default)]
pub struct Allowance {
    spent: Arc<AtomicUsize>,
}

impl Allowance {
    /// Grants all of it again.
    pub fn renew(&self) {
        self.spent.store(0, Ordering::Relaxed);
    }

    /// The function `function`, for which what it makes is taken off.
    pub fn bound(&self, function: ValueFunc) -> ValueFunc {
        let allowance = self.clone();
        Arc::new(move |args| {
            if most_bytes(args) > MAX_CALL_BYTES {
                return Err(TemplateError::Write);
            }
            let made = function(args)?;
            let bytes = CALL_BYTES + bytes_of(&made);
            match allowance.spent.fetch_add(bytes, Ordering::Relaxed) + bytes {
                spent if spent > MAX_OUTPUT_BYTES => Err(TemplateError::Write),
                _ => Ok(made),
            }
        })
    }

    /// A function of gotmpl's own that makes a text. gotmpl does not lend them, so it
    /// is called by a template.
    pub fn bound_builtin(&self, name: &'static str) -> ValueFunc {
        self.bound(Arc::new(move |args| {
            let places: String = (0..args.len()).map(|place| format!(" (index . {place})")).collect();
            let call = gotmpl::Template::new("").parse(&format!("{{{{{name}{places}}}}}"))?;
            let mut text = String::new();
            call.execute_fmt(&mut text, &Value::List(args.to_vec().into()))?;
            Ok(Value::String(text.into()))
        }))
    }
}

/// No function makes more of `args`: each of them as often as there are verbs in a
/// format or items to join, in the longest way to write it.
fn most_bytes(args: &[Value]) -> usize {
    let verbs = args.first().and_then(Value::as_str).map_or(0, |format| format.matches('%').count());
    let items = args.iter().map(|arg| if let Value::List(items) = arg { items.len() } else { 0 }).sum();
    let times = verbs.max(items).max(1);
    let bytes: usize = args.iter().map(bytes_of).sum();
    let once = bytes.saturating_mul(ESCAPED_BYTES);
    once.saturating_mul(times).saturating_add(verbs.saturating_mul(MAX_WIDTH))
}

fn bytes_of(value: &Value) -> usize {
    VALUE_BYTES
        + match value {
            Value::String(text) => text.len(),
            Value::List(items) => items.iter().map(bytes_of).sum(),
            Value::Map(members) => members.iter().map(|(key, value)| key.len() + bytes_of(value)).sum(),
            _ => 0,
        }
}
