//! Containers of a caller who is not root: `nobody`, with subordinate IDs and without.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;

use super::can_run;
use crate::harness::busybox::busybox;
use crate::harness::child::{self, Feed, Ran};
use crate::harness::sandbox::Sandbox;
use crate::harness::{layouts, tools};

const NOBODY: u32 = 65_534;
/// The caller's own ID, and the first of their subordinate IDs.
const SUBORDINATE: &str = "nobody:200000:65536\n";

/// Runs `"$@"` as `nobody`, in a mount namespace in which `nobody` has the subordinate IDs that
/// the files `subuid` and `subgid` list. The machine's own are left alone.
const AS_NOBODY: &str = "mount --bind subuid /etc/subuid && mount --bind subgid /etc/subgid && \
                         exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\"";

/// A sandbox that belongs to `nobody`, with the image `busybox`.
struct Rootless {
    sandbox: Sandbox,
    program: PathBuf,
}

impl Rootless {
    /// `None` where this cannot be tested; that was said then.
    #[track_caller]
    fn new(test: &str, subordinate: &str) -> Option<Self> {
        if !can_run(test) || !tools::are_here(test, &["setpriv", "newuidmap", "unshare"]) {
            return None;
        }
        let sandbox = Sandbox::new().with_store_in("home/store");
        fs::set_permissions(sandbox.path(""), fs::Permissions::from_mode(0o755)).expect("it is ours");
        let home = sandbox.path("home");
        fs::create_dir(&home).expect("it is new");
        chown(&home, Some(NOBODY), Some(NOBODY)).expect("root may");
        // Copied by another process: see `somebody` in `disk.rs`.
        let program = sandbox.path("larder");
        tools::run("cp", [env!("CARGO_BIN_EXE_larder").as_ref(), program.as_os_str()]);
        for file in ["subuid", "subgid"] {
            sandbox.write(file, subordinate);
        }
        // The tables exist on every machine with newuidmap; a bind mount needs a target.
        let here = Self { sandbox, program };
        here.feed(&["load", "-q"], layouts::docker24(&[busybox()]).tar()).ok();
        Some(here)
    }

    fn feed(&self, args: &[&str], input: Vec<u8>) -> Ran {
        let mut command = tools::tool("unshare");
        command.args(["-m", "sh", "-c", AS_NOBODY, "sh"]).arg(&self.program).args(args);
        command.current_dir(self.sandbox.path("")).env_clear();
        command.env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").env("HOME", self.sandbox.path("home"));
        command.env("LARDER_STORE", self.sandbox.store());
        child::run(command, Feed::Bytes(input))
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.feed(args, Vec::new())
    }

    fn shell(&self, flags: &[&str], script: &str) -> Ran {
        self.run(&[&["run", "--rm"], flags, &["busybox", "sh", "-c", script]].concat())
    }
}

#[test]
fn without_root_a_container_shares_the_namespaces_of_the_machine() {
    for subordinate in [SUBORDINATE, ""] {
        let test = "without_root_a_container_shares_the_namespaces_of_the_machine";
        let Some(here) = Rootless::new(test, subordinate) else { return };
        let ran = here.shell(&["--network", "host"], "cat /sys/class/net/lo/address; touch /sys/x").fails(1);
        assert_eq!(ran.out(), "00:00:00:00:00:00\n", "{ran}");
        assert!(ran.err().contains("Read-only"), "{ran}");
        let ran = here.shell(&["--pid", "host"], "test $$ -gt 1 && cat /proc/1/comm").ok();
        assert!(!ran.out().is_empty(), "{ran}");
        here.shell(&["--ipc", "host", "--uts", "host"], "echo ok").ok().stdout("ok\n");
    }
}

