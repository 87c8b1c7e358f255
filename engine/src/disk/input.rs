//! What an archive comes from: a stream, a file that can be read here and
//! there, or a directory.

use std::fmt;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::Tree;

/// What an archive comes from.
pub enum Input {
    /// Bytes that come once, in order.
    Stream(Box<dyn Read + Send>),
    /// A regular file.
    File(InputFile),
    /// An image layout as a directory.
    Directory(Tree),
}

impl Input {
    /// The file or directory at `path`; what is neither, such as a pipe with a
    /// name, is a stream.
    ///
    /// # Errors
    /// If it is not there or cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = fs::File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Tree::open(path).map(Self::Directory).map_err(|error| error.source);
        }
        Ok(Self::from_file(file, metadata.is_file(), metadata.len()))
    }

    /// What stands open as `file`, such as standard input: read from where it stands.
    ///
    /// # Errors
    /// If it cannot be looked at.
    pub fn of(mut file: fs::File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        // A file that was read from already is taken as a stream from there.
        let is_whole = metadata.is_file() && file.stream_position()? == 0;
        Ok(Self::from_file(file, is_whole, metadata.len()))
    }

    fn from_file(file: fs::File, is_whole: bool, len: u64) -> Self {
        match is_whole {
            true => Self::File(InputFile { file: Arc::new(file), at: 0, end: len, start: 0 }),
            false => Self::Stream(Box::new(file)),
        }
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stream(_) => "Stream",
            Self::File(_) => "File",
            Self::Directory(_) => "Directory",
        })
    }
}

/// A part of a file, or all of it. Parts are read independently of each other.
#[derive(Debug, Clone)]
pub struct InputFile {
    file: Arc<fs::File>,
    start: u64,
    at: u64,
    end: u64,
}

impl InputFile {
    /// The whole of `file`.
    ///
    /// # Errors
    /// If it cannot be looked at.
    pub fn whole(file: fs::File) -> io::Result<Self> {
        let end = file.metadata()?.len();
        Ok(Self { file: Arc::new(file), start: 0, at: 0, end })
    }

    /// `len` bytes from `offset` on, as far as there are so many.
    #[must_use]
    pub fn part(&self, offset: u64, len: u64) -> Self {
        let start = self.start.saturating_add(offset).min(self.end);
        let end = start.saturating_add(len).min(self.end);
        Self { file: Arc::clone(&self.file), start, at: start, end }
    }

    /// The number of bytes.
    pub fn len(&self) -> u64 {
        self.end - self.start
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Read for InputFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let want = buffer.len().min(left);
        let Some(room) = buffer.get_mut(..want).filter(|room| !room.is_empty()) else { return Ok(0) };
        let len = self.file.read_at(room, self.at)?;
        self.at += len as u64;
        Ok(len)
    }
}

impl Seek for InputFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(offset) => self.start.checked_add(offset),
            SeekFrom::End(offset) => self.end.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        self.at = at.filter(|at| *at >= self.start).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at - self.start)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn parts_of_a_file_are_read_side_by_side() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let whole = InputFile::whole(file).unwrap();
        let (mut a, mut b) = (whole.part(2, 3), whole.part(8, 100));
        let mut text = String::new();
        a.seek(SeekFrom::Start(1)).unwrap();
        b.read_to_string(&mut text).unwrap();
        a.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), a.len(), b.len()), ("8934", 3, 2));
    }

    #[test]
    fn a_file_that_was_read_from_is_a_stream() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        assert!(matches!(Input::of(file.try_clone().unwrap()).unwrap(), Input::Stream(_)));
        file.rewind().unwrap();
        assert!(matches!(Input::of(file).unwrap(), Input::File(_)));
    }
}
