//! Whatever is killed, and whenever: what is said of a container afterwards is true.

use std::fs;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Host, eventually, is_alive, processes};
use crate::harness::child::Feed;
use crate::harness::noise::Noise;

#[test]
fn a_container_ends_with_its_monitor() {
    let Some(here) = Host::new() else { return };
    let id = here.waiting("web", &[]);
    here.run(["exec", "-d", "web", "sleep", "600"]).ok();
    let first = here.pid("web");
    here.kill_monitor(&id);
    eventually("its process is gone", || !is_alive(first));
    let status = here.status("web");
    assert!(status.starts_with("Exited (137) "), "{status}");
    assert_eq!(here.of("web", "{{.State.Status}} {{.State.Running}} {{.State.Pid}}"), "exited false 0");
    assert!(here.of("web", "{{.State.Error}}").contains("monitor"), "it is told why");
    eventually("nothing is left", || here.at_work(std::slice::from_ref(&id)).is_empty());
    here.run(["exec", "web", "true"]).fails(1).complains(format!("Container {id} is not running"));
    here.run(["wait", "web"]).ok().stdout("137\n");
    here.run(["logs", "-f", "web"]).ok().says("up\n");
    here.run(["start", "web"]).ok();
    assert!(here.status("web").starts_with("Up "));
    assert_eq!(here.of("web", "{{.State.Error}}"), "");
    here.run(["exec", "web", "echo", "again"]).ok().stdout("again\n");
    here.run(["stop", "web"]).ok();
    here.run(["rm", "web"]).ok();
    here.is_clean();
}

/// Also of processes that are not below its first one.
#[test]
fn a_container_whose_monitor_was_killed_is_removed_with_its_processes() {
    let Some(here) = Host::new() else { return };
    let script = "sleep 600 & echo up; exec sleep 600";
    let id = here.detached(&["--name", "web", "--pid", "host", "busybox", "sh", "-c", script]);
    eventually("it is up", || here.run(["logs", "web"]).out() == "up\n");
    here.kill_monitor(&id);
    here.run(["rm", "-f", "web"]).ok();
    eventually("nothing is left", || here.at_work(std::slice::from_ref(&id)).is_empty());
    for name in ["", "memory/", "pids/"] {
        let cgroup = format!("/sys/fs/cgroup/{name}larder/{id}");
        assert!(!std::path::Path::new(&cgroup).exists(), "{cgroup}");
    }
}

/// A start finds its container, or it is gone; none runs that nobody knows of.
#[test]
fn a_container_is_not_started_while_it_is_removed() {
    let Some(here) = Host::new() else { return };
    let mut dice = Noise::of_run("a_container_is_not_started_while_it_is_removed");
    for _ in 0..10 {
        let id =
            here.run(["create", "--name", "web", "busybox", "sleep", "600"]).ok().out().trim().to_owned();
        let starting = here.start(["start", "web"], Feed::Nothing);
        thread::sleep(Duration::from_millis(dice.below(80)));
        let removed = here.run(["rm", "web"]);
        let started = starting.wait();
        assert!(removed.code != Some(0) || started.code != Some(0), "{removed}\n{started}");
        here.run(["rm", "-f", "web"]);
        eventually("nothing is left", || here.at_work(std::slice::from_ref(&id)).is_empty());
        assert_eq!(here.ids(), [""; 0]);
    }
}

#[test]
fn whoever_waits_for_a_container_hears_that_its_monitor_was_killed() {
    let Some(here) = Host::new() else { return };
    let id = here.waiting("web", &["--rm"]);
    let waiting = here.start(["wait", "web"], Feed::Nothing);
    let following = here.start(["logs", "-f", "web"], Feed::Nothing);
    let attached = here.start(["attach", "web"], Feed::Nothing);
    thread::sleep(Duration::from_millis(300));
    here.kill_monitor(&id);
    waiting.wait().ok().stdout("137\n");
    following.wait();
    let ran = attached.wait();
    assert_ne!(ran.code, Some(0), "{ran}");
    // --rm holds all the same, by whoever comes next and looks at it.
    here.run(["start", "web"]).fails(1);
    assert_eq!(here.ids(), [""; 0]);
}

