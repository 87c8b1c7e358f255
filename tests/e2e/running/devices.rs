//! The machine's devices: out of a container's reach, unless it was given some.
//!
//! Each promise is tried on this machine as it is and on one that has cgroups of version 2 only,
//! which is what larder sees in a mount namespace where nothing else is mounted.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};

use super::{Host, base, busybox, eventually, image};
use crate::harness::child::{self, Feed};
use crate::harness::image::{Image, Layer};
use crate::harness::tarball::Entry;
use crate::harness::terminal::Terminal;
use crate::harness::tools;

/// What is on the disk, at its beginning.
const SECRET: &str = "secret";

/// A disk of the machine: a loop device of the test's own.
struct Disk {
    path: String,
    minor: u32,
}

impl Disk {
    /// `None` where there are no loop devices; that was said then.
    fn new(test: &str, here: &Path) -> Option<Self> {
        if !tools::are_here(test, &["losetup", "mknod"]) {
            return None;
        }
        let file = here.join("disk-image");
        let mut bytes = vec![0; 64 << 10];
        bytes[..SECRET.len()].copy_from_slice(SECRET.as_bytes());
        fs::write(&file, bytes).expect("a file");
        // Another test may take the free one first.
        let made = (0..20).find_map(|_| {
            let mut command = tools::tool("losetup");
            command.args(["-f", "--show"]).arg(&file);
            let ran = child::run(command, Feed::Nothing);
            (ran.code == Some(0)).then(|| ran.out().trim().to_owned())
        });
        let Some(path) = made else {
            tools::not_possible(test, "no loop device can be made");
            return None;
        };
        let minor = rustix::fs::minor(fs::metadata(&path).expect("it is there").rdev());
        Some(Self { path, minor })
    }

    /// Nobody has written to it.
    #[track_caller]
    fn is_untouched(&self) {
        let bytes = fs::read(&self.path).expect("root reads it");
        assert_eq!(&bytes[..SECRET.len()], SECRET.as_bytes());
    }

    /// A script that makes a node of it and tries to read and to write it.
    fn attack(&self, node: &str) -> String {
        format!("mknod {node} b 7 {} && echo made; {}", self.minor, try_node(node))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = tools::tool("losetup").args(["-d", &self.path]).status();
    }
}

/// Tries to read and to write a node.
fn try_node(node: &str) -> String {
    let read = format!("head -c {} {node}", SECRET.len());
    format!(
        "if test -b {node} || test -c {node}; then {read}; echo overwritten > {node} && echo wrote; fi; true"
    )
}

/// Tries `check` with the cgroups of this machine and with those of version 2 only, and a disk.
#[track_caller]
fn in_both_versions(test: &str, check: impl Fn(&Host, &Disk)) {
    with_images(test, |_| vec![busybox()], check);
}

#[track_caller]
fn with_images(test: &str, images: impl Fn(&Disk) -> Vec<Image>, check: impl Fn(&Host, &Disk)) {
    if !super::can_run(test) {
        return;
    }
    let place = tempfile::tempdir().expect("a temporary directory");
    let Some(disk) = Disk::new(test, place.path()) else { return };
    for cgroups in ["", "cgroup2"] {
        let Some(here) = Host::with_cgroups(&images(&disk), cgroups) else { return };
        check(&here, &disk);
        disk.is_untouched();
    }
}

#[test]
fn a_node_that_a_container_makes_opens_no_disk() {
    in_both_versions("a_node_that_a_container_makes_opens_no_disk", |here, disk| {
        // Nobody makes one without asking for it.
        for node in ["/tmp/node", "/dev/node", "/dev/shm/node"] {
            let ran = here.shell(&[], &disk.attack(node));
            assert!(!ran.out().contains("made") && !ran.out().contains(SECRET), "{ran}");
        }
        // Who may make them, or mount, gets no further.
        let more = ["--cap-add", "MKNOD", "--cap-add", "SYS_ADMIN", "--tmpfs", "/mem:dev"];
        let script = format!(
            "mount -o remount,dev /; {}; mount -t devtmpfs dev /srv; {}",
            ["/tmp/node", "/dev/node", "/mem/node"].map(|node| disk.attack(node)).join("; "),
            try_node(&format!("/srv/loop{}", disk.minor))
        );
        for flags in [&more[..2], &more[..4], &more[..]] {
            let ran = here.shell(flags, &script);
            assert!(ran.out().contains("made"), "it did try: {ran}");
            assert!(!ran.out().contains(SECRET) && !ran.out().contains("wrote"), "{ran}");
            assert!(ran.err().contains("Operation not permitted"), "{ran}");
        }
    });
}

