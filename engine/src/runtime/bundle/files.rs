//! The files in `/etc` that a container does not share with its image.

use std::path::Path;
use std::sync::Arc;

use super::super::error::Result;
use crate::container::Spec;
use crate::disk::{Disk, host, put_passing};

/// Where this machine looks names up.
const RESOLV_CONF: &str = "/etc/resolv.conf";
const HOSTS: &str = "/etc/hosts";
/// Larger ones are cut: no resolver reads so much.
const MAX_BYTES: u64 = 1 << 20;

/// Begins what Docker writes to `/etc/hosts`.
const LOCAL_HOSTS: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\n\
                           ff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n";

/// Writes them into the container's directory.
///
/// # Errors
/// If the disk fails.
pub fn write_files(disk: &Arc<dyn Disk>, dir: &str, spec: &Spec) -> Result<()> {
    let shares_network = spec.host_config.network_mode == "host";
    let name = hostname(spec);
    put_passing(&**disk, &format!("{dir}/hostname"), format!("{name}\n").as_bytes())?;
    put_passing(&**disk, &format!("{dir}/hosts"), hosts(spec, shares_network).as_bytes())?;
    let text = resolv_conf(spec, shares_network);
    Ok(put_passing(&**disk, &format!("{dir}/resolv.conf"), text.as_bytes())?)
}

/// What it calls itself: as this machine does, if it has no name of its own.
pub fn hostname(spec: &Spec) -> String {
    spec.config.hostname.clone().unwrap_or_else(host::name)
}

fn hosts(spec: &Spec, shares_network: bool) -> String {
    let mut text = match shares_network {
        true => host::read_text(Path::new(HOSTS), MAX_BYTES).unwrap_or_else(|_| LOCAL_HOSTS.into()),
        false => LOCAL_HOSTS.to_owned(),
    };
    for extra in &spec.host_config.extra_hosts {
        if let Some((name, address)) = extra.split_once([':', '=']) {
            text.push_str(&format!("{address}\t{name}\n"));
        }
    }
    text
}

/// This machine's, as far as nothing else was said. Without a network nobody is asked.
fn resolv_conf(spec: &Spec, shares_network: bool) -> String {
    let host = &spec.host_config;
    let own = match shares_network {
        true => host::read_text(Path::new(RESOLV_CONF), MAX_BYTES).unwrap_or_default(),
        false => String::new(),
    };
    let mut lines: Vec<String> = own.lines().map(str::to_owned).collect();
    let mut replace = |key: &str, new: Vec<String>| {
        if !new.is_empty() {
            lines.retain(|line| line.split_whitespace().next() != Some(key));
            lines.extend(new);
        }
    };
    let joined = |list: &[String], key: &str| match list.is_empty() {
        true => Vec::new(),
        false => vec![format!("{key} {}", list.join(" "))],
    };
    replace("nameserver", host.dns.iter().map(|address| format!("nameserver {address}")).collect());
    replace("search", joined(&host.dns_search, "search"));
    replace("options", joined(&host.dns_options, "options"));
    lines.iter().map(|line| format!("{line}\n")).collect()
}
