//! Patterns for references, with the rules of Go's `path.Match`.
//!
//! `*` is any text and `?` any character, neither across a `/`; `[a-z]` and
//! `[^a-z]` are classes; a backslash takes the meaning from what follows.

/// A pattern that is none: a class that does not end, or is empty or backwards,
/// or a backslash at the end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("syntax error in pattern {pattern:?}")]
pub struct GlobError {
    pattern: String,
}

#[derive(Debug)]
enum Token {
    Star,
    Any,
    One(char),
    Class { negated: bool, ranges: Vec<(char, char)> },
}

/// Whether `pattern` fits all of `text`.
///
/// # Errors
/// When the pattern is malformed, whatever the text.
pub fn matches(pattern: &str, text: &str) -> Result<bool, GlobError> {
    let tokens = tokens(pattern).ok_or_else(|| GlobError { pattern: pattern.chars().take(100).collect() })?;
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut token) = (0, 0);
    // Only the last star is ever widened: an earlier one could not reach
    // further either, since none passes a slash.
    let mut star: Option<(usize, usize)> = None;
    loop {
        match (tokens.get(token), text.get(at)) {
            (None, None) => return Ok(true),
            (Some(Token::Star), _) => {
                star = Some((at, token + 1));
                token += 1;
                continue;
            }
            (Some(wanted), Some(found)) if wanted.fits(*found) => {
                (at, token) = (at + 1, token + 1);
                continue;
            }
            _ => {}
        }
        match star {
            Some((from, after)) if text.get(from).is_some_and(|found| *found != '/') => {
                star = Some((from + 1, after));
                (at, token) = (from + 1, after);
            }
            _ => return Ok(false),
        }
    }
}

impl Token {
    fn fits(&self, found: char) -> bool {
        match self {
            Self::Star => false,
            Self::Any => found != '/',
            Self::One(wanted) => *wanted == found,
            Self::Class { negated, ranges } => {
                ranges.iter().any(|(low, high)| (low..=high).contains(&&found)) != *negated
            }
        }
    }
}

fn tokens(pattern: &str) -> Option<Vec<Token>> {
    let mut chars = pattern.chars().peekable();
    let mut tokens = Vec::new();
    while let Some(char) = chars.next() {
        tokens.push(match char {
            '*' => Token::Star,
            '?' => Token::Any,
            '\\' => Token::One(chars.next()?),
            '[' => class(&mut chars)?,
            other => Token::One(other),
        });
    }
    Some(tokens)
}

fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<Token> {
    let negated = chars.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        if !ranges.is_empty() && chars.next_if_eq(&']').is_some() {
            return Some(Token::Class { negated, ranges });
        }
        let low = member(chars)?;
        let high = if chars.next_if_eq(&'-').is_some() { member(chars)? } else { low };
        ranges.push((low, high));
    }
}

fn member(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    match chars.next()? {
        '\\' => chars.next(),
        '-' | ']' => None,
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_fit_as_in_go() {
        let fits = |pattern, text| matches(pattern, text).unwrap();
        for (pattern, text) in [
            ("", ""),
            ("abc", "abc"),
            ("*", "abc"),
            ("*c", "abc"),
            ("a*", "abc"),
            ("a*/b", "abc/b"),
            ("a*b*c*d*e*/f", "axbxcxdxe/f"),
            ("a*b?c*x", "abxbbxdbxebxczzx"),
            ("ab[c]", "abc"),
            ("ab[b-d]", "abc"),
            ("ab[^e-g]", "abc"),
            ("a\\*b", "a*b"),
            ("a?b", "a☺b"),
            ("[\\]a]", "]"),
            ("[x\\-]", "-"),
            ("busy*:*libc", "busybox:glibc"),
            ("rsrch/*", "rsrch/a"),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "a"),
            ("a", ""),
            ("a*", "ab/c"),
            ("a*/b", "a/c/b"),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/fff"),
            ("ab[e-g]", "abc"),
            ("ab[^c]", "abc"),
            ("a\\*b", "ab"),
            ("a?b", "a/b"),
            ("a*b", "a/b"),
            ("a*b?c*x", "abxbbxdbxebxczzy"),
            ("rsrch/*", "rsrch/a/b"),
        ] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
        for pattern in ["[", "[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "a[", "\\", "[^", "[^bc", "a*["] {
            assert!(matches(pattern, "b").is_err(), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn any_pattern_comes_to_an_end(pattern in "[*?a/\\[\\]^\\\\-]{0,30}", text in "[ab/]{0,60}") {
            let _ = matches(&pattern, &text);
        }
    }
}
