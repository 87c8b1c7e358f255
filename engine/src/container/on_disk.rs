//! What lies in a directory of this machine, as entries.

use super::Result;
use crate::disk::{FileKind, Folder, Stat};
use crate::tar::{Device, Entry, EntryKind, Mtime};

/// What this machine's own policy says of its files; it is no part of them.
const LABEL: &[u8] = b"security.selinux";

/// Everything that `folder` says of `path`, which is `stat`, with its path for a
/// name. Extended attributes are all that there are but the machine's own label.
/// `None` for a socket, which no tar can hold, and for what has gone meanwhile.
///
/// # Errors
/// If it cannot be looked at.
pub fn entry_of(folder: &Folder, path: &[u8], stat: &Stat) -> Result<Option<Entry>> {
    match read(folder, path, stat) {
        Err(super::Error::Disk(error)) if error.is_absent() => Ok(None),
        other => other,
    }
}

fn read(folder: &Folder, path: &[u8], stat: &Stat) -> Result<Option<Entry>> {
    let (major, minor) = stat.device;
    let kind = match stat.kind {
        FileKind::File => EntryKind::File,
        FileKind::Directory => EntryKind::Directory,
        FileKind::Symlink => EntryKind::Symlink(folder.read_link(path)?),
        FileKind::CharDevice => EntryKind::CharDevice(Device { major, minor }),
        FileKind::BlockDevice => EntryKind::BlockDevice(Device { major, minor }),
        FileKind::Fifo => EntryKind::Fifo,
        FileKind::Socket => return Ok(None),
    };
    let mut xattrs = folder.xattrs(path)?;
    xattrs.retain(|(name, _)| !is_label(name));
    let (seconds, nanoseconds) = stat.mtime;
    Ok(Some(Entry {
        name: path.to_vec(),
        mode: stat.mode,
        uid: stat.uid,
        gid: stat.gid,
        mtime: Mtime { seconds, nanoseconds },
        size: if kind == EntryKind::File { stat.size } else { 0 },
        xattrs,
        kind,
    }))
}

/// Whether this machine keeps the attribute `name` for itself.
pub fn is_label(name: &[u8]) -> bool {
    name == LABEL
}
