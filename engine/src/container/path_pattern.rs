//! Glob patterns for the paths of a file system.
//!
//! | pattern | matches |
//! |---|---|
//! | `*` | any bytes but a slash |
//! | `?` | one character but a slash |
//! | `[a-z]`, `[!a-z]`, `[^a-z]` | one character of the class, or none of it; never a slash |
//! | `**` as a whole part of the path | any number of directories, or everything below at the end |
//! | `\` | the next character as it is |
//!
//! A pattern without a slash is compared with the base name, one with a slash with the whole
//! path. A slash at the end restricts it to directories. Patterns become regular expressions:
//! those run in linear time on names of any bytes and fold case as Unicode says. globset does
//! not: it takes `?` and a class for one byte, and knows the case of ASCII letters only.

use std::fmt::Write as _;

use regex::bytes::{Regex, RegexBuilder};

/// A pattern that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid pattern {pattern:?}: {reason}")]
pub struct PathPatternError {
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct PathPattern {
    regex: Regex,
    is_whole_path: bool,
    directories_only: bool,
}

impl PathPattern {
    /// Compiles `pattern`.
    ///
    /// # Errors
    /// If it is empty, too large, or has a class that is malformed.
    pub fn new(pattern: &[u8], ignore_case: bool) -> Result<Self, PathPatternError> {
        let failed = |reason: &str| PathPatternError {
            pattern: String::from_utf8_lossy(pattern).chars().take(100).collect(),
            reason: reason.to_owned(),
        };
        let trimmed = pattern.strip_suffix(b"/").unwrap_or(pattern);
        let directories_only = trimmed.len() < pattern.len();
        let is_whole_path = trimmed.contains(&b'/');
        let text = trimmed.strip_prefix(b"/").unwrap_or(trimmed);
        if text.is_empty() {
            return Err(failed("it names no file"));
        }
        let expression = translate(text).map_err(failed)?;
        let regex = RegexBuilder::new(&format!(r"\A(?:{expression})\z"))
            .case_insensitive(ignore_case)
            .build()
            .map_err(|_| failed("it is too large"))?;
        Ok(Self { regex, is_whole_path, directories_only })
    }

    /// Whether it matches `path`, which has no slash at either end.
    pub fn matches(&self, path: &[u8], is_directory: bool) -> bool {
        if self.directories_only && !is_directory {
            return false;
        }
        let base = || path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        self.regex.is_match(if self.is_whole_path { path } else { base() })
    }
}

/// A character, or a byte that is part of none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Char(char),
    Byte(u8),
}

impl Unit {
    /// The unit as a regular expression.
    fn push_to(self, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = match self {
            Self::Char(char) => write!(out, r"\x{{{:X}}}", u32::from(char)),
            Self::Byte(byte) => write!(out, r"(?-u:\x{byte:02X})"),
        };
    }
}

fn translate(pattern: &[u8]) -> Result<String, &'static str> {
    let mut units = Vec::new();
    for chunk in pattern.utf8_chunks() {
        units.extend(chunk.valid().chars().map(Unit::Char));
        units.extend(chunk.invalid().iter().copied().map(Unit::Byte));
    }
    let mut out = String::new();
    let mut left = &units[..];
    let mut is_at_part = true;
    while let Some((unit, rest)) = left.split_first() {
        let was_at_part = std::mem::replace(&mut is_at_part, *unit == Unit::Char('/'));
        left = rest;
        match unit {
            Unit::Char('*') => {
                let stars = rest.iter().take_while(|unit| **unit == Unit::Char('*')).count();
                left = rest.get(stars..).unwrap_or_default();
                match left.split_first() {
                    None if was_at_part && stars > 0 => out.push_str("(?s-u:.)+"),
                    Some((Unit::Char('/'), after)) if was_at_part && stars > 0 => {
                        out.push_str("(?:(?s-u:.)*/)?");
                        left = after;
                        is_at_part = true;
                    }
                    _ => out.push_str("(?-u:[^/])*"),
                }
            }
            Unit::Char('?') => out.push_str("[^/]"),
            Unit::Char('[') => left = class(rest, &mut out)?,
            Unit::Char('\\') => {
                let (next, after) = rest.split_first().ok_or("a backslash stands at the end")?;
                next.push_to(&mut out);
                left = after;
            }
            unit => unit.push_to(&mut out),
        }
    }
    Ok(out)
}

/// Translates a class whose bracket was read; returns what follows it.
fn class<'u>(units: &'u [Unit], out: &mut String) -> Result<&'u [Unit], &'static str> {
    const UNENDED: &str = "a class has no closing bracket";
    if let [Unit::Char(':' | '.' | '='), ..] = units {
        return Err("named classes such as [[:alpha:]] are not supported");
    }
    let (is_negated, mut left) = match units.split_first() {
        Some((Unit::Char('!' | '^'), rest)) => (true, rest),
        _ => (false, units),
    };
    // A slash is in no class, whatever it says.
    out.push_str(if is_negated { "[^/" } else { "[[" });
    let mut is_first = true;
    loop {
        let (unit, rest) = left.split_first().ok_or(UNENDED)?;
        left = rest;
        if *unit == Unit::Char(']') && !is_first {
            out.push_str(if is_negated { "]" } else { "]&&[^/]]" });
            return Ok(left);
        }
        is_first = false;
        let low = member(*unit, &mut left)?;
        let high = match left {
            [Unit::Char('-'), next, rest @ ..] if *next != Unit::Char(']') => {
                left = rest;
                member(*next, &mut left)?
            }
            _ => low,
        };
        if low > high {
            return Err("a range in a class runs backwards");
        }
        Unit::Char(low).push_to(out);
        out.push('-');
        Unit::Char(high).push_to(out);
    }
}

