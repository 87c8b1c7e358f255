//! Measures larder beside other tools and writes `docs/benchmarks.md`.
//!
//! ```sh
//! cargo build --release
//! cargo run --release --manifest-path tests/bench/Cargo.toml -- run CORPUS --larder target/release/larder
//! cargo run --release --manifest-path tests/bench/Cargo.toml -- report
//! ```
//!
//! `run` measures and writes `tests/bench/results.tsv`; it needs root, for it
//! starts a Docker engine of its own, and the tools in [`peers`]. `report`
//! makes the page and its plots of that file, and needs nothing else.
//!
//! CORPUS is a directory of archives: `all.tar` (several images in one, of
//! them `app:1.0.0` and `app:1.1.0`), `app-1.0.0.tar`, `app-1.1.0.tar`,
//! `app-1.0.0.oci.tar` (an OCI layout with gzip layers) and `rootfs.tar`.

mod generate;
mod machine;
mod measure;
mod page;
mod peers;
mod plot;
mod results;
mod session;
mod targets;
mod work;

use std::path::{Path, PathBuf};

use clap::Parser;

use session::Choice;

#[derive(Parser)]
enum Command {
    /// Measure everything, in turn, and write the raw results
    Run {
        /// Directory of the archives
        corpus: PathBuf,
        /// How often everything is measured
        #[arg(long, default_value_t = 5)]
        runs: u32,
        /// The larder to measure; without one that on the path
        #[arg(long, env = "LARDER", default_value = "larder")]
        larder: PathBuf,
        /// Only these peers
        #[arg(long, value_delimiter = ',')]
        only: Vec<String>,
        /// Only these works, as the results name them
        #[arg(long, value_delimiter = ',')]
        works: Vec<String>,
        /// Go on after this run, and add to the raw results
        #[arg(long, default_value_t = 0)]
        after: u32,
        /// Said of the results, such as what else the machine was doing
        #[arg(long)]
        note: Option<String>,
        /// Where the raw results go
        #[arg(long, default_value_os_t = repository().join("tests/bench/results.tsv"))]
        out: PathBuf,
    },
    /// Write docs/benchmarks.md and its plots from the raw results
    Report {
        /// The raw results
        #[arg(long, default_value_os_t = repository().join("tests/bench/results.tsv"))]
        results: PathBuf,
    },
    /// Make a store of many images, and as many chunks of no image on top
    Generate { store: PathBuf, images: u64, chunks: u64 },
    /// Run a command and tell what it took; for this program itself
    #[command(hide = true)]
    Child(measure::Child),
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn main() {
    match Command::parse() {
        Command::Run { corpus, runs, larder, only, works, after, note, out } => {
            let choice = Choice { peers: only, works };
            session::run(&corpus, after + 1..=runs, &larder, choice, note.as_deref(), &out);
        }
        Command::Report { results } => page::write(&results, &repository().join("docs")),
        Command::Generate { store, images, chunks } => generate::store(&store, images, chunks),
        Command::Child(child) => child.run(),
    }
}
