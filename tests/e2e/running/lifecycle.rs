//! From `create` to `rm`: what `ps` says meanwhile, and what may be done when.

use std::time::{Duration, Instant};

use super::{Host, WAITS, eventually};
use crate::harness::child::Feed;

#[test]
fn ps_says_what_a_container_does() {
    let Some(here) = Host::new() else { return };
    here.run(["create", "--name", "new", "busybox"]).ok();
    here.waiting("web", &[]);
    here.run(["run", "--name", "job", "busybox", "sh", "-c", "exit 5"]).exits(5);
    assert_eq!(here.status("new"), "Created");
    assert!(here.status("web").starts_with("Up "), "{}", here.status("web"));
    let status = here.status("job");
    assert!(status.starts_with("Exited (5) ") && status.ends_with(" ago"), "{status}");
    here.run(["ps", "--format", "{{.Names}} {{.State}}"]).ok().stdout("web running\n");
    for (filter, name) in
        [("status=created", "new"), ("status=running", "web"), ("status=exited", "job"), ("exited=5", "job")]
    {
        here.run(["ps", "-a", "-f", filter, "--format", "{{.Names}}"]).ok().stdout(format!("{name}\n"));
    }
    here.run(["pause", "web"]).ok().stdout("web\n");
    let status = here.status("web");
    assert!(status.starts_with("Up ") && status.ends_with(" (Paused)"), "{status}");
    here.run(["ps", "--format", "{{.State}}"]).ok().stdout("paused\n");
    here.run(["unpause", "web"]).ok().stdout("web\n");
    let state = here.of("web", "{{.State.Status}} {{.State.Running}} {{.State.Paused}}");
    assert_eq!(state, "running true false");
}

#[test]
fn stop_asks_and_the_exit_code_is_what_the_process_says() {
    let Some(here) = Host::new() else { return };
    here.waiting("polite", &[]);
    let begun = Instant::now();
    here.run(["stop", "polite"]).ok().stdout("polite\n");
    assert!(begun.elapsed() < Duration::from_secs(8), "it did not wait to be killed");
    assert!(here.status("polite").starts_with("Exited (5) "));
    here.run(["logs", "polite"]).ok().stdout("up\nasked\n");
    here.run(["stop", "polite"]).ok().stdout("polite\n");
    here.run(["stop", "nosuch"]).fails(1).complains("No such container: nosuch");
}

#[test]
fn stop_kills_what_does_not_listen() {
    let Some(here) = Host::new() else { return };
    here.detached(&["--name", "deaf", "busybox", "sleep", "600"]);
    let begun = Instant::now();
    here.run(["stop", "-t", "1", "deaf"]).ok();
    assert!(begun.elapsed() >= Duration::from_secs(1) && begun.elapsed() < Duration::from_secs(8));
    assert!(here.status("deaf").starts_with("Exited (137) "));
    // As it was created: another signal, and no time.
    let script = "trap 'exit 6' USR1; echo up; while :; do sleep 0.05; done";
    here.detached(&["--name", "own", "--stop-signal", "USR1", "busybox", "sh", "-c", script]);
    eventually("it is up", || here.run(["logs", "own"]).out() == "up\n");
    here.run(["stop", "own"]).ok();
    assert!(here.status("own").starts_with("Exited (6) "));
    here.detached(&["--name", "now", "--stop-timeout", "0", "busybox", "sleep", "600"]);
    here.run(["stop", "now"]).ok();
    assert!(here.status("now").starts_with("Exited (137) "));
}