#[test]
fn a_container_goes_on_without_the_command_that_started_it() {
    let Some(here) = Host::new() else { return };
    let script = "echo up; while ! test -e /srv/end; do sleep 0.05; done; echo end; exit 6";
    let running = here.start(["run", "--name", "web", "busybox", "sh", "-c", script], Feed::Nothing);
    eventually("it is up", || here.run(["logs", "web"]).out() == "up\n");
    running.signal(rustix::process::Signal::KILL);
    assert_eq!(running.wait().signal, Some(9));
    assert!(here.status("web").starts_with("Up "));
    here.run(["exec", "web", "touch", "/srv/end"]).ok();
    here.run(["wait", "web"]).ok().stdout("6\n");
    assert!(here.status("web").starts_with("Exited (6) "));
    here.run(["logs", "web"]).ok().stdout("up\nend\n");
}

/// All that works on the store is killed at once, and nobody had the time to say so.
#[test]
fn pulling_the_plug_leaves_no_lies() {
    let Some(here) = Host::new() else { return };
    let mut ids = vec![here.waiting("one", &[]), here.waiting("two", &[]), here.waiting("gone", &["--rm"])];
    ids.push(here.waiting("always", &["--restart", "always"]));
    here.run(["pause", "two"]).ok();
    let attached = here.start(["attach", "one"], Feed::Nothing);
    let pids: Vec<_> = here.at_work(&ids).iter().map(|process| process.pid).collect();
    assert!(pids.len() >= 8, "{pids:?}");
    for pid in pids {
        // Some end with others.
        if let Some(pid) = rustix::process::Pid::from_raw(pid) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
    attached.wait();
    for name in ["one", "two", "always"] {
        assert!(here.status(name).starts_with("Exited (137) "), "{name}: {}", here.status(name));
        here.run(["start", name]).ok();
        here.run(["stop", "-t", "1", name]).ok();
    }
    here.run(["inspect", "gone"]);
    here.run(["rm", "one", "two", "always"]).ok();
    here.run(["rm", "-f", "gone"]);
    eventually("nothing is left", || here.at_work(&ids).is_empty());
    assert_eq!(fs::read_dir(here.store().join("containers")).expect("it is there").count(), 0);
    here.is_clean();
}

/// The machine has been started anew: what ran has ended with it.
#[test]
fn what_ran_before_the_machine_was_started_has_exited_with_255() {
    let Some(here) = Host::new() else { return };
    here.run(["run", "--name", "web", "busybox", "true"]).ok();
    let file = here.dir(&here.of("web", "{{.Id}}")).join("status");
    for state in ["running", "paused", "restarting"] {
        let mut status: Value = serde_json::from_slice(&fs::read(&file).expect("a status")).expect("JSON");
        assert!(status["BootId"].is_string(), "{status}");
        status["BootId"] = json!("00000000-0000-0000-0000-000000000000");
        // The number is somebody else's now: nobody may be killed for it.
        status["Pid"] = json!(std::process::id());
        status["Status"] = json!(state);
        fs::write(&file, status.to_string()).expect("a status");
        let shown = here.status("web");
        assert!(shown.starts_with("Exited (255) "), "{state}: {shown}");
        assert_eq!(here.of("web", "{{.State.Pid}}"), "0");
        here.run(["exec", "web", "true"]).fails(1).complains("is not running");
        here.run(["stop", "web"]).ok();
        here.run(["start", "-a", "web"]).ok();
        assert!(here.status("web").starts_with("Exited (0) "));
    }
}

/// `start` and `run -d` are killed while they are at it. Afterwards a container was created,
/// or runs and has a monitor, or has exited.
#[test]
fn starting_happens_or_does_not() {
    let Some(here) = Host::new() else { return };
    let mut noise = Noise::new(2024);
    for round in 0..20 {
        let name = format!("job{round}");
        let script = "echo run; sleep 0.2; exit 3";
        let running = if round % 2 == 0 {
            here.run(["create", "--name", &name, "busybox", "sh", "-c", script]).ok();
            here.start(["start", &name], Feed::Nothing)
        } else {
            here.start(["run", "-d", "--name", &name, "busybox", "sh", "-c", script], Feed::Nothing)
        };
        thread::sleep(Duration::from_micros(noise.below(120_000)));
        running.signal(rustix::process::Signal::KILL);
        running.wait();
        // It was not made at all, or is one thing or another.
        let mut status = here.status(&name);
        let id = match status.is_empty() {
            true => continue,
            false => here.of(&name, "{{.Id}}"),
        };
        eventually("it is over or never was", || {
            status = here.status(&name);
            assert!(
                ["Up ", "Exited (3) ", "Created"].iter().any(|word| status.starts_with(word)),
                "round {round}: {status}"
            );
            // Looked at in this order: it may end at any time.
            let is_watched = here.monitor(&id).is_some() || !here.status(&name).starts_with("Up ");
            assert!(!status.starts_with("Up ") || is_watched, "round {round}: {status}, and no monitor");
            !status.starts_with("Up ") && here.at_work(std::slice::from_ref(&id)).is_empty()
        });
        if status == "Created" {
            here.run(["logs", &name]).ok().stdout("");
        }
        here.run(["start", "-a", &name]).exits(3);
        here.run(["rm", &name]).ok();
    }
    assert!(processes().iter().all(|process| !process.words.contains(&here.store().display().to_string())));
    here.is_clean();
}

/// The kernel takes it back that a process dies with its parent when it changes its user.
/// Whoever says that it has ended has seen to it.
#[test]
fn a_container_that_changed_its_user_does_not_outlive_what_is_said_of_it() {
    let Some(here) = Host::new() else { return };
    for look in [&["ps", "-a"][..], &["inspect", "web"], &["logs", "web"]] {
        let script = "exec su -s /bin/sh web -c 'exec sleep 600'";
        let id = here.detached(&["--name", "web", "busybox", "sh", "-c", script]);
        eventually("it is another's", || {
            let pid = here.pid("web");
            fs::read_to_string(format!("/proc/{pid}/status"))
                .is_ok_and(|status| status.contains("Uid:\t1000"))
        });
        let pid = here.pid("web");
        here.kill_monitor(&id);
        here.run(look).ok();
        assert!(!is_alive(pid), "{look:?}");
        assert!(here.status("web").starts_with("Exited (137) "), "{look:?}: {}", here.status("web"));
        here.run(["rm", "web"]).ok();
    }
}

/// Those that hold it still are killed, or are two at once.
#[test]
fn nothing_stays_frozen_behind_those_who_held_it() {
    let Some(here) = Host::new() else { return };
    here.waiting("web", &[]);
    here.run(["exec", "web", "sh", "-c", "dd if=/dev/urandom of=/srv/much bs=1M count=64 2>/dev/null"]).ok();
    let one = here.start(["commit", "web", "one"], Feed::Nothing);
    let two = here.start(["commit", "web", "two"], Feed::Nothing);
    eventually("it is held", || one.is_over() || here.status("web").ends_with(" (Paused)"));
    one.signal(rustix::process::Signal::KILL);
    one.wait();
    two.wait().ok();
    eventually("it goes on", || !here.status("web").ends_with(" (Paused)"));
    here.run(["exec", "web", "true"]).ok();
    // One that was frozen before stays so.
    here.run(["pause", "web"]).ok();
    here.run(["commit", "web", "three"]).ok();
    assert!(here.status("web").ends_with(" (Paused)"));
}
