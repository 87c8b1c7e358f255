//! What a container uses, and which processes it has: asked of its cgroup.

use std::path::Path;
use std::time::Duration;

use libcgroups::common::{
    AnyCgroupManager, CgroupConfig, CgroupManager, FreezerState, create_cgroup_manager,
};
use rustix::process::{Pid, Signal, kill_process};

use super::error::{Error, Result, whole_text};
use crate::container::HostConfig;
use crate::disk::host;

/// What a container uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Time of processors so far.
    pub cpu: Duration,
    /// Memory that cannot be given back at once, in bytes.
    pub memory_bytes: u64,
    /// How much of it it may use.
    pub memory_limit_bytes: u64,
    /// Bytes read from block devices.
    pub read_bytes: u64,
    /// Bytes written to block devices.
    pub written_bytes: u64,
    /// Processes and threads.
    pub pids: u64,
}

fn manager(cgroup: &str) -> Result<AnyCgroupManager> {
    let config = CgroupConfig {
        cgroup_path: cgroup.into(),
        systemd_cgroup: false,
        container_name: Path::new(cgroup).file_name().unwrap_or_default().to_string_lossy().into(),
    };
    create_cgroup_manager(config).map_err(|error| failed("find the container's cgroup", &error))
}

/// The hierarchy, where cgroups are those of version 2.
const VERSION_2: &str = "/sys/fs/cgroup";

/// Checks that this machine's cgroups can keep the limits that were asked for. In version 2 a
/// controller may be missing: version 1 has it, or whoever manages the machine has not passed it
/// on.
///
/// # Errors
/// If one cannot.
pub fn check_limits(host: &HostConfig) -> Result<()> {
    if !host::is_cgroup2(VERSION_2) {
        return Ok(());
    }
    let may_create = may_create();
    let controllers = host::read_text(&Path::new(VERSION_2).join("cgroup.controllers"), MAX_FILE)?;
    let number = |number: u64| (number != 0).then(|| number.to_string());
    let signed = |number: i64| (number != 0).then(|| number.to_string());
    let text = |text: &String| (!text.is_empty()).then(|| text.clone());
    for (controller, option, asked) in [
        ("memory", "--memory", number(host.memory)),
        ("memory", "--memory-reservation", number(host.memory_reservation)),
        ("memory", "--memory-swap", signed(host.memory_swap)),
        ("cpu", "the limit of --cpus, in billionths,", number(host.nano_cpus)),
        ("cpu", "--cpu-shares", number(host.cpu_shares)),
        ("cpu", "--cpu-period", number(host.cpu_period)),
        ("cpu", "--cpu-quota", signed(host.cpu_quota)),
        ("cpuset", "--cpuset-cpus", text(&host.cpuset_cpus)),
        ("cpuset", "--cpuset-mems", text(&host.cpuset_mems)),
        ("pids", "--pids-limit", signed(host.pids_limit)),
    ] {
        let is_there = controllers.split_whitespace().any(|name| name == controller);
        if let Some(value) = asked.filter(|_| !is_there || !may_create) {
            // What is left out in silence would be taken for a limit.
            let why = match is_there {
                true => {
                    "a caller who is not root needs a cgroup that was delegated to them: see docs/running.md"
                }
                false => "the cgroups here have no controller for it: see /sys/fs/cgroup/cgroup.controllers",
            };
            return Err(Error::Option { option, value, why });
        }
    }
    Ok(())
}

fn failed(verb: &'static str, error: &dyn std::error::Error) -> Error {
    Error::System { verb, source: std::io::Error::other(whole_text(error)) }
}

/// Returns `true` if this process may create cgroups: root of a user namespace only where one
/// was delegated to the caller.
pub fn may_create() -> bool {
    !host::is_in_user_namespace() || host::may_write("/sys/fs/cgroup/cgroup.procs")
}