#[test]
fn kill_sends_what_it_is_told_to() {
    let Some(here) = Host::new() else { return };
    let script = "trap 'echo hup' HUP; trap 'exit 3' INT; echo up; while :; do sleep 0.05; done";
    here.detached(&["--name", "web", "busybox", "sh", "-c", script]);
    eventually("it is up", || here.run(["logs", "web"]).out() == "up\n");
    for signal in ["HUP", "SIGHUP", "1"] {
        let before = here.run(["logs", "web"]).out().len();
        here.run(["kill", "-s", signal, "web"]).ok().stdout("web\n");
        eventually("it has heard", || here.run(["logs", "web"]).out().len() > before);
    }
    here.run(["kill", "-s", "BOGUS", "web"]).fails(1).complains("Invalid signal: BOGUS");
    here.run(["kill", "-s", "INT", "web"]).ok();
    here.run(["wait", "web"]).ok().stdout("3\n");
    let id = here.of("web", "{{.Id}}");
    let why = format!("Cannot kill container: web: Container {id} is not running");
    here.run(["kill", "web"]).fails(1).complains(why);
}

#[test]
fn a_container_that_is_started_again_has_what_it_wrote() {
    let Some(here) = Host::new() else { return };
    let script = "echo run >> /srv/runs; cat /srv/runs; rm -f /etc/group";
    here.run(["run", "--name", "job", "busybox", "sh", "-c", script]).ok().stdout("run\n");
    here.run(["start", "-a", "job"]).ok().stdout("run\nrun\n");
    here.run(["start", "job"]).ok().stdout("job\n");
    here.run(["wait", "job"]).ok().stdout("0\n");
    here.run(["cp", "job:/srv/runs", "-"]).ok().says("run\nrun\nrun\n");
    here.run(["diff", "job"]).ok().stdout("C /etc\nD /etc/group\nC /srv\nA /srv/runs\n");
    here.run(["run", "--name", "seven", "busybox", "sh", "-c", "exit 7"]).exits(7);
    here.run(["start", "-a", "seven"]).exits(7).stdout("");
}

#[test]
fn restart_stops_and_starts() {
    let Some(here) = Host::new() else { return };
    here.waiting("web", &[]);
    let before = (here.pid("web"), here.of("web", "{{.State.StartedAt}}"));
    here.run(["restart", "-t", "5", "web"]).ok().stdout("web\n");
    let after = (here.pid("web"), here.of("web", "{{.State.StartedAt}}"));
    assert!(before.0 != after.0 && before.1 < after.1, "{before:?} {after:?}");
    assert_eq!(here.of("web", "{{.RestartCount}}"), "0", "only what happens by itself is counted");
    here.run(["logs", "web"]).ok().says("up\nasked\n");
    here.run(["stop", "web"]).ok();
    here.run(["restart", "web"]).ok();
    assert!(here.status("web").starts_with("Up "));
    // One that runs is left as it is.
    let pid = here.pid("web");
    here.run(["start", "web"]).ok().stdout("web\n");
    assert_eq!(here.pid("web"), pid);
}

#[test]
fn what_is_paused_stands_still() {
    let Some(here) = Host::new() else { return };
    let script = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done";
    let id = here.detached(&["--name", "clock", "busybox", "sh", "-c", script]);
    eventually("it ticks", || here.run(["logs", "clock"]).out().lines().count() > 3);
    here.run(["pause", "clock"]).ok().stdout("clock\n");
    std::thread::sleep(Duration::from_millis(200));
    let before = here.run(["logs", "clock"]).ok().out();
    std::thread::sleep(Duration::from_millis(300));
    here.run(["logs", "clock"]).ok().stdout(before.clone());
    here.run(["pause", "clock"]).fails(1).complains(format!("Container {id} is already paused"));
    let why = "Container clock is paused, unpause the container before exec";
    here.run(["exec", "clock", "true"]).fails(1).complains(why);
    here.run(["start", "clock"]).fails(1).complains("cannot start a paused container, try unpause instead");
    here.run(["attach", "clock"])
        .fails(1)
        .complains("You cannot attach to a paused container, unpause it first");
    here.run(["unpause", "clock"]).ok().stdout("clock\n");
    eventually("it goes on", || here.run(["logs", "clock"]).out().len() > before.len());
    here.run(["unpause", "clock"]).fails(1).complains(format!("Container {id} is not paused"));
    // Frozen or not, it can be killed and stopped.
    here.run(["pause", "clock"]).ok();
    here.run(["kill", "clock"]).ok();
    eventually("it is over", || here.status("clock").starts_with("Exited (137) "));
    here.run(["start", "clock"]).ok();
    here.run(["pause", "clock"]).ok();
    here.run(["stop", "-t", "1", "clock"]).ok();
    assert!(here.status("clock").starts_with("Exited (137) "));
}

