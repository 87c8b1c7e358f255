//! The functions that Docker adds to Go's templates.

use std::sync::Arc;

use gotmpl::{FuncMap, TemplateError, Value, ValueFunc};
use serde_json::Number;

use super::allowance::Allowance;
use super::original::Original;
use crate::output::json::{Html, Json};

/// The most that `pad` adds on one side, as gotmpl's `printf` allows.
const MAX_PADDING: i64 = 65_535;

type Outcome = Result<Value, TemplateError>;

/// Functions of gotmpl's own that make a text of anything.
const BUILTINS: [&str; 6] = ["print", "println", "printf", "html", "js", "urlquery"];

/// What runs over the values of a row.
pub fn for_values(allowance: &Allowance, original: &Original) -> FuncMap {
    let original = original.clone();
    let json = move |args: &[Value]| Ok(text(original.ordered(to_json(arg(args, 0)?)?).compact(Html::Plain)));
    let functions = [
        ("json", with("json", 1, json)),
        ("split", with("split", 2, split)),
        ("join", with("join", 2, join)),
        ("title", with("title", 1, |args| Ok(text(title(string(args, 0)?))))),
        ("lower", with("lower", 1, |args| Ok(text(string(args, 0)?.to_lowercase())))),
        ("upper", with("upper", 1, |args| Ok(text(string(args, 0)?.to_uppercase())))),
        ("pad", with("pad", 3, pad)),
        ("truncate", with("truncate", 2, truncate)),
    ];
    let functions = functions.map(|(name, function)| (name, allowance.bound(function)));
    let builtins = BUILTINS.map(|name| (name, allowance.bound_builtin(name)));
    let all = functions
        .into_iter()
        .chain(builtins)
        .chain([("index", with_any(index)), ("len", with("len", 1, len))]);
    all.map(|(name, function)| (name.to_owned(), function)).collect()
}

/// What runs over the headings: a heading goes through unchanged, except
/// where the change is one of case.
pub fn for_headings(allowance: &Allowance, original: &Original) -> FuncMap {
    let mut functions = for_values(allowance, original);
    for name in ["json", "split", "join", "title", "lower", "upper", "pad", "truncate"] {
        functions.insert(name.to_owned(), with_any(|args| Ok(args.first().cloned().unwrap_or(Value::Nil))));
    }
    functions.insert("index".to_owned(), with_any(label_heading));
    functions
}

/// The heading of `index .Label "key"`: the last part of the key, in words.
fn label_heading(args: &[Value]) -> Outcome {
    match args {
        [Value::String(_), Value::String(key)] => {
            let last = key.rsplit('.').next().unwrap_or_default();
            Ok(text(last.replace(['-', '_'], " ")))
        }
        _ => index(args),
    }
}

fn with(
    name: &'static str,
    count: usize,
    function: impl Fn(&[Value]) -> Outcome + Send + Sync + 'static,
) -> ValueFunc {
    Arc::new(move |args| {
        if args.len() == count {
            function(args)
        } else {
            Err(TemplateError::ArgCount { name: name.into(), expected: count, got: args.len() })
        }
    })
}

fn with_any(function: fn(&[Value]) -> Outcome) -> ValueFunc {
    Arc::new(function)
}

/// Go's `index`; what is not in a map, or is asked of none, is empty.
fn index(args: &[Value]) -> Outcome {
    let (found, keys) =
        args.split_first().ok_or_else(|| mistake("wrong number of args for index: want at least 1 got 0"))?;
    keys.iter().try_fold(found.clone(), |found, key| match (&found, key) {
        (Value::Nil, Value::String(_)) => Ok(text(String::new())),
        (Value::Map(map), Value::String(key)) => {
            Ok(map.get(key.as_ref()).cloned().unwrap_or_else(|| text(String::new())))
        }
        _ => found.index(key),
    })
}

