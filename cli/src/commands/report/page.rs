//! The page as a whole: one file, no script, nothing fetched.

use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Facts, files, growth, images, layers, sharing, tiles, waste};
use crate::output::time;

/// Nothing may be fetched or run, whatever a stranger's text might bring about: style
/// sheets and the empty icon are the only exceptions, and they are in the page.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

const STYLE: &str = include_str!("style.css");

pub fn page(facts: &Facts) -> Markup {
    let title = if facts.is_all { "What this store holds" } else { "What these images hold" };
    let made = time::rfc3339(facts.now, &TimeZone::UTC);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                link rel="icon" href="data:,";
                title { (title) " · larder" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (title) }
                    p.what { "larder " (env!("CARGO_PKG_VERSION")) ", " time datetime=(made) { (made) }
                        ", store " code.store { (facts.store) } }
                }
                main {
                    (tiles::tiles(facts))
                    (images::images(facts))
                    (sharing::sharing(facts))
                    (growth::growth(facts))
                    (files::files(facts))
                    (waste::waste(facts))
                    (layers::layers(facts))
                }
            }
        }
    }
}
