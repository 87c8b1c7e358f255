//! Everything below a directory, whatever its names and permissions: what
//! containers wrote is as they wanted it.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::Result;
use super::error::Context;

/// Calls `each` with `start` and everything below it, a directory before what
/// is in it; a file with several names once. Nothing is followed. What is gone
/// meanwhile, and directories that may not be entered, are passed over.
pub(super) fn each_below(start: &Path, each: &mut dyn FnMut(&Path, &fs::Metadata)) -> Result<()> {
    let mut waiting = vec![start.to_owned()];
    let mut linked = HashSet::new();
    while let Some(path) = waiting.pop() {
        let metadata = match fs::symlink_metadata(&path) {
            Err(error) if is_passed_over(&error) => continue,
            other => other.context("look at", &path)?,
        };
        if !metadata.is_dir() && metadata.nlink() > 1 && !linked.insert((metadata.dev(), metadata.ino())) {
            continue;
        }
        each(&path, &metadata);
        if metadata.is_dir() {
            match read_dir(&path) {
                Err(error) if is_passed_over(&error) => {}
                entries => {
                    for entry in entries.context("list", &path)? {
                        waiting.push(entry.context("list", &path)?.path());
                    }
                }
            }
        }
    }
    Ok(())
}

/// What is in a directory. The standard library opens files again where a signal has
/// interrupted that, and leaves directories to those who ask for them.
pub(super) fn read_dir(path: &Path) -> io::Result<fs::ReadDir> {
    loop {
        match fs::read_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

fn is_passed_over(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, NotFound, PermissionDenied};
    matches!(error.kind(), InvalidFilename | NotFound | PermissionDenied)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn everything_is_seen_once_whatever_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join(OsStr::from_bytes(b"\xff"));
        fs::create_dir(&odd).unwrap();
        fs::write(odd.join("a"), "1234").unwrap();
        fs::hard_link(odd.join("a"), dir.path().join("b")).unwrap();
        std::os::unix::fs::symlink("/", dir.path().join("c")).unwrap();
        let (mut seen, mut bytes) = (0, 0);
        each_below(dir.path(), &mut |_, metadata| {
            seen += 1;
            bytes += if metadata.is_file() { metadata.len() } else { 0 };
        })
        .unwrap();
        assert_eq!((seen, bytes), (4, 4));
        each_below(&dir.path().join("none"), &mut |_, _| panic!()).unwrap();
    }
}
