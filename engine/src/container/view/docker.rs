//! What Docker puts over every image before a container is made of it.

use super::View;
use crate::container::Result;
use crate::tar::{Data, Entry, EntryKind, Found, Mtime};

/// The mount points that `docker create` makes, as of moby's `initlayer`: what
/// is no directory on the way to one of them makes way, files of that name too.
const MOUNT_POINTS: [(&str, EntryKind); 9] = [
    ("dev/pts", EntryKind::Directory),
    ("dev/shm", EntryKind::Directory),
    ("proc", EntryKind::Directory),
    ("sys", EntryKind::Directory),
    (".dockerenv", EntryKind::File),
    ("etc/resolv.conf", EntryKind::File),
    ("etc/hosts", EntryKind::File),
    ("etc/hostname", EntryKind::File),
    ("dev/console", EntryKind::File),
];
const MTAB: (&str, &[u8]) = ("etc/mtab", b"/proc/mounts");

impl View {
    /// Adds the mount points of Docker, as the layer on top.
    ///
    /// # Errors
    /// If there are too many layers or paths.
    pub fn add_mount_points(&mut self) -> Result<()> {
        self.begin_layer()?;
        let link = (MTAB.0, EntryKind::Symlink(MTAB.1.to_vec()));
        for (path, kind) in MOUNT_POINTS.into_iter().chain([link]) {
            self.clear_way(path);
            if self.find(path.as_bytes(), super::Follow::No).is_ok() {
                continue;
            }
            let mode = if matches!(kind, EntryKind::Symlink(_)) { 0o777 } else { 0o755 };
            let entry = Entry {
                name: path.into(),
                kind,
                mode,
                uid: 0,
                gid: 0,
                mtime: Mtime::default(),
                size: 0,
                xattrs: Vec::new(),
            };
            self.apply(Found { entry, data: Data::None })?;
        }
        Ok(())
    }

    /// Takes away what is on the way of `path` and is no directory.
    fn clear_way(&mut self, path: &str) {
        let mut at = 0;
        for part in path.split('/') {
            let Some(child) = self.child(at, part.as_bytes()) else { return };
            if !self.is_directory(super::NodeId(child)) {
                // It is not noted as gone: what comes there hides it.
                self.remove(child);
                return;
            }
            at = child;
        }
    }
}
