//! A file that is there whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file in the making: it takes its name when it is complete and on disk.
///
/// Until then it lies beside its place under a name of its own, readable by
/// its owner only (0600, as Docker's `save -o`), and goes when this is dropped.
/// A name that stands for something else than a file, such as a fifo or
/// `/dev/null`, is written to as it is. What is written is not gathered: the
/// engine writes in large pieces.
#[derive(Debug)]
pub struct OutputFile(Target);

#[derive(Debug)]
enum Target {
    Replacing { temporary: NamedTempFile, place: PathBuf },
    Existing(File),
}

impl OutputFile {
    /// Begins the file that `path` will name.
    ///
    /// # Errors
    /// What the system says, among it of a directory that is missing or may
    /// not be written.
    pub fn create(path: &Path) -> io::Result<Self> {
        let target = match fs::metadata(path) {
            Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(found) if !found.is_file() => Target::Existing(File::options().write(true).open(path)?),
            // A link stays one: what it points to is replaced.
            Ok(_) => Target::replacing(fs::canonicalize(path)?)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Target::replacing(path.to_owned())?,
            Err(error) => return Err(error),
        };
        Ok(Self(target))
    }

    /// Makes it durable and gives it its name.
    ///
    /// # Errors
    /// What the system says; the place is then as it was.
    pub fn commit(self) -> io::Result<()> {
        match self.0 {
            Target::Existing(_) => Ok(()),
            Target::Replacing { temporary, place } => {
                temporary.as_file().sync_all()?;
                temporary.persist(&place)?;
                // The name is only as durable as the directory that holds it.
                File::open(folder_of(&place))?.sync_all()
            }
        }
    }
}

impl Target {
    fn replacing(place: PathBuf) -> io::Result<Self> {
        let temporary = tempfile::Builder::new().prefix(".larder-").tempfile_in(folder_of(&place))?;
        Ok(Self::Replacing { temporary, place })
    }
}

fn folder_of(place: &Path) -> &Path {
    match place.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Target::Replacing { temporary, .. } => temporary.as_file_mut().write(bytes),
            Target::Existing(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn names_in(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("app.tar");
        fs::write(&place, "old").unwrap();
        let mut unfinished = OutputFile::create(&place).unwrap();
        unfinished.write_all(&[7; 1 << 20]).unwrap();
        drop(unfinished);
        assert_eq!(fs::read(&place).unwrap(), b"old");
        assert_eq!(names_in(folder.path()), ["app.tar"]);

        let mut finished = OutputFile::create(&place).unwrap();
        finished.write_all(b"new").unwrap();
        finished.commit().unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"new");
        assert_eq!(names_in(folder.path()), ["app.tar"]);
        assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (place, link) = (folder.path().join("app.tar"), folder.path().join("latest.tar"));
        fs::write(&place, "old").unwrap();
        std::os::unix::fs::symlink("app.tar", &link).unwrap();
        let mut output = OutputFile::create(&link).unwrap();
        output.write_all(b"new").unwrap();
        output.commit().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&place).unwrap(), b"new");
    }

    #[test]
    fn a_device_is_written_to_and_a_directory_refused() {
        let mut null = OutputFile::create(Path::new("/dev/null")).unwrap();
        null.write_all(b"gone").unwrap();
        null.commit().unwrap();
        let folder = tempfile::tempdir().unwrap();
        assert!(OutputFile::create(folder.path()).is_err());
        assert!(OutputFile::create(&folder.path().join("none/app.tar")).is_err());
    }
}
