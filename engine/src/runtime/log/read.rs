//! Reading the log.

use jiff::Timestamp;
use serde::Deserialize;

use super::super::error::Result;
use super::super::frame::Stream;
use super::files;
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
pub struct LogReader<'d> {
    disk: &'d dyn Disk,
    dir: String,
    /// The file that is read, and its number.
    file: Option<(u64, Box<dyn File>)>,
    /// Whether the file has a successor, and so its end was final before it was read last.
    is_final: bool,
    /// Where the next block begins.
    at: u64,
    /// What was read and is no whole line yet.
    rest: Vec<u8>,
}

impl<'d> LogReader<'d> {
    /// The log of the container in `dir`: its last `tail` entries and what comes then, or
    /// all of it. One that has never run has none.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn open(disk: &'d dyn Disk, dir: &str, tail: Option<u64>) -> Result<Self> {
        let mut reader = Self { disk, dir: dir.into(), file: None, is_final: false, at: 0, rest: Vec::new() };
        if let Some(tail) = tail {
            while !reader.seek_to_last(tail)? {}
        }
        Ok(reader)
    }

    /// Goes to where the last `count` entries begin; returns false if the files changed meanwhile.
    fn seek_to_last(&mut self, count: u64) -> Result<bool> {
        let numbers = files::numbers(self.disk, &self.dir)?;
        let mut wanted = count;
        for number in numbers.iter().rev() {
            let Some(file) = self.open_file(*number)? else { break };
            let (start, found) = start_of_last(&*file, wanted)?;
            (self.file, self.at) = (Some((*number, file)), start);
            wanted -= found;
            if wanted == 0 {
                break;
            }
        }
        Ok(numbers.is_empty() || self.file.is_some())
    }

    /// Opens a file; returns `None` if it was removed.
    fn open_file(&self, number: u64) -> Result<Option<Box<dyn File>>> {
        match self.disk.open(&files::name_of(&self.dir, number)) {
            Err(error) if error.is_absent() => Ok(None),
            file => Ok(Some(file?)),
        }
    }

    /// The entries that have come since the last call, some of them; none if there are
    /// no more for now.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn more(&mut self) -> Result<Vec<LogEntry>> {
        let mut entries = Vec::new();
        while entries.is_empty() {
            let block = self.next_block()?;
            if block.is_empty() {
                if self.turn_over()? {
                    continue;
                }
                break;
            }
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

    /// Reads on in the file; returns nothing at its end.
    fn next_block(&mut self) -> Result<Vec<u8>> {
        let Some((_, file)) = &self.file else { return Ok(Vec::new()) };
        let left = file.len()?.saturating_sub(self.at);
        let block = file.read_at(left.min(BLOCK_BYTES as u64) as usize, self.at)?;
        self.at += block.len() as u64;
        Ok(block)
    }

    /// Goes on to the file after the one that was read to its end; returns false if there is none.
    fn turn_over(&mut self) -> Result<bool> {
        let current = self.file.as_ref().map(|(number, _)| *number);
        let numbers = files::numbers(self.disk, &self.dir)?;
        let Some(next) = numbers.into_iter().find(|number| current.is_none_or(|current| *number > current))
        else {
            return Ok(false);
        };
        if current.is_some() && !self.is_final {
            // The file may have grown after it was read and before the next one was there.
            self.is_final = true;
            return Ok(true);
        }
        // One that was removed meanwhile has a successor.
        if let Some(file) = self.open_file(next)? {
            (self.file, self.is_final, self.at) = (Some((next, file)), false, 0);
            self.rest.clear();
        }
        Ok(true)
    }
}

/// The entry on a line; `None` for what was cut off, or is none.
fn decode(line: &[u8]) -> Option<LogEntry> {
    let line: Line = serde_json::from_slice(line).ok()?;
    let bytes = if line.hex.is_empty() { line.log.into_bytes() } else { line.hex };
    Some(LogEntry { stream: line.stream, time: line.time, bytes })
}

/// Where the last `count` lines begin, or all if there are fewer, and how many lines these are.
fn start_of_last(file: &dyn File, count: u64) -> Result<(u64, u64)> {
    let len = file.len()?;
    if count == 0 || len == 0 {
        return Ok((len, 0));
    }
    let mut end = len;
    let mut found = 0;
    while end > 0 {
        let start = end.saturating_sub(BLOCK_BYTES as u64);
        let block = file.read_at((end - start) as usize, start)?;
        for (at, _) in block.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            let begins = start + at as u64 + 1;
            // The newline at the very end ends a line and begins none.
            if begins == len {
                continue;
            }
            found += 1;
            if found == count {
                return Ok((begins, found));
            }
        }
        end = start;
    }
    Ok((0, found + 1))
}
