//! The container's file system: overlayfs over its image's layers.

use std::ffi::CString;
use std::path::{Path, PathBuf};

use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MoveMountFlags, UnmountFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, mount, move_mount, unmount,
};

use super::error::{Error, Refusal, Result, Tried};
use crate::disk::{Folder, host};

/// Where the parts of a container's file system are. All but the target are named from the
/// container's directory, which is the current one: so they are short, and it does not matter what is
/// in the store's path.
#[derive(Debug)]
pub struct Overlay<'o> {
    /// The image's layers, the top one first.
    pub layers: &'o [String],
    /// Where it is mounted.
    pub target: PathBuf,
    /// Whether device nodes in it work, those of the image and those that the container makes.
    pub keeps_devices: bool,
}

/// What the container wrote, and what overlayfs needs beside it.
const UPPER: &str = "upper";
const WORK: &str = "work";

/// Has a link to each layer while they are mounted, called by its number.
const LINKS: &str = "lower";

/// As many as overlayfs stacks, and the directory of mount points is one of them.
const MAX_LAYERS: usize = 500;

/// So that the writable layer has the form that larder reads: nothing of it refers to
/// where it was in the image.
const OPTIONS: [(&str, &str); 3] = [("redirect_dir", "nofollow"), ("metacopy", "off"), ("index", "off")];

impl Overlay<'_> {
    /// Mounts it, in this process's mount namespace.
    ///
    /// # Errors
    /// If the system does not let it.
    pub fn mount(&self, in_user_namespace: bool) -> Result<()> {
        if self.layers.len() > MAX_LAYERS {
            let (most, got) = (MAX_LAYERS - 1, self.layers.len() - 1);
            let text = format!(
                "the image has {got} layers, and Linux stacks no more than {most}: 'larder squash' makes one of them"
            );
            return Err(Error::Refused { refusal: Refusal::Other, text });
        }
        host::make_dirs(Path::new(WORK))?;
        host::make_dirs(&self.target)?;
        let failed = |source: rustix::io::Errno| Error::Path {
            verb: "mount the container's file system on",
            path: self.target.clone(),
            source: source.into(),
        };
        match self.mount_by_parts(in_user_namespace) {
            // Kernels before 6.5 know no `lowerdir+`, those before 5.2 no parts.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
                self.mount_at_once(in_user_namespace)?.map_err(failed)
            }
            mounted => mounted.map_err(failed),
        }
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
        fsconfig_set_string(&system, "upperdir", UPPER)?;
        fsconfig_set_string(&system, "workdir", WORK)?;
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

    fn mount_at_once(&self, in_user_namespace: bool) -> Result<rustix::io::Result<()>> {
        let numbers = self.link_layers()?;
        let options = CString::new(self.options(&numbers, in_user_namespace)).unwrap_or_default();
        let flags = if self.keeps_devices { MountFlags::empty() } else { MountFlags::NODEV };
        std::env::set_current_dir(LINKS).tried("enter the links to the layers")?;
        let mounted = mount("overlay", &self.target, "overlay", flags, options.as_c_str());
        std::env::set_current_dir("..").tried("leave the links to the layers")?;
        Folder::open(Path::new("."))?.remove(LINKS.as_bytes())?;
        Ok(mounted)
    }

    /// Links to the layers, and their names: the options of `mount(2)` end at a page, which only the
    /// shortest names let hold hundreds of layers.
    fn link_layers(&self) -> Result<Vec<String>> {
        let here = Folder::open(Path::new("."))?;
        here.remove(LINKS.as_bytes())?;
        here.make_dir(LINKS.as_bytes(), 0o700)?;
        let mut numbers = Vec::new();
        for (number, layer) in self.layers.iter().enumerate() {
            let link = format!("{LINKS}/{number}");
            here.make_symlink(link.as_bytes(), format!("../{layer}").as_bytes())?;
            numbers.push(number.to_string());
        }
        Ok(numbers)
    }

    /// The options for who mounts from the directory of the links.
    fn options(&self, layers: &[String], in_user_namespace: bool) -> String {
        let mut options = format!("lowerdir={},upperdir=../{UPPER},workdir=../{WORK}", layers.join(":"));
        OPTIONS.iter().for_each(|(name, value)| options.push_str(&format!(",{name}={value}")));
        if in_user_namespace {
            options.push_str(",userxattr");
        }
        options
    }
}

#[cfg(test)]
mod tests {
    use nix::sched::{CloneFlags, unshare};
    use rustix::mount::{MountPropagationFlags, mount_change};

    use super::*;

    #[test]
    fn as_many_layers_as_overlayfs_stacks_fit_into_a_page() {
        let layers: Vec<_> = (0..MAX_LAYERS).map(|number| number.to_string()).collect();
        let overlay = Overlay { layers: &layers, target: PathBuf::new(), keeps_devices: false };
        assert!(overlay.options(&layers, true).len() < 4096);
    }

    /// As on kernels before 6.5. Where nobody is root it proves nothing.
    #[test]
    fn hundreds_of_layers_are_mounted_at_once() {
        let base = tempfile::tempdir().unwrap();
        let root = Folder::open(base.path()).unwrap();
        let layers: Vec<_> = (0..300).map(|at| format!("../../layers/{at:064}/diff")).collect();
        for dir in ["containers", "containers/id", "layers"] {
            root.make_dir(dir.as_bytes(), 0o755).unwrap();
        }
        for (at, layer) in layers.iter().enumerate() {
            let dir = layer.trim_start_matches("../");
            root.make_dir(dir.trim_end_matches("/diff").as_bytes(), 0o755).unwrap();
            root.make_dir(dir.as_bytes(), 0o755).unwrap();
            root.make_dir(format!("{dir}/{at}").as_bytes(), 0o755).unwrap();
        }
        let dir = base.path().join("containers/id");
        let mounted = std::thread::spawn(move || {
            if unshare(CloneFlags::CLONE_NEWNS).is_err() {
                eprintln!("nobody is root here: hundreds_of_layers_are_mounted_at_once proves nothing");
                return 300;
            }
            mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
            std::env::set_current_dir(&dir).unwrap();
            for name in [UPPER, WORK, "rootfs"] {
                host::make_dirs(Path::new(name)).unwrap();
            }
            let target = dir.join("rootfs");
            let overlay = Overlay { layers: &layers, target: target.clone(), keeps_devices: false };
            overlay.mount_at_once(false).unwrap().unwrap();
            assert!(host::kind(Path::new(LINKS)).unwrap().is_none(), "the links are left");
            let found = Folder::open(&target).unwrap().walk(b"").filter(Result::is_ok).count();
            Overlay::unmount(&target).unwrap();
            // The root itself is found too.
            found - 1
        });
        assert_eq!(mounted.join().unwrap(), 300);
    }
}
