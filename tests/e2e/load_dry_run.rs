//! What a load would do is told to the byte, and nothing is done.

use serde_json::{Value, json};

use crate::harness::child::Feed;
use crate::harness::codec::Codec;
use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::noise::noise;
use crate::harness::sandbox::Sandbox;

const MIB: usize = 1 << 20;

/// An image on a base that others share, with something of its own.
fn image(name: &str, seed: u64) -> Image {
    let base = Layer::new().file("base", noise(1, MIB));
    // The same bytes twice in one layer are new once.
    let own = Layer::new().file("own", noise(seed, 300_000)).file("copy", noise(seed, 300_000));
    Image::new(&[name], vec![base, own])
}

fn foreseen(sandbox: &Sandbox, options: &[&str]) -> Value {
    let args = ["load", "-i", "archive", "--dry-run", "--format", "json"];
    sandbox.run(args.iter().chain(options)).ok().json()
}

#[test]
fn nothing_is_written_and_no_store_is_made() {
    let sandbox = Sandbox::new();
    let archive = layouts::docker25(&[image("app:1", 2), image("app:2", 3)]).tar();
    sandbox.write("archive", &archive);
    let ran = sandbox.run(["load", "-i", "archive", "--dry-run"]).ok();
    ran.says("Would load image: app:1\n").says("nothing was loaded");
    assert!(!sandbox.store().exists());
    sandbox.load(&layouts::docker25(&[image("app:1", 4)]).tar()).ok();
    let before = sandbox.listing();
    sandbox.run(["load", "-i", "archive", "--dry-run"]).ok();
    sandbox.run_fed(["load", "--dry-run"], Feed::Bytes(archive)).ok();
    assert_eq!(before.changes(&sandbox.listing()), [""; 0]);
    assert_eq!(sandbox.names(), ["app:1"]);
}

