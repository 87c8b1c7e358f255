//! Writing the log.

use std::io::Write;
use std::sync::Arc;

use jiff::Timestamp;

use super::super::error::Result;
use super::super::frame::Stream;
use super::{FILE, MAX_ENTRY};
use crate::disk::{Disk, File};

/// A text has them around it.
const QUOTES: usize = 2;

/// So much is gathered before it is written.
const BATCH_BYTES: usize = 256 << 10;

/// Writes what comes, line by line.
pub struct LogWriter {
    file: Box<dyn File>,
    end: u64,
    /// Entries that are not in the file yet.
    batch: Vec<u8>,
    /// The beginnings of lines, by stream.
    begun: [Vec<u8>; 2],
}

impl LogWriter {
    /// Goes on behind what is in the log of the container in `dir`.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn open(disk: &Arc<dyn Disk>, dir: &str) -> Result<Self> {
        let name = format!("{dir}/{FILE}");
        let file = match disk.create(&name) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => disk.open_writable(&name)?,
            file => file?,
        };
        let end = file.len()?;
        let mut writer = Self { file, end, batch: Vec::new(), begun: Default::default() };
        writer.end_what_was_cut()?;
        Ok(writer)
    }

    /// An entry that a crash has cut off must not run into the next one.
    fn end_what_was_cut(&mut self) -> Result<()> {
        if let Some(last) = self.end.checked_sub(1) {
            let mut byte = [0];
            self.file.read_exact_at(&mut byte, last)?;
            if byte != *b"\n" {
                self.batch.push(b'\n');
            }
        }
        Ok(())
    }

    /// Takes what a stream brought.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn add(&mut self, stream: Stream, mut bytes: &[u8]) -> Result<()> {
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
        if !self.batch.is_empty() {
            let batch = std::mem::take(&mut self.batch);
            self.file.write_all_at(&batch, self.end)?;
            self.end += batch.len() as u64;
        }
        Ok(())
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
