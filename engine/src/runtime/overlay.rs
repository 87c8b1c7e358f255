//! The container's file system: overlayfs over its image's layers.

use std::ffi::CString;
use std::path::{Path, PathBuf};

use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MoveMountFlags, UnmountFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, mount, move_mount, unmount,
};

use super::error::{Error, Result};
use crate::disk::host;

/// Where the parts of a container's file system are.
#[derive(Debug)]
pub struct Overlay<'o> {
    /// The image's layers, the top one first.
    pub layers: &'o [PathBuf],
    /// What the container wrote.
    pub upper: PathBuf,
    /// What overlayfs needs beside it.
    pub work: PathBuf,
    /// Where it is mounted.
    pub target: PathBuf,
    /// Whether device nodes in it work, those of the image and those that the container makes.
    pub keeps_devices: bool,
}

/// So that the writable layer has the form that larder reads: nothing of it refers to
/// where it was in the image.
const OPTIONS: [(&str, &str); 3] = [("redirect_dir", "nofollow"), ("metacopy", "off"), ("index", "off")];

impl Overlay<'_> {
    /// Mounts it, in this process's mount namespace.
    ///
    /// # Errors
    /// If the system does not let it.
    pub fn mount(&self, in_user_namespace: bool) -> Result<()> {
        host::make_dirs(&self.work)?;
        host::make_dirs(&self.target)?;
        match self.mount_by_parts(in_user_namespace) {
            // Kernels before 6.5 know no `lowerdir+`, those before 5.2 no parts.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => self.mount_at_once(in_user_namespace),
            mounted => mounted,
        }
        .map_err(|source| Error::Path {
            verb: "mount the container's file system on",
            path: self.target.clone(),
            source: source.into(),
        })
    }

    /// Takes it away, whoever still has something of it open.
    ///
    /// # Errors
    /// If the system does not let it.
    pub fn unmount(target: &Path) -> Result<()> {
        unmount(target, UnmountFlags::DETACH).map_err(|source| Error::Path {
            verb: "unmount the container's file system from",
            path: target.into(),
            source: source.into(),
        })
    }

    fn mount_by_parts(&self, in_user_namespace: bool) -> rustix::io::Result<()> {
        let system = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
        for layer in self.layers {
            fsconfig_set_string(&system, "lowerdir+", layer)?;
        }
        fsconfig_set_string(&system, "upperdir", &self.upper)?;
        fsconfig_set_string(&system, "workdir", &self.work)?;
        for (name, value) in OPTIONS {
            fsconfig_set_string(&system, name, value)?;
        }
        if in_user_namespace {
            fsconfig_set_flag(&system, "userxattr")?;
        }
        fsconfig_create(&system)?;
        let attributes = match self.keeps_devices {
            true => MountAttrFlags::empty(),
            false => MountAttrFlags::MOUNT_ATTR_NODEV,
        };
        let mounted = fsmount(&system, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
        move_mount(&mounted, "", host::CWD, &self.target, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
    }

    fn mount_at_once(&self, in_user_namespace: bool) -> rustix::io::Result<()> {
        let escaped = |path: &Path| {
            path.display().to_string().replace('\\', "\\\\").replace(':', "\\:").replace(',', "\\,")
        };
        let layers: Vec<_> = self.layers.iter().map(|layer| escaped(layer)).collect();
        let mut options = format!(
            "lowerdir={},upperdir={},workdir={}",
            layers.join(":"),
            escaped(&self.upper),
            escaped(&self.work)
        );
        OPTIONS.iter().for_each(|(name, value)| options.push_str(&format!(",{name}={value}")));
        if in_user_namespace {
            options.push_str(",userxattr");
        }
        let options = CString::new(options).map_err(|_| rustix::io::Errno::INVAL)?;
        let flags = if self.keeps_devices { MountFlags::empty() } else { MountFlags::NODEV };
        mount("overlay", &self.target, "overlay", flags, options.as_c_str())
    }
}
