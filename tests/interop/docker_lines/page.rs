//! `docs/docker.md` read as the list of differences that are meant.
//!
//! Under each `## Heading` stands a table of four columns: the command line, what Docker says,
//! what larder says, and why. In the first three, what is in back quotes counts, one line of
//! output each, standard error after `! `; `«words»` stand for any text.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::hunks::Hunk;
use super::pattern::{Found, fits};
use crate::harness::tests_dir;

/// A difference that is meant.
#[derive(Debug)]
pub struct Meant {
    /// The command lines that show it; none for any.
    pub commands: Vec<String>,
    pub docker: Vec<String>,
    pub larder: Vec<String>,
    /// Whether Docker does so only now and then.
    is_rare: bool,
    seen: AtomicUsize,
}

/// How the reason for a difference begins that need not occur.
const AT_TIMES: &str = "at times, ";

/// The tables of the page by their headings.
pub fn read() -> BTreeMap<String, Vec<Meant>> {
    let path = tests_dir("../docs/docker.md");
    let text = std::fs::read_to_string(&path).expect("docs/docker.md is there");
    let mut tables: BTreeMap<String, Vec<Meant>> = BTreeMap::new();
    let mut heading = String::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            heading = title.to_owned();
        }
        if let Some(meant) = row(line) {
            tables.entry(heading.clone()).or_default().push(meant);
        }
    }
    tables
}

/// A row of a table of differences; no other line.
fn row(line: &str) -> Option<Meant> {
    let line = line.strip_prefix('|')?.strip_suffix('|')?.replace("\\|", "¦");
    let cells: Vec<_> = line.split('|').collect();
    let [commands, docker, larder, why] = <[_; 4]>::try_from(cells).ok()?;
    let is_rare = why.trim_start().starts_with(AT_TIMES);
    let [commands, docker, larder] = [commands, docker, larder].map(spans);
    let says_something = !docker.is_empty() || !larder.is_empty();
    says_something.then(|| Meant { commands, docker, larder, is_rare, seen: AtomicUsize::new(0) })
}

/// What stands in back quotes.
fn spans(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(|span| span.replace('¦', "|")).collect()
}

impl Meant {
    /// Whether it occurred, or need not.
    pub fn is_seen(&self) -> bool {
        self.is_rare || self.seen.load(Ordering::Relaxed) > 0
    }

    pub fn see(&self) {
        self.seen.fetch_add(1, Ordering::Relaxed);
    }

    /// What is left of `hunk` after this difference at its beginning.
    fn take(&self, command: &str, hunk: &Hunk) -> Option<Hunk> {
        let none = Found::new();
        let applies = self.commands.is_empty()
            || self.commands.iter().any(|pattern| fits(pattern, command, &none).is_some());
        let (docker, rest_docker) = hunk.docker.split_at_checked(self.docker.len())?;
        let (larder, rest_larder) = hunk.larder.split_at_checked(self.larder.len())?;
        if !applies {
            return None;
        }
        let patterns = self.docker.iter().chain(&self.larder);
        // Lines have no newlines: what fits is within one.
        let pattern = patterns.map(String::as_str).collect::<Vec<_>>().join("\n");
        let text = docker.iter().chain(larder).map(String::as_str).collect::<Vec<_>>().join("\n");
        fits(&pattern, &text, &none)?;
        Some(Hunk { docker: rest_docker.to_vec(), larder: rest_larder.to_vec() })
    }
}

/// The differences that a hunk consists of, if it does.
pub fn explain<'m>(command: &str, hunk: &Hunk, meant: &[&'m Meant]) -> Option<Vec<&'m Meant>> {
    if hunk.docker.is_empty() && hunk.larder.is_empty() {
        return Some(Vec::new());
    }
    meant.iter().find_map(|one| {
        let mut all = explain(command, &one.take(command, hunk)?, meant)?;
        all.push(one);
        Some(all)
    })
}

#[test]
fn a_row_of_the_page_is_a_difference() {
    let meant = row(
        "| `docker x «any»` | `! Error response from daemon: «what»` | `! Error: «what»`<br>`! hint` | why |",
    );
    let meant = [&meant.expect("a row")];
    let hunk = |docker: &[&str], larder: &[&str]| Hunk {
        docker: docker.iter().map(|&line| line.to_owned()).collect(),
        larder: larder.iter().map(|&line| line.to_owned()).collect(),
    };
    let both = hunk(&["! Error response from daemon: no"], &["! Error: no", "! hint"]);
    assert!(explain("docker x y", &both, &meant).is_some());
    assert!(explain("docker z", &both, &meant).is_none());
    assert!(
        explain(
            "docker x y",
            &hunk(&["! Error response from daemon: no"], &["! Error: a", "! hint"]),
            &meant
        )
        .is_none()
    );
    assert!(row("| what | of | it | all |").is_none() && row("|---|---|---|---|").is_none());
}
