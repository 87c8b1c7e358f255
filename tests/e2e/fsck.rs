//! Damage is found, told as what suffers, and healed.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::harness::child::Feed;
use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::noise::noise;
use crate::harness::sandbox::Sandbox;
use crate::harness::saved::Saved;

/// Two layers, each with a large file and a small one.
fn image() -> Image {
    let base = Layer::new().file("usr/lib/base", noise(1, 1 << 20)).file("etc/base", b"base");
    let top = Layer::new().file("srv/app", noise(2, 1 << 20)).file("etc/top", b"top");
    Image::new(&["app:1"], vec![base, top])
}

fn archive() -> Vec<u8> {
    layouts::docker25(&[image()]).tar()
}

fn stored() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.load(&archive()).ok();
    sandbox.load(&layouts::docker25(&[Image::small("kept:1")]).tar()).ok();
    sandbox.write("app.tar", archive());
    sandbox
}

fn largest_pack(sandbox: &Sandbox) -> PathBuf {
    let packs = fs::read_dir(sandbox.store().join("packs")).expect("packs").flatten();
    let largest = packs.max_by_key(|pack| pack.metadata().map_or(0, |metadata| metadata.len()));
    largest.expect("a pack").path()
}

/// Changes a bit of the file that is in the image as `srv/app`.
fn damage(sandbox: &Sandbox) {
    let path = largest_pack(sandbox);
    let mut bytes = fs::read(&path).expect("a pack");
    let content = noise(2, 1 << 20);
    let end = content.len();
    let at = bytes.windows(64).position(|window| *window == content[end - 64..]);
    bytes[at.expect("noise is stored as it is")] ^= 1;
    fs::write(&path, bytes).expect("it is ours");
}

fn is_whole(sandbox: &Sandbox) {
    let saved = Saved::read(&sandbox.save(["app:1"])).images();
    assert_eq!((saved[0].id(), &saved[0].layers), (image().id(), &image().tars()));
    sandbox.is_clean();
}

fn faults(found: &Value) -> Vec<Value> {
    found["Faults"].as_array().expect("a list").clone()
}

#[test]
fn damage_is_told_as_the_image_the_layer_and_the_file() {
    let sandbox = stored();
    damage(&sandbox);
    for level in ["data", "exact"] {
        let ran = sandbox.run(["fsck", "--level", level]).exits(1);
        let layer = format!("layer {}", image().diff_ids()[1]);
        for part in [&layer, "(needed by app:1)", "  /srv/app\n", "--repair --from"] {
            assert!(ran.out().contains(part), "{part}: {ran}");
        }
        assert!(!ran.out().contains("kept:1") && !ran.out().contains("/usr/lib/base"), "{ran}");
        let found = sandbox.run(["fsck", "--level", level, "--format", "json"]).exits(1).json();
        let lost = faults(&found).into_iter().find(|fault| fault["Place"] == layer).expect("it is lost");
        assert_eq!((&lost["Images"], &lost["Files"]), (&["app:1"][..].into(), &["srv/app"][..].into()));
        assert_eq!(lost["MoreFiles"], 0);
    }
    sandbox.run(["save", "-o", "out.tar", "app:1"]).fails(1);
    assert!(!sandbox.path("out.tar").exists());
    // What does not suffer is as good as ever.
    sandbox.save(["kept:1"]);
    assert_eq!(sandbox.run(["cat", "app:1", "/usr/lib/base"]).ok().stdout, noise(1, 1 << 20));
}

#[test]
fn a_load_heals_what_was_found_damaged() {
    for found_by in [&["fsck", "--level", "data"][..], &["save", "-o", "out.tar", "app:1"]] {
        let sandbox = stored();
        damage(&sandbox);
        assert_eq!(sandbox.run(found_by).code, Some(1));
        sandbox.run(["load", "-i", "app.tar"]).ok();
        is_whole(&sandbox);
    }
}

#[test]
fn a_repair_brings_what_is_lost_from_an_archive_a_pipe_or_a_store() {
    let other = stored();
    let store = other.store().to_str().expect("a path").to_owned();
    for from in ["app.tar", "-", &store] {
        let sandbox = stored();
        damage(&sandbox);
        let without = sandbox.run(["fsck", "--repair"]).exits(1);
        assert!(without.out().contains("Not repaired:"), "{without}");
        let feed = if from == "-" { Feed::Bytes(archive()) } else { Feed::Nothing };
        let ran = sandbox.run_fed(["fsck", "--repair", "--from", from], feed).ok();
        assert!(ran.out().contains("Nothing is lost, and the store is clean."), "{ran}");
        is_whole(&sandbox);
        let again = sandbox.run(["fsck", "--repair"]).ok();
        assert!(again.out().ends_with("no faults, nothing to repair.\n"), "{again}");
    }
}

