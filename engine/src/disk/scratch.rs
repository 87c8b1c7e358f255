//! A passing file without a name: gone with whoever has it open.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{Mode as FileMode, OFlags};

/// A file that nobody else can find, and that takes no space once it is dropped,
/// whatever ends the process.
#[derive(Debug)]
pub struct Scratch {
    file: fs::File,
}

impl Scratch {
    /// A new one in the directory `dir`, or where passing files go on this
    /// machine if that cannot be written.
    ///
    /// # Errors
    /// If neither can.
    pub fn create(dir: Option<&Path>) -> io::Result<Self> {
        let here = dir.map(Self::create_in);
        match here {
            Some(Ok(scratch)) => Ok(scratch),
            _ => Self::create_in(&std::env::temp_dir()),
        }
    }

    fn create_in(dir: &Path) -> io::Result<Self> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = rustix::fs::open(dir, flags, FileMode::RUSR | FileMode::WUSR)?;
        Ok(Self { file: file.into() })
    }

    /// Fills `buffer` from `offset`.
    ///
    /// # Errors
    /// If the file ends before, or the disk fails.
    pub fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}

impl Write for Scratch {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_file_has_no_name() {
        let dir = tempfile::tempdir().unwrap();
        let mut scratch = Scratch::create(Some(dir.path())).unwrap();
        scratch.write_all(b"0123456789").unwrap();
        let mut buffer = [0; 3];
        scratch.read_exact_at(&mut buffer, 4).unwrap();
        assert_eq!(&buffer, b"456");
        assert!(scratch.read_exact_at(&mut buffer, 8).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_done_without() {
        assert!(Scratch::create(Some(Path::new("/nowhere/at/all"))).is_ok());
    }
}
