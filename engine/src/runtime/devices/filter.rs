//! The device filter of a container's cgroup, in either version.

use std::path::{Path, PathBuf};

use larder_device_filter::{Rule, attach, attached};
use rustix::process::Pid;

use super::mounts::{Mounted, mounted};
use crate::disk::host;

/// `/proc/PID/cgroup` has a line for each hierarchy.
const MAX_CGROUPS: u64 = 64 << 10;
/// A list has a line for each rule.
const MAX_RULES: u64 = 1 << 20;

/// In which list of a cgroup of version 1 nothing is denied.
const EVERYTHING: &str = "a *:* rwm";

/// Makes sure that the process `pid` is in `cgroup`, and that this has a device filter: one of
/// version 1, which the runtime has written, or one of version 2, which is made of `rules` and
/// attached if they are given. The error says why there is none.
pub fn ensure(pid: Pid, cgroup: &str, rules: Option<&[Rule]>) -> Result<(), String> {
    let pid = pid.as_raw_nonzero();
    let own = host::read_text(Path::new(&format!("/proc/{pid}/cgroup")), MAX_CGROUPS);
    let own = own.map_err(|error| error.to_string())?;
    let mounts = mounted("self").map_err(|error| error.to_string())?;
    let list = dir(&own, &mounts, cgroup, is_version_1).map(|dir| dir.join("devices.list"));
    if let Some(list) = list {
        let rules = host::read_text(&list, MAX_RULES).map_err(|error| error.to_string())?;
        return match rules.lines().any(|line| line == EVERYTHING) {
            true => Err(format!("{} denies nothing", list.display())),
            false => Ok(()),
        };
    }
    let Some(dir) = dir(&own, &mounts, cgroup, is_version_2) else {
        return Err(format!("no cgroup {cgroup} with a device filter is mounted here"));
    };
    let said = |error: std::io::Error| format!("{}: {error}", dir.display());
    let open = host::open(&dir).map_err(|error| error.to_string())?;
    let wanted = rules.map(|rules| attach(&open, rules)).transpose().map_err(said)?;
    let found = attached(&open).map_err(said)?;
    match wanted {
        Some(id) if !found.contains(&id) => Err(format!("{}: the filter is not attached", dir.display())),
        None if found.is_empty() => Err(format!("{}: no filter is attached", dir.display())),
        _ => Ok(()),
    }
}

fn is_version_1(mount: &Mounted, controllers: &str) -> bool {
    let has = |list: &str| list.split(',').any(|name| name == "devices");
    mount.kind == "cgroup" && has(&mount.system_options) && has(controllers)
}

fn is_version_2(mount: &Mounted, controllers: &str) -> bool {
    mount.kind == "cgroup2" && controllers.is_empty()
}

/// Where the cgroup is that a process is in, by its `/proc/PID/cgroup`, if it is `cgroup`.
fn dir(own: &str, mounts: &[Mounted], cgroup: &str, is_it: fn(&Mounted, &str) -> bool) -> Option<PathBuf> {
    let lines = own.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let mut found = lines.filter(|(_, path)| path.ends_with(cgroup)).flat_map(|(controllers, path)| {
        let mounts = mounts.iter().filter(move |mount| is_it(mount, controllers));
        mounts.filter_map(move |mount| {
            // A container's view of its hierarchy may begin below the root.
            let below = Path::new(path).strip_prefix(&mount.root).ok()?;
            Some(mount.target.join(below))
        })
    });
    found.find(|dir| host::is_directory(dir))
}

#[cfg(test)]
mod tests {
    use super::super::mounts::parse;
    use super::*;

    #[test]
    fn only_the_containers_own_cgroup_counts() {
        let table = "1 0 0:1 / / rw - tmpfs x rw\n2 1 0:2 / /tmp rw - cgroup x rw,devices\n\
                     3 1 0:3 / /tmp rw - cgroup2 x rw\n";
        let mounts = parse(table);
        let at = |own: &str, cgroup: &str| {
            (dir(own, &mounts, cgroup, is_version_1), dir(own, &mounts, cgroup, is_version_2))
        };
        // The directories have to be there: `/tmp` itself stands for a cgroup.
        let root = Some(PathBuf::from("/tmp/"));
        assert_eq!(at("5:devices:/\n0::/nosuch/id\n", "/"), (root.clone(), None));
        assert_eq!(at("5:cpu:/\n0::/\n", "/"), (None, root));
        assert_eq!(at("5:devices:/\n0::/\n", "/larder/id"), (None, None));
    }
}
