//! What was measured on, without names and paths.

use std::fs;
use std::process::Command;

/// Facts to put into the results: what it is, and its value.
pub fn facts() -> Vec<(String, String)> {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let line = |file: &str, key: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().to_owned();
        line.trim_start_matches([' ', '\t', ':']).trim().to_owned()
    };
    let kilobytes: f64 =
        line("/proc/meminfo", "MemTotal:").trim_end_matches(" kB").trim().parse().unwrap_or(0.0);
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    // What follows the number is somebody's name for it.
    let kernel = release.split('-').next().unwrap_or_default().trim().to_owned();
    let file_system = said(&format!("findmnt -n -o FSTYPE -T {}", std::env::temp_dir().display()));
    vec![
        ("cores".into(), cores.to_string()),
        ("processor".into(), line("/proc/cpuinfo", "model name")),
        ("memory".into(), format!("{:.0} GiB", kilobytes / 1024.0 / 1024.0)),
        ("kernel".into(), format!("Linux {kernel}")),
        ("file system".into(), file_system),
    ]
}

/// The first line of what a command says.
pub fn said(line: &str) -> String {
    let mut words = line.split_whitespace();
    let output = words.next().and_then(|program| Command::new(program).args(words).output().ok());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or_default().trim().to_owned()
}
