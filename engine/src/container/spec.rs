//! What a container was created with.
//!
//! It is kept as JSON in the container's record, with Docker's own names for
//! its members: the config that the process gets, merged of the image's and of
//! what was asked for, and the host's side of it. Members that are absent have
//! their default, so that a later larder can add some.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::log_config::LogConfig;
use crate::image::{Healthcheck, RunConfig};

/// What a container was created with.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Spec {
    /// What its process is given, the image's share merged in.
    pub config: RunConfig,
    /// What the host does for it.
    pub host_config: HostConfig,
}

/// What the host does for a container: Docker's `HostConfig`, of what larder
/// can do. Sizes in bytes, times in microseconds where nothing else is said; 0
/// and `None` leave a thing as it is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct HostConfig {
    /// Directories and files of the host, seen in the container: `-v`.
    pub binds: Vec<Bind>,
    /// The same and more, as `--mount` says it.
    pub mounts: Vec<Mount>,
    /// Memory as directories, by their path: the options of each.
    pub tmpfs: BTreeMap<String, String>,
    /// How its output is kept.
    pub log_config: LogConfig,
    /// `none`, `host` or, where nothing was said, `default`.
    pub network_mode: String,
    /// What becomes of it when its process ends.
    pub restart_policy: RestartPolicy,
    /// Whether it goes when its process ends.
    pub auto_remove: bool,
    /// Where its ID was written to.
    #[serde(rename = "ContainerIDFile")]
    pub container_id_file: String,
    /// The program that runs it; empty for the usual one.
    pub runtime: String,
    /// Notes for programs.
    pub annotations: BTreeMap<String, String>,
    /// Capabilities on top of the usual ones.
    pub cap_add: Vec<String>,
    /// Capabilities less than the usual ones.
    pub cap_drop: Vec<String>,
    /// Everything that root may do.
    pub privileged: bool,
    /// Devices of the host: `--device`.
    pub devices: Vec<DeviceMapping>,
    /// Rules for its device cgroup, as `c 7:* rmw`: `--device-cgroup-rule`.
    pub device_cgroup_rules: Vec<String>,
    /// Options of security modules and the like.
    pub security_opt: Vec<String>,
    /// Groups on top of the user's.
    pub group_add: Vec<String>,
    /// Name servers.
    pub dns: Vec<String>,
    /// Options of the resolver.
    pub dns_options: Vec<String>,
    /// Domains to search.
    pub dns_search: Vec<String>,
    /// Lines for `/etc/hosts`, as `name:address`.
    pub extra_hosts: Vec<String>,
    /// Kernel parameters of its own.
    pub sysctls: BTreeMap<String, String>,
    /// Whether nothing but mounts can be written.
    pub readonly_rootfs: bool,
    /// Whether a small init runs as process 1.
    pub init: bool,
    /// The size of `/dev/shm`; 0 for the usual one.
    pub shm_size: u64,
    /// Who shares its IPC namespace.
    pub ipc_mode: String,
    /// Who shares its process namespace.
    pub pid_mode: String,
    /// Who shares its host name.
    #[serde(rename = "UTSMode")]
    pub uts_mode: String,
    /// Who shares its user namespace.
    pub userns_mode: String,
    /// Who shares its cgroup namespace.
    pub cgroupns_mode: String,
    /// Limits of the process itself.
    pub ulimits: Vec<Ulimit>,
    /// The most memory.
    pub memory: u64,
    /// The memory that is left to it when memory gets scarce.
    pub memory_reservation: u64,
    /// The most memory and swap together; -1 for no limit.
    pub memory_swap: i64,
    /// Billionths of a processor.
    pub nano_cpus: u64,
    /// Its weight beside others.
    pub cpu_shares: u64,
    /// The span in which `cpu_quota` is counted.
    pub cpu_period: u64,
    /// How long it may run in each of them.
    pub cpu_quota: i64,
    /// The processors that it may run on.
    pub cpuset_cpus: String,
    /// The memory nodes that it may use.
    pub cpuset_mems: String,
    /// The most processes; -1 for no limit.
    pub pids_limit: i64,
    /// How likely it is killed when memory runs out.
    pub oom_score_adj: i64,
    /// Whether it is not killed then.
    pub oom_kill_disable: bool,
}

/// A file or directory of the host, seen in the container, as `-v` says it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Bind {
    /// Where it is on the host.
    pub source: String,
    /// Where it is in the container.
    pub target: String,
    /// `ro`, `rshared` and so on, separated by commas.
    pub options: String,
}

/// A device of the host, or a directory of devices, in the container.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DeviceMapping {
    /// Where it is on the host.
    pub path_on_host: String,
    /// Where it is in the container.
    pub path_in_container: String,
    /// What may be done with it: `r`, `w` and `m`.
    pub cgroup_permissions: String,
}

