//! How `run` ends: as the process did, or as Docker tells why there was none.

use super::{Host, eventually};
use crate::harness::child::Feed;

#[test]
fn the_exit_code_is_that_of_the_process() {
    let Some(here) = Host::new() else { return };
    for (script, code) in [("true", 0), ("exit 7", 7), ("exit 255", 255)] {
        here.shell(&[], script).exits(code).stdout("");
    }
}

/// The first process of a namespace is deaf to what it does not handle, so its child is asked.
#[test]
fn one_that_a_signal_ends_has_128_and_its_number() {
    let Some(here) = Host::new() else { return };
    here.shell(&[], "sh -c 'kill -TERM $$'; exit $?").exits(143);
    let running = here.start(["run", "--name", "killed", "busybox", "sleep", "60"], Feed::Nothing);
    eventually("it runs", || here.status("killed").starts_with("Up"));
    here.run(["kill", "killed"]).ok().stdout("killed\n");
    running.wait().exits(137).stdout("");
    assert!(here.status("killed").starts_with("Exited (137) "), "{}", here.status("killed"));
}

#[test]
fn a_flag_that_there_is_not_and_an_image_that_there_is_not_are_125() {
    let Some(here) = Host::new() else { return };
    let help = "Run 'larder run --help' for more information";
    here.run(["run", "--bogus", "busybox"]).fails(125).complains("unknown flag: --bogus").complains(help);
    here.run(["run", "nosuch", "true"])
        .fails(125)
        .complains("Unable to find image 'nosuch:latest' locally\n")
        .complains("nosuch")
        .complains(help);
    assert_eq!(here.ids(), [""; 0], "no container was made");
}

#[test]
fn what_cannot_be_executed_is_126_and_what_is_not_there_127() {
    let Some(here) = Host::new() else { return };
    for (command, code, why) in [
        ("/etc", 126, "exec: \"/etc\": is a directory"),
        ("/etc/passwd", 126, "exec: \"/etc/passwd\": permission denied"),
        ("nosuch", 127, "exec: \"nosuch\": executable file not found in $PATH"),
        ("/nosuch", 127, "exec: \"/nosuch\": stat /nosuch: no such file or directory"),
    ] {
        here.run(["run", "--rm", "busybox", command]).fails(code).stdout("").complains(why);
    }
    assert_eq!(here.ids(), [""; 0], "--rm holds for what never ran too");
    // Docker keeps what could not be started, as something that was never started.
    here.run(["run", "--name", "never", "busybox", "nosuch"]).fails(127);
    assert_eq!(here.status("never"), "Created");
    assert_eq!(here.of("never", "{{.State.ExitCode}}"), "127");
    assert!(here.of("never", "{{.State.Error}}").contains("executable file not found"));
    here.run(["run", "-d", "busybox", "nosuch"]).fails(127).complains("executable file not found");
}

#[test]
fn a_user_that_there_is_not_is_named() {
    let Some(here) = Host::new() else { return };
    let why = "unable to find user nobody: no matching entries in passwd file";
    here.run(["run", "--rm", "-u", "nobody", "busybox", "id"]).fails(125).complains(why);
    let why = "unable to find group staff: no matching entries in group file";
    here.run(["run", "--rm", "-u", "web:staff", "busybox", "id"]).fails(125).complains(why);
}

/// SIGTERM to `larder run` is for the process, and its exit code comes back.
#[test]
fn signals_to_the_command_are_handed_on() {
    use rustix::process::Signal;
    let Some(here) = Host::new() else { return };
    for (signal, name) in [(Signal::TERM, "TERM"), (Signal::HUP, "HUP"), (Signal::USR1, "USR1")] {
        let script = format!("trap 'echo got {name}; exit 9' {name}; echo up; while :; do sleep 0.05; done");
        let running = here.start(["run", "--name", name, "busybox", "sh", "-c", &script], Feed::Nothing);
        eventually("it is up", || here.run(["logs", name]).out() == "up\n");
        running.signal(signal);
        running.wait().exits(9).stdout(format!("up\ngot {name}\n"));
    }
}

#[test]
fn signals_are_kept_back_if_they_are_to_be() {
    use rustix::process::Signal;
    let Some(here) = Host::new() else { return };
    let args = ["run", "--sig-proxy=false", "--name", "deaf", "busybox", "sh", "-c", super::WAITS];
    let running = here.start(args, Feed::Nothing);
    eventually("it is up", || here.run(["logs", "deaf"]).out() == "up\n");
    running.signal(Signal::TERM);
    let ran = running.wait();
    assert_ne!(ran.code, Some(0), "{ran}");
    assert!(here.status("deaf").starts_with("Up"), "the container goes on");
}
