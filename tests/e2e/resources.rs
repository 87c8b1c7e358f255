//! A machine that gives little: threads, memory, descriptors. A command does its work or says
//! why it cannot; it neither hangs nor dies, and the store is whole afterwards.

use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::harness::child::{self, Feed, Ran};
use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::noise::noise;
use crate::harness::sandbox::{Sandbox, is_root};

const PRLIMIT: &str = "/usr/bin/prlimit";
const SETPRIV: &str = "/usr/bin/setpriv";

/// A user that has no other process.
const NOBODY: u32 = 64_321;

fn with_an_image() -> (Sandbox, Vec<u8>) {
    let sandbox = Sandbox::new();
    let layer = |seed| Layer::new().file("noise", noise(seed, 3 << 20));
    sandbox.load(&layouts::docker24(&[Image::new(&["app:1"], vec![layer(1), layer(2)])]).tar()).ok();
    (sandbox, layouts::docker24(&[Image::new(&["new:1"], vec![layer(3)])]).tar())
}

/// `larder` behind `before`, which ends by executing it.
fn behind(sandbox: &Sandbox, before: &[String], args: &[&str]) -> Command {
    let larder = sandbox.larder(args);
    let (program, rest) = before.split_first().expect("something before it");
    let mut command = Command::new(program);
    command.args(rest).arg(larder.get_program()).args(larder.get_args()).env_clear();
    command.envs(larder.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(sandbox.path(""));
    command
}

#[track_caller]
fn ends_well(what: &str, ran: &Ran) {
    assert!(ran.signal.is_none() && matches!(ran.code, Some(0 | 1)), "{what}: {ran}");
    assert!(!ran.err().contains("panicked"), "{what}: {ran}");
    assert!(ran.code == Some(0) || !ran.err().is_empty(), "{what} does not say why: {ran}");
    assert!(ran.elapsed < Duration::from_secs(20), "{what}: {:?}", ran.elapsed);
}

/// Every command with each of these limits.
fn all_end_well(limits: &[Vec<String>]) {
    let (sandbox, archive) = with_an_image();
    if limits.iter().flatten().any(|word| word == SETPRIV) {
        let all = Command::new("/bin/chown").arg("-R").arg(NOBODY.to_string()).arg(sandbox.path("")).status();
        assert!(all.expect("chown is there").success());
        chown(sandbox.path(""), Some(NOBODY), None).expect("root may");
    }
    for limit in limits {
        let commands: [(&[&str], Feed); 5] = [
            (&["load"], Feed::Bytes(archive.clone())),
            (&["save", "app:1", "-o", "out.tar"], Feed::Nothing),
            (&["export", "app:1", "-o", "out.tar"], Feed::Nothing),
            (&["images"], Feed::Nothing),
            (&["ls", "app:1"], Feed::Nothing),
        ];
        for (args, feed) in commands {
            let ran = child::run(behind(&sandbox, limit, args), feed);
            ends_well(&format!("{limit:?} {args:?}"), &ran);
        }
    }
    // Root trusts no store of another user.
    if limits.iter().flatten().any(|word| word == SETPRIV) {
        let all = Command::new("/bin/chown").args(["-R", "0"]).arg(sandbox.path("")).status();
        assert!(all.expect("chown is there").success());
    }
    sandbox.is_clean();
}

fn limit(option: &str, value: u64) -> Vec<String> {
    vec![PRLIMIT.into(), format!("--{option}={value}:{value}")]
}

#[test]
fn little_address_space_is_an_error_or_enough() {
    let sizes: Vec<_> = (80..=480).step_by(40).map(|mib| limit("as", mib << 20)).collect();
    all_end_well(&sizes);
}

#[test]
fn few_descriptors_are_an_error_or_enough() {
    let counts: Vec<_> = [8, 12, 16, 24, 40, 64].map(|count| limit("nofile", count)).into();
    all_end_well(&counts);
}

#[test]
fn few_processes_are_an_error_or_enough() {
    let binary = Path::new(env!("CARGO_BIN_EXE_larder"));
    let is_open = |path: &Path| path.metadata().is_ok_and(|found| found.mode() & 1 == 1);
    if !is_root() || !binary.ancestors().all(|path| path.as_os_str().is_empty() || is_open(path)) {
        eprintln!("SKIPPED: only root can be somebody else, who must be let in to the program");
        assert!(std::env::var_os("LARDER_REQUIRE_PEERS").is_none(), "a peer is required");
        return;
    }
    let limits: Vec<_> = (0..=10)
        .step_by(2)
        .map(|count| {
            let user = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".into()];
            [vec![SETPRIV.into()], user.into(), limit("nproc", count)].concat()
        })
        .collect();
    all_end_well(&limits);
}
