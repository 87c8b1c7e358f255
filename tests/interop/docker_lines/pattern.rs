//! Text with `«words»` that stand for any text within a line.

use std::collections::BTreeMap;

/// What the words of a pattern stood for.
pub type Found = BTreeMap<String, String>;

/// Whether `text` is what `pattern` says; a word means the same wherever it stands, and what
/// `found` has of another pattern is not looked for again.
pub fn fits(pattern: &str, text: &str, found: &Found) -> Option<Found> {
    let Some((before, rest)) = pattern.split_once('«') else {
        return (pattern == text).then(|| found.clone());
    };
    let (word, after) = rest.split_once('»').expect("« has its »");
    let text = text.strip_prefix(before)?;
    if let Some(known) = found.get(word) {
        return fits(after, text.strip_prefix(known.as_str())?, found);
    }
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    ends.into_iter().find_map(|end| {
        let (value, text) = text.split_at(end);
        let mut found = found.clone();
        found.insert(word.to_owned(), value.to_owned());
        fits(after, text, &found)
    })
}

#[test]
fn a_word_stands_for_any_text_and_for_the_same_everywhere() {
    let fits = |pattern, text| fits(pattern, text, &Found::new());
    assert_eq!(fits("a «x» c", "a b c").and_then(|found| found.get("x").cloned()).as_deref(), Some("b"));
    assert!(fits("«x»-«x»", "ab-ab").is_some() && fits("«x»-«x»", "ab-ba").is_none());
    assert!(fits("no word", "no word").is_some() && fits("«x» end", "an end!").is_none());
}
