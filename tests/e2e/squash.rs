//! `squash`: several layers to one, and nothing else changed.

use serde_json::{Value, json};

use crate::harness::codec::Codec;
use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::noise::noise;
use crate::harness::sandbox::Sandbox;
use crate::harness::saved::{Saved, strings};
use crate::harness::tarball::Entry;
use crate::harness::tree::{Tree, members};
use crate::harness::tricky;

fn with(images: &[Image]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(images).tar()).ok();
    sandbox
}

#[track_caller]
fn tree(sandbox: &Sandbox, name: &str) -> Tree {
    Tree::of_tar(&sandbox.run(["export", "--no-config", name]).ok().stdout)
}

#[track_caller]
fn layers(sandbox: &Sandbox, name: &str) -> Vec<String> {
    strings(&sandbox.inspect(name)["RootFS"]["Layers"])
}

/// Squashes, and gives the ID that was printed.
#[track_caller]
fn squash(sandbox: &Sandbox, args: &[&str]) -> String {
    let out = sandbox.run(["squash", "-q"].iter().chain(args)).ok().out();
    assert!(out.starts_with("sha256:") && out.len() == 72, "{out:?}");
    out.trim_end().to_owned()
}

/// Four layers that hide, replace and link what is below them.
fn tall() -> Image {
    let base = Layer::new()
        .dir("etc")
        .file("etc/a", "a")
        .file("etc/b", "b")
        .dir("var")
        .dir("var/old")
        .file("var/old/x", "x")
        .file("top", "t")
        .file("twin", "two names");
    let two = Layer::new().file("etc/c", "c").file("var/log", noise(1, 3000));
    // A whiteout without its directory, and one in the root.
    let three = Layer::new().file("etc/.wh.a", "").whiteout("top").hardlink("deep/twin", "twin");
    let four = Layer::new()
        .opaque("var")
        .file("var/new", "n")
        .whiteout("etc/c")
        .entry(Entry::dir("etc/").mode(0o700).owner(5, 6).xattr("user.x", "y"));
    Image::new(&["app:1"], vec![base, two, three, four])
}

#[test]
fn the_tree_is_the_same_wherever_the_squash_begins() {
    let sandbox = with(&[tall()]);
    let before = tree(&sandbox, "app:1");
    assert_eq!(before.paths(), ["deep", "deep/twin", "etc", "etc/b", "twin", "var", "var/new"]);
    let ids = layers(&sandbox, "app:1");
    for from in 1..=4_usize {
        let name = format!("flat:{from}");
        squash(&sandbox, &["--from", &from.to_string(), "app:1", &name]);
        tree(&sandbox, &name).equals(&before, &name);
        let made = layers(&sandbox, &name);
        assert_eq!(made.len(), from);
        assert_eq!(made[..from - 1], ids[..from - 1], "what is below stays");
        // The same by diff ID, whole or in part.
        let same = squash(&sandbox, &["--from", &ids[from - 1], "app:1"]);
        assert_eq!(same, sandbox.id(&name));
        assert_eq!(squash(&sandbox, &["--from", &ids[from - 1][7..27], "app:1"]), same);
    }
    sandbox.is_clean();
}

/// Every odd image that the tests know, from every layer on.
#[test]
fn odd_images_come_to_the_same_tree() {
    for (what, layers) in tricky::all() {
        let count = layers.len();
        let sandbox = with(&[Image::new(&["app:1"], layers)]);
        let before = tree(&sandbox, "app:1");
        for from in (1..=count).filter(|from| *from <= 2 || *from == count) {
            squash(&sandbox, &["--from", &from.to_string(), "app:1", "flat:1"]);
            tree(&sandbox, "flat:1").equals(&before, &format!("{what} from {from}"));
        }
    }
}

#[test]
fn upper_layers_become_whiteouts_where_they_took_away() {
    let sandbox = with(&[tall()]);
    squash(&sandbox, &["--from", "2", "app:1", "flat:1"]);
    let saved = Saved::read(&sandbox.save(["flat:1"]));
    let names: Vec<_> = members(&saved.images()[0].layers[1])
        .iter()
        .map(|member| String::from_utf8_lossy(&member.name).into_owned())
        .collect();
    assert_eq!(
        names,
        [".wh.top", "deep/", "deep/twin", "etc/", "etc/.wh.a", "twin", "var/", "var/.wh.old", "var/new"]
    );
}

