//! `df --explain`: what every byte on the disk is for, and what would be freed.

use larder_engine::{Packed, Survey};

use super::purpose;
use crate::output::{size, table};

/// All of it, as `du` counts it; then what could be had back.
pub fn text(survey: &Survey) -> String {
    let Packed { own_bytes, shared_bytes, containers_bytes, garbage_bytes, structure_bytes, slack_bytes } =
        survey.packed;
    let mut lines = "ON DISK\tBYTES\tSIZE\tWHAT IT IS\n".to_owned();
    let mut line = |name: &str, bytes: i64, what: &str| {
        let sign = if bytes < 0 { "-" } else { "" };
        lines += &format!("{name}\t{bytes}\t{sign}{}\t{what}\n", size::long(bytes.unsigned_abs()));
    };
    let packs = [
        ("packs, own", own_bytes, "one image needs it and nothing else"),
        ("packs, shared", shared_bytes, "several images need it, or a container too"),
        ("packs, containers", containers_bytes, "only containers need it: their image is gone"),
        ("packs, garbage", garbage_bytes, "nothing needs it"),
        ("packs, structure", structure_bytes, "headers, and tables of what lies where"),
    ];
    for (name, bytes, what) in packs {
        line(name, signed(bytes), what);
    }
    line("packs, slack", slack_bytes, "what the file system takes beyond that: whole blocks, the directory");
    for area in survey.usage.disk.iter().filter(|area| area.name != "packs") {
        line(area.name, signed(area.bytes), purpose(area.name));
    }
    line("total", signed(survey.usage.disk_bytes()), "what 'du -s --block-size=1' says");
    let now = survey.forecast().freed_bytes;
    let unused = survey.unused();
    let images = survey.freed_by(&unused);
    let mut freed = "WOULD BE FREED\tSIZE\tBY\n".to_owned();
    freed += &format!("now\t{}\tlarder gc\n", size::long(now));
    freed += &format!("{}\t{}\tlarder image prune -a\n", counted(unused.len()), size::long(images));
    format!("{}\n{}", table::align(&lines), table::align(&freed))
}

fn counted(images: usize) -> String {
    match images {
        0 => "no unused image".into(),
        1 => "1 unused image".into(),
        more => format!("{more} unused images"),
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
