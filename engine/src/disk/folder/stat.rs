//! What Linux knows of a file.

use rustix::fs::{FileType, major, minor};

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A socket with a name.
    Socket,
}

/// A file without its name and content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: FileKind,
    /// Permission bits, and set-user-ID, set-group-ID and sticky: `0o7777` at most.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// When the content was changed last: seconds since 1970, rounded down, and
    /// nanoseconds on top.
    pub mtime: (i64, u32),
    /// The length of a file in bytes, or of a link's target.
    pub size: u64,
    /// Major and minor number of a device; zeros for all else.
    pub device: (u32, u32),
    /// The file system and the number in it, which names of one file share.
    pub inode: (u64, u64),
    /// How many names it has.
    pub links: u64,
}

impl Stat {
    #[allow(clippy::useless_conversion, reason = "the fields have other widths on other processors")]
    pub(super) fn of(stat: &rustix::fs::Stat) -> rustix::io::Result<Self> {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => FileKind::File,
            FileType::Directory => FileKind::Directory,
            FileType::Symlink => FileKind::Symlink,
            FileType::CharacterDevice => FileKind::CharDevice,
            FileType::BlockDevice => FileKind::BlockDevice,
            FileType::Fifo => FileKind::Fifo,
            FileType::Socket => FileKind::Socket,
            FileType::Unknown => return Err(rustix::io::Errno::NOTSUP),
        };
        let is_device = matches!(kind, FileKind::CharDevice | FileKind::BlockDevice);
        Ok(Self {
            kind,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            mtime: (stat.st_mtime.into(), u32::try_from(stat.st_mtime_nsec).unwrap_or(0)),
            size: u64::try_from(stat.st_size).unwrap_or(0),
            device: if is_device { (major(stat.st_rdev), minor(stat.st_rdev)) } else { (0, 0) },
            inode: (stat.st_dev.into(), stat.st_ino.into()),
            links: stat.st_nlink.into(),
        })
    }
}
