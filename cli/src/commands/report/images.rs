//! A bar for each image: its own, and what it shares.

use maud::{Markup, html};

use super::Facts;
use super::plot::{self, Part};
use crate::names::shown;
use crate::output::size;

/// So many have a bar.
const MOST_BARS: usize = 40;

pub fn images(facts: &Facts) -> Markup {
    let Some(longest) = facts.images().map(larder_engine::ImageUse::stored_bytes).max() else {
        return plot::section("images", "Images", "There is no image in the store.", &html! {});
    };
    let more = facts.chosen.len().saturating_sub(MOST_BARS);
    let body = html! {
        (plot::legend(&[("shared", "shared with other images"), ("used", "its own, and a container needs it"), ("own", "its own: comes back when it goes")]))
        ol.bars {
            @for image in facts.images().take(MOST_BARS) {
                @let name = shown(&image.references, image.id);
                li {
                    span.name title=(image.id) { (plot::strange(&name)) }
                    span.figures {
                        b { (plot::bytes(image.stored_bytes())) } " of " (plot::bytes(image.content_bytes))
                        @if image.own_bytes > 0 { ", own " (plot::bytes(image.own_bytes)) }
                        @if image.is_used { ", in use" }
                    }
                    (plot::bar(&[
                        Part { class: "shared", bytes: image.shared_bytes - image.held_bytes, title: format!("shared {}", size::short(image.shared_bytes - image.held_bytes)) },
                        Part { class: "used", bytes: image.held_bytes, title: format!("in use {}", size::short(image.held_bytes)) },
                        Part { class: "own", bytes: image.own_bytes, title: format!("own {}", size::short(image.own_bytes)) },
                    ], longest))
                }
            }
        }
        @if more > 0 { p.more { "… and " (more) " more, each smaller than these." } }
    };
    let what =
        "What each image takes in the packs, compressed and each chunk kept once, of the bytes of its files.";
    plot::section("images", "Images", what, &body)
}
