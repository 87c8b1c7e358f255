//! Another process in a container that runs.

use super::{Host, eventually};
use crate::harness::child::Feed;
use crate::harness::noise::noise;

#[test]
fn exec_ends_as_its_process_does() {
    let Some(here) = Host::new() else { return };
    here.waiting("web", &[]);
    here.run(["exec", "web", "true"]).ok().stdout("");
    here.run(["exec", "web", "sh", "-c", "echo out; echo err >&2; exit 7"])
        .exits(7)
        .stdout("out\n")
        .complains("err\n");
    here.run(["exec", "web", "sh", "-c", "kill -KILL $$"]).exits(137);
    here.run(["exec", "web", "nosuch"])
        .fails(127)
        .complains("exec: \"nosuch\": executable file not found in $PATH");
    here.run(["exec", "web", "/nosuch"]).fails(127).complains("no such file or directory");
    here.run(["exec", "web", "/etc"]).fails(126).complains("exec: \"/etc\": is a directory");
    here.run(["exec", "--bogus", "web", "true"]).fails(125).complains("unknown flag: --bogus");
    assert!(here.status("web").starts_with("Up "), "and the container goes on");
    let left = std::fs::read_dir(here.dir(&here.of("web", "{{.Id}}"))).expect("it is there").flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("exec-")), "{left:?}");
}

#[test]
fn exec_is_in_the_container_with_its_environment_and_limits() {
    let Some(here) = Host::new() else { return };
    let mut flags = vec!["-e", "A=1", "-e", "B=2", "-w", "/srv", "-h", "box", "--ulimit", "nofile=77"];
    if super::has_controller("pids") {
        flags.extend(["--pids-limit", "50"]);
    }
    here.waiting("web", &flags);
    let ran = here.run(["exec", "-e", "B=3", "-e", "C=4", "web", "env"]).ok();
    let mut lines: Vec<_> = ran.out().lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["A=1", "B=3", "C=4", "HOME=/root", "HOSTNAME=box", "PATH=/bin"]);
    here.run(["exec", "web", "sh", "-c", "pwd; hostname; ulimit -n; grep -c . /proc/1/comm"])
        .ok()
        .stdout("/srv\nbox\n77\n1\n");
    here.run(["exec", "-w", "/etc", "web", "pwd"]).ok().stdout("/etc\n");
    let cgroups = |of: &str| here.run(["exec", "web", "cat", &format!("/proc/{of}/cgroup")]).ok().out();
    assert_eq!(cgroups("self"), cgroups("1"), "what it takes is counted with the rest");
    let same = "for kind in net pid mnt uts ipc; do test $(readlink /proc/self/ns/$kind) = $(readlink /proc/1/ns/$kind) || echo $kind; done";
    here.run(["exec", "web", "sh", "-c", same]).ok().stdout("");
    let caps =
        |of: &str| here.run(["exec", "web", "grep", "Cap[^A]", &format!("/proc/{of}/status")]).ok().out();
    assert_eq!(caps("self"), caps("1"));
    // Capabilities are those of the process, the filter of system calls is the container's.
    let mount = ["exec", "--privileged", "web", "sh", "-c", "mount -t tmpfs tmpfs /srv && echo may"];
    here.run(mount).fails(1);
    here.run(["rm", "-f", "web"]).ok();
    here.waiting("web", &["--security-opt", "seccomp=unconfined"]);
    here.run(mount).ok().stdout("may\n");
    let as_usual: Vec<_> = mount.iter().filter(|word| **word != "--privileged").collect();
    here.run(as_usual).fails(1);
}

#[test]
fn exec_runs_as_whom_it_is_told() {
    let Some(here) = Host::new() else { return };
    here.waiting("web", &["-u", "web"]);
    let id = ["sh", "-c", "id -u; id -g; id -G; echo $HOME"];
    let exec = |flags: &[&str]| here.run([&["exec"], flags, &["web"], &id].concat()).ok().out();
    assert_eq!(exec(&[]), "1000\n1001\n1001 1002\n/home/web\n");
    assert_eq!(exec(&["-u", "root"]), "0\n0\n0\n/root\n");
    assert_eq!(exec(&["-u", "5:6"]), "5\n6\n6\n/\n");
    let why = "unable to find user nobody: no matching entries in passwd file";
    let ran = here.run(["exec", "-u", "nobody", "web", "true"]);
    assert!(ran.code != Some(0) && ran.err().contains(why), "{ran}");
}

#[test]
fn exec_reads_only_with_i() {
    let Some(here) = Host::new() else { return };
    here.waiting("web", &[]);
    let bytes = noise(13, 8 << 20);
    let ran = here.run_fed(["exec", "-i", "web", "cat"], Feed::Bytes(bytes.clone())).ok();
    assert!(ran.stdout == bytes, "{} bytes", ran.stdout.len());
    let ran = here.run_fed(["exec", "web", "wc", "-c"], Feed::Bytes(bytes)).ok();
    assert_eq!(ran.out().trim(), "0");
}

