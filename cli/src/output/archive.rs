//! Where an archive goes: a file, or standard output.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::path::Path;

use super::file::OutputFile;
use crate::failure::{Failure, os_text};

/// Where an archive goes.
#[derive(Debug, Clone, Copy)]
pub enum Place<'p> {
    /// A file that is there whole or not at all.
    File(&'p Path),
    /// Standard output.
    Stdout,
}

impl<'p> Place<'p> {
    /// What `-o` says. A terminal is spared.
    ///
    /// # Errors
    /// Docker's refusal, if somebody sits at standard output.
    pub fn of(output: Option<&'p Path>) -> Result<Self, Failure> {
        match output.filter(|path| *path != Path::new("-")) {
            Some(path) => Ok(Self::File(path)),
            None if io::stdout().is_terminal() => {
                Err(Failure::plain("cowardly refusing to save to a terminal. Use the -o flag or redirect"))
            }
            None => Ok(Self::Stdout),
        }
    }

    /// Standard output, for a tar of files. A terminal is spared.
    ///
    /// # Errors
    /// If somebody sits there.
    pub fn of_tar() -> Result<Self, Failure> {
        match io::stdout().is_terminal() {
            true => Err(Failure::plain("cowardly refusing to write a tar to a terminal: redirect it")),
            false => Ok(Self::Stdout),
        }
    }

    /// Writes there what `write` writes, and gives what it gives; `what` is what
    /// could not be done otherwise, in Docker's words.
    ///
    /// # Errors
    /// Those of `write`, and what the system says of the place.
    pub fn write<T>(
        self,
        what: &str,
        write: impl FnOnce(&mut (dyn io::Write + Send)) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        match self {
            Self::File(path) => {
                let failed = |error: io::Error| unwritable(what, path, &error);
                let file = OutputFile::create(path).map_err(failed)?;
                let mut out = Watched { out: file, failure: None };
                let written = write(&mut out);
                // It is this place that failed, and not the store.
                if let Some(error) = out.failure {
                    return Err(failed(error));
                }
                let written = written?;
                out.out.commit().map_err(failed)?;
                Ok(written)
            }
            Self::Stdout => {
                let stdout = io::stdout().as_fd().try_clone_to_owned();
                let stdout = stdout.map_err(|error| Failure::of_output(&error))?;
                let mut out = Watched { out: File::from(stdout), failure: None };
                let written = write(&mut out);
                // What the engine says of a pipe that broke is not what to tell.
                match out.failure {
                    Some(error) => Err(Failure::of_archive(&error)),
                    None => written,
                }
            }
        }
    }
}

/// Where an archive goes, and what became of it.
struct Watched<W> {
    out: W,
    failure: Option<io::Error>,
}

impl<W: io::Write> io::Write for Watched<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes);
        if let Err(error) = &written
            && error.kind() != io::ErrorKind::Interrupted
        {
            self.failure = error.raw_os_error().map(io::Error::from_raw_os_error);
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Docker's words for a place that an archive cannot be written to.
fn unwritable(what: &str, path: &Path, error: &io::Error) -> Failure {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    Failure::plain(match error.kind() {
        io::ErrorKind::NotFound => format!(
            "failed to {what}: invalid output path: stat {}: no such file or directory",
            folder.display()
        ),
        io::ErrorKind::IsADirectory => {
            format!("failed to {what}: cannot write to a directory")
        }
        _ => format!("failed to {what}: {}: {}", path.display(), os_text(error)),
    })
}
