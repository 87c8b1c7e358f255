//! Sentences for a person, on standard error.

use std::io::{self, Write as _};

use anstyle::AnsiColor;

use super::{screen, text};

/// The words that say what kind of sentence it is, and their colours.
const LABELS: [(&str, AnsiColor); 3] =
    [("Error:", AnsiColor::Red), ("hint:", AnsiColor::Cyan), ("note:", AnsiColor::Yellow)];

/// Says sentences, a line each or more. Where nobody can be told any more, nobody is.
pub fn say(sentences: &[&str]) {
    let lines: String = sentences.iter().map(|sentence| shown(sentence) + "\n").collect();
    let _ = io::stderr().write_all(lines.as_bytes());
}

/// A sentence as it is shown: harmless, and its label in colour where there are any.
pub fn shown(sentence: &str) -> String {
    with_label(&text::harmless(sentence), screen::has_colours(&io::stderr()))
}

fn with_label(sentence: &str, has_colours: bool) -> String {
    let labelled = |(label, colour): (&str, AnsiColor)| {
        let style = colour.on_default().bold();
        Some(format!("{style}{label}{style:#}{}", sentence.strip_prefix(label)?))
    };
    let found = LABELS.into_iter().find_map(labelled).filter(|_| has_colours);
    found.unwrap_or_else(|| sentence.to_owned())
}

#[cfg(test)]
mod tests {
    use super::with_label;

    #[test]
    fn only_the_label_is_coloured_and_only_where_there_are_colours() {
        assert_eq!(with_label("hint: look", true), "\x1b[1m\x1b[36mhint:\x1b[0m look");
        assert_eq!(with_label("hint: look", false), "hint: look");
        assert_eq!(with_label("no Error: here", true), "no Error: here");
    }
}
