//! What is carried for nothing: files that a higher layer replaces or removes.

use std::collections::BTreeMap;

use larder_engine::HiddenFile;
use maud::{Markup, html};

use super::files::{image, looked_into};
use super::plot::{self, Part};
use super::{Detail, Facts};
use crate::output::size;

/// So many paths are shown.
const MOST: usize = 20;

/// A hidden file, and where it lies.
struct Hidden<'h> {
    file: &'h HiddenFile,
    layer: usize,
    image: usize,
    /// How many images carry it, and the last that was counted.
    images: usize,
    last: usize,
}

pub fn waste(facts: &Facts) -> Markup {
    if facts.details.is_empty() {
        return html! {};
    }
    let hidden = hidden(&facts.details);
    let mut wasteful: Vec<_> = facts.details.iter().map(|detail| (wasted(detail), detail)).collect();
    wasteful.retain(|(bytes, _)| *bytes > 0);
    wasteful.sort_by(|(a, _), (b, _)| b.cmp(a));
    let longest = wasteful.first().map_or(0, |(bytes, _)| *bytes);
    let body = html! {
        @if wasteful.is_empty() { p { "Nothing: no layer hides a file of another." } }
        ol.bars {
            @for (bytes, detail) in &wasteful {
                @let all = detail.files.iter().map(|layer| layer.bytes).fold(0, u64::saturating_add);
                li {
                    span.name { (plot::strange(&image(facts, detail.image))) }
                    span.figures { b { (plot::bytes(*bytes)) } " of " (plot::bytes(all)) }
                    (plot::bar(&[Part { class: "waste", bytes: *bytes, title: size::long(*bytes) }], longest))
                }
            }
        }
        @if !hidden.is_empty() {
            h3 { "The largest of them" }
            ul.rows {
                @for Hidden { file, layer, image: at, images, .. } in &hidden {
                    li {
                        b { (plot::bytes(file.bytes)) }
                        span {
                            (plot::path(&file.path)) " in layer " (layer) " of " (plot::strange(&image(facts, *at)))
                            @if *images > 1 { " and " (images - 1) " more" }
                            ", "
                            @match file.replaced_by {
                                Some(by) => { "replaced by layer " (by + 1) }
                                None => { "removed by a layer above" }
                            }
                        }
                    }
                }
            }
        }
        @if !wasteful.is_empty() { (looked_into(facts)) }
    };
    let what = "Files that a layer holds and a higher one replaces or removes: nobody sees them, and they are \
                carried all the same. 'larder squash' makes an image without them.";
    plot::section("waste", "Carried for nothing", what, &body)
}

fn wasted(detail: &Detail) -> u64 {
    detail.files.iter().map(|layer| layer.hidden_bytes).fold(0, u64::saturating_add)
}

/// The largest hidden files: what has one path and length comes once.
fn hidden(details: &[Detail]) -> Vec<Hidden<'_>> {
    let mut all: BTreeMap<(u64, &[u8]), Hidden<'_>> = BTreeMap::new();
    for detail in details {
        for (layer, files) in (1..).zip(&detail.files) {
            for file in files.hidden.iter().filter(|file| file.bytes > 0) {
                let first = Hidden { file, layer, image: detail.image, images: 0, last: usize::MAX };
                let known = all.entry((u64::MAX - file.bytes, &*file.path)).or_insert(first);
                known.images += usize::from(known.last != detail.image);
                known.last = detail.image;
            }
        }
    }
    all.into_values().take(MOST).collect()
}
