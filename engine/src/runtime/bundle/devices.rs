//! Devices: which nodes a container has, and what it may do with them.

use std::path::{Component, Path};

use larder_device_filter::{Access, Kind, Rule};
use serde_json::{Map, Value, json};

use super::super::error::{Error, Refusal, Result};
use super::super::stage::Stage;
use crate::container::{DeviceMapping, HostConfig};
use crate::disk::{FileKind, host};

/// There is nothing at a path.
const ABSENT: &str = "no such file or directory";

/// Where the machine's devices are.
const DEV: &str = "/dev";

/// What of it belongs to the machine's own terminals, memory and management, as Docker has it.
const NOT_FOR_CONTAINERS: [&str; 9] = [
    "/dev/pts",
    "/dev/shm",
    "/dev/fd",
    "/dev/mqueue",
    "/dev/console",
    "/dev/.lxc",
    "/dev/.lxd-mounts",
    "/dev/.udev",
    "/dev/ptmx",
];

/// Character devices that every container may read and write, as with Docker: those of moby
/// `oci/defaults.go` and of runc's `specconv`. No minor number stands for all.
const ALLOWED: [(u32, Option<u32>); 10] = [
    (1, Some(3)),    // null
    (1, Some(5)),    // zero
    (1, Some(7)),    // full
    (1, Some(8)),    // random
    (1, Some(9)),    // urandom
    (5, Some(0)),    // tty
    (5, Some(1)),    // console
    (5, Some(2)),    // ptmx
    (136, None),     // pts/*
    (10, Some(200)), // net/tun
];

/// What the bundle says of devices.
#[derive(Debug, Default)]
pub struct Devices {
    /// Nodes that the runtime makes: `linux.devices`.
    pub nodes: Vec<Value>,
    /// Nodes that it mounts instead, where none can be made: among `mounts`.
    pub mounts: Vec<Value>,
    /// `linux.resources.devices`.
    pub rules: Vec<Value>,
}

/// Whether every container may read and write this character device.
pub fn is_allowed(major: u32, minor: u32) -> bool {
    ALLOWED.iter().any(|(own, of)| *own == major && of.is_none_or(|own| own == minor))
}

/// The devices of a container that was asked for with `host`.
///
/// # Errors
/// If a device that was asked for is not there, or cannot be where it was asked for.
pub fn devices(host: &HostConfig, stage: Stage) -> Result<Devices> {
    let mut devices = Devices::default();
    if host.privileged {
        devices.rules.push(json!({ "allow": true, "access": "rwm" }));
    } else {
        devices.rules.push(json!({ "allow": false, "access": "rwm" }));
        for kind in ["c", "b"] {
            devices.rules.push(json!({ "allow": true, "type": kind, "access": "m" }));
        }
        for (major, minor) in ALLOWED {
            devices.rules.push(rule("c", Some(major), minor, "rwm"));
        }
    }
    // Who has only a user namespace may use the machine's devices as the machine lets them.
    if host.privileged && stage == Stage::Own {
        for (path, node) in host::devices_in(Path::new(DEV), &NOT_FOR_CONTAINERS)? {
            devices.add(&path, &path, node, "rwm", stage);
        }
    }
    for mapping in &host.devices {
        devices.add_mapping(mapping, stage)?;
    }
    for text in &host.device_cgroup_rules {
        devices.rules.push(parse_rule(text)?);
    }
    Ok(devices)
}

