//! What stands between `{{` and `}}`, as far as it must be known beforehand.
//!
//! gotmpl lets a block stay open and recurses over `else if`; Go does neither.
//! Templates that call templates could run for ever and are refused: Docker's
//! users have no way to define one in a format of a line.

use super::Mistake;

/// As many as gotmpl allows blocks within blocks.
const MAX_ELSE: usize = 100;

/// Checks that blocks are closed and that nothing is there that may not be.
///
/// # Errors
/// Go's sentence, where Go has one.
pub fn check(text: &str) -> Result<(), Mistake> {
    let mut open = 0_usize;
    let mut elses = 0_usize;
    for (line, body) in actions(text) {
        match keyword(body) {
            word @ ("if" | "range" | "with") => {
                if body.trim_matches(['-', ' ']) == word {
                    return Err(Mistake::at_parse(line, &format!("missing value for {word}")));
                }
                open += 1;
            }
            "else" => {
                elses += 1;
                if elses > MAX_ELSE {
                    return Err(Mistake::at_parse(line, "too many {{else}}"));
                }
                if open == 0 {
                    return Err(Mistake::at_parse(line, "unexpected {{else}}"));
                }
            }
            "end" => {
                open = open.checked_sub(1).ok_or_else(|| Mistake::at_parse(line, "unexpected {{end}}"))?;
            }
            word @ ("define" | "template" | "block") => {
                return Err(Mistake::at_parse(line, &format!("{{{{{word}}}}} is not supported")));
            }
            _ => {}
        }
    }
    if open > 0 { Err(Mistake::at_parse(1, "unexpected EOF")) } else { Ok(()) }
}

/// Where the template first asks for the field `key`: its chain
/// (`.Config.Labels.key`), the line, and the byte of `.key` in that line.
pub fn find_field(text: &str, key: &str) -> Option<(String, usize, usize)> {
    let wanted = format!(".{key}");
    text.match_indices(&wanted).find_map(|(at, _)| {
        let rest = text.get(at + wanted.len()..)?;
        if rest.starts_with(is_name) {
            return None;
        }
        let before = text.get(..at)?;
        let chain_at = before.rfind(|c: char| !is_name(c) && c != '.' && c != '$').map_or(0, |i| i + 1);
        let chain = before.get(chain_at..)?;
        let line_at = before.rfind('\n').map_or(0, |i| i + 1);
        let line = before.matches('\n').count() + 1;
        Some((format!("{chain}{wanted}"), line, at - line_at))
    })
}

/// Where the template first calls the function `name`: the call with its
/// arguments, the line, and the byte of the name in that line.
pub fn find_call(text: &str, name: &str) -> Option<(String, usize, usize)> {
    text.match_indices(name).find_map(|(at, _)| {
        let before = text.get(..at)?;
        let rest = text.get(at..)?;
        let after = rest.get(name.len()..)?;
        if before.ends_with(|c| is_name(c) || matches!(c, '.' | '$')) || after.starts_with(is_name) {
            return None;
        }
        let end = rest.find(['|', ')', '}']).unwrap_or(rest.len());
        let line_at = before.rfind('\n').map_or(0, |i| i + 1);
        let line = before.matches('\n').count() + 1;
        Some((rest.get(..end)?.trim_end_matches([' ', '-']).to_owned(), line, at - line_at))
    })
}

/// Whether `key` is asked of a map whose keys are the user's own.
pub fn asks_for_users_key(text: &str, key: &str) -> bool {
    const MAPS: [&str; 5] = ["Labels", "labels", "annotations", "Volumes", "ExposedPorts"];
    find_field(text, key)
        .is_some_and(|(chain, ..)| chain.rsplit('.').nth(1).is_some_and(|map| MAPS.contains(&map)))
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The first word of an action.
fn keyword(body: &str) -> &str {
    let body = body.strip_prefix('-').unwrap_or(body).trim_start();
    let end = body.find(|c: char| !c.is_alphabetic()).unwrap_or(body.len());
    body.get(..end).unwrap_or_default()
}

/// Each action's line and what stands in it; one that is never closed runs to
/// the end, where gotmpl will say so.
fn actions(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..)?;
        let start = at + rest.find("{{")? + 2;
        let body = text.get(start..)?;
        let length = action_length(body);
        at = start + length;
        let line = text.get(..start)?.matches('\n').count() + 1;
        Some((line, body.get(..length)?))
    })
}

/// How long the action at the start of `text` is, its `}}` not counted.
fn action_length(text: &str) -> usize {
    let comment = text.strip_prefix("- ").unwrap_or(text).trim_start();
    if comment.starts_with("/*") {
        return text.find("*/").map_or(text.len(), |end| end + 2);
    }
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some('"' | '\'') if c == '\\' => escaped = true,
            Some(mark) if c == mark => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'' | '`') => quote = Some(c),
            None if c == '}' && text.get(at..).is_some_and(|rest| rest.starts_with("}}")) => return at,
            None => {}
        }
    }
    text.len()
}
