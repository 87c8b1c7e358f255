//! Why a mount that was asked for cannot be made. The runtime that is built in says which one failed,
//! and not why: so the usual reasons are looked for when it has failed.

use std::ffi::CString;
use std::path::Path;

use oci_spec::runtime::{Mount, Spec};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::disk::{Folder, host};
use crate::runtime::error::{Error, Refusal};

/// Where a file system is mounted on trial, in the container's directory.
const TRIAL: &str = "trial";

/// Docker's advice.
const KINDS: &str = "not a directory: Are you trying to mount a directory onto a file (or vice-versa)? \
                     Check if the specified host path exists and is the expected type";

/// Options that are flags of a mount, and say nothing to the file system.
const FLAGS: [&str; 14] = [
    "ro",
    "rw",
    "exec",
    "noexec",
    "suid",
    "nosuid",
    "dev",
    "nodev",
    "relatime",
    "strictatime",
    "noatime",
    "nodiratime",
    "sync",
    "async",
];

/// `error`, or what is wrong with the first mount of `config` that cannot be made, if the runtime failed
/// on a mount. `dir` is the container's directory, which is the current one.
pub fn explained(error: Error, dir: &Path, config: &Spec) -> Error {
    let Error::Refused { text, .. } = &error else { return error };
    if !text.contains("mount") {
        return error;
    }
    let Ok(rootfs) = Folder::open(&dir.join("rootfs")) else { return error };
    let why = config.mounts().iter().flatten().find_map(|mount| {
        let why = why_not(&rootfs, mount)?;
        let source = mount
            .source()
            .as_ref()
            .map_or_else(String::new, |source| format!("{:?} ", source.display().to_string()));
        Some(format!(
            "error mounting {source}to rootfs at {:?}: {why}",
            mount.destination().display().to_string()
        ))
    });
    match why {
        Some(text) => Error::Refused { refusal: Refusal::Other, text },
        None => error,
    }
}

fn why_not(rootfs: &Folder, wanted: &Mount) -> Option<String> {
    let target = wanted.destination().as_os_str().as_encoded_bytes();
    let found = rootfs.why_no_directory(target).ok()?;
    let is_file = found == Some("not a directory");
    match (wanted.typ().as_deref(), wanted.source()) {
        (Some("bind"), Some(source)) if host::kind(source).ok()?.is_some() => {
            let is_mismatch = if host::is_directory(source) { is_file } else { found.is_none() };
            is_mismatch.then(|| KINDS.to_owned())
        }
        (Some("tmpfs"), _) if is_file => Some(KINDS.to_owned()),
        (Some("tmpfs"), _) => on_trial(wanted.options().iter().flatten()),
        _ => None,
    }
}

/// What the kernel says of a tmpfs with these options.
fn on_trial<'o>(options: impl Iterator<Item = &'o String>) -> Option<String> {
    let data: Vec<_> = options.filter(|option| !FLAGS.contains(&option.as_str())).cloned().collect();
    let data = CString::new(data.join(",")).ok()?;
    host::make_dirs(Path::new(TRIAL)).ok()?;
    let mounted = mount("tmpfs", TRIAL, "tmpfs", MountFlags::NODEV, data.as_c_str());
    if mounted.is_ok() {
        let _ = unmount(TRIAL, UnmountFlags::DETACH);
    }
    let _ = Folder::open(Path::new(".")).and_then(|here| here.remove(TRIAL.as_bytes()));
    let errno = mounted.err()?;
    let text = std::io::Error::from(errno).to_string();
    let words = text.split(" (os error").next().unwrap_or(&text).to_lowercase();
    Some(format!("mount tmpfs with {:?}: {words}", data.to_string_lossy()))
}
