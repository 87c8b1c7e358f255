//! Words as a shell reads them: quotes, escapes and variables.

use std::iter::Peekable;
use std::str::Chars;

use super::ChangeError;
use super::error::ExpandError;

/// How deep substitutions may be nested: hostile words must not exhaust the stack.
const MAX_DEPTH: usize = 64;

/// Names of one character that stand for what only a shell has.
const SPECIAL: [char; 8] = ['@', '*', '#', '?', '-', '$', '!', '0'];

/// `word` with its quotes and escapes taken away and its variables, as `env` has
/// them, put in.
pub(super) fn word(word: &str, env: &[String]) -> Result<String, ChangeError> {
    let mut reader = Reader { chars: word.chars().peekable(), env };
    let done = reader.until(None, 0);
    done.map_err(|why| ChangeError::Expand { word: word.into(), why })
}

/// The same, cut at the spaces that variables brought in: none, one or more words.
pub(super) fn words(word: &str, env: &[String]) -> Result<Vec<String>, ChangeError> {
    Ok(self::word(word, env)?.split_whitespace().map(str::to_owned).collect())
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
    env: &'a [String],
}

impl Reader<'_> {
    /// Reads up to `end`, or all there is.
    fn until(&mut self, end: Option<char>, depth: usize) -> Result<String, ExpandError> {
        let mut out = String::new();
        while let Some(c) = self.chars.next() {
            match c {
                c if Some(c) == end => return Ok(out),
                '\'' => self.single_quoted(&mut out)?,
                '"' => self.double_quoted(&mut out, depth)?,
                '$' => out.push_str(&self.variable(depth)?),
                '\\' => out.extend(self.chars.next()),
                c => out.push(c),
            }
        }
        if end.is_some() { Err(ExpandError::NoBrace) } else { Ok(out) }
    }

    fn single_quoted(&mut self, out: &mut String) -> Result<(), ExpandError> {
        for c in self.chars.by_ref() {
            if c == '\'' {
                return Ok(());
            }
            out.push(c);
        }
        Err(ExpandError::SingleQuote)
    }

    fn double_quoted(&mut self, out: &mut String, depth: usize) -> Result<(), ExpandError> {
        while let Some(c) = self.chars.next() {
            match c {
                '"' => return Ok(()),
                '$' => out.push_str(&self.variable(depth)?),
                // Before other characters it stands for itself.
                '\\' => match self.chars.next() {
                    None => return Err(ExpandError::DoubleQuote),
                    Some(next @ ('"' | '$' | '\\')) => out.push(next),
                    Some(next) => out.extend([c, next]),
                },
                c => out.push(c),
            }
        }
        Err(ExpandError::DoubleQuote)
    }

    /// What is behind a `$`.
    fn variable(&mut self, depth: usize) -> Result<String, ExpandError> {
        if depth >= MAX_DEPTH {
            return Err(ExpandError::Depth);
        }
        if self.chars.next_if_eq(&'{').is_none() {
            let name = self.name();
            return Ok(if name.is_empty() { "$".to_owned() } else { self.value(&name) });
        }
        match self.chars.peek() {
            None => return Err(ExpandError::NoBrace),
            Some('{' | '}' | ':') => return Err(ExpandError::Substitution),
            Some(_) => {}
        }
        let name = self.name();
        match self.chars.next() {
            Some('}') => return Ok(self.value(&name)),
            Some(':') => {}
            _ => return Err(ExpandError::NoColon),
        }
        let modifier = self.chars.next().ok_or(ExpandError::NoBrace)?;
        let other = self.until(Some('}'), depth + 1)?;
        let value = self.value(&name);
        match (modifier, value.is_empty()) {
            ('-', true) | ('+', false) => Ok(other),
            ('-', false) | ('+', true) | ('?', false) => Ok(value),
            ('?', true) => Err(ExpandError::Unset { name, message: other }),
            (modifier, _) => Err(ExpandError::Modifier { modifier }),
        }
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        if let Some(c) = self.chars.next_if(|c| SPECIAL.contains(c)) {
            return c.into();
        }
        let is_number = self.chars.peek().is_some_and(char::is_ascii_digit);
        let belongs =
            |c: &char| if is_number { c.is_ascii_digit() } else { c.is_alphanumeric() || *c == '_' };
        while let Some(c) = self.chars.next_if(belongs) {
            name.push(c);
        }
        name
    }

    /// The value of a variable; empty if there is none.
    fn value(&self, name: &str) -> String {
        let set = self.env.iter().find_map(|set| set.strip_prefix(name)?.strip_prefix('='));
        set.unwrap_or_default().to_owned()
    }
}
