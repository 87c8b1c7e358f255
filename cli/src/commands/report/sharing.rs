//! What is shared with what.

use larder_engine::LayerUse;
use maud::{Markup, html};

use super::Facts;
use super::plot;
use crate::names::shown;
use crate::output::size;

/// So many images have a row and a column.
const MOST_IMAGES: usize = 12;
/// So many layers are named that several images have.
const MOST_LAYERS: usize = 12;
/// So many of its images are named with a layer.
const MOST_NAMES: usize = 6;

pub fn sharing(facts: &Facts) -> Markup {
    let shown_images: Vec<_> = facts.chosen.iter().copied().take(MOST_IMAGES).collect();
    if shown_images.len() < 2 {
        return html! {};
    }
    let shared = facts.survey.shared_between(&shown_images);
    let names: Vec<_> = shown_images
        .iter()
        .filter_map(|at| facts.image(*at))
        .map(|image| shown(&image.references, image.id))
        .collect();
    let left_out = facts.chosen.len() - shown_images.len();
    let body = html! {
        div.wide {
            table.matrix {
                thead { tr { th {} @for number in 1..=names.len() { th { (number) } } } }
                tbody {
                    @for (row, (name, cells)) in names.iter().zip(&shared).enumerate() {
                        @let whole = cells.get(row).copied().unwrap_or_default();
                        tr {
                            th scope="row" { span.number { (row + 1) } " " (plot::strange(name)) }
                            @for (column, bytes) in cells.iter().enumerate() {
                                @if column == row { td.self { (plot::bytes(*bytes)) } }
                                @else { td.{ "heat" (heat(*bytes, whole)) } title=(percent(*bytes, whole)) { (size::short(*bytes)) } }
                            }
                        }
                    }
                }
            }
        }
        @if left_out > 0 { p.more { "The " (names.len()) " largest images; " (left_out) " more have no row." } }
        (layers(facts))
    };
    let what = "Bytes in the packs that the image of a row has in common with the one of a column, the stronger the \
                colour the greater a part of the row's image.";
    plot::section("sharing", "Shared with what", what, &body)
}

/// How much of the whole, from 0 to 5.
fn heat(bytes: u64, whole: u64) -> u128 {
    (u128::from(bytes) * 5).div_ceil(u128::from(whole.max(1))).min(5)
}

fn percent(bytes: u64, whole: u64) -> String {
    format!("{}% of the row's image", u128::from(bytes) * 100 / u128::from(whole.max(1)))
}

/// The layers that several images have.
fn layers(facts: &Facts) -> Markup {
    let is_here = |layer: &&LayerUse| {
        layer.content_bytes > 0
            && layer.images.len() > 1
            && layer.images.iter().any(|image| facts.is_all || facts.chosen.contains(image))
    };
    let layers: Vec<_> = facts.survey.layers.iter().filter(is_here).take(MOST_LAYERS).collect();
    html! {
        @if !layers.is_empty() {
            h3 { "Layers that several images have" }
            ul.rows {
                @for layer in layers {
                    li {
                        b { (plot::bytes(layer.content_bytes)) }
                        span { code title=(layer.diff_id) { (layer.diff_id.0.short()) } " in " (layer.images.len()) " images: " (users(facts, layer)) }
                    }
                }
            }
        }
    }
}

fn users(facts: &Facts, layer: &LayerUse) -> Markup {
    let names = layer.images.iter().filter_map(|at| facts.image(*at)).take(MOST_NAMES);
    let names: Vec<_> = names.map(|image| shown(&image.references, image.id)).collect();
    let more = layer.images.len().saturating_sub(names.len());
    html! {
        @for (at, name) in names.iter().enumerate() { @if at > 0 { ", " } (plot::strange(name)) }
        @if more > 0 { " and " (more) " more" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_that_is_shared_is_seen() {
        assert_eq!([0, 1, 20, 21, 100].map(|bytes| heat(bytes, 100)), [0, 1, 1, 2, 5]);
        assert_eq!(heat(0, 0), 0);
    }
}
