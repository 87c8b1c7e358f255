//! `docs/benchmarks.md`, made of the raw results.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::plot::{self, Chart};
use crate::results::{Median, Results};
use crate::targets::TARGETS;
use crate::work::{self, WORKS};

/// The order of rows.
const PEERS: &[&str] = &["larder", "docker", "podman", "skopeo", "restic", "borg", "casync", "zstd -1", "cp"];

pub fn write(results: &Path, docs: &Path) {
    let results = Results::read(results);
    let plots = docs.join("benchmarks");
    fs::create_dir_all(&plots).expect("a directory");
    let mut page = String::from(HEAD);
    machine(&mut page, &results);
    targets(&mut page, &results);
    for (number, work) in WORKS.iter().enumerate() {
        let found: Vec<_> =
            PEERS.iter().filter_map(|peer| Some((*peer, results.median(work.name, peer)?))).collect();
        if found.is_empty() {
            continue;
        }
        if number == 0 {
            page.push_str("\n## Works\n");
        }
        table(&mut page, work, &found);
        if found.len() > 1 {
            let file = format!("{}.svg", work.name.replace(' ', "-"));
            let mut charts = vec![Chart::of("wall seconds", &found, |median| Some(median.wall_s))];
            charts.push(Chart::of("CPU seconds", &found, |median| Some(median.cpu_s)));
            if found.iter().filter(|(_, median)| median.disk_bytes.is_some()).count() > 1 {
                charts.push(Chart::of("MB on disk", &found, |median| Some(median.disk_bytes? / 1e6)));
            }
            plot::bars(&plots.join(&file), work.heading, &charts);
            writeln!(page, "\n![{}](benchmarks/{file})", work.heading).expect("memory");
        }
    }
    images(&mut page, &results, &plots);
    fs::write(docs.join("benchmarks.md"), page).expect("a disk that works");
}

const HEAD: &str = "\
# larder beside other tools

Made by `cargo run --release --manifest-path tests/bench/Cargo.toml -- report` from
`tests/bench/results.tsv`, which the same program's `run CORPUS` measures. Not written by hand.

The parts of larder by themselves: `cargo bench`.
";

fn machine(page: &mut String, results: &Results) {
    page.push_str("\n## What was measured, and how\n\n| | |\n|---|---|\n");
    for key in ["cores", "processor", "memory", "kernel", "file system", "runs", "note"] {
        if let Some(value) = results.fact(key) {
            writeln!(page, "| {key} | {value} |").expect("memory");
        }
    }
    for (key, value) in &results.facts {
        if let Some(file) = key.strip_prefix("bytes of ") {
            let bytes: f64 = value.parse().unwrap_or_default();
            writeln!(page, "| `{file}` | {:.0} MB |", bytes / 1e6).expect("memory");
        }
    }
    page.push_str(
        "\nThe works are measured with the peers in turn, run after run; the figures are medians of as many runs \
         as the tables say. Before each measurement everything written is synced, and the archives are in the page cache. CPU \
         seconds are user and system time of all processes, of Docker's engine too. Peak memory is the \
         resident memory of the largest process, the client's or the engine's. Bytes on disk are what `du` \
         counts of the peer's store; of Docker's, its layers.\n\n\
         Every tool runs as its users run it, and is charged for the syncing that it does by itself and for no \
         more:\n\n| peer | version | what is durable when it returns |\n|---|---|---|\n",
    );
    for peer in PEERS {
        let Some(version) = results.fact(&format!("version of {peer}")) else { continue };
        let version = version.strip_prefix(&format!("{peer} ")).unwrap_or(version);
        let durable = results.fact(&format!("durable with {peer}")).unwrap_or_default();
        writeln!(page, "| {peer} | {version} | {durable} |").expect("memory");
    }
}

fn targets(page: &mut String, results: &Results) {
    page.push_str("\n## Targets\n\nRatios are larder's time to the peer's.\n\n");
    page.push_str("| work | target | moonshot | measured | |\n|---|---|---|---|---|\n");
    for row in TARGETS {
        let bound =
            |value: f64| if value.is_finite() { format!("≤ {}", row.unit.show(value)) } else { "-".into() };
        let (target, moonshot) = (bound(row.target), bound(row.moonshot));
        let measured = row.measured(results);
        let verdict = match measured {
            None => "not measured",
            Some(value) if value <= row.moonshot && row.moonshot.is_finite() => "moonshot met",
            Some(value) if value <= row.target && row.target.is_finite() => "met",
            Some(_) => "not met",
        };
        let measured = measured.map_or("-".into(), |value| row.unit.show(value));
        writeln!(page, "| {} | {target} | {moonshot} | {measured} | {verdict} |", row.what).expect("memory");
    }
}

fn table(page: &mut String, work: &work::Work, found: &[(&str, Median)]) {
    writeln!(page, "\n### {}\n\n{}\n", work.heading, work.what).expect("memory");
    page.push_str("| peer | wall s | larder to it | CPU s | peak MiB | disk MB | runs |\n|---|---|---|---|---|---|---|\n");
    let larder = found.iter().find(|(peer, _)| *peer == "larder").map(|(_, median)| median.wall_s);
    for (peer, median) in found {
        let ratio =
            larder.filter(|_| *peer != "larder").map(|larder| format!("{:.2}", larder / median.wall_s));
        let ratio = ratio.unwrap_or_default();
        let disk = median.disk_bytes.map(|bytes| format!("{:.1}", bytes / 1e6)).unwrap_or_default();
        let Median { wall_s, cpu_s, peak_bytes, runs, .. } = median;
        let peak = peak_bytes / 1024.0 / 1024.0;
        writeln!(
            page,
            "| {peer} | {} | {ratio} | {} | {peak:.0} | {disk} | {runs} |",
            seconds(*wall_s),
            seconds(*cpu_s)
        )
        .expect("memory");
    }
}

/// Three digits that count.
fn seconds(value: f64) -> String {
    match value {
        value if value < 1.0 => format!("{value:.3}"),
        value if value < 10.0 => format!("{value:.2}"),
        value => format!("{value:.1}"),
    }
}

/// How a list grows with the images.
fn images(page: &mut String, results: &Results, plots: &Path) {
    let sizes = [(10.0, work::IMAGES_10), (1000.0, work::IMAGES_1000), (50_000.0, work::IMAGES_50000)];
    let lines: Vec<_> = ["larder", "docker"]
        .iter()
        .map(|peer| {
            let points = sizes
                .iter()
                .filter_map(|(images, work)| Some((*images, results.median(work, peer)?.wall_s * 1000.0)));
            (*peer, points.collect::<Vec<_>>())
        })
        .filter(|(_, points)| points.len() > 1)
        .collect();
    if lines.is_empty() {
        return;
    }
    plot::lines(&plots.join("images.svg"), "Listing images", "images", "milliseconds", &lines);
    page.push_str("\n### How a list grows\n\n![Listing images](benchmarks/images.svg)\n");
}
