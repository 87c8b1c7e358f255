//! A directory that somebody else filled: read without leaving it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode as FileMode, OFlags, ResolveFlags};

use super::below::read_dir;
use super::error::Context;
use super::{Folder, InputFile, Result};

/// An untrusted directory, such as an OCI image layout.
///
/// Every file is opened by the kernel's own resolution `BENEATH` the
/// directory: no `..`, no absolute link and no race leads out of it.
#[derive(Debug)]
pub struct Tree {
    dir: fs::File,
    path: PathBuf,
}

/// What [`Tree::files`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeFile {
    /// The name relative to the directory, parts joined by `/`.
    pub name: String,
    /// The length in bytes.
    pub len: u64,
}

/// A layout is three levels deep; a deeper tree is something else, and a
/// cycle of directories cannot be entered by accident.
const MAX_DEPTH: usize = 8;

impl Tree {
    /// The directory at `path`.
    ///
    /// # Errors
    /// If there is none or it cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(path, flags, FileMode::empty()).context("open", path)?;
        Ok(Self { dir: dir.into(), path: path.into() })
    }

    /// The same directory, with all that may be in it.
    pub(crate) fn into_folder(self) -> Folder {
        Folder::of(self.dir.into(), self.path)
    }

    /// Every regular file in it, at most `max` of them, sorted by name.
    /// Links and anything else are left out.
    ///
    /// # Errors
    /// If a directory cannot be read, or there are more than `max` files.
    pub fn files(&self, max: u64) -> Result<Vec<TreeFile>> {
        let mut found = Vec::new();
        let mut waiting = vec![(String::new(), 0)];
        while let Some((dir, depth)) = waiting.pop() {
            let path = self.path.join(&dir);
            for entry in read_dir(&path).context("list", &path)? {
                let entry = entry.context("list", &path)?;
                let Some(last) = entry.file_name().to_str().map(str::to_owned) else { continue };
                let name = if dir.is_empty() { last } else { format!("{dir}/{last}") };
                let metadata = entry.metadata().context("look at", entry.path())?;
                if metadata.is_dir() && depth < MAX_DEPTH {
                    waiting.push((name, depth + 1));
                } else if metadata.is_file() {
                    if found.len() as u64 >= max {
                        let many = io::Error::other(format!("more than {max} files"));
                        return Err(many).context("list", &self.path);
                    }
                    found.push(TreeFile { name, len: metadata.size() });
                }
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Opens the file `name`, which must lie in the directory.
    ///
    /// # Errors
    /// If there is none, it leads outside, or it cannot be read.
    pub fn open_file(&self, name: &str) -> Result<InputFile> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let file = rustix::fs::openat2(&self.dir, name, flags, FileMode::empty(), resolve)
            .context("open", self.path.join(name))?;
        InputFile::whole(file.into()).context("look at", self.path.join(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_link_leads_out_of_the_tree() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "s").unwrap();
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("blobs")).unwrap();
        fs::write(dir.path().join("blobs/a"), "abc").unwrap();
        std::os::unix::fs::symlink(outside.path(), dir.path().join("out")).unwrap();
        std::os::unix::fs::symlink("blobs/a", dir.path().join("in")).unwrap();
        let tree = Tree::open(dir.path()).unwrap();
        assert_eq!(tree.files(10).unwrap(), [TreeFile { name: "blobs/a".into(), len: 3 }]);
        assert!(tree.open_file("in").is_ok());
        assert!(tree.open_file("out/secret").is_err());
        assert!(tree.open_file("../secret").is_err());
        assert!(tree.open_file("/etc/hostname").is_err());
        assert!(tree.files(0).is_err());
    }
}