/// What is mounted in the container, as `--mount` says it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Mount {
    /// What kind of thing.
    #[serde(rename = "Type")]
    pub kind: MountKind,
    /// Where it is on the host, if it is there.
    pub source: String,
    /// Where it is in the container.
    pub target: String,
    /// Whether it can only be read.
    pub read_only: bool,
    /// How mounts below it spread: `rprivate` and so on; empty for the usual.
    pub propagation: String,
    /// Whether what is mounted below it stays outside.
    pub non_recursive: bool,
    /// Whether a directory that is missing on the host is made.
    pub create_mountpoint: bool,
    /// What a tmpfs is like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tmpfs_options: Option<TmpfsOptions>,
}

/// What can be mounted in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum MountKind {
    /// A file or directory of the host.
    #[default]
    Bind,
    /// Memory.
    Tmpfs,
}

/// What a tmpfs is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TmpfsOptions {
    /// The most bytes; 0 for no limit of its own.
    pub size_bytes: u64,
    /// The permissions of its root; 0 for the usual ones.
    pub mode: u32,
}

/// What becomes of a container when its process ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RestartPolicy {
    /// `no`, `on-failure`, `always` or `unless-stopped`.
    pub name: String,
    /// How often it is tried, with `on-failure`; 0 for ever.
    pub maximum_retry_count: u32,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self { name: "no".to_owned(), maximum_retry_count: 0 }
    }
}

/// A limit of a process.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Ulimit {
    /// Which: `nofile`, …
    pub name: String,
    /// What it starts with; -1 for no limit.
    pub soft: i64,
    /// How far it may go; -1 for no limit.
    pub hard: i64,
}

/// Why a container cannot be what was asked for, in Docker's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// Neither the image nor the user says what to run.
    #[error("No command specified")]
    NoCommand,
    /// A working directory that is no whole path.
    #[error("the working directory '{dir}' is invalid, it needs to be an absolute path")]
    WorkingDir {
        /// What was given.
        dir: String,
    },
    /// A name of its own for a container that has the machine's.
    #[error("conflicting options: {name} and the UTS mode")]
    HostNames {
        /// `hostname` or `domainname`.
        name: &'static str,
    },
}

impl Spec {
    /// The command: the entrypoint, then the arguments.
    pub fn command(&self) -> impl Iterator<Item = &str> {
        let RunConfig { entrypoint, cmd, .. } = &self.config;
        entrypoint.iter().chain(cmd).flatten().map(String::as_str)
    }
}

/// What a container of an image with `image` gets that was asked for with
/// `asked`: what is said there counts, what is not comes from the image.
///
/// # Errors
/// If there is nothing to run, or nowhere.
pub fn merge(asked: RunConfig, image: RunConfig) -> Result<RunConfig, SpecError> {
    let mut config = asked;
    let is_empty = |text: &Option<String>| text.as_ref().is_none_or(String::is_empty);
    if is_empty(&config.user) {
        config.user = image.user;
    }
    if is_empty(&config.working_dir) {
        config.working_dir = image.working_dir;
    }
    if is_empty(&config.stop_signal) {
        config.stop_signal = image.stop_signal;
    }
    let is_none = |list: &Option<Vec<String>>| list.as_ref().is_none_or(Vec::is_empty);
    if is_none(&config.shell) {
        config.shell = image.shell;
    }
    if is_none(&config.entrypoint) {
        if is_none(&config.cmd) {
            config.cmd = image.cmd;
            config.args_escaped = image.args_escaped;
        }
        if config.entrypoint.is_none() {
            config.entrypoint = image.entrypoint;
        }
    }
    // So `--entrypoint ""` is said: there is none, not even the image's.
    if config.entrypoint.as_deref().is_some_and(|words| words == [""]) {
        config.entrypoint = None;
    }
    merge_env(&mut config.env, image.env);
    for (ours, theirs) in
        [(&mut config.exposed_ports, image.exposed_ports), (&mut config.volumes, image.volumes)]
    {
        for (name, value) in theirs.into_iter().flatten() {
            ours.get_or_insert_default().entry(name).or_insert(value);
        }
    }
    for (key, value) in image.labels.into_iter().flatten() {
        config.labels.get_or_insert_default().entry(key).or_insert(value);
    }
    config.healthcheck = merge_health(config.healthcheck, image.healthcheck);
    if is_none(&config.entrypoint) && is_none(&config.cmd) {
        return Err(SpecError::NoCommand);
    }
    match config.working_dir.as_deref() {
        Some(dir) if !dir.is_empty() && !dir.starts_with('/') => {
            Err(SpecError::WorkingDir { dir: dir.to_owned() })
        }
        _ => Ok(config),
    }
}

