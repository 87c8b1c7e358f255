//! Which namespaces a container has, and when.

use std::fs;
use std::path::PathBuf;

use super::{Host, eventually};

fn namespace(pid: i32, kind: &str) -> PathBuf {
    fs::read_link(format!("/proc/{pid}/ns/{kind}")).unwrap_or_else(|error| panic!("{kind} of {pid}: {error}"))
}

fn ours(kind: &str) -> PathBuf {
    namespace(std::process::id().try_into().expect("a PID"), kind)
}

/// All network namespaces that some process of the machine is in.
fn networks() -> Vec<PathBuf> {
    let of = |pid: i32| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
    super::processes().iter().filter_map(|process| of(process.pid)).collect()
}

#[test]
fn a_network_namespace_comes_with_the_start_and_goes_with_the_end() {
    let Some(here) = Host::new() else { return };
    let args = ["create", "--name", "web", "busybox", "sh", "-c", super::WAITS];
    let id = here.run(args).ok().out().trim().to_owned();
    assert_eq!(here.pid("web"), 0, "nothing runs yet");
    assert!(here.at_work(&[id]).is_empty(), "creating starts nothing");
    here.run(["start", "web"]).ok().stdout("web\n");
    let own = namespace(here.pid("web"), "net");
    assert_ne!(own, ours("net"));
    // `lo` is up, and all there is.
    let ran = here.run(["exec", "web", "cat", "/proc/net/dev"]).ok();
    let devices: Vec<_> =
        ran.out().lines().skip(2).filter_map(|l| Some(l.split_once(':')?.0.trim().to_owned())).collect();
    assert_eq!(devices, ["lo"], "{ran}");
    let ping = "ip addr show lo; ping -c 1 -W 2 127.0.0.1 >&2 && echo heard";
    here.run(["exec", "web", "sh", "-c", ping]).ok().says("127.0.0.1").says("UP").says("heard");
    assert!(networks().contains(&own));
    here.run(["stop", "web"]).ok();
    eventually("nobody is in it any more", || !networks().contains(&own));
}

#[test]
fn every_container_has_namespaces_of_its_own() {
    let Some(here) = Host::new() else { return };
    here.waiting("one", &[]);
    here.waiting("two", &[]);
    let (one, two) = (here.pid("one"), here.pid("two"));
    for kind in ["net", "pid", "mnt", "uts", "ipc"] {
        assert_ne!(namespace(one, kind), namespace(two, kind), "{kind}");
        assert_ne!(namespace(one, kind), ours(kind), "{kind}");
    }
    here.run(["exec", "one", "sh", "-c", "echo $$ > /dev/null; cat /proc/1/comm"]).ok().stdout("sh\n");
}

#[test]
fn what_is_asked_for_is_shared_with_the_host() {
    let Some(here) = Host::new() else { return };
    let flags = ["--network", "host", "--uts", "host", "--ipc", "host", "--pid", "host"];
    here.waiting("host", &flags);
    let pid = here.pid("host");
    for kind in ["net", "uts", "ipc", "pid"] {
        assert_eq!(namespace(pid, kind), ours(kind), "{kind}");
    }
    assert_ne!(namespace(pid, "mnt"), ours("mnt"));
    // It ends when it is asked to, though it is no namespace's first process.
    here.run(["stop", "host"]).ok();
    assert!(here.status("host").starts_with("Exited (5) "), "{}", here.status("host"));
    here.waiting("net", &["--net", "host"]);
    assert_eq!(namespace(here.pid("net"), "net"), ours("net"));
    let name = fs::read_to_string("/proc/sys/kernel/hostname").expect("/proc is there");
    for flags in [["--network", "host"], ["--uts", "host"]] {
        let ran = here.shell(&flags, "hostname; cat /etc/hostname; echo $HOSTNAME");
        ran.ok().stdout(name.repeat(3));
    }
    here.waiting("none", &["--network", "none"]);
    assert_ne!(namespace(here.pid("none"), "net"), ours("net"));
}

#[test]
fn a_container_without_ipc_has_no_memory_to_share() {
    let Some(here) = Host::new() else { return };
    here.shell(&["--ipc", "none"], "ls -d /dev/shm 2>/dev/null; grep -c ' /dev/shm ' /proc/mounts; true")
        .ok()
        .stdout("0\n");
}
