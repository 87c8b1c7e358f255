//! `HostConfig` and `Mounts` of a container. What Docker has and larder does not is there
//! with the value that says so: a script that asks for it is answered.

use larder_engine::{Bind, DeviceMapping, HostConfig, Mount, MountKind};

use super::Json;
use super::document::object;

/// `HostConfig`, keys in the order of Docker's API.
pub fn host_config(host: &HostConfig) -> Json {
    let binds =
        if host.binds.is_empty() { Json::Null } else { Json::Array(host.binds.iter().map(bind).collect()) };
    let restart = &host.restart_policy;
    let ulimits = host.ulimits.iter().map(|limit| {
        object([
            ("Name", limit.name.as_str().into()),
            ("Hard", signed(limit.hard)),
            ("Soft", signed(limit.soft)),
        ])
    });
    let text = |text: &str| Json::from(text);
    let or = |text: &str, usual: &str| Json::from(if text.is_empty() { usual } else { text });
    let zero = || Json::from(0_u64);
    let none = || Json::Array(Vec::new());
    let mut members = vec![
        ("Binds", binds),
        ("ContainerIDFile", text(&host.container_id_file)),
        (
            "LogConfig",
            object([("Type", text(host.log_config.driver())), ("Config", map(&host.log_config.options))]),
        ),
        ("NetworkMode", text(&host.network_mode)),
        ("PortBindings", object([])),
        (
            "RestartPolicy",
            object([
                ("Name", text(&restart.name)),
                ("MaximumRetryCount", u64::from(restart.maximum_retry_count).into()),
            ]),
        ),
        ("AutoRemove", Json::Bool(host.auto_remove)),
        ("VolumeDriver", text("")),
        ("VolumesFrom", Json::Null),
        ("CapAdd", list(&host.cap_add)),
        ("CapDrop", list(&host.cap_drop)),
        ("CgroupnsMode", or(&host.cgroupns_mode, "private")),
        ("Dns", array(&host.dns)),
        ("DnsOptions", array(&host.dns_options)),
        ("DnsSearch", array(&host.dns_search)),
        ("ExtraHosts", list(&host.extra_hosts)),
        ("GroupAdd", list(&host.group_add)),
        ("IpcMode", or(&host.ipc_mode, "private")),
        ("Cgroup", text("")),
        ("Links", Json::Null),
        ("OomScoreAdj", signed(host.oom_score_adj)),
        ("PidMode", text(&host.pid_mode)),
        ("Privileged", Json::Bool(host.privileged)),
        ("PublishAllPorts", Json::Bool(false)),
        ("ReadonlyRootfs", Json::Bool(host.readonly_rootfs)),
        ("SecurityOpt", list(&host.security_opt)),
    ];
    if !host.tmpfs.is_empty() {
        members.push(("Tmpfs", map(&host.tmpfs)));
    }
    members.extend([
        ("UTSMode", text(&host.uts_mode)),
        ("UsernsMode", text(&host.userns_mode)),
        ("ShmSize", host.shm_bytes().into()),
    ]);
    if !host.sysctls.is_empty() {
        members.push(("Sysctls", map(&host.sysctls)));
    }
    members.extend([
        ("Runtime", text(&host.runtime)),
        ("ConsoleSize", Json::Array(vec![zero(), zero()])),
        ("Isolation", text("")),
        ("CpuShares", host.cpu_shares.into()),
        ("Memory", host.memory.into()),
        ("NanoCpus", host.nano_cpus.into()),
        ("CgroupParent", text("")),
        ("BlkioWeight", zero()),
        ("BlkioWeightDevice", none()),
        ("BlkioDeviceReadBps", none()),
        ("BlkioDeviceWriteBps", none()),
        ("BlkioDeviceReadIOps", none()),
        ("BlkioDeviceWriteIOps", none()),
        ("CpuPeriod", host.cpu_period.into()),
        ("CpuQuota", signed(host.cpu_quota)),
        ("CpuRealtimePeriod", zero()),
        ("CpuRealtimeRuntime", zero()),
        ("CpusetCpus", text(&host.cpuset_cpus)),
        ("CpusetMems", text(&host.cpuset_mems)),
        ("Devices", Json::Array(host.devices.iter().map(device).collect())),
        ("DeviceCgroupRules", list(&host.device_cgroup_rules)),
        ("DeviceRequests", Json::Null),
        ("KernelMemory", zero()),
        ("KernelMemoryTCP", zero()),
        ("MemoryReservation", host.memory_reservation.into()),
        ("MemorySwap", signed(host.memory_swap)),
        ("MemorySwappiness", Json::Null),
        ("OomKillDisable", Json::Bool(host.oom_kill_disable)),
        ("PidsLimit", number_or_null(host.pids_limit)),
        ("Ulimits", Json::Array(ulimits.collect())),
        ("CpuCount", zero()),
        ("CpuPercent", zero()),
        ("IOMaximumIOps", zero()),
        ("IOMaximumBandwidth", zero()),
    ]);
    if !host.mounts.is_empty() {
        members.push(("Mounts", Json::Array(host.mounts.iter().map(mount).collect())));
    }
    let (masked, read_only) = host.protected_paths();
    let paths = |paths: &[&str]| Json::Array(paths.iter().map(|path| text(path)).collect());
    members.extend([("MaskedPaths", paths(masked)), ("ReadonlyPaths", paths(read_only))]);
    if host.init {
        members.push(("Init", Json::Bool(true)));
    }
    if !host.annotations.is_empty() {
        members.push(("Annotations", map(&host.annotations)));
    }
    object(members)
}

