//! How a new file looks, and making it look so.

use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{
    Gid, Mode, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags, fchmod, fchown, fsetxattr, fstat, futimens,
    lremovexattr, lsetxattr,
};
use rustix::io::Errno;

/// What must not be done in the name of somebody else.
const SET_ID: u32 = 0o6000;

/// An attribute that only who is root to the whole machine may set.
const PROBE: &str = "trusted.larder.probe";

/// How a file looks.
#[derive(Debug, Clone, Copy)]
pub struct Looks<'l> {
    /// Permission bits, and set-user-ID, set-group-ID and sticky.
    pub mode: u32,
    /// Owner and group.
    pub owner: (u32, u32),
    /// When the content was changed last: seconds and nanoseconds on top.
    pub mtime: (i64, u32),
    /// Extended attributes, as they are put on disk.
    pub xattrs: &'l [(Vec<u8>, Vec<u8>)],
}

/// Whether this process is root to the whole machine, for whom overlayfs keeps its
/// attributes where nobody else can reach them: tried out on the directory at `path`.
pub fn is_trusted(path: &Path) -> bool {
    let set = lsetxattr(path, PROBE, b"", XattrFlags::empty());
    let _ = lremovexattr(path, PROBE);
    set.is_ok()
}

/// The order counts: a new owner takes set-user-ID and capabilities away, a mode may
/// take the right to set attributes away, and all of it is followed by the time.
pub(super) fn set_open(file: impl AsFd, looks: &Looks<'_>) -> rustix::io::Result<bool> {
    let there = fstat(&file)?;
    let mut is_owned = (there.st_uid, there.st_gid) == looks.owner;
    let mut has_mode = there.st_mode & 0o7777 == looks.mode;
    if !is_owned {
        let (uid, gid) = ids(looks.owner);
        is_owned = tolerate(fchown(&file, uid, gid))?;
        has_mode &= looks.mode & SET_ID == 0;
    }
    let mut has_all = true;
    for (name, value) in looks.xattrs {
        has_all &= tolerate(fsetxattr(&file, &name[..], value, XattrFlags::empty()))?;
        has_mode = false;
    }
    if !has_mode {
        fchmod(&file, mode(looks.mode, is_owned))?;
    }
    futimens(&file, &times(looks.mtime))?;
    Ok(has_all)
}

pub(super) fn mode(mode: u32, is_owned: bool) -> Mode {
    Mode::from_raw_mode(if is_owned { mode } else { mode & !SET_ID })
}

pub(super) fn ids((uid, gid): (u32, u32)) -> (Option<Uid>, Option<Gid>) {
    // To the kernel the highest number means none, which no file has.
    let uid = (uid != u32::MAX).then(|| Uid::from_raw(uid));
    (uid, (gid != u32::MAX).then(|| Gid::from_raw(gid)))
}

pub(super) fn times((seconds, nanoseconds): (i64, u32)) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: seconds, tv_nsec: nanoseconds.into() },
    }
}

/// Whether something was done; that this process or this file system may not is no error.
pub(super) fn tolerate(done: rustix::io::Result<()>) -> rustix::io::Result<bool> {
    match done {
        Ok(()) => Ok(true),
        // What ext4 says of an attribute that is too long for it is the same as of a full disk.
        Err(Errno::TOOBIG | Errno::NOSPC | Errno::RANGE) => Ok(false),
        Err(error) if may_not(error) => Ok(false),
        Err(error) => Err(error),
    }
}

pub(super) fn may_not(error: Errno) -> bool {
    matches!(error, Errno::PERM | Errno::ACCESS | Errno::NOTSUP | Errno::INVAL)
}
