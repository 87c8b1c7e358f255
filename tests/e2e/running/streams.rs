//! What a process reads and writes, to the byte.

use std::io::Write as _;

use super::{Host, eventually};
use crate::harness::child::{self, Feed};
use crate::harness::noise::noise;
use crate::harness::{hex_digest, tools};

#[test]
fn standard_output_and_standard_error_are_two() {
    let Some(here) = Host::new() else { return };
    let ran = here.shell(&[], "echo out; echo err >&2; printf '\\000\\377no end'").ok();
    assert_eq!((&ran.stdout[..], ran.err().as_str()), (&b"out\n\0\xffno end"[..], "err\n"));
    // Also through the names that programs know.
    let ran = here.shell(&["-u", "web"], "echo a > /dev/stdout; echo b > /dev/stderr").ok();
    assert_eq!((ran.out().as_str(), ran.err().as_str()), ("a\n", "b\n"));
    let args = ["run", "--rm", "-a", "stderr", "busybox", "sh", "-c", "echo out; echo err >&2"];
    let ran = here.run(args).ok();
    assert_eq!((ran.out().as_str(), ran.err().as_str()), ("", "err\n"));
}

#[test]
fn without_i_there_is_nothing_to_read() {
    let Some(here) = Host::new() else { return };
    let ran = here.run_fed(["run", "--rm", "busybox", "wc", "-c"], Feed::Bytes(b"not for it".to_vec())).ok();
    assert_eq!(ran.out().trim(), "0");
}

/// More than all pipes on the way hold, in both directions at once.
#[test]
fn megabytes_go_through_a_container_and_come_back() {
    let Some(here) = Host::new() else { return };
    let bytes = noise(11, 8 << 20);
    let ran = here.run_fed(["run", "--rm", "-i", "busybox", "cat"], Feed::Bytes(bytes.clone())).ok();
    assert!(ran.stdout == bytes, "{} of {} bytes", ran.stdout.len(), bytes.len());
}

/// Nobody waits for it to speak before it has heard everything.
#[test]
fn a_container_that_reads_slowly_and_says_nothing_gets_all_of_it() {
    let Some(here) = Host::new() else { return };
    let bytes = noise(12, 12 << 20);
    let script = "sleep 1; sha1sum | cut -c1-40; cat";
    let ran = here.run_fed(["run", "--rm", "-i", "busybox", "sh", "-c", script], Feed::Bytes(bytes)).ok();
    assert_eq!(ran.out().trim().len(), 40, "{ran}");
}

#[test]
fn a_pipe_that_nobody_reads_ends_whoever_writes_to_it() {
    let Some(here) = Host::new() else { return };
    here.shell(&[], "(yes; echo $? >&2) | head -n 1").ok().stdout("y\n");
    here.waiting("web", &[]);
    let script = "grep SigIgn /proc/self/status | grep -c '1...$'";
    assert_eq!(here.run(["exec", "web", "sh", "-c", script]).out().trim(), "0");
}

/// As behind `nohup`, or behind the `&` of a script.
#[test]
fn a_container_hears_signals_that_whoever_started_it_ignores() {
    let Some(here) = Host::new() else { return };
    let deaf = |args: &[&str]| {
        child::run(tools::shell("trap '' HUP INT; exec \"$@\"", &here.larder(args)), Feed::Nothing)
    };
    let script = "trap 'exit 7' HUP; trap 'exit 8' INT; echo up; while :; do sleep 0.05; done";
    for (name, signal, code) in [("web", "HUP", "7\n"), ("job", "INT", "8\n")] {
        deaf(&["run", "-d", "--name", name, "busybox", "sh", "-c", script]).ok();
        eventually("it is up", || here.run(["logs", name]).out() == "up\n");
        here.run(["kill", "-s", signal, name]).ok();
        here.run(["wait", name]).ok().stdout(code);
    }
    here.waiting("db", &[]);
    deaf(&["exec", "db", "grep", "SigIgn:.*00$", "/proc/self/status"]).ok();
}

/// Whoever feeds it is not stopped by a process that does not read, nor it by them.
#[test]
fn a_process_that_does_not_read_all_ends() {
    let Some(here) = Host::new() else { return };
    let ran =
        here.run_fed(["run", "--rm", "-i", "busybox", "head", "-c", "3"], Feed::Bytes(noise(12, 8 << 20)));
    assert_eq!(ran.ok().stdout, noise(12, 8 << 20)[..3]);
}

#[test]
fn a_hundred_megabytes_come_out_as_they_were_written() {
    let Some(here) = Host::new() else { return };
    long_output(&here, 100 << 20);
}

#[test]
fn a_gigabyte_comes_out_as_it_was_written() {
    if std::env::var_os("LARDER_EXHAUSTIVE").is_none_or(|value| value != "1") {
        return;
    }
    let Some(here) = Host::new() else { return };
    long_output(&here, 1 << 30);
}

