//! A container as the JSON document of Docker's API, keys in Docker's order.

use larder_engine::{ContainerSummary, HostConfig};

use super::document::{config, object};
use super::host::{host_config, mounts, signed};
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
    let log_path = container.log.as_ref().filter(|_| has_run).map(|path| path.display().to_string());
    let log_path = log_path.unwrap_or_default();
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
        ("LogPath", log_path.into()),
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

/// Docker's keys of a network, with what says that there is none.
fn network(host: &HostConfig) -> Json {
    let (text, zero) = (|| Json::from(""), || Json::from(0_u64));
    let endpoint = object([
        ("IPAMConfig", Json::Null),
        ("Links", Json::Null),
        ("Aliases", Json::Null),
        ("NetworkID", text()),
        ("EndpointID", text()),
        ("Gateway", text()),
        ("IPAddress", text()),
        ("IPPrefixLen", zero()),
        ("IPv6Gateway", text()),
        ("GlobalIPv6Address", text()),
        ("GlobalIPv6PrefixLen", zero()),
        ("MacAddress", text()),
        ("DriverOpts", Json::Null),
    ]);
    object([
        ("Bridge", text()),
        ("SandboxID", text()),
        ("HairpinMode", Json::Bool(false)),
        ("LinkLocalIPv6Address", text()),
        ("LinkLocalIPv6PrefixLen", zero()),
        ("Ports", object([])),
        ("SandboxKey", text()),
        ("SecondaryIPAddresses", Json::Null),
        ("SecondaryIPv6Addresses", Json::Null),
        ("EndpointID", text()),
        ("Gateway", text()),
        ("GlobalIPv6Address", text()),
        ("GlobalIPv6PrefixLen", zero()),
        ("IPAddress", text()),
        ("IPPrefixLen", zero()),
        ("IPv6Gateway", text()),
        ("MacAddress", text()),
        ("Networks", object([(host.network_mode.as_str(), endpoint)])),
    ])
}
