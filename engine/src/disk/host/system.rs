//! What the system tells in files of its own, and is told.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::path::Path;

use super::super::Result;
use super::super::error::Context;

/// Where relative paths begin, for calls that want it said.
pub use rustix::fs::CWD;

/// What the machine calls itself.
pub fn name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

/// The memory of the machine, in bytes; as much as there can be where the system does not say.
pub fn memory_bytes() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kibibytes = total.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kibibytes.map_or(u64::MAX, |kibibytes| kibibytes.saturating_mul(1024))
}

/// The text of a small file; more than `max_bytes` of it are left out.
///
/// # Errors
/// If it cannot be read.
pub fn read_text(path: &Path, max_bytes: u64) -> Result<String> {
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(max_bytes).read_to_end(&mut bytes)).context("read", path)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes `text` to a file of the system's.
///
/// # Errors
/// If the system does not take it.
pub fn write_text(path: &str, text: &str) -> Result<()> {
    fs::write(path, text).context("write", path)
}

/// Opens a file of the system's, to be asked about.
///
/// # Errors
/// If there is none, or it may not be opened.
pub fn open(path: impl AsRef<Path>) -> Result<File> {
    File::open(path.as_ref()).context("open", path.as_ref())
}

/// The descriptors that this process has open, one of which was for the asking only.
///
/// # Errors
/// If `/proc` is not there.
pub fn descriptors() -> Result<Vec<RawFd>> {
    const DIR: &str = "/proc/self/fd";
    let mut found = Vec::new();
    for entry in fs::read_dir(DIR).context("list", DIR)? {
        let name = entry.context("list", DIR)?.file_name();
        found.extend(name.to_str().and_then(|name| name.parse::<RawFd>().ok()));
    }
    Ok(found)
}

/// The numbers of all processes that this one can see.
///
/// # Errors
/// If `/proc` is not there.
pub fn processes() -> Result<Vec<i32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("list", "/proc")? {
        let name = entry.context("list", "/proc")?.file_name();
        found.extend(name.to_str().and_then(|name| name.parse::<i32>().ok()));
    }
    Ok(found)
}

/// When the process `pid` began, in the kernel's ticks since the machine was started: no other
/// process of that number began then. `None` if it has ended.
pub fn start_of_process(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name is in parentheses, whatever is in it.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// Whether two open files are one.
///
/// # Errors
/// If they cannot be looked at.
pub fn is_same(one: impl AsFd, other: impl AsFd) -> Result<bool> {
    let stat = |file: &dyn AsFd| rustix::fs::fstat(file.as_fd()).context("look at", "/proc");
    let (one, other) = (stat(&one)?, stat(&other)?);
    Ok((one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
}

/// Whether this process may execute the file at `path`.
///
/// # Errors
/// Why not.
pub fn may_execute(path: &str) -> io::Result<()> {
    if fs::metadata(path)?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let flags = rustix::fs::AtFlags::EACCESS;
    Ok(rustix::fs::accessat(rustix::fs::CWD, path, rustix::fs::Access::EXEC_OK, flags)?)
}

/// Returns `true` if this process may write to the file at `path`.
pub fn may_write(path: &str) -> bool {
    let flags = rustix::fs::AtFlags::EACCESS;
    rustix::fs::accessat(rustix::fs::CWD, path, rustix::fs::Access::WRITE_OK, flags).is_ok()
}

/// Whether `path` is a hierarchy of cgroups of version 2.
pub fn is_cgroup2(path: &str) -> bool {
    /// `CGROUP2_SUPER_MAGIC`.
    const MAGIC: u64 = 0x6367_7270;
    rustix::fs::statfs(path).is_ok_and(|stat| stat.f_type as u64 == MAGIC)
}

/// Whether this process is in another user namespace than the machine's first one.
pub fn is_in_user_namespace() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    // A kernel without user namespaces has no such file.
    !map.is_empty() && !map.split_whitespace().eq(["0", "0", "4294967295"])
}

/// Where everything goes and nothing comes from.
///
/// # Errors
/// If the machine has none.
pub fn null() -> io::Result<OwnedFd> {
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC;
    Ok(rustix::fs::open("/dev/null", flags, rustix::fs::Mode::empty())?)
}

/// Makes `owner` (user and group) the owner of what is open.
///
/// # Errors
/// If this process may not.
pub fn give(file: impl AsFd, (uid, gid): (u32, u32)) -> io::Result<()> {
    let (uid, gid) = (rustix::fs::Uid::from_raw(uid), rustix::fs::Gid::from_raw(gid));
    Ok(rustix::fs::fchown(file, Some(uid), Some(gid))?)
}

/// What new files of this process may not be used for.
pub fn set_umask(mode: u32) {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(mode));
}
