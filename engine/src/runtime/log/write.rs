//! Writing the log.

use std::io::Write;
use std::sync::Arc;

use jiff::Timestamp;

use super::super::error::Result;
use super::super::frame::Stream;
use super::{MAX_ENTRY, files};
use crate::container::LogBounds;
use crate::disk::{Disk, File};

/// A text has them around it.
const QUOTES: usize = 2;

/// So much is gathered before it is written.
const BATCH_BYTES: usize = 256 << 10;

/// Writes what comes, line by line.
pub struct LogWriter {
    /// Where to; nowhere if no log is kept.
    target: Option<Target>,
    /// Entries that are not in the file yet.
    batch: Vec<u8>,
    /// The beginnings of lines, by stream.
    begun: [Vec<u8>; 2],
}

impl LogWriter {
    /// Goes on behind what is in the log of the container in `dir`; without bounds, no log is
    /// written.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn open(disk: &Arc<dyn Disk>, dir: &str, bounds: Option<LogBounds>) -> Result<Self> {
        let target = bounds.map(|bounds| Target::open(disk, dir, bounds)).transpose()?;
        let mut writer = Self { target, batch: Vec::new(), begun: Default::default() };
        if writer.target.as_ref().is_some_and(|target| target.is_cut) {
            // An entry that a crash has cut off must not run into the next one.
            writer.batch.push(b'\n');
        }
        Ok(writer)
    }

    /// Takes what a stream brought.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn add(&mut self, stream: Stream, mut bytes: &[u8]) -> Result<()> {
        if self.target.is_none() {
            return Ok(());
        }
        let now = Timestamp::now();
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = bytes.split_at(end + 1);
            self.append(stream, line, now);
            self.put_begun(stream, now, true);
            bytes = rest;
        }
        self.append(stream, bytes, now);
        if self.batch.len() >= BATCH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Adds to the line that `stream` has begun.
    fn append(&mut self, stream: Stream, bytes: &[u8], now: Timestamp) {
        for part in bytes.chunks(MAX_ENTRY) {
            self.begun_of(stream).extend_from_slice(part);
            while self.begun_of(stream).len() > MAX_ENTRY {
                self.put_begun(stream, now, false);
            }
        }
    }

    fn begun_of(&mut self, stream: Stream) -> &mut Vec<u8> {
        let [stdout, stderr] = &mut self.begun;
        match stream {
            Stream::Stdout => stdout,
            Stream::Stderr => stderr,
        }
    }

    /// Makes entries of the line that `stream` has begun: of all of it, or of as much as
    /// one entry takes.
    fn put_begun(&mut self, stream: Stream, now: Timestamp, whole: bool) {
        let begun = std::mem::take(self.begun_of(stream));
        let limit = if whole { begun.len() } else { MAX_ENTRY };
        let (mut line, mut rest) = begun.split_at_checked(limit).unwrap_or((&begun, &[]));
        if let (false, Err(error)) = (whole, std::str::from_utf8(line))
            && error.error_len().is_none()
            && error.valid_up_to() > 0
        {
            // A character is not cut in two.
            (line, rest) = begun.split_at_checked(error.valid_up_to()).unwrap_or((&begun, &[]));
        }
        let text = std::str::from_utf8(line).ok().and_then(|text| serde_json::to_string(text).ok());
        // Zeros and their like are text, at six characters each.
        let entry = match text.filter(|text| text.len() <= 2 * line.len() + QUOTES) {
            Some(text) => format!("\"log\":{text}"),
            None => format!("\"hex\":\"{}\"", hex::encode(line)),
        };
        let name = match stream {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        };
        // Writing to memory does not fail.
        let _ = writeln!(self.batch, "{{{entry},\"stream\":\"{name}\",\"time\":\"{now:.9}\"}}");
        *self.begun_of(stream) = rest.to_vec();
    }

    /// Writes what has come; lines that are only begun are kept back.
    ///
    /// # Errors
    /// If the disk fails; what was to be written is lost then.
    pub fn flush(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        match &mut self.target {
            Some(target) => target.write(&batch),
            None => Ok(()),
        }
    }

    /// Writes all, also lines that have no end.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn finish(&mut self) -> Result<()> {
        let now = Timestamp::now();
        for stream in [Stream::Stdout, Stream::Stderr] {
            while !self.begun_of(stream).is_empty() {
                self.put_begun(stream, now, true);
            }
        }
        self.flush()
    }
}

/// The files that are written.
struct Target {
    disk: Arc<dyn Disk>,
    dir: String,
    bounds: LogBounds,
    /// The last file, and its number.
    file: Box<dyn File>,
    number: u64,
    end: u64,
    /// Whether its last entry was cut off when it was opened.
    is_cut: bool,
}

impl Target {
    fn open(disk: &Arc<dyn Disk>, dir: &str, bounds: LogBounds) -> Result<Self> {
        let number = files::numbers(&**disk, dir)?.pop().unwrap_or_default();
        let file = open_file(&**disk, dir, number)?;
        let end = file.len()?;
        let mut byte = *b"\n";
        if let Some(last) = end.checked_sub(1) {
            file.read_exact_at(&mut byte, last)?;
        }
        let (disk, dir, is_cut) = (Arc::clone(disk), dir.into(), byte != *b"\n");
        let target = Self { disk, dir, bounds, file, number, end, is_cut };
        target.remove_surplus()?;
        Ok(target)
    }

    /// Writes whole entries, to as many files as that takes.
    fn write(&mut self, mut entries: &[u8]) -> Result<()> {
        while !entries.is_empty() {
            let room = self.bounds.max_size.saturating_sub(self.end);
            let len = match fitting(entries, room) {
                0 if self.end > 0 => {
                    self.rotate()?;
                    continue;
                }
                // A file has one entry at least.
                0 => entries.iter().position(|byte| *byte == b'\n').map_or(entries.len(), |at| at + 1),
                len => len,
            };
            let (now, later) = entries.split_at(len);
            self.file.write_all_at(now, self.end)?;
            self.end += len as u64;
            entries = later;
        }
        Ok(())
    }

    /// Starts another file, and removes those that are too many then.
    fn rotate(&mut self) -> Result<()> {
        let number = self.number + 1;
        self.file = open_file(&*self.disk, &self.dir, number)?;
        (self.number, self.end) = (number, self.file.len()?);
        self.remove_surplus()
    }

    fn remove_surplus(&self) -> Result<()> {
        let numbers = files::numbers(&*self.disk, &self.dir)?;
        let surplus = numbers.len().saturating_sub(self.bounds.max_files);
        for number in numbers.iter().take(surplus) {
            self.disk.remove(&files::name_of(&self.dir, *number))?;
        }
        Ok(())
    }
}

/// How much of `entries` fits into `room`, in whole entries.
fn fitting(entries: &[u8], room: u64) -> usize {
    match usize::try_from(room).ok().and_then(|room| entries.get(..room)) {
        Some(part) => part.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1),
        None => entries.len(),
    }
}

fn open_file(disk: &dyn Disk, dir: &str, number: u64) -> Result<Box<dyn File>> {
    let name = files::name_of(dir, number);
    Ok(match disk.create(&name) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => disk.open_writable(&name)?,
        file => file?,
    })
}
