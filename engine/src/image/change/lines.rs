//! The instructions of a Dockerfile: lines, joined where they go on.

/// One instruction, with all lines that it goes on over, without comments.
///
/// A `\` at the end of a line joins the next one to it; comments and empty lines
/// in between are passed over.
pub(super) fn of(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        let start = line.trim_start();
        if start.is_empty() || start.starts_with('#') {
            continue;
        }
        // Spaces at the start of a line that goes on are part of the instruction.
        let line = if open.is_some() { line } else { start };
        let mut whole = open.take().unwrap_or_default();
        match line.trim_end().strip_suffix('\\') {
            // Behind another backslash it is escaped, and ends nothing.
            Some(part) if !part.ends_with('\\') => {
                whole.push_str(part);
                open = Some(whole);
            }
            _ => {
                whole.push_str(line);
                found.push(whole.trim().to_owned());
            }
        }
    }
    found.extend(open.map(|whole| whole.trim().to_owned()));
    found.retain(|line| !line.is_empty());
    found
}

/// The words of `text`, with their quotes and escapes: separated by spaces that
/// are in no quotes and behind no `\`.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => {
                // At the end of all it stands for nothing.
                if let Some(next) = chars.next() {
                    word.extend([c, next]);
                }
                continue;
            }
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (c, None) if c.is_whitespace() => {
                if !word.is_empty() {
                    found.push(std::mem::take(&mut word));
                }
                continue;
            }
            _ => {}
        }
        word.push(c);
    }
    if !word.is_empty() {
        found.push(word);
    }
    found
}

/// The first word of `text`, and what is behind it.
pub(super) fn split_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim())
}
