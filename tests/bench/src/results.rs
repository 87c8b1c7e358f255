//! The raw results: a table of tab-separated values, one line a measurement.
//!
//! Lines that begin with `#` hold a fact: `# cores<tab>2`, `# version of
//! zstd<tab>1.5.4`. Then a heading, then the measurements; what was not measured
//! of one is empty.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use crate::measure::Taken;

const HEADING: &str = "work\tpeer\trun\twall_s\tcpu_s\tpeak_bytes\tdisk_bytes";

/// Where results go as they come.
pub struct Sheet(fs::File);

impl Sheet {
    pub fn create(path: &Path, facts: &[(String, String)]) -> Self {
        let mut file = fs::File::create(path).expect("a file");
        for (key, value) in facts {
            writeln!(file, "# {key}\t{value}").expect("a disk that works");
        }
        writeln!(file, "{HEADING}").expect("a disk that works");
        Self(file)
    }

    /// The results at `path`, to be gone on with.
    pub fn append(path: &Path) -> Self {
        Self(fs::File::options().append(true).open(path).expect("results"))
    }

    pub fn add(&mut self, work: &str, peer: &str, run: u32, taken: &Taken, disk_bytes: Option<u64>) {
        let Taken { wall_s, cpu_s, peak_bytes } = taken;
        let disk = disk_bytes.map(|bytes| bytes.to_string()).unwrap_or_default();
        let line = format!("{work}\t{peer}\t{run}\t{wall_s:.6}\t{cpu_s:.6}\t{peak_bytes:.0}\t{disk}");
        println!("{line}");
        writeln!(self.0, "{line}").expect("a disk that works");
    }
}

/// Medians of what was measured.
#[derive(Debug, Clone, Copy)]
pub struct Median {
    pub wall_s: f64,
    pub cpu_s: f64,
    pub peak_bytes: f64,
    pub disk_bytes: Option<f64>,
    pub runs: usize,
}

/// All results, read again.
pub struct Results {
    pub facts: Vec<(String, String)>,
    rows: BTreeMap<(String, String), Vec<[Option<f64>; 4]>>,
}

impl Results {
    pub fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut results = Self { facts: Vec::new(), rows: BTreeMap::new() };
        for line in text.lines().filter(|line| *line != HEADING) {
            if let Some(fact) = line.strip_prefix("# ") {
                let (key, value) = fact.split_once('\t').expect("a fact");
                results.facts.push((key.into(), value.into()));
                continue;
            }
            let fields: Vec<_> = line.split('\t').collect();
            let [work, peer, _, numbers @ ..] = &fields[..] else { panic!("no result: {line}") };
            let numbers: Vec<Option<f64>> = numbers.iter().map(|field| field.parse().ok()).collect();
            let numbers = numbers.try_into().expect("four numbers");
            results.rows.entry(((*work).into(), (*peer).into())).or_default().push(numbers);
        }
        results
    }

    pub fn fact(&self, key: &str) -> Option<&str> {
        self.facts.iter().find(|(other, _)| other == key).map(|(_, value)| &**value)
    }

    pub fn median(&self, work: &str, peer: &str) -> Option<Median> {
        let rows = self.rows.get(&(work.to_owned(), peer.to_owned()))?;
        let of = |column: usize| {
            let mut values: Vec<f64> = rows.iter().filter_map(|row| row[column]).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len().saturating_sub(1) / 2).copied()
        };
        let runs = rows.len();
        Some(Median { wall_s: of(0)?, cpu_s: of(1)?, peak_bytes: of(2)?, disk_bytes: of(3), runs })
    }
}
