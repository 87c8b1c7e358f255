//! Text in little room, and text from strangers.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

/// The columns that `text` takes on a terminal.
///
/// Wide East Asian characters take two, everything else one, as Docker counts
/// them.
pub fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

fn columns_of(character: char) -> usize {
    character.width().unwrap_or(1).max(1)
}

/// `text` in at most `columns` columns, its end cut off for a `…` if need be.
pub fn ellipsis(text: &str, columns: usize) -> Cow<'_, str> {
    let mut width = 0;
    let mut cut = 0;
    for (at, character) in text.char_indices() {
        width += columns_of(character);
        if width > columns {
            let kept = text.get(..cut).unwrap_or_default();
            return if columns > 1 { format!("{kept}…").into() } else { kept.to_owned().into() };
        }
        if width < columns || columns == 1 {
            cut = at + character.len_utf8();
        }
    }
    text.into()
}

/// Returns whether `c` changes the order in which a terminal or a browser shows the
/// characters around it (Unicode's `Bidi_Control`).
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns `text` with control characters and bidirectional controls escaped, for a terminal.
///
/// Names, labels and commands in an image come from a stranger. Control characters could move
/// the cursor or change the title; bidirectional controls could show `exe.txt` for `txt.exe`.
/// Newlines and tabs stay.
pub fn harmless(text: &str) -> Cow<'_, str> {
    let harmful = |c: char| (c.is_control() && c != '\n' && c != '\t') || is_bidi_control(c);
    if !text.contains(harmful) {
        return text.into();
    }
    text.chars()
        .flat_map(|c| {
            let (escaped, plain) =
                if harmful(c) { (Some(c.escape_default()), None) } else { (None, Some(c)) };
            escaped.into_iter().flatten().chain(plain)
        })
        .collect::<String>()
        .into()
}

/// `text` in one cell of a table: tabs and line breaks would break the row.
pub fn in_one_cell(text: &str) -> Cow<'_, str> {
    let breaking = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{b}' | '\u{c}');
    if text.contains(breaking) { text.replace(breaking, " ").into() } else { text.into() }
}

/// `text` in quotation marks, as Go's `strconv.Quote` writes it.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if c.is_control() || is_bidi_control(c) => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out + "\""
}

/// `1 pack`, `2 packs`.
pub fn counted(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_long_text_ends_in_an_ellipsis() {
        let wide = "文件".repeat(16);
        for (text, columns, want) in [
            ("", 45, String::new()),
            ("e", 0, String::new()),
            ("ef", 1, "e".into()),
            ("ef", 2, "ef".into()),
            ("efg", 2, "e…".into()),
            (&"e".repeat(45), 45, "e".repeat(45)),
            (&"e".repeat(46), 45, "e".repeat(44) + "…"),
            (&"é".repeat(50), 45, "é".repeat(44) + "…"),
            (&wide, 45, "文件".repeat(11) + "…"),
        ] {
            assert_eq!(ellipsis(text, columns), want, "{text} in {columns}");
        }
    }

    #[test]
    fn a_strangers_text_cannot_drive_the_terminal() {
        assert_eq!(harmless("a\u{1b}[31mb\n\tc"), "a\\u{1b}[31mb\n\tc");
        assert_eq!(harmless("\u{9b}2J"), "\\u{9b}2J");
        assert_eq!(harmless("plain é 文"), "plain é 文");
        assert_eq!(in_one_cell("a\tb\nc"), "a b c");
    }

    #[test]
    fn bidirectional_controls_are_escaped_and_letters_of_any_script_are_not() {
        let controls = ['\u{61c}', '\u{200e}', '\u{200f}']
            .into_iter()
            .chain('\u{202a}'..='\u{202e}')
            .chain('\u{2066}'..='\u{2069}');
        for control in controls {
            let escaped = format!("a\\u{{{:x}}}b", u32::from(control));
            assert_eq!(harmless(&format!("a{control}b")), escaped);
            assert_eq!(quoted(&format!("a{control}b")), format!("\"a\\u{:04x}b\"", u32::from(control)));
        }
        // Joiners shape letters and emoji; Arabic and Hebrew need no controls to be read.
        let text = "العربية עברית a\u{200d}b\u{200c}c";
        assert_eq!(harmless(text), text);
    }

    #[test]
    fn a_quotation_is_go_s() {
        assert_eq!(quoted("sh -c 'a \"b\" \\ é…'\t\u{1b}"), r#""sh -c 'a \"b\" \\ é…'\t\x1b""#);
        assert_eq!(quoted("\u{7f}\u{9b}"), r#""\x7f\u009b""#);
    }

    proptest! {
        #[test]
        fn an_ellipsis_keeps_within_its_columns(text in "\\PC*", columns in 0_usize..50) {
            prop_assert!(super::columns(&ellipsis(&text, columns)) <= columns);
        }

        #[test]
        fn no_control_character_gets_through(text: String) {
            let harmful = |c: char| (c.is_control() && c != '\n' && c != '\t') || is_bidi_control(c);
            prop_assert!(!harmless(&text).contains(harmful));
        }
    }
}
