//! What is left of containers that have ended: nothing.

use std::fs;
use std::path::Path;

use super::{Host, eventually};

fn mounts() -> Vec<String> {
    let text = fs::read_to_string("/proc/self/mountinfo").expect("/proc is there");
    text.lines()
        .filter(|line| line.contains("larder") || line.contains("rootfs"))
        .map(str::to_owned)
        .collect()
}

/// The cgroups of containers, wherever the hierarchies are.
fn cgroups(ids: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let mut roots = vec![Path::new("/sys/fs/cgroup").to_owned()];
    roots.extend(fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path()));
    for root in roots {
        for id in ids {
            let dir = root.join("larder").join(id);
            if dir.exists() {
                found.push(dir.display().to_string());
            }
        }
    }
    found
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_hundred_runs_leave_nothing() {
    let Some(here) = Host::new() else { return };
    let mounted = mounts();
    let mut ids = Vec::new();
    for at in 0..100 {
        let file = format!("id{at}");
        here.run(["run", "--rm", "--cidfile", &file, "busybox", "true"]).ok();
        ids.push(String::from_utf8(here.read(&file)).expect("an ID"));
    }
    eventually("no process is left", || here.at_work(&ids).is_empty());
    assert_eq!(here.ids(), [""; 0]);
    assert_eq!(cgroups(&ids), [""; 0]);
    assert_eq!(mounts(), mounted);
    assert_eq!(names(&here.store().join("containers")), [""; 0]);
    assert_eq!(names(&here.store().join("tmp")), [""; 0]);
    here.is_clean();
}

/// Also of those that are killed, that fail, that leave children, that are paused.
#[test]
fn however_a_container_ends_nothing_of_it_is_left() {
    let Some(here) = Host::new() else { return };
    let mounted = mounts();
    let mut ids =
        vec![here.waiting("killed", &[]), here.waiting("stopped", &[]), here.waiting("paused", &[])];
    ids.push(here.detached(&["--name", "children", "busybox", "sh", "-c", "sleep 600 & sleep 600 & exit 0"]));
    ids.push(here.waiting("host", &["--pid", "host"]));
    here.run(["exec", "-d", "host", "sleep", "600"]).ok();
    here.run(["run", "--name", "bad", "busybox", "nosuch"]).fails(127);
    here.run(["run", "--name", "nobody", "-u", "nobody", "busybox"]).fails(125);
    ids.extend([here.of("bad", "{{.Id}}"), here.of("nobody", "{{.Id}}")]);
    here.run(["pause", "paused"]).ok();
    here.run(["kill", "killed", "host", "paused"]).ok();
    here.run(["stop", "stopped"]).ok();
    here.run(["wait", "children"]).ok().stdout("0\n");
    eventually("no process is left", || here.at_work(&ids).is_empty());
    assert_eq!(cgroups(&ids), [""; 0]);
    assert_eq!(mounts(), mounted);
    for id in &ids {
        let left = names(&here.dir(id));
        for name in ["socket", "console", "pid", "state"] {
            assert!(!left.iter().any(|left| left == name), "{name} of {id} in {left:?}");
        }
        assert_eq!(names(&here.dir(id).join("rootfs")), [""; 0], "nothing is mounted or written there");
    }
    here.run([vec!["rm"], ids.iter().map(String::as_str).collect()].concat()).ok();
    assert_eq!(names(&here.store().join("containers")), [""; 0]);
    assert_eq!(names(&here.store().join("tmp")), [""; 0]);
    here.is_clean();
}

/// The figures of `df -v` are all that `du` finds.
#[test]
fn df_still_sums_to_what_is_on_the_disk() {
    let Some(here) = Host::new() else { return };
    here.run([
        "run",
        "--name",
        "job",
        "busybox",
        "sh",
        "-c",
        "head -c 3000000 /dev/urandom > /srv/data; seq 50000",
    ])
    .ok();
    here.waiting("web", &[]);
    let size = here.run(["ps", "-a", "-s", "--filter", "name=job", "--format", "{{.Size}}"]).ok();
    assert!(size.out().starts_with("3MB"), "{size}");
    let ran = here.run(["df", "--format", "{{.Type}} {{.TotalCount}} {{.Active}}"]).ok();
    ran.says("Containers 2 1");
    for name in ["web", "job"] {
        let usage = here.run(["df", "-v", "--format", "json"]).ok().json();
        let parts = usage["Disk"].as_array().expect("areas").iter().filter_map(|area| area["Bytes"].as_u64());
        assert_eq!(usage["DiskBytes"], parts.sum::<u64>(), "the parts are the whole");
        // As `du` counts, which does not look into what is mounted.
        assert_eq!(usage["DiskBytes"], here.disk_bytes(), "while {name} is there");
        here.run(["stop", "-t", "0", name]).ok();
        here.run(["rm", name]).ok();
    }
}