/// A member of a class, which a backslash may stand before.
fn member(unit: Unit, left: &mut &[Unit]) -> Result<char, &'static str> {
    let unit = match unit {
        Unit::Char('\\') => {
            let (next, rest) = left.split_first().ok_or("a class has no closing bracket")?;
            *left = rest;
            *next
        }
        Unit::Char('[') if matches!(left, [Unit::Char(':' | '.' | '='), ..]) => {
            return Err("named classes such as [[:alpha:]] are not supported");
        }
        unit => unit,
    };
    match unit {
        Unit::Char(char) => Ok(char),
        Unit::Byte(_) => Err("a class has a byte that is not UTF-8"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_match(pattern: &str, path: &[u8]) -> bool {
        PathPattern::new(pattern.as_bytes(), false).unwrap().matches(path, false)
    }

    #[test]
    fn a_pattern_without_a_slash_is_for_base_names_and_one_with_a_slash_for_whole_paths() {
        for (pattern, path) in [
            ("os-release", "usr/lib/os-release"),
            ("*.so*", "lib/libc.so.6"),
            ("lib?.so", "lib/libé.so"),
            ("[a-c]x", "bx"),
            ("[!a-c]x", "dx"),
            ("[^a-c]x", "dx"),
            ("[]]", "]"),
            ("[a-]", "-"),
            ("[\\]]", "]"),
            ("a\\*b", "a*b"),
            ("a**b", "a12b"),
            ("/etc/passwd", "etc/passwd"),
            ("etc/passwd", "etc/passwd"),
            ("/etc/*", "etc/passwd"),
            ("/**/x", "x"),
            ("**/x", "a/b/x"),
            ("a/**/x", "a/x"),
            ("a/**/x", "a/b/c/x"),
            ("a/**", "a/b/c"),
            ("/x", "x"),
        ] {
            assert!(is_match(pattern, path.as_bytes()), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("os-release", "usr/os-release/x"),
            ("*", ""),
            ("?", "ab"),
            ("/etc/*", "etc/a/b"),
            ("etc/passwd", "usr/etc/passwd"),
            ("/x", "a/x"),
            ("a[^b]c/d", "a/c/d"),
            ("a[/]c/d", "a/c/d"),
            ("a/**", "a"),
            ("a/**/x", "ab/x"),
            ("OS", "os"),
            ("a.c", "abc"),
        ] {
            assert!(pattern == "*" || !is_match(pattern, path.as_bytes()), "{pattern} {path}");
        }
    }

    #[test]
    fn names_of_any_bytes_and_both_cases_are_matched() {
        assert!(is_match("*-text", b"not-\xff-text"));
        let exact = PathPattern::new(b"not-\xff-*", false).unwrap();
        assert!(exact.matches(b"not-\xff-text", false) && !exact.matches(b"not-\xfe-text", false));
        let folded = PathPattern::new("ÉTÉ*".as_bytes(), true).unwrap();
        assert!(folded.matches("été.txt".as_bytes(), false));
        assert!(PathPattern::new(b"lib/", false).unwrap().matches(b"usr/lib", true));
        assert!(!PathPattern::new(b"lib/", false).unwrap().matches(b"usr/lib", false));
    }

    #[test]
    fn a_malformed_pattern_is_refused_with_the_reason() {
        for (pattern, reason) in [
            ("", "names no file"),
            ("/", "names no file"),
            ("[", "closing bracket"),
            ("[a", "closing bracket"),
            ("[b-a]", "backwards"),
            ("a\\", "backslash"),
            ("[[:alpha:]]", "named classes"),
        ] {
            let error = PathPattern::new(pattern.as_bytes(), false).unwrap_err();
            assert!(error.to_string().contains(reason), "{pattern}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_pattern_is_compiled_or_refused(pattern: Vec<u8>, path: Vec<u8>, ignore_case: bool) {
            if let Ok(pattern) = PathPattern::new(&pattern, ignore_case) {
                let _ = pattern.matches(&path, false);
            }
        }

        #[test]
        fn a_name_with_everything_escaped_matches_itself_only(name in "[a-c*?\\[\\]\\\\é]{1,8}", other in "[a-c*?\\[\\]\\\\é]{1,8}") {
            let escaped: String = name.chars().flat_map(|c| ['\\', c]).collect();
            prop_assert!(is_match(&escaped, name.as_bytes()));
            prop_assert_eq!(is_match(&escaped, other.as_bytes()), name == other);
        }
    }
}
