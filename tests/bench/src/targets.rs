//! The targets that larder has set itself, and what was measured of them.

use crate::results::Results;
use crate::work;

/// One row of the table.
pub struct Target {
    pub what: &'static str,
    pub target: f64,
    pub moonshot: f64,
    pub unit: Unit,
    /// What is compared with the bounds; `None` if it was not measured.
    measured: fn(&Results) -> Option<f64>,
}

#[derive(Clone, Copy)]
pub enum Unit {
    Ratio,
    Milliseconds,
    Mebibytes,
}

impl Unit {
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Ratio => format!("{value:.2}"),
            Self::Milliseconds => format!("{value:.0} ms"),
            Self::Mebibytes => format!("{value:.0} MiB"),
        }
    }
}

impl Target {
    pub fn measured(&self, results: &Results) -> Option<f64> {
        (self.measured)(results)
    }
}

fn wall(results: &Results, work: &str, peer: &str) -> Option<f64> {
    results.median(work, peer).map(|median| median.wall_s)
}

/// larder's seconds for each of the peer's.
fn ratio(results: &Results, work: &str, peer: &str) -> Option<f64> {
    Some(wall(results, work, "larder")? / wall(results, work, peer)?)
}

fn milliseconds(results: &Results, work: &str) -> Option<f64> {
    Some(wall(results, work, "larder")? * 1000.0)
}

/// The most that any of `works` took.
fn peak(results: &Results, works: &[&str]) -> Option<f64> {
    let peaks = works.iter().filter_map(|work| results.median(work, "larder"));
    peaks.map(|median| median.peak_bytes / 1024.0 / 1024.0).reduce(f64::max)
}

const fn row(
    what: &'static str,
    target: f64,
    moonshot: f64,
    unit: Unit,
    measured: fn(&Results) -> Option<f64>,
) -> Target {
    Target { what, target, moonshot, unit, measured }
}

pub const TARGETS: &[Target] = &[
    row("load `all.tar` into an empty store, to `docker load`", 0.25, 0.18, Unit::Ratio, |r| {
        ratio(r, work::LOAD_ALL, "docker")
    }),
    row("the same, to `restic backup` of the tar", 0.45, 0.33, Unit::Ratio, |r| {
        ratio(r, work::LOAD_ALL, "restic")
    }),
    row("the same, to `zstd -1 -T0` of the tar", 1.0, 0.7, Unit::Ratio, |r| {
        ratio(r, work::LOAD_ALL, "zstd -1")
    }),
    row("bytes on disk after it, to restic", 0.75, 0.65, Unit::Ratio, |r| {
        let bytes = |peer| r.median(work::LOAD_ALL, peer)?.disk_bytes;
        Some(bytes("larder")? / bytes("restic")?)
    }),
    row(
        "load `app-1.1.0` into a store with `app-1.0.0`, to `docker load` in the same state",
        0.25,
        0.15,
        Unit::Ratio,
        |r| ratio(r, work::LOAD_NEXT, "docker"),
    ),
    row("load again", 50.0, 15.0, Unit::Milliseconds, |r| milliseconds(r, work::LOAD_AGAIN)),
    row("save `app:1.0.0`, to `docker save`", 0.15, 0.1, Unit::Ratio, |r| ratio(r, work::SAVE, "docker")),
    row("the same, to `cp` (a moonshot only)", f64::INFINITY, 2.0, Unit::Ratio, |r| {
        ratio(r, work::SAVE, "cp")
    }),
    row("export, to `docker export`", 0.35, 0.2, Unit::Ratio, |r| ratio(r, work::EXPORT, "docker")),
    row("import, to `docker import`", 0.35, 0.2, Unit::Ratio, |r| ratio(r, work::IMPORT, "docker")),
    row("load of an OCI archive with gzip layers, to `podman load`", 0.4, 0.25, Unit::Ratio, |r| {
        ratio(r, work::LOAD_OCI, "podman")
    }),
    row("one question to a store of 50 000 images and 10 M chunks", 30.0, 10.0, Unit::Milliseconds, |r| {
        milliseconds(r, work::OPEN_HUGE)
    }),
    row("bytes on disk after `optimize`, to restic", 0.6, f64::INFINITY, Unit::Ratio, |r| {
        Some(
            r.median(work::OPTIMIZE, "larder")?.disk_bytes?
                / r.median(work::LOAD_ALL, "restic")?.disk_bytes?,
        )
    }),
    row("save after `optimize`, to save before", 1.2, f64::INFINITY, Unit::Ratio, |r| {
        Some(wall(r, work::SAVE_AFTER, "larder")? / wall(r, work::SAVE_BEFORE, "larder")?)
    }),
    row("peak memory of load", 256.0, 128.0, Unit::Mebibytes, |r| {
        peak(r, &[work::LOAD_ALL, work::LOAD_NEXT, work::LOAD_PIPE, work::LOAD_OCI])
    }),
    row("peak memory of save", 256.0, 128.0, Unit::Mebibytes, |r| peak(r, &[work::SAVE, work::SAVE_PIPE])),
];
