//! Containers that end at the same time as something else happens to them, and that are
//! started again.

use super::{Host, WAITS, eventually};
use crate::harness::child::Feed;

#[test]
fn a_container_that_is_removed_when_it_ends_is_restarted_all_the_same() {
    let Some(here) = Host::new() else { return };
    let id = here.waiting("web", &["--rm"]);
    let pid = here.pid("web");
    here.run(["restart", "web"]).ok().stdout("web\n");
    assert_eq!(here.of("web", "{{.Id}}"), id);
    assert_ne!(here.pid("web"), pid);
    here.run(["stop", "web"]).ok();
    eventually("it is gone", || here.ids().is_empty());
}

/// Others follow, and are not heard any more.
#[test]
fn whoever_runs_a_container_sits_at_its_first_run() {
    let Some(here) = Host::new() else { return };
    let script = "cat; echo run; exit 4";
    let args = ["run", "-i", "--name", "job", "--restart", "on-failure:1", "busybox", "sh", "-c", script];
    here.run_fed(args, Feed::Bytes(b"hi\n".into())).exits(4).stdout("hi\nrun\n");
    // It reads what nobody writes.
    eventually("the second one runs", || here.status("job").starts_with("Up "));
    assert_eq!(here.of("job", "{{.RestartCount}}"), "1");
    here.run(["rm", "-f", "job"]).ok();
    here.run(["run", "--name", "web", "--restart", "always", "busybox", "false"]).exits(1);
    here.run(["stop", "web"]).ok();
}

#[test]
fn a_signal_by_hand_is_the_end_unless_another_one_stops_it() {
    let Some(here) = Host::new() else { return };
    let script = "trap 'exit 6' HUP; echo up; while :; do sleep 0.05; done";
    let command = ["busybox", "sh", "-c", script];
    here.detached(&[&["--name", "web", "--restart", "always"], &command[..]].concat());
    here.detached(
        &[&["--name", "job", "--restart", "always", "--stop-signal", "USR1"], &command[..]].concat(),
    );
    for name in ["web", "job"] {
        eventually("it is up", || here.run(["logs", name]).out() == "up\n");
        here.run(["kill", "-s", "HUP", name]).ok();
    }
    eventually("it is over", || here.status("web").starts_with("Exited (6) "));
    eventually("it is started again", || here.run(["logs", "job"]).out() == "up\nup\n");
    here.run(["rm", "-f", "job"]).ok();
}

#[test]
fn any_number_of_seconds_may_be_waited_for() {
    let Some(here) = Host::new() else { return };
    here.waiting("web", &[]);
    here.run(["stop", "-t", "9223372036854775807", "web"]).ok();
    assert!(here.status("web").starts_with("Exited (5) "));
}

/// Where it is not stopped it did not say so.
#[test]
fn a_container_that_is_about_to_start_is_stopped() {
    let Some(here) = Host::new() else { return };
    for round in 0..8 {
        let name = format!("web{round}");
        here.run(["create", "--name", &name, "busybox", "sh", "-c", WAITS]).ok();
        let starting = here.start(["start", &name], Feed::Nothing);
        let dir = here.dir(&here.of(&name, "{{.Id}}"));
        eventually("it is at it", || starting.is_over() || dir.join("monitor").exists());
        here.run(["stop", "-t", "1", &name]).ok();
        assert!(!here.status(&name).starts_with("Up "), "{}", here.status(&name));
        starting.wait();
        assert!(!here.status(&name).starts_with("Up "), "{}", here.status(&name));
    }
}

#[test]
fn those_who_come_too_late_to_remove_a_container_hear_that_there_is_none() {
    let Some(here) = Host::new() else { return };
    for _ in 0..5 {
        here.waiting("web", &[]);
        let removing: Vec<_> = (0..3).map(|_| here.start(["rm", "-f", "web"], Feed::Nothing)).collect();
        let mut removed = 0;
        for ran in removing.into_iter().map(|removing| removing.wait()) {
            match ran.code {
                Some(0) => removed += 1,
                _ => _ = ran.fails(1).complains("No such container: web"),
            }
        }
        assert!(removed > 0);
        assert_eq!(here.ids(), [""; 0]);
    }
}

/// A client that is stopped holds up nobody but itself.
#[test]
fn run_does_not_wait_for_others_who_listen() {
    let Some(here) = Host::new() else { return };
    let script = "read go; seq 300000; echo done";
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let args = ["run", "-i", "--name", "talker", "busybox", "sh", "-c", script];
    let running = here.start(args, Feed::From(reader.into()));
    eventually("it runs", || here.status("talker").starts_with("Up "));
    let attached = here.start(["attach", "--no-stdin", "talker"], Feed::Nothing);
    std::thread::sleep(std::time::Duration::from_millis(300));
    attached.signal(rustix::process::Signal::STOP);
    std::io::Write::write_all(&mut writer, b"go\n").expect("it reads");
    // A megabyte waits for the one that is stopped, and the rest is in its socket.
    let begin = std::time::Instant::now();
    while !running.is_over() && begin.elapsed().as_secs() < 20 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let is_over = running.is_over();
    attached.signal(rustix::process::Signal::CONT);
    let ran = running.wait();
    assert!(is_over && ran.out().ends_with("done\n"), "{} bytes", ran.stdout.len());
    assert!(attached.wait().ok().out().ends_with("done\n"), "nor does it lose anything");
}
