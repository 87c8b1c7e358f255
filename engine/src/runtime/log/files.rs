//! The files of a log.
//!
//! The first is `log`, those after it are `log.1`, `log.2` and so on: a file keeps its name, so
//! that whoever reads it knows which one follows. Only the last one grows.

use crate::disk::{Disk, Result};

const FIRST: &str = "log";

/// Returns the name of a file in the container's directory `dir`.
pub fn name_of(dir: &str, number: u64) -> String {
    match number {
        0 => format!("{dir}/{FIRST}"),
        number => format!("{dir}/{FIRST}.{number}"),
    }
}

/// Returns the numbers of the files that are there, in the order in which they were written.
///
/// # Errors
/// If the disk fails.
pub fn numbers(disk: &dyn Disk, dir: &str) -> Result<Vec<u64>> {
    let entries = disk.list(dir)?;
    let files = entries.iter().filter(|entry| !entry.is_dir);
    let mut numbers: Vec<u64> = files.filter_map(|entry| number_of(&entry.name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn number_of(name: &str) -> Option<u64> {
    let rest = name.strip_prefix(FIRST)?;
    if rest.is_empty() {
        return Some(0);
    }
    let number = rest.strip_prefix('.')?.parse().ok()?;
    // `log.01` and the like are not ours.
    (number > 0 && rest == format!(".{number}")).then_some(number)
}

/// Returns the name, in the container's directory, of the file that is written last.
///
/// # Errors
/// If the disk fails.
pub fn newest(disk: &dyn Disk, dir: &str) -> Result<String> {
    let number = numbers(disk, dir)?.pop().unwrap_or_default();
    Ok(name_of(dir, number).split_off(dir.len() + 1))
}
