//! Containers with a terminal, from one that somebody sits at.

use std::thread;
use std::time::Duration;

use super::{Host, eventually};
use crate::harness::terminal::Terminal;

#[track_caller]
fn at_terminal(here: &Host, args: &[&str]) -> Terminal {
    Terminal::start(&here.larder(args), 33, 111)
}

#[test]
fn a_process_with_a_terminal_has_one_of_that_size() {
    let Some(here) = Host::new() else { return };
    let script = "tty; stty size; test -t 0 && test -t 1 && test -t 2 && echo all; echo $TERM; exit 7";
    let mut terminal = at_terminal(&here, &["run", "--rm", "-it", "busybox", "sh", "-c", script]);
    assert_eq!(terminal.ends(), Some(7), "{}", terminal.shown());
    terminal.shows("/dev/");
    terminal.shows("33 111\r\nall\r\nxterm\r\n");
    assert!(!terminal.is_raw(), "the terminal is as it was");
    // Without anybody at one it has one all the same.
    let ran =
        here.run(["run", "--rm", "-t", "busybox", "sh", "-c", "test -t 0 && echo yes; echo err >&2"]).ok();
    assert_eq!((ran.out().as_str(), ran.err().as_str()), ("yes\r\nerr\r\n", ""));
    here.run(["run", "--rm", "-it", "busybox", "sh"]).fails(1).complains("the input device is not a TTY");
}

#[test]
fn a_shell_is_talked_to_and_the_window_changes() {
    let Some(here) = Host::new() else { return };
    let mut terminal = at_terminal(&here, &["run", "--rm", "-it", "busybox", "sh"]);
    terminal.types("echo $((6*7))\r");
    terminal.shows("\r\n42\r\n");
    assert!(terminal.is_raw());
    terminal.types("stty size\r");
    terminal.shows("\r\n33 111\r\n");
    terminal.resize(44, 99);
    for _ in 0..50 {
        terminal.types("stty size\r");
        thread::sleep(Duration::from_millis(20));
        if terminal.shown().contains("\r\n44 99\r\n") {
            break;
        }
    }
    terminal.shows("\r\n44 99\r\n");
    terminal.types("exit 3\r");
    assert_eq!(terminal.ends(), Some(3), "{}", terminal.shown());
}

/// A program in the container hears of it, as one outside would.
#[test]
fn a_change_of_the_window_is_a_signal_in_the_container() {
    let Some(here) = Host::new() else { return };
    let script = "trap 'stty size; exit 4' WINCH; echo up; while :; do sleep 0.05; done";
    let mut terminal = at_terminal(&here, &["run", "--rm", "-it", "busybox", "sh", "-c", script]);
    terminal.shows("up\r\n");
    terminal.resize(20, 50);
    terminal.shows("20 50\r\n");
    assert_eq!(terminal.ends(), Some(4));
}

#[test]
fn the_keys_leave_it_running_and_attach_comes_back() {
    let Some(here) = Host::new() else { return };
    let mut terminal = at_terminal(&here, &["run", "-it", "--name", "shell", "busybox", "sh"]);
    terminal.types("echo $((1+1))\r");
    terminal.shows("\r\n2\r\n");
    // Half of them is just a key.
    terminal.types("\x10\x05");
    terminal.shows("echo $((1+1))");
    terminal.types("\x15\x10\x11");
    assert_eq!(terminal.ends(), Some(0), "{}", terminal.shown());
    terminal.shows("read escape sequence");
    assert!(!terminal.is_raw());
    assert!(here.status("shell").starts_with("Up "));
    let mut terminal = at_terminal(&here, &["attach", "shell"]);
    terminal.types("echo $((2+2)); stty size\r");
    terminal.shows("\r\n4\r\n33 111\r\n");
    let mut other = at_terminal(&here, &["attach", "--detach-keys", "ctrl-x,x", "shell"]);
    other.types("echo $((4+4))\r");
    other.shows("\r\n8\r\n");
    // Both see what both type.
    terminal.shows("\r\n8\r\n");
    other.types("\x18x");
    assert_eq!(other.ends(), Some(0));
    terminal.types("exit 6\r");
    assert_eq!(terminal.ends(), Some(6));
    here.run(["attach", "shell"])
        .fails(1)
        .complains("You cannot attach to a stopped container, start it first");
    let mut again = at_terminal(&here, &["start", "-ai", "shell"]);
    again.types("exit 8\r");
    assert_eq!(again.ends(), Some(8));
}

