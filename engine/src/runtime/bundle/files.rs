//! The files in `/etc` that a container does not share with its image.

use std::io::Write;
use std::path::Path;

use super::super::error::{Error, Refusal, Result, Tried};
use crate::container::Spec;
use crate::disk::{Folder, host};

/// Where this machine looks names up.
const RESOLV_CONF: &str = "/etc/resolv.conf";
const HOSTS: &str = "/etc/hosts";
/// Larger ones are cut: no resolver reads so much.
const MAX_BYTES: u64 = 1 << 20;

/// Begins what Docker writes to `/etc/hosts`.
const LOCAL_HOSTS: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\n\
                           ff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n";

/// Whoever runs in the container reads them.
const MODE: u32 = 0o644;

/// Writes them into the container's directory, `dir`.
///
/// # Errors
/// If the disk fails.
pub fn write_files(dir: &Path, spec: &Spec) -> Result<()> {
    let dir = Folder::open(dir)?;
    let shares_network = spec.host_config.network_mode == "host";
    let put = |name: &[u8], text: &str| {
        dir.remove(name)?;
        dir.make_file(name, MODE)?.write_all(text.as_bytes()).tried("write the files in the container's /etc")
    };
    put(b"hostname", &format!("{}\n", hostname(spec)))?;
    put(b"hosts", &hosts(spec, shares_network))?;
    put(b"resolv.conf", &resolv_conf(spec, shares_network))
}

/// The kernel takes no longer name, and Docker says it in its words.
const MAX_HOSTNAME_BYTES: usize = 64;

/// That the container's name is one that the kernel takes.
///
/// # Errors
/// If it is too long.
pub fn check_hostname(spec: &Spec) -> Result<()> {
    if hostname(spec).len() <= MAX_HOSTNAME_BYTES {
        return Ok(());
    }
    Err(Error::Refused { refusal: Refusal::Other, text: "sethostname: invalid argument".into() })
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
