//! Archives that are small and come to any number of paths.

use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::sandbox::Sandbox;
use crate::harness::tarball::{self, Entry};

const MIB: u64 = 1 << 20;

/// Names of 195 parts, each with a first part of its own: 156 000 paths in some kilobytes.
const NAMES: usize = 800;
const PARTS: usize = 195;

fn with_deep_names() -> Sandbox {
    let below = "d/".repeat(PARTS - 2);
    let deep: Vec<_> = (0..NAMES).map(|at| Entry::file(format!("{at:05}/{below}f"), "")).collect();
    let layers = vec![Layer::new().file("base", "x"), Layer::raw(tarball::tar(&deep))];
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(&[Image::new(&["deep:1"], layers)]).tar()).ok();
    sandbox
}

/// A path takes 50 bytes at most, and no command collects them: `diff` took six kilobytes for
/// each, `ls -R` one.
#[test]
fn no_command_takes_more_for_a_path_than_50_bytes() {
    let sandbox = with_deep_names();
    let paths = (NAMES * PARTS) as u64;
    let commands: [&[&str]; 7] = [
        &["ls", "deep:1"],
        &["ls", "-R", "deep:1", "/00001"],
        &["ls", "-lR", "deep:1"],
        &["diff", "deep:1"],
        &["diff", "--format", "json", "deep:1"],
        &["history", "--files", "deep:1"],
        &["cat", "deep:1", "/base"],
    ];
    for command in commands {
        let ran = sandbox.run(command).ok();
        let most = 64 * MIB + 50 * paths;
        assert!(ran.peak_bytes < most, "{command:?}: {} MiB of memory", ran.peak_bytes / MIB);
    }
    let listed = sandbox.run(["ls", "-R", "deep:1"]).ok().out();
    assert_eq!(listed.lines().count() as u64, paths + 1);
    let changed = sandbox.run(["diff", "deep:1"]).ok().out();
    assert_eq!(changed.lines().count() as u64, paths);
}

#[test]
fn more_paths_than_allowed_are_refused_and_the_limit_can_be_raised() {
    let sandbox = with_deep_names();
    for command in [&["ls", "deep:1"][..], &["diff", "deep:1"], &["export", "deep:1"], &["squash", "deep:1"]]
    {
        let ran = sandbox.run(command.iter().chain(&["--max-paths", "1000"])).fails(1);
        let ran = ran.complains("there are more than 1000 paths").complains("--max-");
        assert!(ran.peak_bytes < 64 * MIB, "{command:?}: {} MiB of memory", ran.peak_bytes / MIB);
    }
    let mut ls = sandbox.larder(["ls", "deep:1"]);
    ls.env("LARDER_MAX_PATHS", "1000");
    crate::harness::child::run(ls, crate::harness::child::Feed::Nothing).fails(1);
    sandbox.run(["ls", "--max-paths", "200000", "deep:1"]).ok();
    sandbox.is_clean();
}
