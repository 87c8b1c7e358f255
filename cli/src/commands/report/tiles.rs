//! The figures at the top, and what the packs are made of.

use larder_engine::Packed;
use maud::{Markup, html};

use super::Facts;
use super::plot::{self, Part};
use crate::output::size;

pub fn tiles(facts: &Facts) -> Markup {
    let usage = &facts.survey.usage;
    let (images, content, stored) = match facts.is_all {
        true => (usage.images_total, usage.images_content_bytes, usage.disk_bytes()),
        false => (facts.chosen.len() as u64, content_bytes(facts), facts.survey.stored_by(&facts.chosen)),
    };
    let (disk, disk_id) =
        if facts.is_all { ("bytes on disk", "disk-bytes") } else { ("bytes in packs", "stored-bytes") };
    html! {
        section.tiles aria-label="Summary" {
            (tile("images", if images == 1 { "image" } else { "images" }, images, &images.to_string()))
            (tile("content-bytes", "bytes of files in their layers", content, &size::short(content)))
            (tile(disk_id, disk, stored, &size::short(stored)))
            div.tile {
                strong #factor { (factor(content, stored)) }
                span { "smaller on disk" }
            }
            @if facts.is_all {
                (tile("containers", if usage.containers_total == 1 { "container" } else { "containers" }, usage.containers_total, &usage.containers_total.to_string()))
                (tile("garbage-bytes", "bytes of garbage", usage.garbage_bytes, &size::short(usage.garbage_bytes)))
            }
        }
        @if facts.is_all { (composition(facts)) }
    }
}

fn tile(id: &str, what: &str, value: u64, shown: &str) -> Markup {
    html! {
        div.tile {
            strong { data id=(id) value=(value) title=(value) { (shown) } }
            span { (what) }
        }
    }
}

/// The bytes of files in the layers of the images that the page is of, each layer once.
fn content_bytes(facts: &Facts) -> u64 {
    let layers: std::collections::BTreeSet<_> = facts.images().flat_map(|image| &image.layers).collect();
    layers.iter().filter_map(|at| Some(facts.survey.layers.get(**at)?.content_bytes)).sum()
}

/// `3.4×`: how many times `stored` goes into `content`.
fn factor(content: u64, stored: u64) -> String {
    let tenths = (u128::from(content) * 10).checked_div(u128::from(stored)).unwrap_or_default();
    format!("{}.{}×", tenths / 10, tenths % 10)
}

/// All that is on the disk in one bar.
fn composition(facts: &Facts) -> Markup {
    let Packed { own_bytes, shared_bytes, containers_bytes, garbage_bytes, structure_bytes, slack_bytes } =
        facts.survey.packed;
    let area = |names: &[&str]| -> u64 {
        let areas = facts.survey.usage.disk.iter();
        areas.filter(|area| names.contains(&area.name)).map(|area| area.bytes).sum()
    };
    let slack = u64::try_from(slack_bytes).unwrap_or_default();
    let parts = [
        ("shared", "chunks that several images need", shared_bytes),
        ("own", "chunks that one image needs", own_bytes),
        (
            "used",
            "what containers need and wrote, and unpacked layers",
            containers_bytes + area(&["containers", "layers"]),
        ),
        ("waste", "garbage, and work under way", garbage_bytes + area(&["tmp"])),
        (
            "rest",
            "tables, journal and catalog",
            structure_bytes + slack + area(&["index", "journal", "catalog", "other"]),
        ),
    ];
    let whole = parts.iter().map(|(.., bytes)| bytes).sum();
    let bars: Vec<_> = parts
        .iter()
        .map(|(class, what, bytes)| Part {
            class,
            bytes: *bytes,
            title: format!("{what}: {}", size::short(*bytes)),
        })
        .collect();
    html! {
        section #disk {
            h2 { "On the disk" }
            p.what { "Every byte of the store, as " code { "du" } " counts it." }
            div.tall { (plot::bar(&bars, whole)) }
            ul.key {
                @for (class, what, bytes) in parts {
                    li { span.(class).swatch {} span { (what) } b { (plot::bytes(bytes)) } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_has_one_decimal() {
        assert_eq!(factor(1_590_000_000, 300_000_000), "5.3×");
        assert_eq!(factor(0, 12_288), "0.0×");
        assert_eq!(factor(1, 0), "0.0×");
    }
}