/// An image that brings the node needs no capability to use it.
#[test]
fn a_node_that_an_image_brings_opens_no_disk() {
    let images = |disk: &Disk| {
        let node = Entry::device("disk", b'4', 7, disk.minor).mode(0o666);
        let memory = Entry::device("memory", b'3', 1, 1).mode(0o666);
        vec![image("busybox:latest", vec![base(), Layer::new().entry(node).entry(memory)])]
    };
    with_images("a_node_that_an_image_brings_opens_no_disk", images, |here, _| {
        let tries = format!(
            "test -b /disk && test -c /memory && echo there; {}; {}",
            try_node("/disk"),
            try_node("/memory")
        );
        let nobody = ["--user", "1000", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];
        for flags in [&nobody[..], &[], &["--read-only"]] {
            let ran = here.shell(flags, &tries);
            assert_eq!(ran.out(), "there\n", "{ran}");
            assert_eq!(ran.err().matches("Permission denied").count(), 4, "{ran}");
        }
        // Started again it is no different.
        here.waiting("web", &nobody);
        here.run(["restart", "-t", "0", "web"]).ok();
        here.run(["exec", "-u", "0", "web", "sh", "-c", &tries]).ok().stdout("there\n");
    });
}

#[test]
fn a_node_in_a_directory_of_the_host_opens_no_disk() {
    in_both_versions("a_node_in_a_directory_of_the_host_opens_no_disk", |here, disk| {
        let minor = disk.minor.to_string();
        let shared = PathBuf::from(format!("/dev/shm/larder-test-{}", std::process::id()));
        let make = |path: &Path| tools::run("mknod", [path.to_str().expect("UTF-8"), "b", "7", &minor]);
        fs::create_dir_all(here.path("dir")).expect("a directory");
        make(&here.path("dir/node"));
        make(&shared);
        let dir = here.path("dir").display().to_string();
        let volume = format!("{dir}:/data");
        let mount = format!("type=bind,source={dir},target=/data");
        let single = format!("{dir}/node:/data/node");
        let whole = "/dev:/data";
        let node = format!("/data/loop{}", disk.minor);
        for (flags, node) in [
            (["-v", volume.as_str()], "/data/node"),
            (["--mount", &mount], "/data/node"),
            (["-v", &single], "/data/node"),
            (["-v", whole], &node),
            (["--ipc", "host"], &shared.display().to_string()),
        ] {
            let script = format!("test -b {node} && echo there; {}", try_node(node));
            let ran = here.shell(&flags, &script);
            assert_eq!(ran.out(), "there\n", "{ran}");
            assert_eq!(ran.err().matches("Permission denied").count(), 2, "{ran}");
        }
        let _ = fs::remove_file(&shared);
        // Also in what is mounted below.
        let ran = here.shell(
            &["-v", whole],
            "grep -c ' /data' /proc/self/mountinfo; grep ' /data' /proc/self/mountinfo | grep -vc nodev",
        );
        let counts: Vec<u32> = ran.out().lines().map(|line| line.parse().expect("a number")).collect();
        assert!(counts[0] > 1 && counts[1] == 0, "{ran}");
        // What every container has may take the place of a file.
        here.shell(&["-v", "/dev/null:/etc/passwd"], "cat /etc/passwd; echo x > /etc/passwd && echo empty")
            .ok()
            .stdout("empty\n");
    });
}

#[test]
fn what_is_executed_in_a_container_opens_no_disk() {
    in_both_versions("what_is_executed_in_a_container_opens_no_disk", |here, disk| {
        here.waiting("web", &[]);
        let ran = here.run(["exec", "web", "sh", "-c", &disk.attack("/dev/node")]);
        assert!(!ran.out().contains("made"), "{ran}");
        // It has every capability, and the container's filter.
        let ran = here.run(["exec", "--privileged", "web", "sh", "-c", &disk.attack("/dev/node")]);
        assert_eq!(ran.out(), "made\n", "{ran}");
        assert_eq!(ran.err().matches("Operation not permitted").count(), 2, "{ran}");
    });
}