/// What was asked for comes first, then what else the image has.
fn merge_env(ours: &mut Option<Vec<String>>, theirs: Option<Vec<String>>) {
    let name = |variable: &str| variable.split('=').next().unwrap_or_default().to_owned();
    let env = ours.get_or_insert_default();
    for variable in theirs.into_iter().flatten() {
        if !env.iter().any(|set| name(set) == name(&variable)) {
            env.push(variable);
        }
    }
    if env.is_empty() {
        *ours = None;
    }
}

fn merge_health(ours: Option<Healthcheck>, theirs: Option<Healthcheck>) -> Option<Healthcheck> {
    let (mut ours, theirs) = match (ours, theirs) {
        (Some(ours), Some(theirs)) => (ours, theirs),
        (ours, theirs) => return ours.or(theirs),
    };
    if ours.test.as_ref().is_none_or(Vec::is_empty) {
        ours.test = theirs.test;
    }
    for (ours, theirs) in [
        (&mut ours.interval, theirs.interval),
        (&mut ours.timeout, theirs.timeout),
        (&mut ours.start_period, theirs.start_period),
        (&mut ours.start_interval, theirs.start_interval),
        (&mut ours.retries, theirs.retries),
    ] {
        if *ours == 0 {
            *ours = theirs;
        }
    }
    Some(ours)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn merged(asked: Value, image: Value) -> Result<Value, SpecError> {
        let read = |value| serde_json::from_value::<RunConfig>(value).unwrap();
        merge(read(asked), read(image)).map(|config| serde_json::to_value(config).unwrap())
    }

    #[test]
    fn what_is_asked_for_counts_and_the_rest_is_the_image_s() {
        let image = json!({
            "User": "app", "Env": ["A=1", "B=2"], "Cmd": ["c"], "Entrypoint": ["e"], "WorkingDir": "/w",
            "Labels": {"k": "image", "l": "image"}, "ExposedPorts": {"80/tcp": {}}, "Volumes": {"/v": {}},
            "StopSignal": "SIGINT", "Shell": ["ash"], "OnBuild": ["RUN x"],
            "Healthcheck": {"Test": ["CMD", "h"], "Interval": 5},
        });
        let mut all = image.clone();
        all.as_object_mut().unwrap().remove("OnBuild");
        assert_eq!(merged(json!({}), image.clone()).unwrap(), all);
        let asked = json!({
            "User": "1", "Env": ["B=3", "C=4", "D"], "Cmd": ["x"], "WorkingDir": "/y", "Labels": {"k": "mine"},
            "ExposedPorts": {"81/tcp": {}}, "StopSignal": "SIGHUP", "Healthcheck": {"Timeout": 7},
        });
        let want = json!({
            "User": "1", "Env": ["B=3", "C=4", "D", "A=1"], "Cmd": ["x"], "Entrypoint": ["e"], "WorkingDir": "/y",
            "Labels": {"k": "mine", "l": "image"}, "ExposedPorts": {"80/tcp": {}, "81/tcp": {}},
            "Volumes": {"/v": {}}, "StopSignal": "SIGHUP", "Shell": ["ash"],
            "Healthcheck": {"Test": ["CMD", "h"], "Interval": 5, "Timeout": 7},
        });
        assert_eq!(merged(asked, image).unwrap(), want);
    }

    #[test]
    fn another_entrypoint_leaves_the_image_s_command_behind() {
        let image = || json!({"Cmd": ["c"], "Entrypoint": ["e"]});
        assert_eq!(merged(json!({"Entrypoint": ["n"]}), image()).unwrap(), json!({"Entrypoint": ["n"]}));
        let asked = json!({"Entrypoint": [""], "Cmd": ["x"]});
        assert_eq!(merged(asked, image()).unwrap(), json!({"Cmd": ["x"]}));
        for (asked, image) in [(json!({"Entrypoint": [""]}), image()), (json!({}), json!({"Cmd": []}))] {
            assert_eq!(merged(asked, image).unwrap_err(), SpecError::NoCommand);
        }
        let rel = merged(json!({"WorkingDir": "rel"}), image()).unwrap_err().to_string();
        assert_eq!(rel, "the working directory 'rel' is invalid, it needs to be an absolute path");
    }

    #[test]
    fn a_spec_is_read_whatever_it_lacks_or_has_too_much() {
        let spec: Spec = serde_json::from_str("{}").unwrap();
        assert_eq!((&spec, spec.host_config.restart_policy.name.as_str()), (&Spec::default(), "no"));
        let text = r#"{"Config":{"Cmd":["b"],"Entrypoint":["a"]},"HostConfig":{"Later":1},"Later":2}"#;
        let spec: Spec = serde_json::from_str(text).unwrap();
        assert_eq!(spec.command().collect::<Vec<_>>(), ["a", "b"]);
        let again: Spec = serde_json::from_str(&serde_json::to_string(&spec).unwrap()).unwrap();
        assert_eq!(again, spec);
    }
}