#[test]
fn the_config_stays_and_the_steps_without_their_layers() {
    let image = tall().with(|config| config["config"]["Env"] = json!(["PATH=/bin", "A=b"]));
    let sandbox = with(&[image]);
    let run = ["squash", "-q", "-m", "made small", "--from", "3", "app:1", "flat:1"];
    sandbox.run(run).ok();
    let [before, after] = ["app:1", "flat:1"].map(|name| sandbox.inspect(name));
    for key in ["Config", "Architecture", "Os", "Created"] {
        assert_eq!(before[key], after[key], "{key}");
    }
    let config: Value = {
        let saved = Saved::read(&sandbox.save(["flat:1"]));
        serde_json::from_slice(&saved.images()[0].config).expect("a config is JSON")
    };
    assert_eq!(config["x-unknown"], json!({"kept": [1, 2.50, "three"]}), "what is not known stays");
    let steps = config["history"].as_array().expect("a history");
    let brief = |step: &Value| {
        let text = step["created_by"].as_str().unwrap_or_default().rsplit(' ').next().unwrap_or_default();
        format!("{text} {}", step["empty_layer"] == json!(true))
    };
    let brief: Vec<_> = steps.iter().map(brief).collect();
    assert_eq!(brief, ["0 false", "1 false", "2 true", "3 true", "[\"/bin/app\"] true", "squash false"]);
    assert_eq!(steps[5]["comment"], "made small");
    assert_eq!(steps[5]["created"], steps[0]["created"], "nothing of now is in it");
    let shown = sandbox.run(["history", "--format", "{{.CreatedBy}}|{{.Comment}}", "flat:1"]).ok();
    assert!(shown.out().starts_with("larder squash|made small\n"), "{shown}");
}

#[test]
fn the_same_image_gives_the_same_image_in_any_store() {
    let sandbox = with(&[tall(), Image::small("other:1")]);
    let id = squash(&sandbox, &["app:1"]);
    assert_eq!(squash(&sandbox, &["app:1", "flat:1"]), id);
    assert_eq!(sandbox.id("flat:1"), id);
    assert_eq!(squash(&with(&[tall()]), &["app:1"]), id);
    // And of layers that are kept compressed.
    let other = Sandbox::new();
    other.load(&layouts::containerd(&[tall()], Codec::Gzip).tar()).ok();
    assert_eq!(squash(&other, &["app:1"]), id);
    assert_ne!(squash(&sandbox, &["-m", "other", "app:1"]), id);
}

#[test]
fn a_squashed_image_is_saved_and_loaded_elsewhere() {
    let sandbox = with(&[tall()]);
    let id = squash(&sandbox, &["app:1", "flat:1"]);
    let before = tree(&sandbox, "app:1");
    // Without the image that it was made of.
    sandbox.run(["rmi", "app:1"]).ok();
    sandbox.run(["gc"]).ok();
    sandbox.is_clean();
    for format in ["docker", "oci"] {
        let archive = sandbox.save(["--format", format, "flat:1"]);
        let saved = Saved::read(&archive);
        let images = if format == "oci" { saved.oci_images() } else { saved.images() };
        assert_eq!((images.len(), images[0].id()), (1, id.clone()));
        assert_eq!(images[0].diff_ids(), images[0].claimed_diff_ids());
        let other = Sandbox::new();
        other.load(&archive).ok();
        assert_eq!(other.id("flat:1"), id, "{format}");
        tree(&other, "flat:1").equals(&before, format);
        other.is_clean();
    }
}

#[test]
fn a_squash_of_compressed_layers_keeps_those_below_as_they_are() {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::containerd(&[tall()], Codec::Gzip).tar()).ok();
    let before = tree(&sandbox, "app:1");
    squash(&sandbox, &["--from", "3", "app:1", "flat:1"]);
    tree(&sandbox, "flat:1").equals(&before, "flat:1");
    let manifest = |name: &str| {
        let saved = Saved::read(&sandbox.save(["--format", "oci", name]));
        let entry: Value = serde_json::from_str(&saved.index_entries()[0]).expect("an entry is JSON");
        let digest = entry["digest"].as_str().expect("a digest").to_owned();
        let manifest: Value = serde_json::from_slice(saved.blob(&digest)).expect("a manifest");
        manifest["layers"].as_array().expect("layers").clone()
    };
    let (old, new) = (manifest("app:1"), manifest("flat:1"));
    assert_eq!((new.len(), &new[..2]), (3, &old[..2]));
    assert_eq!(new[2]["mediaType"], "application/vnd.oci.image.layer.v1.tar");
    sandbox.is_clean();
}

#[test]
fn what_cannot_be_squashed_is_said() {
    let sandbox = with(&[tall()]);
    let truth = sandbox.truth();
    for from in ["0", "5", "999", "-1", "x", "", "sha256:", "sha256:00"] {
        let ran = sandbox.run(["squash", &format!("--from={from}"), "app:1", "flat:1"]).fails(1);
        let ran =
            ran.stdout("").complains(format!("no such layer: {from}; the image has 4, the base being 1"));
        assert!(!ran.err().contains("did you mean"), "{ran}");
    }
    sandbox.run(["squash", "nope"]).fails(1).complains("No such image: nope:latest");
    sandbox.run(["squash", "app:1", "UPPER"]).fails(125);
    assert_eq!(truth.changes(&sandbox.truth()), [""; 0], "nothing was written");
}

#[test]
fn the_lowest_of_two_layers_that_are_the_same_is_meant() {
    let same = Layer::new().file("a", "a");
    let image = Image::new(&["app:1"], vec![Layer::new().file("b", "b"), same.clone(), Layer::new(), same]);
    let sandbox = with(&[image]);
    let ids = layers(&sandbox, "app:1");
    assert_eq!(ids[1], ids[3]);
    squash(&sandbox, &["--from", &ids[1], "app:1", "flat:1"]);
    assert_eq!(layers(&sandbox, "flat:1").len(), 2);
}