#[test]
fn wait_blocks_until_the_end_and_prints_how_it_was() {
    let Some(here) = Host::new() else { return };
    here.waiting("one", &[]);
    here.waiting("two", &[]);
    let waiting = here.start(["wait", "one", "two"], Feed::Nothing);
    std::thread::sleep(Duration::from_millis(300));
    assert!(!waiting.is_over());
    here.run(["kill", "two"]).ok();
    assert!(!waiting.is_over());
    here.run(["stop", "one"]).ok();
    waiting.wait().ok().stdout("5\n137\n");
    here.run(["wait", "one"]).ok().stdout("5\n");
    here.run(["create", "--name", "new", "busybox"]).ok();
    here.run(["wait", "nosuch"]).fails(1).complains("No such container: nosuch");
}

#[test]
fn a_container_that_runs_is_removed_only_by_force() {
    let Some(here) = Host::new() else { return };
    let id = here.waiting("web", &[]);
    let why = format!(
        "You cannot remove a running container {id}. Stop the container before attempting removal or force remove"
    );
    here.run(["rm", "web"]).fails(1).stdout("").complains(why);
    assert!(here.status("web").starts_with("Up "));
    here.run(["pause", "web"]).ok();
    let why = format!(
        "You cannot remove a paused container {id}. Unpause and then stop the container before attempting removal or force remove"
    );
    here.run(["rm", "web"]).fails(1).complains(why);
    here.run(["rm", "-f", "web"]).ok().stdout("web\n");
    assert!(!here.dir(&id).exists());
    eventually("nothing of it is left", || here.at_work(std::slice::from_ref(&id)).is_empty());
    let id = here.waiting("web", &[]);
    here.run(["rm", "-f", &id[..12]]).ok().stdout(format!("{}\n", &id[..12]));
    assert_eq!(here.ids(), [""; 0]);
}

#[test]
fn rm_in_time_removes_it_when_it_ends() {
    let Some(here) = Host::new() else { return };
    here.shell(&[], "exit 3").exits(3);
    assert_eq!(here.ids(), [""; 0], "gone before the command ends");
    let id = here.waiting("web", &["--rm"]);
    here.run(["stop", "web"]).ok();
    eventually("it is gone", || here.ids().is_empty() && !here.dir(&id).exists());
    here.run(["run", "--rm", "--restart", "always", "busybox"])
        .fails(125)
        .complains("conflicting options: cannot specify both --restart and --rm");
}

#[test]
fn a_name_is_one_containers() {
    let Some(here) = Host::new() else { return };
    let id = here.waiting("web", &[]);
    let why = format!("The container name \"/web\" is already in use by container \"{id}\"");
    here.run(["run", "--name", "web", "busybox"]).fails(125).complains(why);
    here.run(["rename", "web", "www"]).ok();
    here.run(["exec", "www", "echo", "same"]).ok().stdout("same\n");
    here.run(["run", "--rm", "--name", "web", "busybox", "echo", "free"]).ok().stdout("free\n");
}

#[test]
fn on_failure_a_container_is_started_again_as_often_as_was_said() {
    let Some(here) = Host::new() else { return };
    let script = "echo run; exit 4";
    here.detached(&["--name", "job", "--restart", "on-failure:2", "busybox", "sh", "-c", script]);
    eventually("it gives up", || here.status("job").starts_with("Exited (4) "));
    assert_eq!(here.of("job", "{{.RestartCount}}"), "2");
    here.run(["logs", "job"]).ok().stdout("run\nrun\nrun\n");
    here.detached(&["--name", "fine", "--restart", "on-failure:2", "busybox", "true"]);
    here.run(["wait", "fine"]).ok().stdout("0\n");
    assert_eq!(here.of("fine", "{{.RestartCount}}"), "0");
}

