//! Small files that are there whole or not at all.

use std::sync::Arc;

use super::{Disk, Result, Temporary};

/// Puts a file of `bytes` under `name` in `dir` (empty: the store's own directory), in
/// the place of what is there; durably, when this returns.
///
/// # Errors
/// If the disk fails; then what was there is there still.
pub fn put_whole(disk: &Arc<dyn Disk>, dir: &str, name: &str, bytes: &[u8]) -> Result<()> {
    let file = Temporary::create(Arc::clone(disk), name)?;
    file.file().write_all_at(bytes, 0)?;
    file.file().sync()?;
    match dir.is_empty() {
        true => file.keep(name)?,
        false => file.keep(&format!("{dir}/{name}"))?,
    }
    disk.sync_dir(dir)
}

/// The same, seen by everybody at once but not durable: a power cut may take it.
///
/// # Errors
/// If the disk fails; then what was there is there still.
pub fn swap_in(disk: &Arc<dyn Disk>, dir: &str, name: &str, bytes: &[u8]) -> Result<()> {
    let file = Temporary::create(Arc::clone(disk), name)?;
    file.file().write_all_at(bytes, 0)?;
    file.keep(&format!("{dir}/{name}"))
}

/// Removes a file, if it is there.
///
/// # Errors
/// If the disk fails.
pub fn remove_if_there(disk: &dyn Disk, name: &str) -> Result<()> {
    match disk.remove(name) {
        Err(error) if !error.is_absent() => Err(error),
        _ => Ok(()),
    }
}