/// Where the cgroup of the container `id` lies, whose first process is `pid`; `None` if its
/// user may not create cgroups and it has none. It lies elsewhere than a container of root's if the
/// container's user has been given a cgroup of their own, below which it is.
pub fn locate(id: &str, pid: i32) -> Option<String> {
    let text = host::read_text(Path::new(&format!("/proc/{pid}/cgroup")), MAX_FILE).ok()?;
    let own = super::bundle::cgroup(id);
    // `number:controllers:path`, one line for each hierarchy.
    text.lines()
        .filter_map(|line| line.splitn(3, ':').nth(2))
        .find(|path| path.ends_with(&own))
        .map(str::to_owned)
}

/// What the container `id` uses, whose first process is `pid`.
///
/// # Errors
/// If it has no cgroup, or the system does not tell.
pub fn figures(id: &str, pid: i32) -> Result<Figures> {
    let cgroup = locate(id, pid).ok_or(Error::NoCgroup)?;
    let stats = manager(&cgroup)?.stats().map_err(|error| failed("read the container's cgroup", &error))?;
    let sum = |kind: &str| {
        let of_kind = |stat: &&libcgroups::stats::BlkioDeviceStat| {
            stat.op_type.as_deref().is_some_and(|op| op.eq_ignore_ascii_case(kind))
        };
        stats.blkio.service_bytes.iter().filter(of_kind).map(|stat| stat.value).sum()
    };
    let memory = &stats.memory.memory;
    // As Docker has it: what can be dropped at once does not count.
    let cached =
        ["inactive_file", "total_inactive_file"].iter().find_map(|name| stats.memory.stats.get(*name));
    Ok(Figures {
        cpu: Duration::from_nanos(stats.cpu.usage.usage_total),
        memory_bytes: memory.usage.saturating_sub(cached.copied().unwrap_or_default()),
        memory_limit_bytes: memory.limit.min(host::memory_bytes()),
        read_bytes: sum("read"),
        written_bytes: sum("write"),
        pids: stats.pids.current,
    })
}

/// The numbers that this machine has for the processes of the container `id`, whose first
/// process is `pid`. Without a cgroup that can be read, they are those in its PID namespace.
///
/// # Errors
/// If the system does not tell.
pub fn processes(id: &str, pid: i32) -> Result<Vec<i32>> {
    let listed = locate(id, pid).and_then(|cgroup| manager(&cgroup).ok()?.get_all_pids().ok());
    match listed {
        Some(pids) => Ok(pids.into_iter().map(|pid| pid.as_raw()).collect()),
        None => super::process::in_pid_namespace_of(pid),
    }
}

/// Whether the kernel has killed something in it for want of memory.
pub fn was_out_of_memory(cgroup: &str) -> bool {
    let files = [
        format!("/sys/fs/cgroup{cgroup}/memory.events"),
        format!("/sys/fs/cgroup/memory{cgroup}/memory.oom_control"),
    ];
    let text = files.iter().find_map(|file| host::read_text(Path::new(file), MAX_FILE).ok());
    let count =
        text.as_deref().into_iter().flat_map(str::lines).find_map(|line| line.strip_prefix("oom_kill "));
    count.is_some_and(|count| count.trim() != "0")
}

/// Such a file has a few lines.
const MAX_FILE: u64 = 4096;

/// How often what is left is killed again: each time only what was forked meanwhile is left.
const ATTEMPTS: u32 = 50;

/// Kills what is left in a cgroup and removes it. What cannot be done is left: a cgroup
/// without processes costs nothing, and the next start takes it over.
pub fn end(cgroup: &str) {
    kill(cgroup);
    if let Ok(manager) = manager(cgroup) {
        let _ = manager.remove();
    }
}

/// Kills what is in a cgroup.
pub fn kill(cgroup: &str) {
    let Ok(manager) = manager(cgroup) else { return };
    for attempt in 0..ATTEMPTS {
        let pids = manager.get_all_pids().unwrap_or_default();
        if pids.is_empty() {
            break;
        }
        for pid in pids {
            let pid = Pid::from_raw(pid.as_raw());
            let _ = pid.map(|pid| kill_process(pid, Signal::KILL));
        }
        if attempt == 0 {
            // One that is frozen dies when it goes on.
            let _ = manager.freeze(FreezerState::Thawed);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
