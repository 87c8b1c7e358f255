//! Other OCI runtimes than the one that is built in.

use std::path::{Path, PathBuf};

use super::{Host, eventually};
use crate::harness::child::Feed;
use crate::harness::terminal::Terminal;
use crate::harness::{skip, tools};

/// Tries it with each of them that is there; at least where all peers are required, all.
fn with_each(test: &str, check: impl Fn(&Host, &str)) {
    for name in ["crun", "runc"] {
        if !tools::are_here(test, &[name]) {
            continue;
        }
        if name == "crun" && Path::new("/sys/fs/cgroup/unified").exists() {
            skip(test, "crun takes no cgroups of both versions at once");
            continue;
        }
        // It wants to lock memory for its device filter, whatever the kernel counts.
        let may_lock =
            || tools::tool("sh").args(["-c", "ulimit -l unlimited"]).status().is_ok_and(|end| end.success());
        if name == "crun" && !may_lock() {
            skip(test, "crun takes CAP_SYS_RESOURCE where there are cgroups of version 2 only");
            continue;
        }
        let Some(here) = Host::new() else { return };
        // Nothing is looked for on the path of whoever runs the tests.
        let program = PathBuf::from(tools::tool(name).get_program());
        check(&here, &program.display().to_string());
    }
}

#[test]
fn another_runtime_runs_and_ends_containers_alike() {
    with_each("another_runtime_runs_and_ends_containers_alike", |here, runtime| {
        let ran = here.shell(&["--runtime", runtime], "echo out; echo err >&2; exit 7").exits(7);
        assert_eq!((ran.out().as_str(), ran.err().as_str()), ("out\n", "err\n"), "{runtime}");
        for (command, code) in [("nosuch", 127), ("/nosuch", 127), ("/etc", 126), ("/etc/passwd", 126)] {
            here.run(["run", "--rm", "--runtime", runtime, "busybox", command]).fails(code);
        }
        let bytes = crate::harness::noise::noise(14, 2 << 20);
        let args = ["run", "--rm", "-i", "--runtime", runtime, "busybox", "cat"];
        assert!(here.run_fed(args, Feed::Bytes(bytes.clone())).ok().stdout == bytes, "{runtime}");
        let script = "hostname; id -u; pwd; touch /file; ls /proc/self/fd | wc -l";
        let flags = ["--runtime", runtime, "-h", "box", "-u", "web", "-w", "/tmp", "--read-only"];
        let ran = here.shell(&flags, script).ok();
        assert!(
            ran.out().starts_with("box\n1000\n/tmp\n") && ran.err().contains("Read-only"),
            "{runtime}: {ran}"
        );
        assert_eq!(here.ids(), [""; 0], "{runtime}");
    });
}

#[test]
fn another_runtime_is_entered_paused_and_stopped_alike() {
    with_each("another_runtime_is_entered_paused_and_stopped_alike", |here, runtime| {
        let id = here.waiting("web", &["--runtime", runtime]);
        here.run(["exec", "web", "sh", "-c", "echo out; exit 3"]).exits(3).stdout("out\n");
        here.run(["exec", "-u", "web", "-w", "/tmp", "-e", "A=1", "web", "sh", "-c", "id -u; pwd; echo $A"])
            .ok()
            .stdout("1000\n/tmp\n1\n");
        here.run(["pause", "web"]).ok();
        assert!(here.status("web").ends_with(" (Paused)"), "{runtime}");
        here.run(["unpause", "web"]).ok();
        here.run(["stop", "web"]).ok();
        assert!(here.status("web").starts_with("Exited (5) "), "{runtime}: {}", here.status("web"));
        here.run(["start", "web"]).ok();
        here.run(["kill", "web"]).ok();
        eventually("it is over", || here.status("web").starts_with("Exited (137) "));
        eventually("nothing is left", || here.at_work(std::slice::from_ref(&id)).is_empty());
        here.run(["rm", "web"]).ok();
    });
}

#[test]
fn another_runtime_gives_a_terminal_alike() {
    with_each("another_runtime_gives_a_terminal_alike", |here, runtime| {
        let args = ["run", "--rm", "-it", "--runtime", runtime, "busybox", "sh"];
        let mut terminal = Terminal::start(&here.larder(args), 33, 111);
        terminal.types("test -t 0 && echo $((6*7)); stty size\r");
        terminal.shows("\r\n42\r\n33 111\r\n");
        terminal.types("exit 7\r");
        assert_eq!(terminal.ends(), Some(7), "{runtime}: {}", terminal.shown());
    });
}

#[test]
fn a_runtime_that_there_is_not_is_named() {
    let Some(here) = Host::new() else { return };
    here.run(["run", "--rm", "--runtime", "/nosuch/runtime", "busybox", "true"])
        .fails(125)
        .complains("/nosuch/runtime");
}

#[test]
fn another_runtime_executes_alike() {
    with_each("another_runtime_executes_alike", |here, runtime| {
        let id = here.waiting("web", &["--runtime", runtime]);
        for (command, code) in [("nosuch", 127), ("/nosuch", 127), ("/etc", 126)] {
            let ran = here.run(["exec", "web", command]).fails(code);
            assert!(ran.err().starts_with(&format!("Error: exec: \"{command}\": ")), "{runtime}: {ran}");
        }
        let ran = here.run(["exec", "-d", "web", "sleep", "600"]).ok();
        assert!(ran.elapsed.as_secs() < 20, "{runtime}");
        here.run(["exec", "-d", "web", "nosuch"]).fails(127).complains("exec: \"nosuch\"");
        here.run(["exec", "-t", "web", "sh", "-c", "test -t 1 && echo yes; exit 4"])
            .exits(4)
            .stdout("yes\r\n");
        let bytes = crate::harness::noise::noise(15, 2 << 20);
        let ran = here.run_fed(["exec", "-i", "web", "cat"], Feed::Bytes(bytes.clone())).ok();
        assert!(ran.stdout == bytes, "{runtime}");
        let names = std::fs::read_dir(here.dir(&id)).expect("it is there").flatten();
        let left: Vec<_> = names.map(|entry| entry.file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("exec-")), "{left:?}");
    });
}
