//! What root in a container may do.

use rustix::thread::{CapabilitySet, capabilities};
use serde_json::{Value, json};

use super::super::error::{Error, Result};
use crate::container::HostConfig;

/// Docker's default (moby `oci/caps/defaults.go`) without `CAP_MKNOD`: whoever may not make
/// device nodes needs nobody to keep them from using them.
const USUAL: [&str; 13] = [
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

/// The rest of what Linux knows, in the kernel's order; a kernel that knows fewer gives fewer.
const OTHERS: [&str; 28] = [
    "CAP_DAC_READ_SEARCH",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_CONTROL",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// The capabilities of a process that runs as `uid`: what may be had at most, and what it
/// has. Nothing is inheritable (CVE-2022-24769).
///
/// # Errors
/// If one is named that there is not.
pub fn of(host: &HostConfig, uid: u32) -> Result<Value> {
    let allowed = allowed(host)?;
    let had = if uid == 0 { &allowed[..] } else { &[] };
    Ok(json!({ "bounding": allowed, "permitted": had, "effective": had, "inheritable": [], "ambient": [] }))
}

/// The most that any process of the container may have: the bounding set.
///
/// # Errors
/// If one is named that there is not.
pub fn allowed(host: &HostConfig) -> Result<Vec<&'static str>> {
    let all = || USUAL.iter().chain(&OTHERS).copied();
    let find = |name: &str| {
        let value = || name.to_owned();
        let absent = || Error::Option { option: "a capability", value: value(), why: "there is no such one" };
        all().find(|known| *known == name).ok_or_else(absent)
    };
    if host.privileged {
        return Ok(all().filter(had()).collect());
    }
    let has_all = |names: &[String]| names.iter().any(|name| name == "ALL");
    let mut allowed: Vec<_> = match (has_all(&host.cap_add), has_all(&host.cap_drop)) {
        (true, _) => all().filter(had()).collect(),
        (false, true) => Vec::new(),
        (false, false) => USUAL.to_vec(),
    };
    for name in host.cap_add.iter().filter(|name| *name != "ALL") {
        let name = find(name)?;
        if !allowed.contains(&name) {
            allowed.push(name);
        }
    }
    for name in host.cap_drop.iter().filter(|name| *name != "ALL") {
        let name = find(name)?;
        allowed.retain(|known| *known != name);
    }
    Ok(allowed)
}

/// All of them are, as Docker has it, those that this process has itself: nobody can give more.
fn had() -> impl Fn(&&'static str) -> bool {
    let own = capabilities(None).map(|sets| sets.permitted);
    move |name| {
        let known = name.strip_prefix("CAP_").and_then(CapabilitySet::from_name);
        own.as_ref().map_or(true, |own| known.is_some_and(|known| own.contains(known)))
    }
}