#[test]
fn subordinate_ids_give_a_container_users_of_its_own() {
    let test = "subordinate_ids_give_a_container_users_of_its_own";
    let Some(here) = Rootless::new(test, SUBORDINATE) else { return };
    here.shell(&["-u", "web"], "id -u; id -g; id -G").ok().stdout("1000\n1001\n1001 1002\n");
    here.shell(&["-u", "1234:5", "--group-add", "7"], "id -u; id -G").ok().stdout("1234\n5 7\n");
    let ran = here.shell(&["-u", "70000"], "id").fails(125);
    assert!(ran.err().contains("user 70000") && ran.err().contains("subuid"), "{ran}");

    // Files of another user are read, copied, committed and removed by the caller.
    let script = "mkdir -m 700 /data; echo secret > /data/file; chmod 600 /data/file; chown -R web /data; \
                  trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done";
    here.run(&["run", "-d", "--name", "box", "busybox", "sh", "-c", script]).ok();
    super::eventually("it is up", || here.run(&["logs", "box"]).out().contains("up"));
    here.run(&["exec", "-u", "web", "box", "cat", "/data/file"]).ok().stdout("secret\n");
    assert!(here.run(&["top", "box"]).ok().out().contains("sleep"));
    here.run(&["stop", "box"]).ok();
    here.run(&["diff", "box"]).ok().stdout("A /data\nA /data/file\n");
    let exported = here.run(&["export", "--no-config", "box"]).ok().stdout;
    let mut archive = ::tar::Archive::new(&exported[..]);
    let owner = archive.entries().expect("a tar").map(|entry| entry.expect("an entry")).find_map(|entry| {
        let is_it = entry.path().is_ok_and(|path| path.ends_with("data/file"));
        is_it.then(|| entry.header().uid().expect("a number"))
    });
    assert_eq!(owner, Some(1000));
    here.run(&["commit", "box", "box:1"]).ok();
    here.run(&["rm", "box"]).ok();
    here.run(&["run", "--rm", "-u", "web", "box:1", "cat", "/data/file"]).ok().stdout("secret\n");
    here.run(&["rmi", "-f", "box:1", "busybox"]).ok();
    here.run(&["gc"]).ok();
    let left = fs::read_dir(here.sandbox.store().join("layers")).expect("a directory");
    let left: Vec<_> = left.flatten().map(|entry| entry.file_name()).filter(|name| name != "lock").collect();
    assert!(left.is_empty(), "unpacked layers were left behind: {left:?}");
}

#[test]
fn without_subordinate_ids_another_user_is_refused_with_the_reason() {
    let test = "without_subordinate_ids_another_user_is_refused_with_the_reason";
    let Some(here) = Rootless::new(test, "") else { return };
    here.shell(&[], "id -u").ok().stdout("0\n");
    let ran = here.shell(&["-u", "1000"], "id").fails(125);
    assert!(ran.err().contains("user 1000") && ran.err().contains("subordinate IDs"), "{ran}");
}

#[test]
fn what_needs_a_cgroup_is_refused_with_the_reason_where_none_is_delegated() {
    let test = "what_needs_a_cgroup_is_refused_with_the_reason_where_none_is_delegated";
    let Some(here) = Rootless::new(test, SUBORDINATE) else { return };
    for flags in [["--memory", "64m"], ["--cpus", "1"], ["--pids-limit", "9"]] {
        let ran = here.shell(&flags, "true").fails(125);
        assert!(ran.err().contains(flags[0]) && ran.err().contains("cgroup"), "{ran}");
    }
    here.run(&["run", "-d", "--name", "box", "busybox", "sleep", "60"]).ok();
    let paused = here.run(&["pause", "box"]).fails(1);
    let stats = here.run(&["stats", "--no-stream", "--format", "{{.PIDs}} {{.MemUsage}}"]).ok();
    here.run(&["rm", "-f", "box"]).ok();
    assert!(paused.err().contains("delegated"), "{paused}");
    assert_eq!(stats.out(), "-- -- / --\n");
}

#[test]
fn without_root_other_runtimes_run_too() {
    let test = "without_root_other_runtimes_run_too";
    for runtime in ["crun", "runc"] {
        let Some(here) = Rootless::new(test, SUBORDINATE) else { return };
        if tools::are_here(test, &[runtime]) {
            here.shell(&["--runtime", runtime, "-u", "web"], "id -u; exit 3").exits(3).stdout("1000\n");
        }
    }
}
