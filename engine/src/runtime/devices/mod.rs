//! What keeps a container from the machine's devices, looked at as it is in force.
//!
//! Two things do, each by itself: a device filter of the container's cgroup, and mounts in which
//! no device node works (`nodev`) for processes that can neither make nodes nor change mounts.
//! Which of them there are depends on the kernel, the runtime and who starts the container, so
//! it is the kernel that is asked, before the container's process is executed. Without one of
//! them it never is.

mod filter;
mod mounts;

use larder_device_filter::Rule;
use rustix::process::Pid;

use super::bundle;
use super::error::{Error, Result};
use crate::container::HostConfig;
use crate::disk::host;

/// With one of these a process gets at a device in spite of `nodev`: it makes the node on the
/// container's `/dev`, or mounts something anew.
const OPENS_DEVICES: [&str; 2] = ["CAP_MKNOD", "CAP_SYS_ADMIN"];

/// Where `/proc/PID/status` is cut: it has less.
const MAX_STATUS: u64 = 64 << 10;

/// Attaches the device filter that is made of `rules`, where cgroups are those of version 2, and
/// checks that a container is kept from the machine's devices: `pid` is its first process, which
/// waits to be executed, and `cgroup` is its cgroup. Without `rules` the runtime is one that
/// makes its own filter.
///
/// # Errors
/// If nothing is in force.
pub fn protect(pid: Pid, cgroup: &str, host: &HostConfig, rules: Option<&[Rule]>) -> Result<()> {
    // Nobody makes device nodes in a user namespace, and none works in what is mounted there.
    if host.privileged || host::is_in_user_namespace() {
        return Ok(());
    }
    let Err(no_filter) = filter::ensure(pid, cgroup, rules) else { return Ok(()) };
    let allowed = bundle::capabilities(host)?;
    let still_open = match OPENS_DEVICES.iter().find(|capability| allowed.contains(capability)) {
        Some(capability) => Some(format!("{capability} makes mounts without device nodes useless")),
        None => mounts::with_devices(pid)?.map(|target| format!("device nodes work in {target}")),
    };
    match still_open {
        Some(why) => Err(Error::OpenDevices { no_filter, why }),
        None => Ok(()),
    }
}

/// Checks the same of another process in a container that runs: it may have capabilities that
/// the container's own processes do not have.
///
/// # Errors
/// If nothing would be in force.
pub fn check_another(pid: i32, cgroup: &str, host: &HostConfig) -> Result<()> {
    let allowed = bundle::capabilities(host)?;
    let new = OPENS_DEVICES.into_iter().find(|name| allowed.contains(name) && !may_have(pid, name));
    let (Some(capability), Some(pid)) = (new, Pid::from_raw(pid)) else { return Ok(()) };
    if host::is_in_user_namespace() {
        return Ok(());
    }
    filter::ensure(pid, cgroup, None).map_err(|no_filter| Error::OpenDevices {
        no_filter,
        why: format!("{capability} makes mounts without device nodes useless"),
    })
}

/// Whether the process `pid` may have a capability.
fn may_have(pid: i32, capability: &str) -> bool {
    let status = host::read_text(std::path::Path::new(&format!("/proc/{pid}/status")), MAX_STATUS);
    let bounding = status.ok().and_then(|status| {
        let line = status.lines().find_map(|line| line.strip_prefix("CapBnd:"))?;
        u64::from_str_radix(line.trim(), 16).ok()
    });
    let number = match capability {
        "CAP_SYS_ADMIN" => 21,
        _ => 27,
    };
    bounding.is_some_and(|bounding| bounding >> number & 1 == 1)
}
