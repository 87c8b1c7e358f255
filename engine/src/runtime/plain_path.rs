//! A path that is text, for a container whose directory has none: the runtime that is built in keeps
//! paths as JSON and reads the table of mounts as text, which other bytes than UTF-8 are not.

use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, mount};

use super::error::{Error, Refusal, Result, Tried};
use super::stage::Stage;
use crate::disk::host;

/// Directories that the kernel has for other file systems and leaves empty. Nobody but this process
/// and those that it starts sees what is mounted on them here.
const PLACES: [&str; 4] =
    ["/proc/fs/nfsd", "/sys/fs/fuse/connections", "/sys/kernel/debug", "/sys/kernel/security"];

/// `dir`, or a directory in memory for what a runtime needs beside what is kept: it goes with the mount
/// namespace of this process, which is its own.
///
/// # Errors
/// If there is no place for it, or the caller is not root: what is mounted where the machine's `/proc`
/// and `/sys` are would go with them into a container that shares these.
pub fn of(dir: PathBuf, stage: Stage) -> Result<PathBuf> {
    if dir.to_str().is_some() {
        return Ok(dir);
    }
    let place = PLACES.iter().map(Path::new).find(|place| host::is_directory(place));
    let (Some(place), Stage::Own) = (place, stage) else { return Err(refused(&dir)) };
    mount("larder", place, "tmpfs", MountFlags::NODEV | MountFlags::NOSUID, c"mode=700")
        .tried("make a directory for the container whose path is text")?;
    Ok(place.to_owned())
}

/// Nothing can be executed beside a container whose runtime is known to its monitor only.
///
/// # Errors
/// If that is so.
pub fn check(dir: &Path) -> Result<()> {
    if dir.to_str().is_some() { Ok(()) } else { Err(refused(dir)) }
}

fn refused(dir: &Path) -> Error {
    let text =
        format!("the path of the store is not UTF-8: {}; a bind mount gives it another", dir.display());
    Error::Refused { refusal: Refusal::Other, text }
}
