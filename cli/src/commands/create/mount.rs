//! `--mount`, `--volume` and `--tmpfs`.

use std::path::Path;

use larder_engine::{Bind, Mount, MountKind, TmpfsOptions};

use super::values;
use crate::context::refuse;
use crate::failure::Failure;

/// Why there is nothing to name.
const NO_VOLUMES: &str =
    "larder keeps no volumes: mount a directory of the host, or let the container keep what it writes";

/// Reads `--mount type=bind,source=…,target=…`.
pub fn mount(text: &str) -> Result<Mount, String> {
    let mut mount = Mount::default();
    let mut kind = None;
    let mut tmpfs = TmpfsOptions::default();
    for field in text.split(',') {
        let (key, value) = field.split_once('=').map_or((field, None), |(key, value)| (key, Some(value)));
        let key = key.to_lowercase();
        let wrong = || format!("invalid value for {key}: {}", value.unwrap_or_default());
        let flag = |value: Option<&str>| match value {
            None | Some("true" | "1") => Ok(true),
            Some("false" | "0") => Ok(false),
            _ => Err(wrong()),
        };
        match (key.as_str(), value) {
            ("readonly" | "ro", value) => mount.read_only = flag(value)?,
            ("bind-nonrecursive", value) => mount.non_recursive = flag(value)?,
            ("bind-create-src", value) => mount.create_mountpoint = flag(value)?,
            (_, None) => return Err(format!("invalid field '{field}' must be a key=value pair")),
            ("type", Some(value)) => kind = Some(value.to_lowercase()),
            ("source" | "src", Some(value)) => mount.source = whole(value),
            ("target" | "dst" | "destination", Some(value)) => mount.target = value.into(),
            ("bind-propagation", Some(value)) => {
                if !PROPAGATIONS.contains(&value) {
                    return Err(wrong());
                }
                mount.propagation = value.into();
            }
            ("bind-recursive", Some(value)) => match value {
                "enabled" | "writable" => {}
                "disabled" => mount.non_recursive = true,
                _ => return Err(wrong()),
            },
            ("tmpfs-size", Some(value)) => tmpfs.size_bytes = values::ram(value).map_err(|_| wrong())?,
            ("tmpfs-mode", Some(value)) => {
                tmpfs.mode = u32::from_str_radix(value, 8).map_err(|_| wrong())?;
            }
            // Meant for other systems; means nothing here, nor in Docker on Linux.
            ("consistency", Some(_)) => {}
            (key, Some(_)) if key.starts_with("volume-") => return Err(NO_VOLUMES.into()),
            _ => return Err(format!("unexpected key '{key}' in '{field}'")),
        }
    }
    mount.kind = match kind.as_deref() {
        Some("bind") => MountKind::Bind,
        Some("tmpfs") => MountKind::Tmpfs,
        None | Some("volume") => return Err(NO_VOLUMES.into()),
        Some(other) => return Err(format!("mount type {other:?} is not supported: it is bind or tmpfs")),
    };
    if mount.target.is_empty() {
        return Err("target is required".into());
    }
    check_target(&mount.target)?;
    match mount.kind {
        MountKind::Bind if tmpfs != TmpfsOptions::default() => {
            Err("cannot mix 'tmpfs-*' options with mount type 'bind'".into())
        }
        MountKind::Bind if mount.source.is_empty() => Err("source is required".into()),
        MountKind::Bind if !mount.source.starts_with('/') => Err(format!(
            "invalid mount config for type \"bind\": invalid mount path: '{}' mount path must be absolute",
            mount.source
        )),
        MountKind::Tmpfs if !mount.source.is_empty() => {
            Err("invalid mount config for type \"tmpfs\": field Source must not be specified".into())
        }
        MountKind::Tmpfs => Ok(Mount { tmpfs_options: Some(tmpfs), ..mount }),
        _ => Ok(mount),
    }
}

const PROPAGATIONS: [&str; 6] = ["rprivate", "private", "rshared", "shared", "rslave", "slave"];

/// What `-v` may say behind its second colon; the last five change nothing here.
const MODES: [&str; 14] = [
    "ro",
    "rw",
    "rprivate",
    "private",
    "rshared",
    "shared",
    "rslave",
    "slave",
    "z",
    "Z",
    "nocopy",
    "consistent",
    "cached",
    "delegated",
];

/// Reads `--volume SOURCE:TARGET[:OPTIONS]`.
pub fn bind(text: &str) -> Result<Bind, Failure> {
    let wrong = |why: &str| Failure::error(format!("invalid volume specification: '{text}': {why}"));
    let mut parts = text.split(':');
    let (source, target, options) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(source), Some(target), options, None) => (source, target, options.unwrap_or_default()),
        (Some(_), None, ..) => {
            refuse(&format!("--volume {text}"), true, NO_VOLUMES)?;
            return Err(Failure::silent());
        }
        _ => return Err(Failure::error(format!("invalid volume specification: '{text}'"))),
    };
    let is_path = source.starts_with('/') || source.starts_with('.') || source.starts_with('~');
    refuse(&format!("--volume {text}"), !is_path, NO_VOLUMES)?;
    if !target.starts_with('/') {
        let why = "invalid mount config for type \"bind\": invalid mount path";
        return Err(wrong(&format!("{why}: '{target}' mount path must be absolute")));
    }
    check_target(target).map_err(|why| wrong(&why))?;
    let mut modes = options.split(',').filter(|mode| !mode.is_empty());
    if let Some(mode) = modes.find(|mode| !MODES.contains(mode)) {
        return Err(Failure::error(format!("invalid mode: {mode}")));
    }
    Ok(Bind { source: whole(source), target: target.into(), options: options.into() })
}

