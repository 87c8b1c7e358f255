//! A container as the JSON document of Docker's API, keys in Docker's order.

use larder_engine::{Bind, ContainerSummary, HostConfig, Mount, MountKind};

use super::document::{config, object};
use super::{Failure, Json, time};
use crate::commands::ps::state;

/// The document of `container`.
///
/// # Errors
/// If its config cannot be written as JSON, which no config is.
pub fn of(container: &ContainerSummary) -> Result<Json, Failure> {
    let spec = &container.spec;
    let mut command = spec.command();
    let path = command.next().unwrap_or_default();
    let args = command.map(Json::from).collect();
    let source = serde_json::to_vec(&spec.config).and_then(|bytes| Json::parse(&bytes));
    let source = source.map_err(|error| Failure::error(format!("config of {}: {error}", container.name)))?;
    let created = container.created.map_or(time::GO_ZERO.into(), time::rfc3339_nanos);
    let has_run = container.status.started_at.is_some();
    let path_of = |name: &str| {
        let path = container.dir.as_ref().filter(|_| has_run).map(|dir| dir.join(name).display().to_string());
        path.unwrap_or_default().into()
    };
    let mut members = vec![
        ("Id", container.id.to_string().into()),
        ("Created", created.into()),
        ("Path", path.into()),
        ("Args", Json::Array(args)),
        ("State", state_of(container)),
        ("Image", container.image_id.to_string().into()),
        ("ResolvConfPath", path_of("resolv.conf")),
        ("HostnamePath", path_of("hostname")),
        ("HostsPath", path_of("hosts")),
        ("LogPath", path_of("log")),
        ("Name", format!("/{}", container.name).into()),
        ("RestartCount", u64::from(container.status.restart_count).into()),
        ("Driver", "larder".into()),
        ("Platform", container.platform.os.as_str().into()),
        ("MountLabel", "".into()),
        ("ProcessLabel", "".into()),
        ("AppArmorProfile", "".into()),
        ("ExecIDs", Json::Null),
        ("HostConfig", host_config(&spec.host_config)),
        ("GraphDriver", graph_driver(container)),
    ];
    if let Some(written) = container.writable_bytes {
        members.push(("SizeRw", written.into()));
        members.push(("SizeRootFs", (written + container.image_bytes).into()));
    }
    members.extend([
        ("Mounts", mounts(&spec.host_config)),
        ("Config", config(Some(&source))),
        ("NetworkSettings", network(&spec.host_config)),
    ]);
    Ok(object(members))
}

fn state_of(container: &ContainerSummary) -> Json {
    let (state, status) = (state(container), &container.status);
    let moment =
        |time: Option<jiff::Timestamp>| time.map_or(time::GO_ZERO.into(), time::rfc3339_nanos).into();
    let is = |wanted: &str| Json::Bool(state == wanted);
    object([
        ("Status", state.into()),
        // As in Docker, what is paused or about to be started again runs.
        ("Running", Json::Bool(status.state.is_live())),
        ("Paused", is("paused")),
        ("Restarting", is("restarting")),
        ("OOMKilled", Json::Bool(status.oom_killed)),
        ("Dead", is("dead")),
        ("Pid", signed(status.pid.into())),
        ("ExitCode", signed(status.exit_code.into())),
        ("Error", status.error.as_str().into()),
        ("StartedAt", moment(status.started_at)),
        ("FinishedAt", moment(status.finished_at)),
    ])
}

fn graph_driver(container: &ContainerSummary) -> Json {
    let dir = |name: &str| {
        container.dir.as_ref().map_or(Json::Null, |dir| dir.join(name).display().to_string().into())
    };
    object([("Data", object([("UpperDir", dir("upper"))])), ("Name", "larder".into())])
}

fn network(host: &HostConfig) -> Json {
    object([("Ports", object([])), ("Networks", object([(host.network_mode.as_str(), object([]))]))])
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

fn signed(number: i64) -> Json {
    Json::Number(number.into())
}

/// Where 0 stands for what was not said.
fn number_or_null(number: i64) -> Json {
    if number == 0 { Json::Null } else { signed(number) }
}

fn bool_or_null(value: bool) -> Json {
    if value { Json::Bool(true) } else { Json::Null }
}

fn bind(bind: &Bind) -> Json {
    let Bind { source, target, options } = bind;
    if options.is_empty() {
        format!("{source}:{target}").into()
    } else {
        format!("{source}:{target}:{options}").into()
    }
}

fn host_config(host: &HostConfig) -> Json {
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
    let mut members = vec![
        ("Binds", binds),
        ("ContainerIDFile", host.container_id_file.as_str().into()),
        ("NetworkMode", host.network_mode.as_str().into()),
        ("PortBindings", object([])),
        (
            "RestartPolicy",
            object([
                ("Name", restart.name.as_str().into()),
                ("MaximumRetryCount", u64::from(restart.maximum_retry_count).into()),
            ]),
        ),
        ("AutoRemove", Json::Bool(host.auto_remove)),
        ("VolumeDriver", "".into()),
        ("VolumesFrom", Json::Null),
    ];
    if !host.mounts.is_empty() {
        members.push(("Mounts", Json::Array(host.mounts.iter().map(mount).collect())));
    }
    if !host.annotations.is_empty() {
        members.push(("Annotations", map(&host.annotations)));
    }
    members.extend([
        ("CapAdd", list(&host.cap_add)),
        ("CapDrop", list(&host.cap_drop)),
        ("CgroupnsMode", host.cgroupns_mode.as_str().into()),
        ("Dns", array(&host.dns)),
        ("DnsOptions", array(&host.dns_options)),
        ("DnsSearch", array(&host.dns_search)),
        ("ExtraHosts", list(&host.extra_hosts)),
        ("GroupAdd", list(&host.group_add)),
        ("IpcMode", host.ipc_mode.as_str().into()),
        ("OomScoreAdj", signed(host.oom_score_adj)),
        ("PidMode", host.pid_mode.as_str().into()),
        ("Privileged", Json::Bool(host.privileged)),
        ("PublishAllPorts", Json::Bool(false)),
        ("ReadonlyRootfs", Json::Bool(host.readonly_rootfs)),
        ("SecurityOpt", list(&host.security_opt)),
    ]);
    if !host.tmpfs.is_empty() {
        members.push(("Tmpfs", map(&host.tmpfs)));
    }
    members.extend([
        ("UTSMode", host.uts_mode.as_str().into()),
        ("UsernsMode", host.userns_mode.as_str().into()),
        ("ShmSize", host.shm_size.into()),
    ]);
    if !host.sysctls.is_empty() {
        members.push(("Sysctls", map(&host.sysctls)));
    }
    members.extend([
        ("Runtime", host.runtime.as_str().into()),
        ("CpuShares", host.cpu_shares.into()),
        ("Memory", host.memory.into()),
        ("NanoCpus", host.nano_cpus.into()),
        ("CpuPeriod", host.cpu_period.into()),
        ("CpuQuota", signed(host.cpu_quota)),
        ("CpusetCpus", host.cpuset_cpus.as_str().into()),
        ("CpusetMems", host.cpuset_mems.as_str().into()),
        ("Devices", Json::Array(Vec::new())),
        ("MemoryReservation", host.memory_reservation.into()),
        ("MemorySwap", signed(host.memory_swap)),
        ("OomKillDisable", Json::Bool(host.oom_kill_disable)),
        ("Init", bool_or_null(host.init)),
        ("PidsLimit", number_or_null(host.pids_limit)),
        ("Ulimits", Json::Array(ulimits.collect())),
    ]);
    object(members)
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
fn mounts(host: &HostConfig) -> Json {
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