#[test]
fn ctrl_c_reaches_the_process_and_nobody_else() {
    let Some(here) = Host::new() else { return };
    let script = "trap 'echo caught; exit 9' INT; echo up; while :; do sleep 0.05; done";
    let mut terminal = at_terminal(&here, &["run", "--rm", "-it", "busybox", "sh", "-c", script]);
    terminal.shows("up\r\n");
    terminal.types("\x03");
    terminal.shows("caught\r\n");
    assert_eq!(terminal.ends(), Some(9));
    // Without a terminal in the container it is a signal that is handed on.
    let mut terminal = at_terminal(&here, &["run", "--rm", "busybox", "sh", "-c", script]);
    terminal.shows("up\r\n");
    terminal.types("\x03");
    terminal.shows("caught\r\n");
    assert_eq!(terminal.ends(), Some(9));
}

#[test]
fn attach_sees_what_comes_and_ends_with_the_exit_code() {
    let Some(here) = Host::new() else { return };
    here.waiting("web", &[]);
    let running = here.start(["attach", "web"], crate::harness::child::Feed::Nothing);
    thread::sleep(Duration::from_millis(300));
    here.run(["exec", "web", "sh", "-c", "echo now > /proc/1/fd/1"]).ok();
    here.run(["stop", "web"]).ok();
    running.wait().exits(5).stdout("now\nasked\n");
    let running = here.start(["start", "-a", "web"], crate::harness::child::Feed::Nothing);
    eventually("it is up", || here.run(["logs", "web"]).out().matches("up\n").count() == 2);
    running.signal(rustix::process::Signal::TERM);
    running.wait().exits(5).stdout("up\nasked\n");
}

#[test]
fn exec_at_a_terminal_is_a_shell_like_any_other() {
    let Some(here) = Host::new() else { return };
    here.waiting("web", &[]);
    let mut terminal = at_terminal(&here, &["exec", "-it", "web", "sh"]);
    terminal.types("stty size; echo $((6*7))\r");
    terminal.shows("\r\n33 111\r\n42\r\n");
    terminal.types("sleep 600\r");
    thread::sleep(Duration::from_millis(300));
    terminal.types("\x03");
    terminal.types("tty && exit 5\r");
    assert_eq!(terminal.ends(), Some(5), "{}", terminal.shown());
    here.run(["exec", "-it", "web", "sh"]).fails(1).complains("the input device is not a TTY");
}

/// The command at a terminal is killed: the container goes on.
#[test]
fn a_terminal_that_goes_leaves_the_container() {
    let Some(here) = Host::new() else { return };
    let mut terminal = at_terminal(&here, &["run", "-it", "--name", "shell", "busybox", "sh"]);
    terminal.types("echo $((1+1))\r");
    terminal.shows("\r\n2\r\n");
    super::kill(terminal.pid());
    terminal.ends();
    assert!(here.status("shell").starts_with("Up "));
    let mut terminal = at_terminal(&here, &["attach", "shell"]);
    terminal.types("exit 6\r");
    assert_eq!(terminal.ends(), Some(6));
}

/// As a getty, or a shell that is started by an init.
#[test]
fn a_terminal_that_nobody_had_open_for_a_while_is_there_again() {
    let Some(here) = Host::new() else { return };
    let script = "exec 0<&- 1>&- 2>&-; sleep 0.5; exec 0</dev/console 1>/dev/console 2>&1; echo again; read line; echo got $line; exit 3";
    let mut terminal = at_terminal(&here, &["run", "--rm", "-it", "busybox", "sh", "-c", script]);
    terminal.shows("again\r\n");
    terminal.types("this\r");
    terminal.shows("got this\r\n");
    assert_eq!(terminal.ends(), Some(3));
}

#[test]
fn a_terminal_is_as_it_was_when_the_command_at_it_is_asked_to_end() {
    let Some(here) = Host::new() else { return };
    here.waiting("web", &[]);
    let mut terminal = at_terminal(&here, &["exec", "-it", "web", "sh"]);
    terminal.types("echo $((6*7))\r");
    terminal.shows("\r\n42\r\n");
    assert!(terminal.is_raw());
    let pid = rustix::process::Pid::from_raw(terminal.pid()).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it is there");
    assert_eq!(terminal.ends(), Some(143));
    assert!(!terminal.is_raw());
}