#[test]
fn exec_does_not_wait_if_it_is_not_to() {
    let Some(here) = Host::new() else { return };
    here.waiting("web", &[]);
    let slow = "sleep 0.5; echo done > /srv/done; sleep 600";
    let ran = here.run(["exec", "-d", "web", "sh", "-c", slow]).ok().stdout("");
    assert!(ran.elapsed < std::time::Duration::from_secs(10));
    eventually("it is done", || here.run(["exec", "web", "cat", "/srv/done"]).out() == "done\n");
    // It ends with the container.
    let id = here.of("web", "{{.Id}}");
    here.run(["stop", "web"]).ok();
    eventually("nothing is left", || here.at_work(std::slice::from_ref(&id)).is_empty());
}

#[test]
fn nothing_is_executed_in_what_does_not_run() {
    let Some(here) = Host::new() else { return };
    let id = here.run(["create", "--name", "web", "busybox"]).ok().out().trim().to_owned();
    let why = format!("Container {id} is not running");
    here.run(["exec", "web", "true"]).fails(1).complains(&why);
    here.run(["start", "-a", "web"]).ok();
    here.run(["exec", "web", "true"]).fails(1).complains(&why);
    here.run(["exec", "nosuch", "true"]).fails(1).complains("No such container: nosuch");
}

/// The container's end ends what was executed in it, and the command that waits for that.
#[test]
fn exec_ends_when_the_container_does() {
    let Some(here) = Host::new() else { return };
    here.waiting("web", &[]);
    let running = here.start(["exec", "web", "sh", "-c", "touch /srv/up; sleep 600"], Feed::Nothing);
    eventually("it is up", || here.run(["exec", "web", "test", "-e", "/srv/up"]).code == Some(0));
    here.run(["kill", "web"]).ok();
    running.wait().exits(137);
}

#[test]
fn many_at_once_do_not_get_in_each_others_way() {
    let Some(here) = Host::new() else { return };
    here.waiting("web", &[]);
    let running: Vec<_> = (0..12)
        .map(|at| here.start(["exec", "web", "sh", "-c", &format!("echo {at}; exit {at}")], Feed::Nothing))
        .collect();
    for (at, running) in running.into_iter().enumerate() {
        running.wait().exits(at as i32).stdout(format!("{at}\n"));
    }
}

/// Nobody waits for it, but everybody wants to know that it could not begin.
#[test]
fn what_cannot_be_executed_is_told_even_if_nobody_waits_for_it() {
    let Some(here) = Host::new() else { return };
    here.waiting("web", &[]);
    here.run(["exec", "-d", "web", "nosuch"]).fails(127).complains("executable file not found in $PATH");
    here.run(["exec", "-d", "web", "sh", "-c", "echo > /tmp/done"]).ok().stdout("");
    eventually("it has run", || here.run(["exec", "web", "test", "-e", "/tmp/done"]).code == Some(0));
}

/// What is open for the one who executes something is not open for what is executed.
#[test]
fn what_exec_reads_from_cannot_be_written_inside() {
    let Some(here) = Host::new() else { return };
    here.waiting("web", &[]);
    let script = here.write("script", "the machine's\n");
    let open = || Feed::From(std::fs::File::open(&script).expect("it is there").into());
    let write = "cat; echo pwned > /proc/self/fd/0; readlink /proc/self/fd/0";
    let ran = here.run_fed(["exec", "-i", "web", "sh", "-c", write], open()).ok();
    assert!(ran.out().starts_with("the machine's\npipe:"), "{ran}");
    assert_eq!(here.read("script"), b"the machine's\n");
}

/// As Docker, which waits for two seconds more: what is left behind may never end.
#[test]
fn exec_ends_with_its_process_whatever_holds_its_streams() {
    let Some(here) = Host::new() else { return };
    here.waiting("web", &[]);
    let script = "sleep 100 & echo out; echo err >&2; exit 4";
    let ran = here.run(["exec", "-i", "web", "sh", "-c", script]).exits(4).stdout("out\n");
    assert!(ran.err() == "err\n" && ran.elapsed.as_secs() < 20, "{ran}");
    let ran = here.run(["exec", "-t", "web", "sh", "-c", "trap '' HUP; sleep 100 & echo out; exit 4"]);
    assert!(ran.code == Some(4) && ran.out() == "out\r\n" && ran.elapsed.as_secs() < 20, "{ran}");
}

/// More than an environment variable holds.
#[test]
fn exec_takes_as_long_a_command_line_as_the_system() {
    let Some(here) = Host::new() else { return };
    here.waiting("web", &[]);
    let numbers: Vec<_> = (0..40_000).map(|number| number.to_string()).collect();
    let mut args = vec!["exec", "web", "sh", "-c", "echo $#"];
    args.extend(numbers.iter().map(String::as_str));
    here.run(&args).ok().stdout("39999\n");
}

#[test]
fn a_working_directory_that_is_none_is_named() {
    let Some(here) = Host::new() else { return };
    here.waiting("web", &[]);
    let why = |dir: &str, why: &str| format!("chdir to cwd (\"{dir}\") set in config.json failed: {why}");
    let exec = |dir: &str| here.run(["exec", "-w", dir, "web", "true"]);
    exec("/absent").fails(126).complains(why("/absent", "no such file or directory"));
    exec("/etc/passwd").fails(126).complains(why("/etc/passwd", "not a directory"));
    here.run(["run", "--rm", "-w", "/etc/passwd", "busybox", "true"])
        .fails(125)
        .complains("Cannot mkdir: /etc/passwd is not a directory");
}
