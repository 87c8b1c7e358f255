//! The system says no to the real program: one call of one sort fails, with each of the errors
//! that a disk or a signal makes, and the program goes on, or says so and leaves all as it was.

use std::process::Command;

use crate::harness::child::{self, Feed, Ran};
use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::noise::{Noise, noise};
use crate::harness::sandbox::Sandbox;
use crate::harness::saved::Saved;
use crate::harness::tools;

/// How many calls fail; more with `LARDER_FAULTS`.
const FAULTS: u32 = 60;

/// What larder asks of the system for its store.
const CALLS: &[&str] = &[
    "openat",
    "pread64",
    "pwrite64",
    "fsync",
    "rename",
    "ftruncate",
    "mkdir",
    "unlink",
    "getdents64",
    "flock",
    "read",
    "write",
    "fstat",
    "fallocate",
];

/// A disk that breaks, is full, or is full for this user.
const ERRORS: &[&str] = &["EIO", "ENOSPC", "EDQUOT"];

/// Calls that a signal may interrupt; to make them again is enough.
const INTERRUPTED: &[&str] = &["openat", "pread64", "pwrite64", "fsync", "ftruncate", "read", "write"];

/// Every sort of command, each making something that is called new, or nothing.
const COMMANDS: &[&[&str]] = &[
    &["load", "-i", "new.tar"],
    &["import", "flat.tar", "new:1"],
    &["tag", "kept:1", "new:1"],
    &["squash", "kept:1", "new:1"],
    &["create", "--name", "new", "kept:1", "true"],
    &["gc"],
    &["optimize", "--level", "4"],
    &["fsck", "--level", "exact"],
    &["images"],
];

/// Reading `/proc` and the like happens before larder does anything; calls from here on hit it too.
const LAST_CALL: u64 = 40;

struct Faulty {
    sandbox: Sandbox,
    kept: Image,
}

impl Faulty {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let layer = |seed| Layer::new().file("noise", noise(seed, 300_000));
        let kept = Image::new(&["kept:1"], vec![layer(1), layer(2)]);
        sandbox.load(&layouts::docker25(std::slice::from_ref(&kept)).tar()).ok();
        let new = Image::new(&["new:1"], vec![layer(1), layer(3)]);
        sandbox.write("new.tar", layouts::docker25(&[new]).tar());
        sandbox.write("flat.tar", Layer::new().file("flat", noise(9, 300_000)).tar());
        Self { sandbox, kept }
    }

    /// Runs larder; the call with this number of this sort fails.
    fn run(&self, args: &[&str], call: &str, error: &str, when: u64) -> Ran {
        let larder = self.sandbox.larder(args);
        let mut command: Command = tools::tool("strace");
        command.args(["-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", &format!("trace={call}")]);
        command.args(["-e", &format!("inject={call}:error={error}:when={when}")]);
        child::run(tools::under(command, &larder), Feed::Nothing)
    }

    /// What there is beside `kept:1`: an image or a container that is called new.
    fn has_new(&self) -> bool {
        let names = self.sandbox.names();
        assert!(names.contains(&"kept:1".to_owned()), "{names:?}");
        let containers = self.sandbox.run(["ps", "-a", "--format", "{{.Names}}"]).ok().out();
        names.contains(&"new:1".to_owned()) || containers.contains("new")
    }

    fn remove_new(&self) {
        if self.sandbox.names().contains(&"new:1".to_owned()) {
            self.sandbox.run(["rmi", "-f", "new:1"]).ok();
        } else {
            self.sandbox.run(["rm", "new"]).ok();
        }
    }

    fn is_whole(&self) {
        self.sandbox.is_clean();
        let saved = Saved::read(&self.sandbox.save(["kept:1"])).images();
        assert_eq!((saved[0].id(), &saved[0].layers), (self.kept.id(), &self.kept.tars()));
    }
}

fn faults() -> u32 {
    std::env::var("LARDER_FAULTS").map_or(FAULTS, |faults| faults.parse().expect("a number"))
}

#[test]
fn whatever_call_the_system_refuses_nothing_is_lost() {
    if !tools::are_here("a system that refuses", &["strace"]) {
        return;
    }
    let faulty = Faulty::new();
    let mut dice = Noise::new(815);
    let mut told = 0;
    for cycle in 0..faults() {
        let args = COMMANDS[dice.below(COMMANDS.len() as u64) as usize];
        let call = CALLS[dice.below(CALLS.len() as u64) as usize];
        let error = ERRORS[dice.below(ERRORS.len() as u64) as usize];
        let when = 1 + dice.below(LAST_CALL);
        let ran = faulty.run(args, call, error, when);
        let context = format!("cycle {cycle}: {call} {when} gives {error}: {ran}");
        assert!(!ran.err().contains("panicked"), "{context}");
        let makes = args.contains(&"new:1") || args.contains(&"new") || args.contains(&"new.tar");
        let is_there = faulty.has_new();
        assert!(makes || !is_there, "{context}");
        match ran.code {
            Some(0) => assert_eq!(is_there, makes, "{context}"),
            // Before larder begins the loader may fail, which it says in its own way.
            Some(code) => {
                assert!(code == 127 || !ran.err().is_empty() || !ran.out().is_empty(), "{context}");
                told += 1;
            }
            None => panic!("{context}"),
        }
        if is_there {
            faulty.remove_new();
        }
        if cycle % 10 == 9 {
            faulty.is_whole();
        }
    }
    faulty.is_whole();
    faulty.sandbox.run(["gc"]).ok();
    let usage = faulty.sandbox.run(["df", "-v", "--format", "json"]).ok().json();
    assert_eq!(usage["GarbageBytes"], 0, "{usage}");
    assert!(told > 0, "none of {} calls mattered", faults());
    println!("{} calls refused, {told} commands failed", faults());
}

#[test]
fn a_call_that_a_signal_interrupts_is_made_again() {
    if !tools::are_here("a signal at any moment", &["strace"]) {
        return;
    }
    let faulty = Faulty::new();
    let mut dice = Noise::new(4);
    for call in INTERRUPTED {
        for _ in 0..1.max(faults() / 20) {
            let args = COMMANDS[dice.below(3) as usize];
            // The loader of programs, which comes first, takes interruptions for errors.
            let when = 25 + dice.below(LAST_CALL);
            let ran = faulty.run(args, call, "EINTR", when);
            assert_eq!(ran.code, Some(0), "{call} {when}: {ran}");
            assert!(faulty.has_new());
            faulty.remove_new();
        }
    }
    faulty.is_whole();
}
