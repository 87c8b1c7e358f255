//! In which of a container's mounts device nodes work.

use std::path::{Path, PathBuf};

use rustix::process::Pid;

use crate::disk::{FileKind, host};
use crate::runtime::bundle;
use crate::runtime::error::Result;

/// The table of mounts of a machine with thousands of them.
const MAX_MOUNTS: u64 = 4 << 20;

/// File systems whose nodes the kernel makes, none of them a disk.
const KERNELS_OWN: [&str; 6] = ["proc", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2"];

/// A line of `/proc/PID/mountinfo`: see proc(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounted {
    /// Which file system, as major and minor number.
    pub device: String,
    /// Which directory of the file system.
    pub root: PathBuf,
    /// Where it is seen.
    pub target: PathBuf,
    /// Options of the mount.
    pub options: String,
    /// The kind of file system.
    pub kind: String,
    /// Options of the file system.
    pub system_options: String,
}

/// What the process `process` sees mounted.
///
/// # Errors
/// If the kernel does not tell.
pub fn mounted(process: &str) -> Result<Vec<Mounted>> {
    let table = host::read_text(Path::new(&format!("/proc/{process}/mountinfo")), MAX_MOUNTS)?;
    Ok(parse(&table))
}

pub fn parse(table: &str) -> Vec<Mounted> {
    let read = |line: &str| {
        let (mount, system) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(2);
        let mut system = system.split(' ');
        Some(Mounted {
            device: mount.next()?.to_owned(),
            root: unescape(mount.next()?),
            target: unescape(mount.next()?),
            options: mount.next()?.to_owned(),
            kind: system.next()?.to_owned(),
            system_options: system.nth(1)?.to_owned(),
        })
    };
    table.lines().filter_map(read).collect()
}

/// Spaces and the like are written as `\040`.
fn unescape(text: &str) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = match tail {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] if *first == b'\\' => {
                Some((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'))
            }
            _ => None,
        };
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { tail.get(3..).unwrap_or_default() } else { tail };
    }
    host::path(&bytes)
}

/// A mount of the process `pid`, which has not been executed yet, in which device nodes work
/// that are not there for every container; `None` if there is none.
///
/// # Errors
/// If the kernel does not tell.
pub fn with_devices(pid: Pid) -> Result<Option<String>> {
    let pid = pid.as_raw_nonzero();
    let machines = mounted("self")?;
    for mount in mounted(&pid.to_string())? {
        let is_ok = has_option(&mount.options, "nodev")
            || KERNELS_OWN.contains(&mount.kind.as_str())
            // A new one has only the nodes that the runtime has made.
            || mount.kind == "tmpfs" && machines.iter().all(|other| other.device != mount.device)
            || is_allowed_node(&pid.to_string(), &mount.target)?;
        if !is_ok {
            return Ok(Some(mount.target.display().to_string()));
        }
    }
    Ok(None)
}

fn has_option(options: &str, name: &str) -> bool {
    options.split(',').any(|option| option == name)
}

/// Whether the mount is one single node that every container may use.
fn is_allowed_node(process: &str, target: &Path) -> Result<bool> {
    let below = target.strip_prefix("/").unwrap_or(target);
    let node = host::device(&Path::new("/proc").join(process).join("root").join(below))?;
    Ok(node.is_some_and(|node| {
        node.kind == FileKind::CharDevice && bundle::is_allowed_device(node.major, node.minor)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_the_kernel_writes_it() {
        let line =
            r"36 35 98:0 /a\040b /c\134 rw,nodev master:1 shared:2 - ext4 /dev/root rw,errors=continue";
        let wanted = Mounted {
            device: "98:0".into(),
            root: "/a b".into(),
            target: "/c\\".into(),
            options: "rw,nodev".into(),
            kind: "ext4".into(),
            system_options: "rw,errors=continue".into(),
        };
        assert_eq!(parse(line), [wanted]);
        assert_eq!(parse("nonsense\n\n1 2 3"), []);
    }
}
