//! This machine beside the store: paths that a user gave, and what the system tells.

mod device;
mod system;

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

pub use device::{DeviceNode, device, devices_in};
pub use system::{
    CWD, descriptors, give, is_cgroup2, is_in_user_namespace, is_same, may_execute, may_write, memory_bytes,
    name, null, open, processes, read_text, set_umask, start_of_process, write_text,
};

use super::error::Context;
use super::{FileKind, Result};

/// The directory that `path` begins in. An absolute path needs no working directory, which may
/// be gone.
///
/// # Errors
/// If the path is relative, and the working directory is gone.
pub fn base_of(path: &Path) -> Result<PathBuf> {
    match path.is_absolute() {
        true => Ok(PathBuf::from("/")),
        false => std::env::current_dir().context("find the working directory", "."),
    }
}

/// What names the time since this machine was started last, as text.
///
/// # Errors
/// If `/proc` is not there.
pub fn boot_id() -> Result<String> {
    const FILE: &str = "/proc/sys/kernel/random/boot_id";
    Ok(fs::read_to_string(FILE).context("read", FILE)?.trim().to_owned())
}

/// A path of these bytes.
pub fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes.to_vec()))
}

/// What is at `path`, be it a link; `None` if nothing.
///
/// # Errors
/// If it cannot be looked at.
pub fn kind(path: &Path) -> Result<Option<FileKind>> {
    let kind = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        metadata => metadata.context("look at", path)?.file_type(),
    };
    Ok(Some(match kind {
        _ if kind.is_file() => FileKind::File,
        _ if kind.is_dir() => FileKind::Directory,
        _ if kind.is_symlink() => FileKind::Symlink,
        _ if kind.is_char_device() => FileKind::CharDevice,
        _ if kind.is_block_device() => FileKind::BlockDevice,
        _ if kind.is_fifo() => FileKind::Fifo,
        _ => FileKind::Socket,
    }))
}

/// Whether `path` leads to a directory.
pub fn is_directory(path: &Path) -> bool {
    path.is_dir()
}

/// Where `path` leads, all links resolved.
///
/// # Errors
/// If it leads nowhere.
pub fn resolved(path: &Path) -> Result<PathBuf> {
    fs::canonicalize(path).context("look at", path)
}

/// What the link at `path` says.
///
/// # Errors
/// If there is none.
pub fn link(path: &Path) -> Result<PathBuf> {
    fs::read_link(path).context("read the link", path)
}

/// Makes the directory `path`, with those above it; one that is there is left alone.
///
/// # Errors
/// If it cannot be made.
pub fn make_dirs(path: &Path) -> Result<()> {
    fs::create_dir_all(path).context("create", path)
}

/// Removes the file at `path`.
///
/// # Errors
/// If there is none, or it cannot be removed.
pub fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path).context("remove", path)
}
