//! What lies in a directory, to the byte.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Every path below a directory, with its kind, mode, size and content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing(pub BTreeMap<PathBuf, Seen>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub mode: u32,
    pub len: u64,
    /// SHA-256 of a regular file's content.
    pub content: Option<String>,
}

impl Listing {
    /// Lists `dir`; one that does not exist has nothing in it.
    pub fn of(dir: &Path) -> Self {
        let mut seen = BTreeMap::new();
        walk(dir, &mut |path, metadata| {
            let content = metadata.is_file().then(|| super::hex_digest(&fs::read(path).unwrap_or_default()));
            let len = if metadata.is_file() { metadata.len() } else { 0 };
            let path = path.strip_prefix(dir).expect("walk stays below").to_owned();
            seen.insert(path, Seen { mode: metadata.mode(), len, content });
        });
        Self(seen)
    }

    /// Only what lies under one of these names.
    pub fn under(&self, names: &[&str]) -> Self {
        let keep = |path: &Path| names.iter().any(|name| path.starts_with(name));
        Self(self.0.iter().filter(|(path, _)| keep(path)).map(|(p, s)| (p.clone(), s.clone())).collect())
    }

    /// Only what lies under none of these names.
    pub fn but(&self, names: &[&str]) -> Self {
        let drop = |path: &Path| names.iter().any(|name| path.starts_with(name));
        Self(self.0.iter().filter(|(path, _)| !drop(path)).map(|(p, s)| (p.clone(), s.clone())).collect())
    }

    /// What is not the same in the two, a line each.
    pub fn changes(&self, after: &Self) -> Vec<String> {
        let gone =
            self.0.keys().filter(|path| !after.0.contains_key(*path)).map(|p| format!("- {}", p.display()));
        let new = after.0.iter().filter(|(path, _)| !self.0.contains_key(*path));
        let new = new.map(|(path, seen)| format!("+ {} ({} bytes)", path.display(), seen.len));
        let other = self.0.iter().filter_map(|(path, was)| {
            let is = after.0.get(path)?;
            (is != was).then(|| format!("~ {} ({} to {} bytes)", path.display(), was.len, is.len))
        });
        gone.chain(new).chain(other).collect()
    }
}

/// The disk space of everything in `dir`, in bytes, as `du -s --block-size=1` counts it.
pub fn disk_bytes(dir: &Path) -> u64 {
    let mut inodes = std::collections::BTreeSet::new();
    let mut bytes = fs::symlink_metadata(dir).map_or(0, |metadata| metadata.blocks() * 512);
    walk(dir, &mut |_, metadata| {
        if inodes.insert((metadata.dev(), metadata.ino())) {
            bytes += metadata.blocks() * 512;
        }
    });
    bytes
}

/// Calls `see` for everything below `dir`. What vanishes meanwhile is passed over: other
/// processes may be at work.
fn walk(dir: &Path, see: &mut dyn FnMut(&Path, &fs::Metadata)) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        see(&path, &metadata);
        if metadata.is_dir() {
            walk(&path, see);
        }
    }
}