fn device(device: &DeviceMapping) -> Json {
    object(vec![
        ("PathOnHost", device.path_on_host.as_str().into()),
        ("PathInContainer", device.path_in_container.as_str().into()),
        ("CgroupPermissions", device.cgroup_permissions.as_str().into()),
    ])
}

fn mount(mount: &Mount) -> Json {
    let mut members = vec![("Type", kind(mount.kind).into())];
    if !mount.source.is_empty() {
        members.push(("Source", mount.source.as_str().into()));
    }
    members.push(("Target", mount.target.as_str().into()));
    if mount.read_only {
        members.push(("ReadOnly", Json::Bool(true)));
    }
    if !mount.propagation.is_empty() || mount.non_recursive {
        let mut options = Vec::new();
        if !mount.propagation.is_empty() {
            options.push(("Propagation", mount.propagation.as_str().into()));
        }
        if mount.non_recursive {
            options.push(("NonRecursive", Json::Bool(true)));
        }
        members.push(("BindOptions", object(options)));
    }
    if let Some(tmpfs) = mount.tmpfs_options.filter(|tmpfs| tmpfs.size_bytes > 0 || tmpfs.mode > 0) {
        let options = [("SizeBytes", tmpfs.size_bytes.into()), ("Mode", u64::from(tmpfs.mode).into())];
        members.push(("TmpfsOptions", object(options)));
    }
    object(members)
}

fn kind(kind: MountKind) -> &'static str {
    match kind {
        MountKind::Tmpfs => "tmpfs",
        _ => "bind",
    }
}

/// What is mounted, all of it in one form.
pub fn mounts(host: &HostConfig) -> Json {
    let point = |kind: &str, source: &str, target: &str, mode: &str, writable: bool, propagation: &str| {
        object([
            ("Type", kind.into()),
            ("Source", source.into()),
            ("Destination", target.into()),
            ("Mode", mode.into()),
            ("RW", Json::Bool(writable)),
            ("Propagation", propagation.into()),
        ])
    };
    let binds = host.binds.iter().map(|bind| {
        let modes: Vec<_> = bind.options.split(',').collect();
        let propagation =
            modes.iter().find(|mode| ["private", "shared", "slave"].iter().any(|end| mode.ends_with(end)));
        let propagation = propagation.copied().unwrap_or("rprivate");
        point("bind", &bind.source, &bind.target, &bind.options, !modes.contains(&"ro"), propagation)
    });
    let mounts = host.mounts.iter().map(|mount| {
        let usual = if mount.kind == MountKind::Bind { "rprivate" } else { "" };
        let propagation = if mount.propagation.is_empty() { usual } else { &mount.propagation };
        point(kind(mount.kind), &mount.source, &mount.target, "", !mount.read_only, propagation)
    });
    Json::Array(binds.chain(mounts).collect())
}

fn bind(bind: &Bind) -> Json {
    let Bind { source, target, options } = bind;
    if options.is_empty() {
        format!("{source}:{target}").into()
    } else {
        format!("{source}:{target}:{options}").into()
    }
}

/// A list, or `null` where there is nothing, as Docker writes it.
fn list(words: &[String]) -> Json {
    if words.is_empty() { Json::Null } else { array(words) }
}

fn array(words: &[String]) -> Json {
    Json::Array(words.iter().map(|word| word.as_str().into()).collect())
}

fn map(pairs: &std::collections::BTreeMap<String, String>) -> Json {
    object(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str().into())))
}

pub fn signed(number: i64) -> Json {
    Json::Number(number.into())
}

/// Where 0 stands for what was not said.
fn number_or_null(number: i64) -> Json {
    if number == 0 { Json::Null } else { signed(number) }
}
