//! A directory that somebody else filled: read without leaving it.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode as FileMode, OFlags, ResolveFlags};
use rustix::io::Errno;

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
    /// What it is.
    pub kind: TreeFileKind,
}

/// What a name in a directory leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeFileKind {
    /// A regular file of so many bytes, behind links that stay in the directory.
    File(u64),
    /// A link that leads out of the directory, with its text.
    Outside(String),
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

    /// Every regular file in it and every link to one, at most `max` of them, sorted by name.
    /// Directories behind links and anything else are left out.
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
                let kind = if metadata.is_dir() && depth < MAX_DEPTH {
                    waiting.push((name, depth + 1));
                    continue;
                } else if metadata.is_file() {
                    TreeFileKind::File(metadata.size())
                } else if let Some(kind) = metadata.is_symlink().then(|| self.behind_link(&name)).flatten() {
                    kind
                } else {
                    continue;
                };
                if found.len() as u64 >= max {
                    let many = io::Error::other(format!("more than {max} files"));
                    return Err(many).context("list", &self.path);
                }
                found.push(TreeFile { name, kind });
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// What the link `name` leads to; `None` if it is no file, or nothing.
    fn behind_link(&self, name: &str) -> Option<TreeFileKind> {
        // To open a device may do something; a path is only looked at.
        match self.beneath(name, OFlags::PATH) {
            Ok(file) => {
                let metadata = fs::File::from(file).metadata().ok()?;
                metadata.is_file().then(|| TreeFileKind::File(metadata.size()))
            }
            Err(Errno::XDEV) => {
                let target = fs::read_link(self.path.join(name)).unwrap_or_default();
                Some(TreeFileKind::Outside(target.to_string_lossy().into_owned()))
            }
            Err(_) => None,
        }
    }

    /// Opens the file `name`, which must lie in the directory.
    ///
    /// # Errors
    /// If there is none, it leads outside, or it cannot be read.
    pub fn open_file(&self, name: &str) -> Result<InputFile> {
        let file =
            self.beneath(name, OFlags::RDONLY | OFlags::NONBLOCK).context("open", self.path.join(name))?;
        InputFile::whole(file.into()).context("look at", self.path.join(name))
    }

    fn beneath(&self, name: &str, flags: OFlags) -> std::result::Result<OwnedFd, Errno> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        rustix::fs::openat2(&self.dir, name, flags | OFlags::CLOEXEC, FileMode::empty(), resolve)
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
        let file = |name: &str, kind| TreeFile { name: name.into(), kind };
        std::os::unix::fs::symlink(outside.path().join("secret"), dir.path().join("leak")).unwrap();
        std::os::unix::fs::symlink("nothing", dir.path().join("lost")).unwrap();
        let leak = TreeFileKind::Outside(outside.path().join("secret").to_str().unwrap().into());
        let out = TreeFileKind::Outside(outside.path().to_str().unwrap().into());
        let [blob, inner] = ["blobs/a", "in"].map(|name| file(name, TreeFileKind::File(3)));
        assert_eq!(tree.files(10).unwrap(), [blob, inner, file("leak", leak), file("out", out)]);
        assert!(tree.open_file("in").is_ok());
        assert!(tree.open_file("out/secret").is_err());
        assert!(tree.open_file("../secret").is_err());
        assert!(tree.open_file("/etc/hostname").is_err());
        assert!(tree.files(0).is_err());
    }
}
