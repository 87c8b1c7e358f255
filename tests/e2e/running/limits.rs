//! Few file descriptors and little address space: a command does its work or says what it lacks
//! and what helps, with the exit code of any other failure, and nothing of it is left behind.

use std::process::Command;
use std::time::Duration;

use super::Host;
use crate::harness::child::{self, Feed, Ran};
use crate::harness::layouts;

/// Every count matters to some command: the fewest with which `run` works are 26.
const DESCRIPTORS: [u64; 22] =
    [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 25, 26, 32, 48];

/// MiB of address space, up to what is enough.
const ADDRESS_SPACE: [u64; 6] = [80, 160, 240, 320, 400, 560];

const COMMANDS: [&[&str]; 8] = [
    &["run", "--rm", "busybox", "echo", "hi"],
    &["run", "-d", "--rm", "busybox", "sleep", "0.1"],
    &["create", "--rm", "busybox", "true"],
    &["exec", "waits", "true"],
    &["load"],
    &["save", "busybox", "-o", "out.tar"],
    &["export", "busybox", "-o", "out.tar"],
    &["ps", "-a"],
];

fn limited(host: &Host, limit: &str, args: &[&str], archive: &[u8]) -> Ran {
    let larder = host.larder(args);
    let mut command = Command::new("/usr/bin/prlimit");
    command.arg(limit).arg(larder.get_program()).args(larder.get_args()).env_clear();
    command.envs(larder.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(host.path(""));
    let feed = if args[0] == "load" { Feed::Bytes(archive.to_vec()) } else { Feed::Nothing };
    child::run(command, feed)
}

/// Each command under each limit; returns how many failed.
fn all_end_well(host: &Host, limits: &[String]) -> usize {
    host.waiting("waits", &[]);
    let archive = layouts::docker24(&[crate::harness::busybox::busybox()]).tar();
    let mut failed = 0;
    for limit in limits {
        for args in COMMANDS {
            let ran = limited(host, limit, args, &archive);
            let context = format!("{limit} {args:?}: {ran}");
            let expected = if args[0] == "run" { 125 } else { 1 };
            assert!(!ran.err().contains("panicked"), "{context}");
            assert!(ran.elapsed < Duration::from_secs(20), "{context}");
            match ran.code {
                Some(0) => {}
                // The loader of programs, before larder begins.
                Some(127) if ran.err().contains("loading shared libraries") => {}
                code => {
                    assert_eq!(code, Some(expected), "{context}");
                    assert!(ran.err().contains("Error: ") && ran.err().contains("hint: "), "{context}");
                    failed += 1;
                }
            }
            if args[0] == "create" && ran.code == Some(0) {
                host.run(["rm", ran.out().trim_end()]).ok();
            }
        }
    }
    // What was detached ends by itself.
    super::eventually("only what waits is left", || {
        host.run(["ps", "-a", "--format", "{{.Names}}"]).ok().out() == "waits\n"
    });
    host.run(["rm", "-f", "waits"]).ok();
    host.run(["gc"]).ok();
    let left: Vec<_> = std::fs::read_dir(host.path("store/containers")).map_or_else(
        |_| Vec::new(),
        |dir| dir.map(|entry| entry.expect("it can be read").file_name()).collect(),
    );
    assert!(left.is_empty(), "{left:?}");
    host.is_clean();
    failed
}

#[test]
fn few_descriptors_are_an_error_with_a_hint_or_enough() {
    let Some(host) = Host::new() else { return };
    let limits = DESCRIPTORS.map(|count| format!("--nofile={count}:{count}"));
    assert!(all_end_well(&host, &limits) > 50);
}

#[test]
fn little_address_space_is_an_error_with_a_hint_or_enough() {
    let Some(host) = Host::new() else { return };
    let limits = ADDRESS_SPACE.map(|mib| format!("--as={0}:{0}", mib << 20));
    assert!(all_end_well(&host, &limits) > 10);
}

/// `--rm` holds from the moment on in which there is a container.
#[test]
fn a_container_that_could_not_be_started_is_removed_if_it_is_removed_when_it_ends() {
    let Some(host) = Host::new() else { return };
    // A file in the place where layers are unpacked.
    std::fs::remove_dir_all(host.path("store/layers")).ok();
    std::fs::write(host.path("store/layers"), "").expect("the store is there");
    let ran = host.run(["run", "--rm", "busybox", "true"]);
    assert_eq!(ran.code, Some(125), "{ran}");
    assert_eq!(host.run(["ps", "-aq"]).ok().out(), "");
}
