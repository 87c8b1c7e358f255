//! `--security-opt` and what else could fail open: each is honoured or refused.

use super::super::error::{Error, Result};
use super::super::oci::is_built_in;
use super::seccomp::Choice;
use crate::container::HostConfig;

/// Options of `--security-opt`.
#[derive(Debug)]
pub struct Security {
    /// Whether no program gives its user more rights: `no-new-privileges`.
    pub no_new_privileges: bool,
    /// Which filter of system calls there is: `seccomp=…`.
    pub seccomp: Choice,
}

impl Security {
    /// Reads the options; the last one of a kind counts.
    ///
    /// # Errors
    /// If one is unknown or cannot be honoured.
    pub fn of(host: &HostConfig) -> Result<Self> {
        let mut security = Self { no_new_privileges: false, seccomp: Choice::Default { is_explicit: false } };
        for option in &host.security_opt {
            let refused = |why| Error::Option { option: "--security-opt", value: option.clone(), why };
            match option.split_once(['=', ':']).unwrap_or((option, "")) {
                ("no-new-privileges", "" | "true") => security.no_new_privileges = true,
                ("no-new-privileges", "false") => security.no_new_privileges = false,
                ("seccomp", value) => security.seccomp = Choice::parse(value)?,
                // Nothing is set up, so there is nothing to leave out.
                ("apparmor", "unconfined") | ("label", "disable") => {}
                ("apparmor", _) => return Err(refused("larder applies no AppArmor profiles")),
                ("label", _) => return Err(refused("larder sets no SELinux labels")),
                // See `HostConfig::protected_paths`.
                ("systempaths", "unconfined") => {}
                _ => return Err(refused("there is no such option")),
            }
        }
        Ok(security)
    }
}

/// Kernel parameters that belong to the IPC namespace (Docker's `--sysctl` takes the same).
const OF_IPC: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];

/// Whether a kernel parameter belongs to a namespace, so that a container can have its own:
/// any other would be set for the whole machine.
pub fn is_namespaced_sysctl(name: &str) -> bool {
    let name = dotted(name);
    !name.contains("..") && (is_of_ipc(&name) || name.starts_with("net."))
}

/// The kernel takes `/` as well.
fn dotted(name: &str) -> String {
    name.replace('/', ".")
}

fn is_of_ipc(dotted: &str) -> bool {
    OF_IPC.contains(&dotted) || dotted.starts_with("fs.mqueue.")
}

/// That each kernel parameter belongs to a namespace of the container's own.
fn check_sysctls(host: &HostConfig) -> Result<()> {
    for name in host.sysctls.keys() {
        let is_of_ipc = is_of_ipc(&dotted(name));
        let why = if !is_namespaced_sysctl(name) {
            "it belongs to the machine, not to the container"
        } else if is_of_ipc && host.ipc_mode == "host" {
            "the container shares the host's IPC namespace"
        } else if !is_of_ipc && host.network_mode == "host" {
            "the container shares the host's network namespace"
        } else {
            continue;
        };
        return Err(Error::Option { option: "--sysctl", value: name.clone(), why });
    }
    Ok(())
}

/// That what was asked for can be honoured, as far as that does not depend on the moment.
///
/// # Errors
/// If it cannot: the option, and why.
pub fn check(host: &HostConfig) -> Result<()> {
    // Capabilities are part of what a filter depends on.
    Security::of(host)?.seccomp.filter(host)?;
    if host.oom_kill_disable && is_built_in(&host.runtime) {
        return Err(Error::Option {
            option: "--oom-kill-disable",
            value: "true".into(),
            why: "the built-in runtime does not set it; --runtime runc does",
        });
    }
    super::propagation::check(host)?;
    check_sysctls(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(options: &[&str]) -> Result<()> {
        let security_opt = options.iter().map(|option| (*option).to_owned()).collect();
        check(&HostConfig { security_opt, ..HostConfig::default() })
    }

    #[test]
    fn every_security_option_is_honoured_or_refused() {
        for option in [
            "no-new-privileges",
            "no-new-privileges=true",
            "no-new-privileges:false",
            "seccomp=unconfined",
            "seccomp=builtin",
            "seccomp={\"defaultAction\":\"SCMP_ACT_ALLOW\"}",
            "apparmor=unconfined",
            "label=disable",
            "label:disable",
            "systempaths=unconfined",
        ] {
            checked(&[option]).unwrap_or_else(|error| panic!("{option}: {error}"));
        }
        for option in [
            "",
            "no-new-privileges=maybe",
            "seccomp=",
            "seccomp=/etc/profile.json",
            "seccomp={}",
            "apparmor=docker-default",
            "apparmor=",
            "label=type:svirt_t",
            "systempaths=confined",
            "mask=/proc/cpuinfo",
            "unmask=ALL",
            "writable-cgroups=true",
            "nosuch",
        ] {
            assert!(checked(&[option]).is_err(), "{option}");
            assert!(checked(&["no-new-privileges", option]).is_err(), "{option}");
        }
    }

    #[test]
    fn the_last_of_several_counts() {
        let security = |options: &[&str]| {
            let security_opt = options.iter().map(|option| (*option).to_owned()).collect();
            Security::of(&HostConfig { security_opt, ..HostConfig::default() }).unwrap()
        };
        assert!(security(&["no-new-privileges=false", "no-new-privileges"]).no_new_privileges);
        assert!(!security(&["no-new-privileges", "no-new-privileges=false"]).no_new_privileges);
        assert!(matches!(
            security(&["seccomp=unconfined", "seccomp=builtin"]).seccomp,
            Choice::Default { .. }
        ));
    }

    #[test]
    fn no_kernel_parameter_of_the_machine_can_be_set() {
        let check = |name: &str, network: &str, ipc: &str| {
            check(&HostConfig {
                sysctls: [(name.to_owned(), "1".to_owned())].into(),
                network_mode: network.into(),
                ipc_mode: ipc.into(),
                ..HostConfig::default()
            })
        };
        for name in ["net.ipv4.ip_forward", "net/core/somaxconn", "kernel.shmmax", "fs.mqueue.msg_max"] {
            check(name, "none", "").unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        for name in
            ["kernel.core_pattern", "vm.swappiness", "fs.file-max", "net", "net/../kernel/core_pattern", ""]
        {
            assert!(check(name, "none", "").is_err(), "{name}");
        }
        assert!(check("net.ipv4.ip_forward", "host", "").is_err());
        assert!(check("kernel.shmmax", "none", "host").is_err());
    }
}
