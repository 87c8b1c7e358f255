//! The largest files of all layers that were looked into.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::plot::{self, Part};
use super::{Detail, Facts};
use crate::names::shown;
use crate::output::size;

/// So many are shown.
const MOST: usize = 20;

/// A file of a layer.
#[derive(Debug)]
struct File<'f> {
    bytes: u64,
    path: &'f [u8],
    is_hidden: bool,
    /// The layer's number, the base being 1, in the first image that has it.
    layer: usize,
    image: usize,
    /// How many of the images that were looked into have it, and the last that was counted.
    images: usize,
    last: usize,
}

pub fn files(facts: &Facts) -> Markup {
    let files = largest(&facts.details);
    let Some(longest) = files.first().map(|file| file.bytes) else { return html! {} };
    let body = html! {
        ol.bars {
            @for file in &files {
                li {
                    span.name { (plot::path(file.path)) }
                    span.figures {
                        b { (plot::bytes(file.bytes)) } ", layer " (file.layer) " of " (plot::strange(&image(facts, file.image)))
                        @if file.images > 1 { " and " (file.images - 1) " more" }
                        @if file.is_hidden { ", " em { "hidden" } }
                    }
                    (plot::bar(&[Part {
                        class: if file.is_hidden { "waste" } else { "stored" },
                        bytes: file.bytes,
                        title: size::long(file.bytes),
                    }], longest))
                }
            }
        }
        (looked_into(facts))
    };
    let what = "By their bytes before compression; a file of the same path and length comes once. Hidden is \
                what a higher layer of the image replaces or removes.";
    plot::section("files", "Largest files", what, &body)
}

/// How many images the files are from, where those are not all.
pub fn looked_into(facts: &Facts) -> Markup {
    let (seen, all) = (facts.details.len(), facts.chosen.len());
    html! { @if seen < all { p.more { "From the " (seen) " largest of " (all) " images." } } }
}

pub fn image(facts: &Facts, at: usize) -> String {
    facts.image(at).map(|image| shown(&image.references, image.id)).unwrap_or_default()
}

/// The largest files. Builds that differ carry the same file in different layers: what has
/// one path and length comes once.
fn largest(details: &[Detail]) -> Vec<File<'_>> {
    let mut files: BTreeMap<(u64, &[u8], bool), File<'_>> = BTreeMap::new();
    for detail in details {
        for (layer, held) in (1..).zip(&detail.files) {
            for file in &held.largest {
                let (bytes, path, is_hidden, image) = (file.bytes, &*file.path, file.is_hidden, detail.image);
                let first = File { bytes, path, is_hidden, layer, image, images: 0, last: usize::MAX };
                let known = files.entry((u64::MAX - bytes, path, is_hidden)).or_insert(first);
                known.images += usize::from(known.last != image);
                known.last = image;
            }
        }
    }
    files.into_values().take(MOST).collect()
}