#[test]
fn always_means_until_it_is_stopped() {
    let Some(here) = Host::new() else { return };
    let id =
        here.detached(&["--name", "job", "--restart", "always", "busybox", "sh", "-c", "echo run; exit 1"]);
    eventually("it runs again and again", || here.run(["logs", "job"]).out().lines().count() >= 3);
    let mut seen = String::new();
    eventually("ps says so", || {
        seen = here.status("job");
        seen.starts_with("Restarting (1) ")
    });
    here.run(["stop", "-t", "1", "job"]).ok().stdout("job\n");
    let runs = here.run(["logs", "job"]).ok().out().lines().count();
    assert!(here.status("job").starts_with("Exited ("), "{}", here.status("job"));
    eventually("nobody looks after it", || here.monitor(&id).is_none());
    assert_eq!(here.run(["logs", "job"]).ok().out().lines().count(), runs);
    // A stop of one that runs at the time is the end too.
    let args = ["--restart", "always", "--name", "web", "busybox", "sh", "-c", WAITS];
    here.detached(&args);
    eventually("it is up", || here.run(["logs", "web"]).out() == "up\n");
    here.run(["stop", "web"]).ok();
    assert!(here.status("web").starts_with("Exited (5) "));
}

#[test]
fn starting_what_is_not_there_fails_for_that_and_starts_the_rest() {
    let Some(here) = Host::new() else { return };
    here.run(["create", "--name", "web", "busybox", "sleep", "600"]).ok();
    here.run(["create", "--name", "bad", "busybox", "nosuch"]).ok();
    let ran = here.run(["start", "nosuch", "web", "bad"]).fails(1).stdout("web\n");
    ran.complains("No such container: nosuch")
        .complains("executable file not found in $PATH")
        .complains("failed to start containers: nosuch, bad");
    assert!(here.status("web").starts_with("Up "));
    assert_eq!(here.status("bad"), "Created");
}

#[test]
fn what_is_paused_is_asked_to_end_like_anything_else() {
    let Some(here) = Host::new() else { return };
    let script = "trap 'exit 7' TERM; echo up; while :; do sleep 0.1; done";
    here.detached(&["--name", "web", "busybox", "sh", "-c", script]);
    eventually("it is up", || here.run(["logs", "web"]).out() == "up\n");
    here.run(["pause", "web"]).ok();
    here.run(["stop", "-t", "60", "web"]).ok();
    here.run(["wait", "web"]).ok().stdout("7\n");
}

#[test]
fn a_stop_signal_may_be_one_of_real_time() {
    let Some(here) = Host::new() else { return };
    let flags = ["--name", "web", "--stop-signal", "SIGRTMIN+3", "busybox", "sh", "-c"];
    here.detached(&[&flags[..], &["trap 'exit 8' 37; echo up; while :; do sleep 0.1; done"]].concat());
    eventually("it is up", || here.run(["logs", "web"]).out() == "up\n");
    here.run(["stop", "-t", "60", "web"]).ok();
    here.run(["wait", "web"]).ok().stdout("8\n");
}

/// `--pid host`: the end of its process does not end the others by itself.
#[test]
fn what_outlives_the_process_of_a_container_does_not_outlive_the_container() {
    let Some(here) = Host::new() else { return };
    let ran =
        here.run(["run", "--rm", "--pid", "host", "busybox", "sh", "-c", "yes >&2 & sleep 600 & exit 3"]);
    assert_eq!(ran.code, Some(3));
}

#[test]
fn a_container_that_wrote_much_starts_again_at_once() {
    let Some(here) = Host::new() else { return };
    let script = "head -c 100000000 /dev/zero > /much; echo up; exec sleep 600";
    here.detached(&["--name", "web", "busybox", "sh", "-c", script]);
    eventually("it is up", || here.run(["logs", "web"]).out() == "up\n");
    here.run(["restart", "-t", "0", "web"]).ok();
    assert!(here.status("web").starts_with("Up "));
}
