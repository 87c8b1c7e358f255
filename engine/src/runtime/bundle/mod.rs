//! The bundle: what an OCI runtime is told of a container.
//!
//! `config.json` is that of the runtime-spec (`config.md`, `config-linux.md`), with Docker's
//! defaults. It is put together as the document that it is and read as the types that
//! `oci-spec` has for it, so that nothing is in it that a runtime would not understand.

mod capabilities;
mod devices;
mod files;
mod init;
mod limits;
mod mounts;
mod propagation;
mod seccomp;
mod security;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::cgroup as cgroups;
use super::error::{Error, Result};
use super::oci::is_built_in;
use super::stage::Stage;
use super::user::User;
use crate::container::Spec;

pub use capabilities::allowed as capabilities;
pub use devices::{filter_rules, is_allowed as is_allowed_device};
pub use files::{write_config, write_files, write_process};
pub use seccomp::ProfileError;
pub use security::{check, is_namespaced_sysctl};

/// Below this in every cgroup hierarchy.
const CGROUPS: &str = "/larder";

/// Where programs are looked for, if the image does not say it, as Docker has it.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The cgroup of the container `id`.
pub fn cgroup(id: &str) -> String {
    format!("{CGROUPS}/{id}")
}

/// The configuration of the container `id`, with `user` as found in its file system. What lies in
/// the container's directory is named from there, so it does not matter what is in that path.
///
/// # Errors
/// If something was asked for that makes no sense.
pub fn config(id: &str, spec: &Spec, user: &User, stage: Stage) -> Result<oci_spec::runtime::Spec> {
    let host = &spec.host_config;
    let devices = devices::devices(host, stage)?;
    let mut linux = json!({
        "devices": devices.nodes,
        "namespaces": namespaces(spec),
        "sysctl": sysctls(spec),
    });
    // The built-in runtime does without a cgroup that it cannot create; programs refuse to.
    if is_built_in(&host.runtime) || cgroups::may_create() {
        let resources = limits::resources(host, devices.rules);
        merge(&mut linux, json!({ "cgroupsPath": cgroup(id), "resources": resources }));
    }
    if let Some(filter) = security::Security::of(host)?.seccomp.filter(host)? {
        merge(&mut linux, json!({ "seccomp": filter }));
    }
    // It has one propagation for all mounts; runtimes that are programs have one for each.
    if is_built_in(&host.runtime) && !propagation::is_downstream(host) {
        merge(&mut linux, json!({ "rootfsPropagation": "private" }));
    }
    let (masked, read_only) = host.protected_paths();
    if !masked.is_empty() {
        let own = read_only.iter().map(|path| (*path).to_owned());
        let read_only: Vec<_> = own.chain(mounts::hierarchies()).collect();
        merge(&mut linux, json!({ "maskedPaths": masked, "readonlyPaths": read_only }));
    }
    let mut config = json!({
        "ociVersion": "1.0.2",
        "root": { "path": "rootfs", "readonly": host.readonly_rootfs },
        "process": process_of(spec, user, host.init)?,
        "mounts": mounts::mounts(spec, stage, devices.mounts)?,
        "linux": linux,
        "annotations": host.annotations,
    });
    // The machine keeps its own name.
    if host.uts_mode != "host" {
        files::check_hostname(spec)?;
        merge(&mut config, json!({ "hostname": files::hostname(spec) }));
    }
    serde_json::from_value(config).map_err(|source| Error::BadStatus { file: "config.json".into(), source })
}

/// Another process in the container, as if `spec` were that of the container.
///
/// # Errors
/// As [`config`].
pub fn process(spec: &Spec, user: &User) -> Result<Value> {
    process_of(spec, user, false)
}

fn process_of(spec: &Spec, user: &User, starts_init: bool) -> Result<Value> {
    let (run, host) = (&spec.config, &spec.host_config);
    let mut args: Vec<_> = spec.command().collect();
    if starts_init {
        args.splice(0..0, [init::TARGET, "--"]);
    }
    let mut process = json!({
        "terminal": run.tty.unwrap_or_default(),
        "user": { "uid": user.uid, "gid": user.gid, "additionalGids": user.groups },
        "args": args,
        "env": environment(spec, user),
        "cwd": run.working_dir.as_deref().filter(|dir| !dir.is_empty()).unwrap_or("/"),
        "capabilities": capabilities::of(host, user.uid)?,
        "rlimits": limits::rlimits(&host.ulimits),
    });
    // The runtime that is built in takes `false` for `true` where it decides when to install
    // the filter of system calls.
    if security::Security::of(host)?.no_new_privileges {
        merge(&mut process, json!({ "noNewPrivileges": true }));
    }
    if host.oom_score_adj != 0 {
        merge(&mut process, json!({ "oomScoreAdj": host.oom_score_adj }));
    }
    Ok(process)
}

/// Kernel parameters; the domain name is one, as in Docker: not every runtime knows it otherwise.
fn sysctls(spec: &Spec) -> BTreeMap<&str, &str> {
    let is_own = spec.host_config.uts_mode != "host";
    let name = spec.config.domainname.as_deref().filter(|name| is_own && !name.is_empty());
    let own = name.map(|name| ("kernel.domainname", name)).into_iter();
    own.chain(spec.host_config.sysctls.iter().map(|(key, value)| (key.as_str(), value.as_str()))).collect()
}

/// What Docker sets goes first, what the image or the user says counts.
fn environment(spec: &Spec, user: &User) -> Vec<String> {
    let run = &spec.config;
    let mut env = vec![PATH.to_owned(), format!("HOSTNAME={}", files::hostname(spec))];
    if run.tty == Some(true) {
        env.push("TERM=xterm".into());
    }
    env.push(format!("HOME={}", user.home));
    let name = |variable: &str| variable.split('=').next().unwrap_or_default().to_owned();
    for variable in run.env.iter().flatten() {
        match env.iter_mut().find(|set| name(set) == name(variable)) {
            Some(set) => *set = variable.clone(),
            None => env.push(variable.clone()),
        }
    }
    // One without a value takes the variable away.
    env.retain(|variable| variable.contains('='));
    env
}

/// The namespaces of its own that a container gets.
fn namespaces(spec: &Spec) -> Vec<Value> {
    let host = &spec.host_config;
    let modes = [
        ("pid", &host.pid_mode),
        ("network", &host.network_mode),
        ("ipc", &host.ipc_mode),
        ("uts", &host.uts_mode),
        ("cgroup", &host.cgroupns_mode),
    ];
    let own = modes.into_iter().filter(|(_, mode)| *mode != "host").map(|(kind, _)| kind);
    own.chain(["mount"]).map(|kind| json!({ "type": kind })).collect()
}

fn merge(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

#[cfg(test)]
mod tests;