/// Go's `len`; of a list or a map that is not there 0, as Go counts those of a struct.
fn len(args: &[Value]) -> Outcome {
    let count = match arg(args, 0)? {
        Value::Nil => 0,
        Value::String(text) => text.len(),
        Value::List(items) => items.len(),
        Value::Map(members) => members.len(),
        other => return Err(mistake(format!("error calling len: len of type {}", other.type_name()))),
    };
    i64::try_from(count).map(Value::Int).map_err(|error| mistake(error.to_string()))
}

fn split(args: &[Value]) -> Outcome {
    let (whole, separator) = (string(args, 0)?, string(args, 1)?);
    let parts: Vec<Value> = if separator.is_empty() {
        whole.chars().map(|c| text(c.to_string())).collect()
    } else {
        whole.split(separator).map(|part| text(part.to_owned())).collect()
    };
    Ok(Value::List(parts.into()))
}

fn join(args: &[Value]) -> Outcome {
    let separator = string(args, 1)?;
    match arg(args, 0)? {
        Value::Nil => Ok(text(String::new())),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(ToString::to_string).collect();
            Ok(text(items.join(separator)))
        }
        other => Err(mistake(format!("error calling join: expected a list, got {}", other.type_name()))),
    }
}

/// Each word's first letter in upper case.
fn title(words: &str) -> String {
    let mut begins = true;
    let mut titled = String::with_capacity(words.len());
    for c in words.chars() {
        if begins {
            titled.extend(c.to_uppercase())
        } else {
            titled.push(c)
        }
        begins = c.is_whitespace();
    }
    titled
}

fn pad(args: &[Value]) -> Outcome {
    let padded = string(args, 0)?;
    if padded.is_empty() {
        return Ok(text(String::new()));
    }
    let spaces = |count: i64| " ".repeat(usize::try_from(count.clamp(0, MAX_PADDING)).unwrap_or(0));
    Ok(text(format!("{}{padded}{}", spaces(integer(args, 1)?), spaces(integer(args, 2)?))))
}

fn truncate(args: &[Value]) -> Outcome {
    let (whole, length) = (string(args, 0)?, integer(args, 1)?);
    Ok(text(whole.chars().take(usize::try_from(length).unwrap_or(0)).collect()))
}

fn to_json(value: &Value) -> Result<Json, TemplateError> {
    Ok(match value {
        Value::Nil => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(number) => Json::Number((*number).into()),
        Value::Uint(number) => Json::Number((*number).into()),
        Value::Float(number) => Json::Number(
            Number::from_f64(*number).ok_or_else(|| mistake("error calling json: unsupported value"))?,
        ),
        Value::String(text) => Json::String(text.to_string()),
        Value::List(items) => Json::Array(items.iter().map(to_json).collect::<Result<_, _>>()?),
        Value::Map(members) => Json::Object(
            members
                .iter()
                .map(|(key, value)| Ok((key.to_string(), to_json(value)?)))
                .collect::<Result<_, TemplateError>>()?,
        ),
        Value::Function(_) => return Err(mistake("error calling json: unsupported type: func")),
    })
}

fn arg(args: &[Value], at: usize) -> Result<&Value, TemplateError> {
    args.get(at).ok_or_else(|| mistake("wrong number of args"))
}

fn string(args: &[Value], at: usize) -> Result<&str, TemplateError> {
    let value = arg(args, at)?;
    value
        .as_str()
        .ok_or_else(|| mistake(format!("wrong type for value; expected string; got {}", value.type_name())))
}

fn integer(args: &[Value], at: usize) -> Result<i64, TemplateError> {
    let value = arg(args, at)?;
    value
        .as_int()
        .ok_or_else(|| mistake(format!("wrong type for value; expected int; got {}", value.type_name())))
}

fn text(text: String) -> Value {
    Value::String(text.into())
}

fn mistake(text: impl Into<String>) -> TemplateError {
    TemplateError::Exec(text.into())
}
