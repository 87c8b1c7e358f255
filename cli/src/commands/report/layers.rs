//! Images layer by layer: what made each, what it holds, what it takes.

use larder_engine::{HistoryEntry, LayerFiles, LayerUse};
use maud::{Markup, html};

use super::files::image;
use super::plot::{self, Part};
use super::{Detail, Facts};
use crate::output::{size, text};

/// So many files are shown of each layer.
const MOST_FILES: usize = 5;
/// No command is shown longer: some are whole scripts.
const COMMAND_COLUMNS: usize = 400;
/// The images that are open from the beginning.
const OPEN: usize = 1;

pub fn layers(facts: &Facts) -> Markup {
    if facts.details.is_empty() {
        return html! {};
    }
    let more = facts.chosen.len().saturating_sub(facts.details.len());
    let body = html! {
        (plot::legend(&[("shared", "in the packs, shared"), ("own", "in the packs, its own")]))
        @for (at, detail) in facts.details.iter().enumerate() { (one(facts, detail, at < OPEN)) }
        @if more > 0 { p.more { (more) " smaller images are not shown layer by layer: name them to have them shown." } }
    };
    let what = "The base first, with the command that made each layer, its largest files, and what it takes in the \
                packs. Steps without a layer changed only the config.";
    plot::section("layers", "Layer by layer", what, &body)
}

fn one(facts: &Facts, detail: &Detail, is_open: bool) -> Markup {
    let uses: Vec<_> = facts
        .image(detail.image)
        .into_iter()
        .flat_map(|image| &image.layers)
        .filter_map(|at| facts.survey.layers.get(*at))
        .collect();
    let longest = uses.iter().map(|layer| layer.own_bytes + layer.shared_bytes).max().unwrap_or_default();
    html! {
        details open[is_open] {
            summary { (plot::strange(&image(facts, detail.image))) span.figures { (uses.len()) " layers" } }
            ol.layers {
                @for (number, step) in rows(&detail.steps, uses.len()) {
                    @match number {
                        None => { li.empty { (command(step)) } }
                        Some(number) => {
                            li { (layer(number, step, uses.get(number).copied(), detail.files.get(number), longest)) }
                        }
                    }
                }
            }
        }
    }
}

/// The steps of a history with the number of the layer that each made; layers that no
/// step tells of come last.
fn rows(steps: &[HistoryEntry], layers: usize) -> Vec<(Option<usize>, Option<&HistoryEntry>)> {
    let mut next = 0;
    let mut rows = Vec::new();
    for step in steps {
        if step.empty_layer {
            rows.push((None, Some(step)));
        } else if next < layers {
            rows.push((Some(next), Some(step)));
            next += 1;
        }
    }
    rows.extend((next..layers).map(|number| (Some(number), None)));
    rows
}

fn command(step: Option<&HistoryEntry>) -> Markup {
    let made_by = step.map(|step| step.created_by.trim()).filter(|command| !command.is_empty());
    let comment = step.map(|step| step.comment.trim()).filter(|comment| !comment.is_empty());
    html! {
        @match made_by {
            None if comment.is_some() => {}
            Some(command) => { code.command { (plot::strange(&text::ellipsis(&text::in_one_cell(command), COMMAND_COLUMNS))) } }
            None => { span.unknown { "made by a command that is not known" } }
        }
        @if let Some(comment) = comment {
            span.comment { (plot::strange(&text::ellipsis(&text::in_one_cell(comment), COMMAND_COLUMNS))) }
        }
    }
}

fn layer(
    number: usize,
    step: Option<&HistoryEntry>,
    used: Option<&LayerUse>,
    files: Option<&LayerFiles>,
    longest: u64,
) -> Markup {
    html! {
        div.head {
            b { "Layer " (number + 1) }
            @if let Some(used) = used {
                span.figures {
                    (plot::bytes(used.content_bytes)) " of files, " (plot::bytes(used.own_bytes + used.shared_bytes)) " in the packs"
                    @if used.images.len() > 1 { ", in " (used.images.len()) " images" }
                    @if let Some(hidden) = files.map(|files| files.hidden_bytes).filter(|bytes| *bytes > 0) {
                        ", " em { (plot::bytes(hidden)) " hidden" }
                    }
                }
            }
        }
        (command(step))
        @if let Some(used) = used {
            (plot::bar(&[
                Part { class: "shared", bytes: used.shared_bytes, title: format!("shared {}", size::short(used.shared_bytes)) },
                Part { class: "own", bytes: used.own_bytes, title: format!("own {}", size::short(used.own_bytes)) },
            ], longest))
        }
        @if let Some(files) = files.filter(|files| !files.largest.is_empty()) {
            ul.rows {
                @for file in files.largest.iter().take(MOST_FILES) {
                    li {
                        b { (plot::bytes(file.bytes)) }
                        span { (plot::path(&file.path)) @if file.is_hidden { " " em { "hidden" } } }
                    }
                }
                @if files.files > MOST_FILES as u64 { li.more { "of " (files.files) " files" } }
            }
        }
    }
}
