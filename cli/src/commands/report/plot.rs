//! Pieces of pictures: numbers as people read them, strangers' text, bars as SVG.

use maud::{Markup, html};

use crate::output::{size, text};

/// A size for people, with the exact bytes for programs and for who points at it.
pub fn bytes(bytes: u64) -> Markup {
    html! { data value=(bytes) title=(format!("{bytes} bytes")) { (size::short(bytes)) } }
}

/// A stranger's text: no control character gets through, and none that turns the
/// direction of writing reaches what stands beside it.
pub fn strange(text: &str) -> Markup {
    html! { bdi { (text::harmless(text)) } }
}

/// The same of a path, which may be any bytes.
pub fn path(path: &[u8]) -> Markup {
    html! { code.path { (strange(&text::in_one_cell(&String::from_utf8_lossy(path)))) } }
}

/// A part of a bar.
pub struct Part {
    /// Its colour: a class of the style sheet.
    pub class: &'static str,
    pub bytes: u64,
    /// What it is, for who points at it.
    pub title: String,
}

/// How many units a bar is wide, whatever that is on the screen.
const BAR_UNITS: u64 = 1000;
/// So wide that it is seen.
const LEAST_UNITS: u64 = 4;

/// Parts behind each other, `whole` bytes being the full width. A part that is there is
/// seen.
pub fn bar(parts: &[Part], whole: u64) -> Markup {
    let units = |bytes: u64| {
        let units = u128::from(bytes) * u128::from(BAR_UNITS) / u128::from(whole.max(1));
        u64::try_from(units).unwrap_or(BAR_UNITS)
    };
    let mut from = 0;
    let mut drawn = Vec::new();
    for part in parts.iter().filter(|part| part.bytes > 0) {
        let width = units(part.bytes).max(LEAST_UNITS);
        drawn.push((part, from.min(BAR_UNITS - LEAST_UNITS), width));
        from += width;
    }
    let label = parts.iter().map(|part| part.title.as_str()).collect::<Vec<_>>().join(", ");
    html! {
        svg.bar viewBox={ "0 0 " (BAR_UNITS) " 10" } preserveAspectRatio="none" role="img" aria-label=(label) {
            rect.track width=(BAR_UNITS) height="10" {}
            @for (part, at, width) in drawn {
                rect.(part.class) x=(at) width=(width) height="10" { title { (part.title) } }
            }
        }
    }
}

/// The words for the colours of a plot.
pub fn legend(entries: &[(&str, &str)]) -> Markup {
    html! {
        ul.legend { @for (class, what) in entries { li { span.(class).swatch {} (what) } } }
    }
}

/// A section of the page.
pub fn section(id: &str, heading: &str, what: &str, body: &Markup) -> Markup {
    html! {
        section id=(id) { h2 { (heading) } p.what { (what) } (body) }
    }
}