#[test]
fn the_devices_that_programs_need_work() {
    in_both_versions("the_devices_that_programs_need_work", |here, _| {
        let script = "echo x > /dev/null && cat /dev/null; head -c 2 /dev/zero | wc -c; head -c 2 /dev/urandom | wc -c; \
                      head -c 2 /dev/random | wc -c; head -c 1 /dev/full | wc -c; echo x 2> /dev/null > /dev/full || echo full; \
                      echo shared > /dev/shm/file && cat /dev/shm/file; test -c /dev/tty && test -e /dev/ptmx && echo there";
        for flags in [&[][..], &["--user", "1000", "--cap-drop", "ALL"], &["--privileged"], &["--read-only"]]
        {
            let ran = here.shell(flags, script).ok();
            assert_eq!(ran.out(), "2\n2\n2\n1\nfull\nshared\nthere\n", "{ran}");
        }
        let mut terminal = Terminal::start(&here.larder(["run", "--rm", "-it", "busybox", "sh"]), 24, 80);
        terminal.types("echo on $((1+1)) > /dev/tty; echo on $((2+2)) > /dev/console; exit 5\r");
        terminal.shows("on 2\r\non 4\r\n");
        assert_eq!(terminal.ends(), Some(5), "{}", terminal.shown());
    });
}

#[test]
fn a_privileged_container_has_the_machines_devices() {
    in_both_versions("a_privileged_container_has_the_machines_devices", |here, disk| {
        let read = format!("head -c {}", SECRET.len());
        let script = format!(
            "{read} {} && mknod /tmp/node b 7 {} && {read} /tmp/node; test -c /dev/kmsg || test -c /dev/kvm || echo none",
            disk.path, disk.minor
        );
        here.shell(&["--privileged"], &script).ok().stdout(SECRET.repeat(2));
        here.waiting("web", &["--privileged"]);
        here.run(["exec", "--privileged", "web", "sh", "-c", &format!("{read} {}", disk.path)])
            .ok()
            .stdout(SECRET);
    });
}

#[test]
fn a_device_is_passed_on_as_it_was_asked_for() {
    in_both_versions("a_device_is_passed_on_as_it_was_asked_for", |here, disk| {
        let tries = try_node("/dev/xda");
        let read_only = format!("{}:/dev/xda:r", disk.path);
        let ran = here.shell(&["--device", &read_only], &tries).ok().stdout(SECRET);
        assert!(ran.err().contains("Operation not permitted"), "{ran}");
        let script = format!(
            "test -b {0} && head -c 0 {0} && echo {1} | dd of={0} conv=notrunc 2> /dev/null && echo wrote",
            disk.path, SECRET
        );
        here.shell(&["--device", &disk.path], &script).ok().stdout("wrote\n");
        // A rule without a node, for who makes it.
        let flags = ["--cap-add", "MKNOD", "--device-cgroup-rule", "b 7:* r"];
        here.shell(&flags, &disk.attack("/dev/node")).says(format!("made\n{SECRET}"));
        // All in a directory.
        fs::create_dir_all(here.path("nodes/deep")).expect("a directory");
        let minor = disk.minor.to_string();
        tools::run("mknod", [here.path("nodes/deep/one").to_str().expect("UTF-8"), "b", "7", &minor]);
        let dir = format!("{}:/dev/mine:rm", here.path("nodes").display());
        here.shell(&["--device", &dir], &try_node("/dev/mine/deep/one")).ok().stdout(SECRET);
        for (wrong, why) in [
            ("/dev/nosuch", "no such file or directory"),
            ("/etc/passwd", "not a device node"),
            ("/proc/self/fdinfo:/dev/x", "no device in the directory"),
            ("/dev/null:/tmp/null", "it must be below /dev"),
            ("/dev/null:/dev/../tmp/null", "it must be below /dev"),
        ] {
            let ran = here.run(["run", "--rm", "--device", wrong, "busybox", "true"]);
            let why = if wrong == "/etc/passwd" { "must be below /dev" } else { why };
            // Docker takes what is not there for a program that is not there.
            let code = if wrong == "/dev/nosuch" { 127 } else { 125 };
            ran.fails(code).complains(why);
        }
        here.run(["create", "--name", "made", "--device", &read_only, "busybox"]).ok();
        let wanted =
            format!("[map[CgroupPermissions:r PathInContainer:/dev/xda PathOnHost:{}]]\n", disk.path);
        here.run(["inspect", "-f", "{{.HostConfig.Devices}}", "made"]).ok().stdout(wanted);
    });
}

