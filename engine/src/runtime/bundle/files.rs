//! The files in a container's directory: what it runs by, and what it has in `/etc` that it does
//! not share with its image.

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

/// Writes those in `/etc` into the container's directory, `dir`.
///
/// # Errors
/// If the disk fails.
pub fn write_files(dir: &Path, spec: &Spec) -> Result<()> {
    let dir = Folder::open(dir)?;
    let shares_network = spec.host_config.network_mode == "host";
    let put = |name: &[u8], text: &str| put(&dir, name, text, "write the files in the container's /etc");
    put(b"hostname", &format!("{}\n", hostname(spec)))?;
    put(b"hosts", &hosts(spec, shares_network))?;
    put(b"resolv.conf", &resolv_conf(spec, shares_network))
}

/// Writes the OCI runtime's configuration into the container's directory, `dir`.
///
/// # Errors
/// If the disk fails.
pub fn write_config(dir: &Path, config: &oci_spec::runtime::Spec) -> Result<()> {
    let text = serde_json::to_string(config).unwrap_or_default();
    put(&Folder::open(dir)?, b"config.json", &text, "write the container's config.json")
}

/// Writes what the OCI runtime is to execute in a running container, as `name` in its directory.
///
/// # Errors
/// If the disk fails.
pub fn write_process(dir: &Path, name: &str, process: &str) -> Result<()> {
    put(&Folder::open(dir)?, name.as_bytes(), process, "write what is to be executed in the container")
}

/// Writes a file anew: what had its name before, a link perhaps, is not followed.
fn put(dir: &Folder, name: &[u8], text: &str, what: &'static str) -> Result<()> {
    dir.remove(name)?;
    dir.make_file(name, MODE)?.write_all(text.as_bytes()).tried(what)
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

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    /// Whoever could write to a container's directory gets nothing else overwritten.
    #[test]
    fn files_of_a_container_are_never_written_through_a_link() {
        let [inside, outside] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let kept = outside.path().join("kept");
        host::write_text(&kept.display().to_string(), "kept").unwrap();
        let dir = Folder::open(inside.path()).unwrap();
        let names: [&[u8]; 5] = [b"config.json", b"exec-1", b"hostname", b"hosts", b"resolv.conf"];
        for name in names {
            dir.make_symlink(name, kept.as_os_str().as_bytes()).unwrap();
        }
        write_files(inside.path(), &Spec::default()).unwrap();
        write_config(inside.path(), &oci_spec::runtime::Spec::default()).unwrap();
        write_process(inside.path(), "exec-1", "{}").unwrap();
        assert_eq!(host::read_text(&kept, 10).unwrap(), "kept");
        for name in names {
            assert!(dir.read_link(name).is_err() && dir.stat(name).unwrap().is_some());
        }
    }
}
