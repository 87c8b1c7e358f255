//! What a store must look like before it is used: nobody else could have written it.
//!
//! A store is trusted if its directory, and everything in it, belongs to the effective user or
//! to root, and neither its group nor others may write to it. Root is trusted since it could
//! change the store anyway. Whoever may write to the directories *above* the store is not
//! checked: they can take it away, but what they put in its place belongs to them, and is
//! refused. Links are not followed anywhere below the store: see [`super::beneath`].

use std::fmt;
use std::io;

use rustix::fs::{FileType, Stat};
use rustix::process::{getegid, geteuid, getgid, getuid};

/// The bits by which the group and others may write.
const WRITABLE_BY_OTHERS: u32 = 0o022;
const PERMISSIONS: u32 = 0o7777;

/// Why a file or directory is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distrust {
    /// It belongs to somebody else.
    Owner {
        /// Whom it belongs to.
        found: u32,
        /// Whom it would have to belong to.
        wanted: u32,
    },
    /// Its group or others may write to it.
    Writable {
        /// Its permissions.
        mode: u32,
    },
    /// It is a symbolic link, or one is on the way to it.
    Link,
    /// It is neither a regular file nor a directory, or not the one that is needed.
    Kind {
        /// What it would have to be.
        wanted: &'static str,
    },
    /// The program runs with the rights of another user or group than the one that started it.
    SetUserId,
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner { found, wanted } => write!(
                f,
                "it belongs to user {found}, not to user {wanted}; run larder as user {found}, or, if \
                 you trust what is in it, change the owner of the store with chown -R"
            ),
            Self::Writable { mode } => write!(
                f,
                "other users may write to it (mode {mode:04o}); if you trust what is in it, take that \
                 away with chmod -R go-w"
            ),
            Self::Link => f.write_str("it is a symbolic link, and a store has none"),
            Self::Kind { wanted } => write!(f, "it is not a {wanted}"),
            Self::SetUserId => f.write_str(
                "larder runs with the rights of another user than the one who started it; remove the \
                 set-user-ID and set-group-ID bits of the program",
            ),
        }
    }
}

impl std::error::Error for Distrust {}

impl From<Distrust> for io::Error {
    fn from(distrust: Distrust) -> Self {
        // Not `PermissionDenied`: a store that may only be read is another matter.
        Self::other(distrust)
    }
}

/// Checks a directory of a store.
pub fn check_dir(stat: &Stat) -> Result<(), Distrust> {
    check(stat, FileType::Directory, "directory")
}

/// Checks a file of a store.
pub fn check_file(stat: &Stat) -> Result<(), Distrust> {
    check(stat, FileType::RegularFile, "regular file")
}

/// Checks what may be either.
pub fn check_any(stat: &Stat) -> Result<(), Distrust> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => check_dir(stat),
        _ => check_file(stat),
    }
}

fn check(stat: &Stat, kind: FileType, wanted: &'static str) -> Result<(), Distrust> {
    let found = FileType::from_raw_mode(stat.st_mode);
    if found == FileType::Symlink {
        return Err(Distrust::Link);
    }
    if found != kind {
        return Err(Distrust::Kind { wanted });
    }
    let user = geteuid().as_raw();
    if stat.st_uid != user && stat.st_uid != 0 {
        return Err(Distrust::Owner { found: stat.st_uid, wanted: user });
    }
    if stat.st_mode & WRITABLE_BY_OTHERS != 0 {
        return Err(Distrust::Writable { mode: stat.st_mode & PERMISSIONS });
    }
    Ok(())
}

/// Returns `true` if nobody but its owner may enter a directory.
pub fn is_private(stat: &Stat) -> bool {
    stat.st_mode & 0o077 == 0
}

/// Checks that this process has no rights that whoever started it does not have.
pub fn check_caller() -> Result<(), Distrust> {
    match getuid() == geteuid() && getgid() == getegid() {
        true => Ok(()),
        false => Err(Distrust::SetUserId),
    }
}