/// The structure of a pack is not its content.
#[test]
fn a_repair_saves_everything_out_of_a_pack_with_a_damaged_trailer() {
    let sandbox = stored();
    let path = largest_pack(&sandbox);
    let mut bytes = fs::read(&path).expect("a pack");
    let at = bytes.len() - 60;
    bytes[at] ^= 1;
    fs::write(&path, bytes).expect("it is ours");
    sandbox.run(["save", "-o", "out.tar", "app:1"]).fails(1);
    let found = sandbox.run(["fsck", "--repair", "--format", "json"]).ok().json();
    assert!(found["SavedChunks"].as_u64() > Some(0), "{found}");
    assert_eq!(found["Left"].as_array().map(Vec::len), Some(0), "{found}");
    is_whole(&sandbox);
}

#[test]
fn a_repair_mends_the_journal_and_the_format() {
    let sandbox = stored();
    sandbox.run(["tag", "app:1", "app:2"]).ok();
    let mut journal = fs::read(sandbox.store().join("journal")).expect("the journal");
    journal[100] ^= 1;
    fs::write(sandbox.store().join("journal"), &journal).expect("it is ours");
    let ran = sandbox.run(["fsck"]).exits(1);
    assert!(ran.out().contains("journal: damaged at byte 48"), "{ran}");
    let ran = sandbox.run(["fsck", "--repair"]).ok();
    assert!(ran.err().contains("1 are recovered from the catalog"), "{ran}");
    assert_eq!(sandbox.names(), ["app:1", "app:2", "kept:1"].map(String::from));
    is_whole(&sandbox);
    // With the catalog gone, what only the broken record said is lost, and nothing else.
    let mut journal = fs::read(sandbox.store().join("journal")).expect("the journal");
    journal[100] ^= 1;
    fs::write(sandbox.store().join("journal"), &journal).expect("it is ours");
    fs::remove_dir_all(sandbox.store().join("catalog")).expect("it is there");
    fs::remove_file(sandbox.store().join("format")).expect("it is there");
    sandbox.run(["images"]).fails(1);
    let ran = sandbox.run(["fsck", "--repair"]);
    assert!(ran.err().contains("format is made again from the journal"), "{ran}");
    assert!(sandbox.run(["images"]).ok().code == Some(0));
    is_whole(&sandbox);
}

#[test]
fn a_check_that_has_no_time_goes_on_the_next_time() {
    let sandbox = stored();
    let ran = sandbox.run(["fsck", "--check", "data", "--max-duration", "1ns"]).ok();
    assert!(ran.out().contains("The time was over before the end"), "{ran}");
    let found = sandbox.run(["fsck", "--level", "data", "--format", "json"]).ok().json();
    assert_eq!((&found["Unfinished"], &found["Faults"]), (&false.into(), &Value::Array(Vec::new())));
    assert!(found["PackedBytes"].as_u64() > Some(2 << 20), "{found}");
    sandbox.run(["fsck", "--max-duration", "soon"]).exits(125);
    sandbox.run(["fsck", "--level", "deep"]).exits(125);
    sandbox.run(["fsck", "--from", "app.tar"]).exits(125);
}

/// For a script that runs at night: it prints only what somebody has to act upon.
#[test]
fn quiet_commands_print_nothing_on_success() {
    let sandbox = stored();
    for args in
        [&["gc", "-q"][..], &["fsck", "-q"], &["fsck", "--quiet", "--level", "exact"], &["optimize", "-q"]]
    {
        sandbox.run(args.iter().copied()).ok().stdout("").stderr("");
    }
    sandbox.run(["fsck", "-q", "--format", "json"]).ok().json();
    fs::remove_file(largest_pack(&sandbox)).expect("a pack");
    let ran = sandbox.run(["fsck", "-q", "--check", "data"]).exits(1);
    assert!(!ran.out().is_empty(), "{ran}");
}

#[test]
fn the_help_of_a_command_shows_the_name_that_was_typed() {
    let sandbox = Sandbox::new();
    for (args, usage) in [
        (["image", "inspect"], "Usage: larder image inspect [OPTIONS]"),
        (["container", "ls"], "Usage: larder container ls [OPTIONS]"),
    ] {
        sandbox.run(args.into_iter().chain(["--help"])).ok().says(usage);
    }
    sandbox
        .run(["--help"])
        .ok()
        .says("Common Commands:\n  load ")
        .says("Store Commands:\n")
        .says("auto, bar, plain, json");
}