/// Programs that run containers get the same lists.
#[test]
fn another_runtime_keeps_disks_away_alike() {
    let test = "another_runtime_keeps_disks_away_alike";
    if !tools::are_here(test, &["runc"]) {
        return;
    }
    let runc = PathBuf::from(tools::tool("runc").get_program()).display().to_string();
    in_both_versions(test, |here, disk| {
        let flags = ["--runtime", &runc, "--cap-add", "MKNOD", "-v", "/dev:/data"];
        let script =
            format!("{}; {}", disk.attack("/dev/node"), try_node(&format!("/data/loop{}", disk.minor)));
        let ran = here.shell(&flags, &script);
        assert_eq!(ran.out(), "made\n", "{ran}");
        let ran = here.shell(&flags[..2], &disk.attack("/dev/node"));
        assert_eq!(ran.out(), "", "{ran}");
        let device = format!("{}:/dev/xda:r", disk.path);
        here.shell(&["--runtime", &runc, "--device", &device], &try_node("/dev/xda")).ok().stdout(SECRET);
    });
}

/// A kernel that takes no filter: a container that its mounts protect does run, and no other.
#[test]
fn what_nothing_keeps_from_disks_is_not_started() {
    let test = "what_nothing_keeps_from_disks_is_not_started";
    if !tools::are_here(test, &["strace"]) {
        return;
    }
    let Some(here) = Host::with_cgroups(&[busybox()], "cgroup2") else { return };
    let refused = "the container could use the devices of this machine";
    let without_filter = |args: &[&str]| {
        let larder = here.larder(args);
        let mut strace = tools::tool("strace");
        strace.args(["-f", "-q", "-o", "/dev/null", "-e", "trace=bpf", "-e", "inject=bpf:error=EPERM"]);
        tools::under(strace, &larder)
    };
    let run = |args: &[&str]| child::run(without_filter(args), Feed::Nothing);
    run(&["run", "--rm", "busybox", "echo", "runs"]).ok().stdout("runs\n");
    run(&["run", "--rm", "--privileged", "busybox", "echo", "runs"]).ok().stdout("runs\n");
    for capability in ["MKNOD", "SYS_ADMIN"] {
        let ran = run(&["run", "--rm", "--cap-add", capability, "busybox", "echo", "runs"]);
        ran.fails(125).complains(refused).complains(capability).stdout("");
    }
    // Nor does one get in later that could do more than the container.
    let waiting = ["run", "--name", "web", "busybox", "sh", "-c", super::WAITS];
    let running = child::start(without_filter(&waiting), Feed::Nothing);
    eventually("it is up", || here.run(["logs", "web"]).out().contains("up\n"));
    here.run(["exec", "--privileged", "web", "echo", "runs"]).fails(126).complains(refused).stdout("");
    here.run(["exec", "web", "echo", "runs"]).ok().stdout("runs\n");
    here.run(["kill", "web"]).ok();
    running.wait();
}

/// A process that is dumpable, and enters a container, could be opened through its `/proc/PID`
/// there, with all that it holds. The files of one that is not belong to root and no other group.
#[test]
fn the_processes_beside_a_container_cannot_be_dumped() {
    let test = "the_processes_beside_a_container_cannot_be_dumped";
    if !tools::are_here(test, &["runc", "sleep"]) {
        return;
    }
    let Some(here) = Host::new() else { return };
    let group = 4242;
    let owner = |pid: i32| fs::metadata(format!("/proc/{pid}/environ")).expect("it runs").gid();
    let mut sleep = tools::tool("sleep");
    sleep.arg("600").gid(group);
    let sleep = child::start(sleep, Feed::Nothing);
    assert_eq!(owner(sleep.pid()), group, "this is how dumpable ones are told");
    sleep.signal(rustix::process::Signal::KILL);
    // The library that is built in sees to it itself; where it is not used, larder has to.
    let runc = PathBuf::from(tools::tool("runc").get_program()).display().to_string();
    for (name, runtime) in [("one", ""), ("two", runc.as_str())] {
        let mut run =
            here.larder(["run", "-d", "--name", name, "--runtime", runtime, "busybox", "sleep", "600"]);
        let id = child::run(
            {
                run.gid(group);
                run
            },
            Feed::Nothing,
        )
        .ok()
        .out()
        .trim()
        .to_owned();
        let monitor = here.monitor(&id).expect("it runs");
        assert_eq!(owner(monitor), 0, "the monitor, {runtime}");
        let mut exec = here.larder(["exec", "-i", name, "cat"]);
        exec.gid(group);
        let (end, ends) = std::sync::mpsc::channel::<()>();
        let exec = child::start(
            exec,
            Feed::stream(move |_| {
                let _ = ends.recv();
                Ok(())
            }),
        );
        let ids = [id];
        let is_cat = |process: &super::Process| process.words.first().is_some_and(|word| word == "cat");
        eventually("it is executed", || here.at_work(&ids).iter().any(is_cat));
        assert_eq!(owner(exec.pid()), 0, "what executes in it, {runtime}");
        drop(end);
        exec.wait().ok();
    }
}
