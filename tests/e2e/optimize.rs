//! `larder optimize` and `--level`: the same content in less space.

use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::noise::noise;
use crate::harness::sandbox::Sandbox;

/// Versions of an image of which every file is a little different in each.
fn versions() -> Vec<Image> {
    let version = |number: u8| {
        let file = |seed: u64| {
            let mut bytes = noise(seed, 100_000);
            bytes[50_000..50_010].fill(number);
            bytes
        };
        let layer = Layer::new().file("a", file(1)).file("b", file(2)).file("c", file(3));
        Image::new(&[&format!("app:{number}")], vec![layer])
    };
    (0..4).map(version).collect()
}

fn filled() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker25(&versions()).tar()).ok();
    sandbox
}

#[test]
fn every_image_saved_before_and_after_is_the_same() {
    let sandbox = filled();
    let names: Vec<_> = (0..4).map(|number| format!("app:{number}")).collect();
    let before: Vec<_> = names.iter().map(|name| sandbox.save([name])).collect();
    let ran = sandbox.run(["optimize"]).ok();
    assert!(ran.out().contains(" on disk, ") && ran.out().contains(" rewritten, "), "{ran}");
    for (name, before) in names.iter().zip(&before) {
        assert!(sandbox.save([name]) == *before, "{name}");
    }
    assert_eq!(sandbox.run(["fsck", "--verify"]).ok().code, Some(0));
    sandbox.is_clean();
    // Again, and there is nothing left to do.
    let again = sandbox.run(["optimize"]).ok();
    assert!(again.out().contains(": 0 frames rewritten, 0 packs replaced."), "{again}");
    // What comes in later is known.
    sandbox.load(&layouts::docker25(&versions()).tar()).ok();
    sandbox.is_clean();
}

#[test]
fn without_time_nothing_is_done_and_it_says_so() {
    let sandbox = filled();
    let before = sandbox.truth();
    let ran = sandbox.run(["optimize", "--max-duration", "0s"]).ok();
    assert!(ran.out().contains(": 0 frames rewritten, 0 packs replaced; time was up"), "{ran}");
    assert_eq!(before.changes(&sandbox.truth()), [""; 0]);
}

#[test]
fn a_level_that_does_not_exist_is_refused() {
    let sandbox = filled();
    sandbox.write("app.tar", layouts::docker25(&versions()).tar());
    for level in ["0", "23", "200", "300", "-1", "high"] {
        let level = format!("--level={level}");
        for command in [vec!["optimize"], vec!["load", "-i", "app.tar"]] {
            let args: Vec<_> = command.iter().copied().chain([level.as_str()]).collect();
            let ran = sandbox.run(&args).fails(125);
            assert!(ran.err().contains("from 1, the fastest, to 22, the smallest"), "{ran}");
        }
    }
    let ran = sandbox.run(["optimize", "--max-duration", "soon"]).fails(125);
    assert!(ran.err().contains("soon"), "{ran}");
}

#[test]
fn a_level_makes_what_comes_in_smaller() {
    let text: Vec<u8> =
        (0..40_000_u32).flat_map(|n| format!("{} lines of text\n", n * n % 9973).into_bytes()).collect();
    let image = Image::new(&["text:1"], vec![Layer::new().file("text", text)]);
    let stored = |args: &[&str], variable: Option<&str>| {
        let sandbox = Sandbox::new();
        sandbox.write("text.tar", layouts::docker25(std::slice::from_ref(&image)).tar());
        let mut command = sandbox.larder(["load", "-q", "-i", "text.tar"].iter().chain(args));
        command.envs(variable.map(|level| ("LARDER_LEVEL", level)));
        assert!(command.output().expect("it starts").status.success());
        sandbox.is_clean();
        let packs = std::fs::read_dir(sandbox.store().join("packs")).expect("a store");
        packs.map(|pack| pack.expect("a pack").metadata().expect("a file").len()).sum::<u64>()
    };
    let usual = stored(&[], None);
    let small = stored(&["--level", "19"], None);
    assert!(small < usual, "{small} {usual}");
    assert_eq!(stored(&[], Some("19")), small);
    assert_eq!(stored(&["--level", "2"], Some("19")), usual);
    assert_eq!(stored(&[], Some("")), usual);
}

#[test]
fn where_there_is_no_store_there_is_nothing_to_optimize() {
    Sandbox::new().run(["optimize"]).fails(1).complains("there is no store");
}