#[test]
fn what_is_there_and_what_is_new_is_told_of_each_layer() {
    let (one, two) = (image("app:1", 2), image("app:2", 3));
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(std::slice::from_ref(&one)).tar()).ok();
    sandbox
        .write("archive", layouts::docker24(&[one.clone(), two.clone(), two.clone().named(&["b:1"])]).tar());
    let found = foreseen(&sandbox, &[]);
    let states = |number: usize| -> Vec<String> {
        let layers = found["Images"][number]["Platforms"][0]["Layers"].as_array().unwrap().iter();
        layers.map(|layer| layer["State"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(found["Images"].as_array().map(Vec::len), Some(2), "{found}");
    assert_eq!(found["Images"][0]["Exists"], json!(true));
    assert_eq!(states(0), ["there already", "there already"]);
    assert_eq!(found["Images"][1]["Exists"], json!(false));
    assert_eq!(found["Images"][1]["ID"], json!(two.id()));
    assert_eq!(found["Images"][1]["Names"], json!(["app:2", "b:1"]));
    assert_eq!(states(1), ["there already", "new"]);
    let new = &found["Images"][1]["Platforms"][0]["Layers"][1];
    assert_eq!(new["DiffID"], json!(two.diff_ids()[1]));
    let bytes = new["NewBytes"].as_u64().unwrap();
    // Its file once, its headers, and how they go together.
    assert!((300_000..310_000).contains(&bytes), "{bytes}");
    assert!(found["NewBytes"].as_u64().unwrap() >= bytes, "{found}");
}

/// Of a pipe everything is read, and still only what is asked for counts.
#[test]
fn a_pipe_and_a_directory_come_to_the_same_as_a_file() {
    let images = [image("app:1", 2), image("app:2", 3)];
    for archive in
        [layouts::docker24(&images), layouts::docker25(&images), layouts::oci(&images, Codec::Plain)]
    {
        for options in [&[][..], &["--only", "app:2"]] {
            let sandbox = Sandbox::new();
            sandbox.write("archive", archive.tar());
            let file = foreseen(&sandbox, options);
            let args = ["load", "--dry-run", "--format", "json"];
            let pipe = sandbox.run_fed(args.iter().chain(options), Feed::Bytes(archive.tar())).ok().json();
            std::fs::remove_file(sandbox.path("archive")).unwrap();
            archive.write_dir(&sandbox.path("archive"));
            let dir = foreseen(&sandbox, options);
            assert_eq!(pipe["NewBytes"], file["NewBytes"], "{options:?}");
            assert_eq!(dir["NewBytes"], file["NewBytes"], "{options:?}");
            assert_eq!(pipe["Images"], file["Images"], "{options:?}");
            assert_eq!(dir["Images"], file["Images"], "{options:?}");
        }
    }
}

#[test]
fn names_that_would_move_or_stay_are_told() {
    let (old, new) = (image("app:1", 2), image("app:1", 3));
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(std::slice::from_ref(&old)).tar()).ok();
    sandbox.write("archive", layouts::docker24(std::slice::from_ref(&new)).tar());
    let found = foreseen(&sandbox, &[]);
    assert_eq!(found["Images"][0]["Moved"], json!([{"Name": "app:1", "Image": old.id()}]));
    let found = foreseen(&sandbox, &["--keep-existing-tags"]);
    assert_eq!(found["Images"][0]["Kept"], json!([{"Name": "app:1", "Image": old.id()}]));
    let ran = sandbox.run(["load", "-i", "archive", "--dry-run"]).ok();
    ran.says(format!("The name app:1 would move here from the image {}\n", old.id()));
    assert_eq!(sandbox.id("app:1"), old.id());
}

#[test]
fn what_a_load_refuses_is_refused_in_the_same_words() {
    let whole = layouts::docker24(&[image("app:1", 2)]);
    let layer = whole.name_ending("layer.tar");
    let other = Layer::new().file("other", "x").tar();
    let archives = [
        whole.clone().replace(&layer, other).tar(),
        whole.clone().without(&layer).tar(),
        whole.tar()[..100_000].to_vec(),
        b"no archive".to_vec(),
    ];
    for archive in archives {
        let (dry, real) = (Sandbox::new(), Sandbox::new());
        for options in [&[][..], &["--max-members", "1"], &["--only", "nosuch"]] {
            let args = |dry: bool| {
                ["load"]
                    .iter()
                    .copied()
                    .chain(options.iter().copied())
                    .chain(dry.then_some("--dry-run"))
                    .collect::<Vec<_>>()
            };
            let told = dry.run_fed(args(true), Feed::Bytes(archive.clone())).fails(1).err();
            assert_eq!(told, real.run_fed(args(false), Feed::Bytes(archive.clone())).fails(1).err());
        }
        assert!(!dry.store().exists());
    }
}

#[test]
fn a_store_that_no_load_could_use_is_refused_as_by_a_load() {
    let sandbox = Sandbox::new();
    sandbox.write("archive", layouts::docker24(&[image("app:1", 2)]).tar());
    std::fs::create_dir(sandbox.path("full")).expect("a directory");
    sandbox.write("full/somebody's", "file");
    for place in ["full", "archive", "/proc/nope/store"] {
        let load = ["--store", place, "load", "-i", "archive"];
        let real = sandbox.run(load).fails(1).err();
        if !place.starts_with('/') {
            assert_eq!(sandbox.run(load.iter().chain(&["--dry-run"])).fails(1).err(), real, "{place}");
        }
    }
    sandbox.run(["load", "-i", "archive", "--dry-run", "--level", "99"]).fails(125);
    sandbox.run(["load", "-i", "archive", "--dry-run"]).ok();
}

/// What a load would heal is new.
#[test]
fn what_the_store_has_lost_is_not_there() {
    let sandbox = Sandbox::new();
    let archive = layouts::docker24(&[image("app:1", 2)]).tar();
    sandbox.load(&archive).ok();
    for pack in std::fs::read_dir(sandbox.store().join("packs")).expect("packs") {
        std::fs::remove_file(pack.expect("a pack").path()).expect("it can be removed");
    }
    sandbox.write("archive", archive);
    let before = sandbox.listing();
    let told = foreseen(&sandbox, &[]);
    assert_eq!(before.changes(&sandbox.listing()), [""; 0]);
    let load = sandbox.run(["load", "-i", "archive", "--progress", "json"]).ok();
    let last = load.err().lines().last().map(|line| serde_json::from_str::<Value>(line).expect("an object"));
    assert_eq!(Some(&told["NewBytes"]), last.as_ref().map(|done| &done["new_bytes"]), "{load}");
    assert_eq!(told["Images"][0]["Platforms"][0]["Layers"][0]["State"], json!("new"));
}

#[test]
fn what_an_archive_says_of_itself_forges_no_line() {
    let sandbox = Sandbox::new();
    let forged = "amd64\nLoaded image: trusted:1\n";
    let hostile = image("app:1", 2).with(|config| config["architecture"] = forged.into());
    sandbox.write("archive", layouts::docker24(&[hostile]).tar());
    let ran = sandbox.run(["load", "-i", "archive", "--dry-run"]);
    assert!(!ran.out().lines().any(|line| line == "Loaded image: trusted:1"), "{ran}");
    let forged = "windows\nLoaded image: trusted:1\n";
    let hostile = image("app:1", 2).with(|config| config["os"] = forged.into());
    sandbox.write("archive", layouts::docker24(&[hostile]).tar());
    let ran = sandbox.run(["load", "-i", "archive"]).fails(1);
    assert!(!ran.err().lines().any(|line| line == "Loaded image: trusted:1"), "{ran}");
}