/// Lines with their numbers: one that is lost, or there twice, changes the digest.
#[track_caller]
fn long_output(here: &Host, len: usize) {
    let numbers = 100_000_000..100_000_000 + len / 10;
    let script = format!("seq {} {}", numbers.start, numbers.end - 1);
    let ran = here.shell(&[], &script).ok();
    let mut wanted = Vec::with_capacity(len);
    for number in numbers {
        writeln!(wanted, "{number}").expect("memory takes it");
    }
    assert_eq!(ran.stdout.len(), wanted.len());
    assert_eq!(hex_digest(&ran.stdout), hex_digest(&wanted));
}

/// A reader that goes away ends the command, not the container.
#[test]
fn the_reader_of_its_output_may_go() {
    let Some(here) = Host::new() else { return };
    let script = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; echo done";
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let command = here.larder(["run", "--name", "talker", "busybox", "sh", "-c", script]);
    let running = crate::harness::child::start_into(command, Feed::Nothing, writer.into());
    drop(reader);
    running.wait();
    here.run(["wait", "talker"]).ok().stdout("0\n");
    assert!(here.run(["logs", "talker"]).ok().out().ends_with("line 19999\ndone\n"));
}

/// Whoever feeds it without end does not stand in the way of those who want it to end.
#[test]
fn a_container_that_does_not_read_is_signalled_and_ends() {
    let Some(here) = Host::new() else { return };
    let yes = || {
        Feed::stream(|out| {
            loop {
                out.write_all(&[b'y'; 4096])?
            }
        })
    };
    let script = "trap 'exit 7' INT; echo up; while :; do sleep 0.05; done";
    let running = here.start(["run", "-i", "--name", "deaf", "busybox", "sh", "-c", script], yes());
    eventually("it is up", || here.run(["logs", "deaf"]).out() == "up\n");
    // By then all that takes something on the way is full.
    std::thread::sleep(std::time::Duration::from_millis(500));
    here.run(["pause", "deaf"]).ok();
    here.run(["unpause", "deaf"]).ok();
    running.signal(rustix::process::Signal::INT);
    running.wait().exits(7);
    let running = here.start(["start", "-ai", "deaf"], yes());
    eventually("it is up", || here.run(["logs", "deaf"]).out() == "up\nup\n");
    std::thread::sleep(std::time::Duration::from_millis(500));
    here.run(["kill", "deaf"]).ok();
    running.wait().exits(137);
}

/// Of `-di` standard input stays open for whoever attaches next; of `-i` it ends with the
/// one who runs it.
#[test]
fn whoever_attaches_and_goes_does_not_end_the_input_of_the_next() {
    let Some(here) = Host::new() else { return };
    here.detached(&["-i", "--name", "cat", "busybox", "cat"]);
    for line in ["one\n", "two\n"] {
        let attached = here.start(["attach", "cat"], Feed::Bytes(line.into()));
        eventually("it has come back", || here.run(["logs", "cat"]).out().ends_with(line));
        attached.signal(rustix::process::Signal::KILL);
        attached.wait();
    }
    assert!(here.status("cat").starts_with("Up "), "{}", here.status("cat"));
    here.run_fed(["run", "-i", "--name", "once", "busybox", "cat"], Feed::Bytes(b"x".into()))
        .ok()
        .stdout("x");
    here.run_fed(["start", "-ai", "once"], Feed::Bytes(b"y".into())).ok().stdout("y");
}

/// As another program that shares the terminal or the pipe may have left it.
#[test]
fn streams_that_do_not_wait_take_everything() {
    let Some(here) = Host::new() else { return };
    let script = "seq 100000; seq 100000 >&2";
    let fed = |args: &[&str]| {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        rustix::io::ioctl_fionbio(&writer, true).expect("it is a pipe");
        let mut command = here.larder(args);
        command
            .stdin(std::process::Stdio::null())
            .stdout(writer.try_clone().expect("one more"))
            .stderr(writer);
        let mut child = command.spawn().expect("it starts");
        drop(command);
        std::thread::sleep(std::time::Duration::from_millis(700));
        let text = std::io::read_to_string(reader).expect("text");
        assert!(child.wait().expect("it is ours").success(), "{} bytes", text.len());
        text.lines().count()
    };
    assert_eq!(fed(&["run", "--name", "talker", "busybox", "sh", "-c", script]), 200_000);
    assert_eq!(fed(&["logs", "talker"]), 200_000);
}

/// Whoever does not care for children may start larder, which has to know how its own end.
#[test]
fn whoever_ignores_the_end_of_children_is_told_how_it_was() {
    let Some(here) = Host::new() else { return };
    let deaf = |args: &[&str]| {
        child::run(tools::shell("trap '' CHLD; exec \"$@\"", &here.larder(args)), Feed::Nothing)
    };
    deaf(&["run", "-d", "--name", "web", "busybox", "sleep", "600"]).ok();
    deaf(&["exec", "web", "sh", "-c", "grep -q 'SigIgn:.*00..$' /proc/self/status && exit 3"]).exits(3);
    deaf(&["exec", "-d", "web", "nosuch"]).fails(127);
    deaf(&["run", "--rm", "busybox", "sh", "-c", "false; exit 4"]).exits(4);
}
