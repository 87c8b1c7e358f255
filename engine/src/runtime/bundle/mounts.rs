//! What is mounted in a container.

use std::path::Path;

use serde_json::{Value, json};

use super::super::error::{Error, Result};
use super::super::stage::Stage;
use super::super::user_namespace;
use super::{devices, init};
use crate::container::{Bind, HostConfig, Mount, MountKind, Spec};
use crate::disk::{FileKind, host};

/// Docker's group for terminals.
const TTY_GROUP: u32 = 5;

/// What a bind mount of `source` has so that no device node works in it: for itself, and for
/// what is mounted below it. Nothing is mounted below a file, and crun refuses to look there.
fn no_devices(source: &str) -> &'static [&'static str] {
    if Path::new(source).is_dir() { &["nodev", "rnodev"] } else { &["nodev"] }
}

/// All mounts, in the order in which they are made; `devices` are those of device nodes.
pub fn mounts(spec: &Spec, stage: Stage, devices: Vec<Value>) -> Result<Vec<Value>> {
    let host = &spec.host_config;
    let bind = |source: &str, target: &str, options: &[&str]| {
        let no_devices: &[_] = if host.privileged { &[] } else { no_devices(source) };
        mount("bind", source, target, &[options, no_devices].concat())
    };
    let writable = if host.privileged { "rw" } else { "ro" };
    let shm = host.shm_bytes();
    let mut terminals = vec!["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"];
    if user_namespace::has_group(TTY_GROUP) {
        terminals.push("gid=5");
    }
    // A file system that shows a namespace of the machine can only be mounted by root of the
    // machine. Whoever is root of a user namespace gets the machine's own mount of it.
    let system = |kind: &str, target: &str, shares_namespace: bool, access: &str| {
        let options = ["nosuid", "noexec", "nodev", access];
        match shares_namespace && stage == Stage::OwnUser {
            false => mount(kind, kind, target, &options),
            true => mount("bind", target, target, &[&["rbind", "rprivate"], &options[..]].concat()),
        }
    };
    let mut mounts = vec![
        system("proc", "/proc", host.pid_mode == "host", "rw"),
        mount("tmpfs", "tmpfs", "/dev", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount("devpts", "devpts", "/dev/pts", &terminals),
        system("sysfs", "/sys", host.network_mode == "host", writable),
        mount("cgroup", "cgroup", "/sys/fs/cgroup", &["nosuid", "noexec", "nodev", writable]),
    ];
    // Not every machine has one of its own.
    if host.ipc_mode != "host" || host::kind(Path::new("/dev/mqueue"))?.is_some() {
        mounts.push(system("mqueue", "/dev/mqueue", host.ipc_mode == "host", "rw"));
    }
    match host.ipc_mode.as_str() {
        // As Docker has it: no memory to share at all.
        "none" => {}
        "" | "private" => mounts.push(mount(
            "tmpfs",
            "shm",
            "/dev/shm",
            &["nosuid", "noexec", "nodev", "mode=1777", &format!("size={shm}")],
        )),
        _ => mounts.push(bind("/dev/shm", "/dev/shm", &["rbind", "rprivate"])),
    }
    let mut over = asked_for(spec)?;
    for name in ["resolv.conf", "hostname", "hosts"] {
        let target = format!("/etc/{name}");
        // Unless a user's own is in its place.
        if !has_target(spec, &target) {
            // In the bundle.
            over.push(bind(name, &target, &["rbind", "rprivate"]));
        }
    }
    if host.init {
        let program = init::program()?.display().to_string();
        over.push(bind(&program, init::TARGET, &["bind", "ro"]));
    }
    over.extend(devices);
    // What is mounted deeper comes later: it would be hidden.
    over.sort_by_key(depth);
    mounts.extend(over);
    Ok(mounts)
}

/// How many directories deep a mount's target lies.
fn depth(mount: &Value) -> usize {
    let target = mount.get("destination").and_then(Value::as_str).unwrap_or_default();
    Path::new(target).components().count()
}

/// What the user wants mounted.
fn asked_for(spec: &Spec) -> Result<Vec<Value>> {
    let host = &spec.host_config;
    let mut mounts = Vec::new();
    for (target, options) in &host.tmpfs {
        let mut all = vec!["noexec", "nosuid", "nodev"];
        let asked = options.split(',').filter(|option| !option.is_empty());
        for option in asked {
            // What was asked for counts, not its opposite.
            all.retain(|usual| *usual != option && usual.strip_prefix("no") != Some(option));
            all.push(option);
        }
        mounts.push(mount("tmpfs", "tmpfs", target, &all));
    }
    for bind in &host.binds {
        mounts.push(of_bind(bind, keeps_devices(&bind.source, host)?)?);
    }
    for asked in &host.mounts {
        mounts.push(of_mount(asked, keeps_devices(&asked.source, host)?)?);
    }
    Ok(mounts)
}

/// The mounts of cgroups of version 1: the runtime that is built in mounts each of them
/// writable, whatever it is told of all of them.
pub fn hierarchies() -> Vec<String> {
    let text = host::read_text(Path::new("/proc/self/mountinfo"), MAX_MOUNTS).unwrap_or_default();
    let lines = text.lines().filter(|line| line.contains(" - cgroup "));
    let targets: Vec<_> = lines.filter_map(|line| line.split(' ').nth(4)).map(str::to_owned).collect();
    // And the directory that they are in, which is memory.
    let above = targets.first().map(|_| "/sys/fs/cgroup".to_owned());
    above.into_iter().chain(targets).collect()
}

/// The table of mounts of a machine with thousands of them.
const MAX_MOUNTS: u64 = 4 << 20;

fn mount(kind: &str, source: &str, target: &str, options: &[&str]) -> Value {
    json!({ "type": kind, "source": source, "destination": target, "options": options })
}

fn has_target(spec: &Spec, target: &str) -> bool {
    let host = &spec.host_config;
    let binds = host.binds.iter().map(|bind| &bind.target);
    let mut targets = binds.chain(host.mounts.iter().map(|mount| &mount.target));
    targets.any(|mounted| Path::new(mounted) == Path::new(target))
}

/// Whether device nodes work in what is mounted from `source`: if it is itself one that every
/// container may use, such as `/dev/null` in the place of a file. Others are for `--device`.
fn keeps_devices(source: &str, host: &HostConfig) -> Result<bool> {
    let is_allowed = |node: host::DeviceNode| {
        node.kind == FileKind::CharDevice && devices::is_allowed(node.major, node.minor)
    };
    Ok(host.privileged || host::device(Path::new(source))?.is_some_and(is_allowed))
}

/// As `-v` has it: a directory that is missing on the host is made.
fn of_bind(bind: &Bind, keeps_devices: bool) -> Result<Value> {
    let source = Path::new(&bind.source);
    if host::kind(source)?.is_none() {
        host::make_dirs(source)?;
    }
    let mut options = vec!["rbind"];
    let asked: Vec<_> = bind.options.split(',').filter(|option| !option.is_empty()).collect();
    if !asked
        .iter()
        .any(|option| option.ends_with("private") || option.ends_with("shared") || option.ends_with("slave"))
    {
        options.push("rprivate");
    }
    // What concerns labels and copies has no meaning here.
    options.extend(
        asked.into_iter().filter(|option| {
            !matches!(*option, "z" | "Z" | "nocopy" | "consistent" | "cached" | "delegated")
        }),
    );
    if !keeps_devices {
        options.extend(no_devices(&bind.source));
    }
    Ok(mount("bind", &bind.source, &bind.target, &options))
}

/// As `--mount` has it: the source must be there.
fn of_mount(asked: &Mount, keeps_devices: bool) -> Result<Value> {
    let access = if asked.read_only { "ro" } else { "rw" };
    match asked.kind {
        MountKind::Bind => {
            let source = Path::new(&asked.source);
            match host::kind(source)? {
                None if asked.create_mountpoint => host::make_dirs(source)?,
                None => {
                    return Err(Error::Option {
                        option: "a mount's source",
                        value: asked.source.clone(),
                        why: "bind source path does not exist",
                    });
                }
                Some(_) => {}
            }
            let bind = if asked.non_recursive { "bind" } else { "rbind" };
            let propagation = if asked.propagation.is_empty() { "rprivate" } else { &asked.propagation };
            let mut options = vec![bind, access, propagation];
            if !keeps_devices {
                options.extend(no_devices(&asked.source));
            }
            Ok(mount("bind", &asked.source, &asked.target, &options))
        }
        MountKind::Tmpfs => {
            let tmpfs = asked.tmpfs_options.unwrap_or_default();
            let mut options = vec!["nosuid".to_owned(), "nodev".into(), "noexec".into(), access.into()];
            if tmpfs.size_bytes > 0 {
                options.push(format!("size={}", tmpfs.size_bytes));
            }
            if tmpfs.mode > 0 {
                options.push(format!("mode={:o}", tmpfs.mode));
            }
            let options: Vec<_> = options.iter().map(String::as_str).collect();
            Ok(mount("tmpfs", "tmpfs", &asked.target, &options))
        }
    }
}
