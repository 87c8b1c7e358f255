//! What a container has written, later and meanwhile.

use std::time::Duration;

use super::{Host, eventually};
use crate::harness::child::Feed;

#[test]
fn logs_are_what_was_written_to_each_stream_to_the_byte() {
    let Some(here) = Host::new() else { return };
    let script = "printf 'a\\377\\000b\\n'; echo err >&2; printf 'no end'";
    let ran = here.run(["run", "--name", "job", "busybox", "sh", "-c", script]).ok();
    let logs = here.run(["logs", "job"]).ok();
    assert_eq!((&logs.stdout, &logs.stderr), (&ran.stdout, &ran.stderr));
    assert_eq!((&logs.stdout[..], &logs.stderr[..]), (&b"a\xff\0b\nno end"[..], &b"err\n"[..]));
    // Nothing is kept of what was never written.
    here.run(["create", "--name", "new", "busybox"]).ok();
    let logs = here.run(["logs", "new"]).ok();
    assert!(logs.stdout.is_empty() && logs.stderr.is_empty());
    here.run(["logs", "nosuch"]).fails(1).complains("No such container: nosuch");
}

#[test]
fn noise_is_kept_as_it_is() {
    let Some(here) = Host::new() else { return };
    let noise = crate::harness::noise::noise(5, 3 << 20);
    here.run_fed(["run", "-i", "--name", "job", "busybox", "cat"], Feed::Bytes(noise.clone())).ok();
    assert!(here.run(["logs", "job"]).ok().stdout == noise);
}

#[test]
fn following_ends_with_the_container() {
    let Some(here) = Host::new() else { return };
    let script = "for i in 1 2 3 4 5; do echo $i; sleep 0.1; done; echo err >&2; exit 3";
    here.detached(&["--name", "job", "busybox", "sh", "-c", script]);
    let ran = here.run(["logs", "-f", "job"]).ok();
    assert_eq!((ran.out().as_str(), ran.err().as_str()), ("1\n2\n3\n4\n5\n", "err\n"));
    here.run(["logs", "-f", "job"]).ok().stdout("1\n2\n3\n4\n5\n");
}

/// A line is seen when it is written, not when there are many.
#[test]
fn who_follows_sees_each_line_at_once() {
    use std::io::{BufRead as _, BufReader};
    let Some(here) = Host::new() else { return };
    here.waiting("web", &[]);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let command = here.larder(["logs", "-f", "-n", "0", "web"]);
    let running = crate::harness::child::start_into(command, Feed::Nothing, writer.into());
    std::thread::sleep(Duration::from_millis(300));
    here.run(["exec", "web", "sh", "-c", "echo hello > /proc/1/fd/1"]).ok();
    let mut line = String::new();
    BufReader::new(reader).read_line(&mut line).expect("a line");
    assert_eq!(line, "hello\n");
    running.signal(rustix::process::Signal::INT);
    running.wait();
    assert!(here.status("web").starts_with("Up "));
}

#[test]
fn a_part_is_chosen_by_lines_and_by_time() {
    let Some(here) = Host::new() else { return };
    let script = "for i in 1 2 3; do echo $i; done; sleep 1.5; for i in 4 5; do echo $i; done";
    here.run(["run", "--name", "job", "busybox", "sh", "-c", script]).ok();
    here.run(["logs", "-n", "2", "job"]).ok().stdout("4\n5\n");
    here.run(["logs", "--tail", "0", "job"]).ok().stdout("");
    here.run(["logs", "--tail", "all", "job"]).ok().stdout("1\n2\n3\n4\n5\n");
    let stamped = here.run(["logs", "-t", "job"]).ok().out();
    let stamps: Vec<_> = stamped.lines().filter_map(|line| line.split_once(' ')).collect();
    assert_eq!(stamps.iter().map(|(_, line)| *line).collect::<Vec<_>>(), ["1", "2", "3", "4", "5"]);
    for (stamp, _) in &stamps {
        // RFC 3339 with nine digits, in UTC.
        let dot = stamp.find('.').unwrap_or_default();
        assert!(stamp.ends_with('Z') && stamp.len() - dot == 11 && dot == 19, "{stamp}");
    }
    let fourth = stamps[3].0;
    here.run(["logs", "--since", fourth, "job"]).ok().stdout("4\n5\n");
    here.run(["logs", "--until", fourth, "job"]).ok().stdout("1\n2\n3\n");
    here.run(["logs", "--since", "1h", "-n", "1", "job"]).ok().stdout("5\n");
    here.run(["logs", "--since", "2100-01-01T00:00:00Z", "job"]).ok().stdout("");
    here.run(["logs", "--since", "bogus", "job"]).fails(1).complains("invalid value for \"since\"");
}

