//! A path that is text, for a directory whose own is not: the runtime that is built in keeps paths as
//! JSON, which other bytes than UTF-8 are not.

use std::path::{Path, PathBuf};

use rustix::mount::{MountPropagationFlags, mount_bind, mount_change};

use super::error::{Error, Refusal, Result, Tried};
use super::stage::Stage;
use crate::disk::host;

/// Directories that the kernel has for other file systems and leaves empty. Nobody but this process
/// and those that it starts sees what is mounted on them here.
const PLACES: [&str; 4] =
    ["/proc/fs/nfsd", "/sys/fs/fuse/connections", "/sys/kernel/debug", "/sys/kernel/security"];

/// `dir`, or another path of it in the mount namespace of this process, which is its own.
///
/// # Errors
/// If there is no other path, or the caller is not root: what is mounted where the machine's `/proc`
/// and `/sys` are would go with them into a container that shares these.
pub fn of(dir: PathBuf, stage: Stage) -> Result<PathBuf> {
    if dir.to_str().is_some() {
        return Ok(dir);
    }
    let place = PLACES.iter().map(Path::new).find(|place| host::is_directory(place));
    let (Some(place), Stage::Own) = (place, stage) else {
        let text = format!("the store's path is not UTF-8: {}", dir.display());
        return Err(Error::Refused { refusal: Refusal::Other, text });
    };
    mount_bind(&dir, place).tried("give the container's directory a path that is text")?;
    // No container gets it with what it is in.
    mount_change(place, MountPropagationFlags::UNBINDABLE).tried("keep the container's directory apart")?;
    Ok(place.to_owned())
}