impl Devices {
    fn add_mapping(&mut self, mapping: &DeviceMapping, stage: Stage) -> Result<()> {
        let DeviceMapping { path_on_host, path_in_container, cgroup_permissions } = mapping;
        let (source, target) = (Path::new(path_on_host), Path::new(path_in_container));
        let is_below_dev = target.strip_prefix(DEV).is_ok_and(|rest| {
            rest.components().count() > 0
                && rest.components().all(|part| matches!(part, Component::Normal(_)))
        });
        if !is_below_dev {
            return Err(Error::Option {
                option: "a device's path in the container",
                value: path_in_container.clone(),
                why: "it must be below /dev: device nodes do not work elsewhere",
            });
        }
        let missing = |why: &str| {
            let what =
                format!("error gathering device information while adding custom device {path_on_host:?}");
            // Docker's code for it is that of a command that is not there.
            let refusal = if why == ABSENT { Refusal::NotFound } else { Refusal::Other };
            Error::Refused { refusal, text: format!("{what}: {why}") }
        };
        if let Some(node) = host::device(source)? {
            self.add(source, target, node, cgroup_permissions, stage);
            return Ok(());
        }
        match host::kind(source)? {
            None => return Err(missing(ABSENT)),
            Some(FileKind::Directory) => {}
            Some(_) => return Err(missing("not a device node")),
        }
        let found = host::devices_in(source, &[])?;
        if found.is_empty() {
            return Err(missing("there is no device in the directory"));
        }
        for (path, node) in found {
            let Ok(rest) = path.strip_prefix(source) else { continue };
            self.add(&path, &target.join(rest), node, cgroup_permissions, stage);
        }
        Ok(())
    }

    fn add(&mut self, source: &Path, target: &Path, node: host::DeviceNode, access: &str, stage: Stage) {
        let kind = if node.kind == FileKind::BlockDevice { "b" } else { "c" };
        match stage {
            Stage::Own => self.nodes.push(json!({
                "path": target, "type": kind, "major": node.major, "minor": node.minor,
                "fileMode": node.mode, "uid": node.uid, "gid": node.gid,
            })),
            // Nobody makes device nodes in a user namespace.
            Stage::OwnUser => self.mounts.push(json!({
                "type": "bind", "source": source, "destination": target, "options": ["bind", "nosuid", "noexec"],
            })),
        }
        self.rules.push(rule(kind, Some(node.major), Some(node.minor), access));
    }
}

fn rule(kind: &str, major: Option<u32>, minor: Option<u32>, access: &str) -> Value {
    let mut rule = Map::new();
    rule.insert("allow".into(), true.into());
    rule.insert("type".into(), kind.into());
    rule.extend(major.map(|major| ("major".into(), major.into())));
    rule.extend(minor.map(|minor| ("minor".into(), minor.into())));
    rule.insert("access".into(), access.into());
    rule.into()
}

/// Reads `c 7:* rmw`, the form of the kernel's `devices.allow`.
fn parse_rule(text: &str) -> Result<Value> {
    let number = |text: &str| match text {
        "*" => Some(None),
        number => number.parse::<u32>().ok().map(Some),
    };
    let read = || {
        let mut words = text.split(' ');
        let (kind, numbers, access) = (words.next()?, words.next()?, words.next()?);
        let (major, minor) = numbers.split_once(':')?;
        let (major, minor) = (number(major)?, number(minor)?);
        Access::parse(access)?;
        let is_known = matches!(kind, "a" | "b" | "c") && words.next().is_none();
        is_known.then(|| rule(kind, major, minor, access))
    };
    read().ok_or_else(|| Error::Option {
        option: "--device-cgroup-rule",
        value: text.to_owned(),
        why: "it is not of the form TYPE MAJOR:MINOR ACCESS, such as 'c 7:* rmw'",
    })
}

/// The rules of a bundle as a device filter takes them. `None` if the bundle has none, or one
/// that no filter can express.
pub fn filter_rules(config: &oci_spec::runtime::Spec) -> Option<Vec<Rule>> {
    use oci_spec::runtime::LinuxDeviceType;
    let resources = config.linux().as_ref()?.resources().as_ref()?;
    let number = |number: Option<i64>| match number {
        None | Some(i64::MIN..=-1) => Some(None),
        Some(number) => u32::try_from(number).ok().map(Some),
    };
    let rules = resources.devices().as_ref()?.iter().map(|rule| {
        let kind = match rule.typ().unwrap_or_default() {
            LinuxDeviceType::A => Kind::All,
            LinuxDeviceType::B => Kind::Block,
            LinuxDeviceType::C | LinuxDeviceType::U => Kind::Char,
            LinuxDeviceType::P => return None,
        };
        let access = Access::parse(rule.access().as_deref().unwrap_or("rwm"))?;
        let (major, minor) = (number(rule.major())?, number(rule.minor())?);
        Some(Rule { allow: rule.allow(), kind, major, minor, access })
    });
    rules.collect()
}