#[test]
fn what_a_container_wrote_before_it_was_killed_is_there() {
    let Some(here) = Host::new() else { return };
    let script = "echo out; echo err >&2; printf 'begun'; sleep 600";
    here.detached(&["--name", "job", "busybox", "sh", "-c", script]);
    eventually("it has written", || here.run(["logs", "job"]).out().starts_with("out\n"));
    here.run(["kill", "job"]).ok();
    let ran = here.run(["logs", "job"]).ok();
    assert_eq!((ran.out().as_str(), ran.err().as_str()), ("out\nbegun", "err\n"));
}

#[test]
fn runs_follow_each_other_in_the_log() {
    let Some(here) = Host::new() else { return };
    here.run(["run", "--name", "job", "busybox", "sh", "-c", "echo run"]).ok();
    here.run(["start", "-a", "job"]).ok();
    here.run(["logs", "job"]).ok().stdout("run\nrun\n");
}

/// The bytes of the files of a container's log.
fn log_bytes(here: &Host, name: &str) -> Vec<u64> {
    let path = here.run(["inspect", "-f", "{{.LogPath}}", name]).ok().out();
    let dir = std::path::Path::new(path.trim_end()).parent().expect("a directory").to_owned();
    let entries = std::fs::read_dir(dir).expect("the container's directory").flatten();
    let logs = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("log"));
    logs.map(|entry| entry.metadata().expect("a file").len()).collect()
}

#[test]
fn a_chatty_container_s_log_is_bounded_and_ends_with_its_last_lines() {
    let Some(here) = Host::new() else { return };
    let script = "yes | head -c 2000000; echo last";
    let options = ["--log-opt", "max-size=100k", "--log-opt", "max-file=3"];
    let command = ["busybox", "sh", "-c", script];
    let ran = here.run(["run", "--name", "job"].iter().chain(&options).chain(&command)).ok();
    let bytes = log_bytes(&here, "job");
    assert!(bytes.len() == 3 && bytes.iter().all(|bytes| *bytes <= 100_000), "{bytes:?}");
    let logs = here.run(["logs", "job"]).ok();
    assert!(logs.stdout.len() > 4000 && ran.stdout.ends_with(&logs.stdout));
    here.run(["logs", "-n", "2", "job"]).ok().stdout("y\nlast\n");
    let tail = here.run(["logs", "-n", "2000", "job"]).ok().stdout;
    assert!(tail.len() == 2 * 2000 + 3 && ran.stdout.ends_with(&tail));
    let config = here.run(["inspect", "-f", "{{json .HostConfig.LogConfig}}", "job"]).ok().json();
    assert_eq!(config.to_string(), r#"{"Config":{"max-file":"3","max-size":"100k"},"Type":"json-file"}"#);
}

#[test]
fn following_goes_on_after_a_rotation() {
    let Some(here) = Host::new() else { return };
    let script = "for i in $(seq 1 40); do seq $i $((i + 99)); sleep 0.05; done";
    let run = ["run", "-d", "--name", "job", "--log-opt", "max-size=20k", "--log-opt", "max-file=5"];
    here.run(run.iter().chain(&["busybox", "sh", "-c", script])).ok();
    let got = here.run(["logs", "-f", "job"]).ok().out();
    let wanted: String = (1..=40).flat_map(|i| (i..i + 100).map(|n| format!("{n}\n"))).collect();
    assert!(got == wanted, "{} bytes of {}", got.len(), wanted.len());
    let bytes = log_bytes(&here, "job");
    assert!(bytes.len() == 5 && bytes.iter().all(|bytes| *bytes <= 20_000), "{bytes:?}");
}

#[test]
fn without_a_log_driver_nothing_is_kept_and_logs_says_so() {
    let Some(here) = Host::new() else { return };
    let run = ["run", "--name", "job", "--log-driver", "none", "busybox", "echo", "seen"];
    here.run(run).ok().stdout("seen\n");
    here.run(["logs", "job"]).fails(1).complains("configured logging driver does not support reading");
    here.run(["inspect", "-f", "{{.HostConfig.LogConfig.Type}}:{{.LogPath}}", "job"]).ok().stdout("none:\n");
}
