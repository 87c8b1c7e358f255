//! Device nodes of this machine.

use std::fs::{self, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::super::error::Context;
use super::super::{FileKind, Result};

/// A device node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceNode {
    /// [`FileKind::CharDevice`] or [`FileKind::BlockDevice`].
    pub kind: FileKind,
    /// The major number.
    pub major: u32,
    /// The minor number.
    pub minor: u32,
    /// The permission bits.
    pub mode: u32,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
}

impl DeviceNode {
    fn of(metadata: &Metadata) -> Option<Self> {
        let kind = match metadata.file_type() {
            kind if kind.is_char_device() => FileKind::CharDevice,
            kind if kind.is_block_device() => FileKind::BlockDevice,
            _ => return None,
        };
        Some(Self {
            kind,
            major: rustix::fs::major(metadata.rdev()),
            minor: rustix::fs::minor(metadata.rdev()),
            mode: metadata.mode() & 0o7777,
            uid: metadata.uid(),
            gid: metadata.gid(),
        })
    }
}

/// The device node that `path` leads to; `None` if something else is there, or nothing.
///
/// # Errors
/// If it cannot be looked at.
pub fn device(path: &Path) -> Result<Option<DeviceNode>> {
    match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        metadata => Ok(DeviceNode::of(&metadata.context("look at", path)?)),
    }
}

/// The device nodes in `dir` and the directories below it, but for those of which `skip` names
/// the path. Links are not followed.
///
/// # Errors
/// If a directory cannot be listed.
pub fn devices_in(dir: &Path, skip: &[&str]) -> Result<Vec<(PathBuf, DeviceNode)>> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).context("list", &dir)? {
            let path = entry.context("list", &dir)?.path();
            if skip.iter().any(|skipped| Path::new(skipped) == path) {
                continue;
            }
            // One that has gone since it was listed is none.
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            if metadata.is_dir() {
                dirs.push(path);
            } else if let Some(node) = DeviceNode::of(&metadata) {
                found.push((path, node));
            }
        }
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(found)
}
