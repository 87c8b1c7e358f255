//! The directory that a container's process begins in: made where it is missing, as in Docker.

use rustix::process::Pid;

use crate::container::Spec;
use crate::disk::{Folder, host};
use crate::runtime::error::{Error, Refusal, Result};

/// Whom it belongs to.
const ROOT: (u32, u32) = (0, 0);

/// Makes it in the container's file system, on which nothing is mounted yet.
///
/// # Errors
/// If something else is there.
pub fn make(rootfs: &Folder, spec: &Spec) -> Result<()> {
    make_to(rootfs, spec.config.working_dir.as_deref().unwrap_or_default())
}

/// Whether it lies in something that the user wants mounted, and may be missing there.
///
/// # Errors
/// If it cannot be looked at.
pub fn is_in_mount(rootfs: &Folder, spec: &Spec) -> Result<bool> {
    let host = &spec.host_config;
    let dir = spec.config.working_dir.as_deref().unwrap_or_default();
    let Some(dir) = rootfs.directory_path(dir.as_bytes())? else { return Ok(false) };
    let tmpfs = host.tmpfs.keys().map(|target| (target, None));
    let binds = host.binds.iter().map(|bind| (&bind.target, Some(&bind.source)));
    let mounts = host
        .mounts
        .iter()
        .map(|mount| (&mount.target, Some(&mount.source).filter(|source| !source.is_empty())));
    let mut deepest: Option<(usize, Vec<u8>, Option<&String>)> = None;
    for (target, source) in tmpfs.chain(binds).chain(mounts) {
        let led = rootfs.directory_path(target.as_bytes())?.unwrap_or_else(|| target.clone().into_bytes());
        let Some(rest) = dir.strip_prefix(led.as_slice()) else { continue };
        let is_below = rest.starts_with(b"/") && led.len() > 1;
        if is_below && deepest.as_ref().is_none_or(|(len, ..)| *len < led.len()) {
            deepest = Some((led.len(), rest.to_vec(), source));
        }
    }
    match deepest {
        None => Ok(false),
        Some((_, _, None)) => Ok(true),
        Some((_, rest, Some(source))) => match Folder::open(&host::path(source.as_bytes())) {
            Ok(source) => Ok(source.why_no_directory(&rest)?.is_some()),
            // It is made when it is mounted, and is empty.
            Err(_) => Ok(true),
        },
    }
}

/// Makes it in what the process `pid`, which has not been executed yet, sees mounted.
///
/// # Errors
/// If something else is there, or it cannot be written to.
pub fn make_in(pid: Pid, dir: &str) -> Result<()> {
    let root = host::path(format!("/proc/{}/root", pid.as_raw_nonzero()).as_bytes());
    make_to(&Folder::open(&root)?, dir)
}

fn make_to(rootfs: &Folder, dir: &str) -> Result<()> {
    let refused = |text| Err(Error::Refused { refusal: Refusal::Other, text });
    match rootfs.make_dirs_to(dir.as_bytes(), ROOT) {
        Ok(()) => Ok(()),
        Err(_) if rootfs.why_no_directory(dir.as_bytes())? == Some("not a directory") => {
            refused(format!("Cannot mkdir: {dir} is not a directory"))
        }
        Err(error) => refused(format!("mkdir {dir}: {}", error.source)),
    }
}
