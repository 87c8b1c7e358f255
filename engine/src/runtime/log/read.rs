//! Reading the log.

use jiff::Timestamp;
use serde::Deserialize;

use super::super::error::Result;
use super::super::frame::Stream;
use super::FILE;
use crate::disk::{Disk, File};

/// What is read at once.
const BLOCK_BYTES: usize = 64 << 10;
/// No entry of larder's own is longer: every byte as six characters, and the rest.
const MAX_LINE: usize = 1 << 20;

/// A line that a container wrote, or a part of a long one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Where it wrote it.
    pub stream: Stream,
    /// When.
    pub time: Timestamp,
    /// What, with the newline that ended it.
    pub bytes: Vec<u8>,
}

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    log: String,
    #[serde(default, with = "hex::serde")]
    hex: Vec<u8>,
    stream: Stream,
    time: Timestamp,
}

/// Reads a log from some place on, as it grows.
pub struct LogReader {
    file: Option<Box<dyn File>>,
    /// Where the next block begins.
    at: u64,
    /// What was read and is no whole line yet.
    rest: Vec<u8>,
}

impl LogReader {
    /// The log of the container in `dir`: its last `tail` entries and what comes then, or
    /// all of it. One that has never run has none.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn open(disk: &dyn Disk, dir: &str, tail: Option<u64>) -> Result<Self> {
        let file = match disk.open(&format!("{dir}/{FILE}")) {
            Err(error) if error.is_absent() => None,
            file => Some(file?),
        };
        let at = match (&file, tail) {
            (Some(file), Some(tail)) => start_of_last(&**file, tail)?,
            _ => 0,
        };
        Ok(Self { file, at, rest: Vec::new() })
    }

    /// The entries that have come since the last call, some of them; none if there are
    /// no more for now.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn more(&mut self) -> Result<Vec<LogEntry>> {
        let Some(file) = &self.file else { return Ok(Vec::new()) };
        let mut entries = Vec::new();
        while entries.is_empty() {
            let left = file.len()?.saturating_sub(self.at);
            let mut block = vec![0; left.min(BLOCK_BYTES as u64) as usize];
            if block.is_empty() {
                break;
            }
            file.read_exact_at(&mut block, self.at)?;
            self.at += block.len() as u64;
            self.rest.extend_from_slice(&block);
            let whole = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            let lines: Vec<u8> = self.rest.drain(..whole).collect();
            entries.extend(lines.split(|byte| *byte == b'\n').filter_map(decode));
            if self.rest.len() > MAX_LINE {
                // No line of ours: what follows may be.
                self.rest.clear();
            }
        }
        Ok(entries)
    }
}

/// The entry on a line; `None` for what was cut off, or is none.
fn decode(line: &[u8]) -> Option<LogEntry> {
    let line: Line = serde_json::from_slice(line).ok()?;
    let bytes = if line.hex.is_empty() { line.log.into_bytes() } else { line.hex };
    Some(LogEntry { stream: line.stream, time: line.time, bytes })
}

/// Where the last `count` lines begin.
fn start_of_last(file: &dyn File, count: u64) -> Result<u64> {
    let len = file.len()?;
    let mut end = len;
    let mut found = 0;
    while end > 0 {
        let start = end.saturating_sub(BLOCK_BYTES as u64);
        let mut block = vec![0; (end - start) as usize];
        file.read_exact_at(&mut block, start)?;
        for (at, _) in block.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            let begins = start + at as u64 + 1;
            // The newline at the very end ends a line and begins none.
            if begins == len {
                continue;
            }
            found += 1;
            if found == count {
                return Ok(begins);
            }
        }
        end = start;
    }
    Ok(if count == 0 { len } else { 0 })
}