/// What a mount is to show must be there.
pub fn check_source(mount: &Mount) -> Result<(), Failure> {
    match mount.kind == MountKind::Bind && !mount.create_mountpoint && !Path::new(&mount.source).exists() {
        true => Err(Failure::error(format!(
            "invalid mount config for type \"bind\": bind source path does not exist: {}",
            mount.source
        ))),
        false => Ok(()),
    }
}

/// Reads `--tmpfs TARGET[:OPTIONS]`.
pub fn tmpfs(text: &str) -> Result<(String, String), Failure> {
    let (target, options) = text.split_once(':').unwrap_or((text, ""));
    check_target(target).map_err(Failure::error)?;
    Ok((target.into(), options.into()))
}

fn check_target(target: &str) -> Result<(), String> {
    match target {
        target if !target.starts_with('/') => {
            Err(format!("invalid mount path: '{target}' mount path must be absolute"))
        }
        target if target.split('/').all(|part| part.is_empty() || part == ".") => {
            Err("invalid specification: destination can't be '/'".into())
        }
        _ => Ok(()),
    }
}

/// A path that begins with a dot is one from here.
fn whole(source: &str) -> String {
    let is_from_here =
        source == "." || source == ".." || source.starts_with("./") || source.starts_with("../");
    match std::env::current_dir() {
        Ok(here) if is_from_here => {
            let mut whole = here;
            for part in source.split('/') {
                match part {
                    "" | "." => {}
                    ".." => _ = whole.pop(),
                    part => whole.push(part),
                }
            }
            whole.display().to_string()
        }
        _ => source.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read_as_docker_reads_them() {
        let bind = mount("type=bind,src=/,dst=/host,ro,bind-propagation=rslave").unwrap();
        assert_eq!((bind.kind, bind.source.as_str(), bind.target.as_str()), (MountKind::Bind, "/", "/host"));
        assert!(bind.read_only && bind.propagation == "rslave" && bind.tmpfs_options.is_none());
        let memory = mount("type=tmpfs,target=/t,tmpfs-size=64m,tmpfs-mode=1770").unwrap();
        assert_eq!(memory.tmpfs_options, Some(TmpfsOptions { size_bytes: 64 << 20, mode: 0o1770 }));
        for (text, why) in [
            ("type=bind,source=/", "target is required"),
            ("type=bind,target=/x", "source is required"),
            ("type=bind,source=x,target=/x", "mount path must be absolute"),
            ("type=bind,source=/,target=/", "destination can't be '/'"),
            ("type=tmpfs,source=/,target=/x", "field Source must not be specified"),
            ("source=x,target=/x", "larder keeps no volumes"),
            ("type=odd,target=/x", "mount type \"odd\" is not supported"),
            ("type=bind,odd", "invalid field 'odd' must be a key=value pair"),
            ("type=bind,odd=1", "unexpected key 'odd' in 'odd=1'"),
            ("type=bind,ro=maybe", "invalid value for ro: maybe"),
        ] {
            let told = mount(text).unwrap_err();
            assert!(told.contains(why), "{text}: {told}");
        }
    }

    #[test]
    fn what_is_mounted_must_be_there() {
        let nowhere = mount("type=bind,source=/nowhere/at/all,target=/x").unwrap();
        let told = check_source(&nowhere).unwrap_err().to_string();
        assert!(told.contains("bind source path does not exist: /nowhere/at/all"), "{told}");
        assert!(check_source(&mount("type=bind,source=/,target=/x").unwrap()).is_ok());
    }

    #[test]
    fn volumes_are_binds_or_refused() {
        let found = bind("/a:/b:ro,z").unwrap();
        assert_eq!(
            (found.source.as_str(), found.target.as_str(), found.options.as_str()),
            ("/a", "/b", "ro,z")
        );
        assert!(bind(".:/b").unwrap().source.starts_with('/'));
        for (text, why) in [
            ("data:/b", "larder keeps no volumes"),
            ("/b", "larder keeps no volumes"),
            ("/a:b", "mount path must be absolute"),
            ("/a:/", "destination can't be '/'"),
            ("/a:/b:zz", "invalid mode: zz"),
            ("/a:/b:ro:rw", "invalid volume specification"),
        ] {
            let told = bind(text).unwrap_err().to_string();
            assert!(told.contains(why), "{text}: {told}");
        }
        assert_eq!(tmpfs("/t:size=1m").unwrap(), ("/t".into(), "size=1m".into()));
        assert!(tmpfs("t").is_err());
    }
}
