//! `--security-opt`, as Docker's client reads it: a profile's content travels, not its name.

use std::fs;

use serde::de::IgnoredAny;

use crate::failure::{BAD_FLAG, Failure, os_text};

/// A larger profile is none; Docker's own has 20 KB.
const MAX_PROFILE_BYTES: u64 = 1 << 20;

/// Reads an option; what it may be and whether it can be honoured the engine knows.
pub fn option(text: &str) -> Result<String, Failure> {
    let (key, value) = text.split_once(['=', ':']).unwrap_or((text, ""));
    match (key, value) {
        ("no-new-privileges", "" | "true" | "false") => Ok(text.into()),
        ("seccomp", "unconfined" | "builtin" | "default") => Ok(format!("{key}={value}")),
        ("seccomp", path) if !path.is_empty() => Ok(format!("{key}={}", profile(path)?)),
        ("apparmor" | "label" | "systempaths", value) if !value.is_empty() => Ok(format!("{key}={value}")),
        _ => Err(Failure::plain(format!("Invalid --security-opt: {text:?}")).code(BAD_FLAG)),
    }
}

/// The content of a profile's file, without the space between its tokens.
fn profile(path: &str) -> Result<String, Failure> {
    let wrong = |what: &str, why: String| {
        Failure::plain(format!("{what} seccomp profile ({path}) failed: {why}")).code(BAD_FLAG)
    };
    let opening = |why: String| wrong("opening", format!("open {path}: {why}"));
    let length = fs::metadata(path).map_err(|error| opening(os_text(&error)))?.len();
    if length > MAX_PROFILE_BYTES {
        return Err(opening(format!("it has {length} bytes, more than {MAX_PROFILE_BYTES}")));
    }
    let text = fs::read_to_string(path).map_err(|error| opening(os_text(&error)))?;
    serde_json::from_str::<IgnoredAny>(&text)
        .map_err(|error| wrong("compacting json for", error.to_string()))?;
    Ok(compact(&text))
}

/// JSON without the space between its tokens.
fn compact(json: &str) -> String {
    let (mut in_string, mut is_escaped) = (false, false);
    let keep = |c: &char| {
        let is_kept = in_string || !c.is_ascii_whitespace();
        match (in_string, is_escaped, c) {
            (true, true, _) => is_escaped = false,
            (true, false, '\\') => is_escaped = true,
            (_, _, '"') => in_string = !in_string,
            _ => {}
        }
        is_kept
    };
    json.chars().filter(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_loses_space_between_tokens_and_nothing_else() {
        let text = "{\n\t\"a b\" : [ 1, \"x \\\" y\\\\\" , \"\\\\\\\"  \" ],\r\n \"c\":{ } }";
        assert_eq!(compact(text), r#"{"a b":[1,"x \" y\\","\\\"  "],"c":{}}"#);
    }
}
