//! `diff`: what was changed in a container or an image.

use serde_json::json;

use crate::harness::codec::Codec;
use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::noise::noise;
use crate::harness::sandbox::Sandbox;
use crate::harness::tarball::Entry;

fn with(images: &[Image]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(images).tar()).ok();
    sandbox
}

fn one(name: &str, layer: Layer) -> Image {
    Image::new(&[name], vec![layer])
}

/// What differs between two layers, each an image.
#[track_caller]
fn between(old: Layer, new: Layer) -> Vec<String> {
    let sandbox = with(&[one("old:1", old), one("new:1", new)]);
    let out = sandbox.run(["diff", "new:1", "old:1"]).ok().out();
    out.lines().map(str::to_owned).collect()
}

#[test]
fn an_image_is_compared_with_what_is_below_its_top_layer() {
    let sandbox = with(&[Image::small("app:1")]);
    let want = "C /etc\nD /etc/doomed\nA /etc/link\nA /etc/name\nC /etc/old\nD /etc/old/a\nA /etc/same\n";
    sandbox.run(["diff", "app:1"]).ok().stdout(want);
    let base = with(&[one("base:1", Layer::new().file("d/a", "x"))]);
    base.run(["diff", "base:1"]).ok().stdout("A /d\nA /d/a\n");
    let none = with(&[Image::new(&["none:1"], Vec::new())]);
    none.run(["diff", "none:1"]).ok().stdout("");
}

#[test]
fn a_container_that_wrote_nothing_is_its_image() {
    let sandbox = with(&[Image::small("app:1"), Image::small("app:2")]);
    sandbox.run(["create", "--name", "web", "app:1"]).ok();
    sandbox.run(["diff", "web"]).ok().stdout("");
    sandbox.run(["container", "diff", "web"]).ok().stdout("");
    sandbox.run(["diff", "web", "app:1"]).ok().stdout("");
    sandbox.run(["diff", "app:1", "web"]).ok().stdout("");
    sandbox.run(["diff", "web", "web"]).ok().stdout("");
    let want = "C /bin\nC /bin/app\nC /etc\nC /etc/name\nC /etc/same\n";
    sandbox.run(["diff", "web", "app:2"]).ok().stdout(want);
    sandbox.run(["diff", "app:1", "app:2"]).ok().stdout(want);
}

#[test]
fn what_a_container_wrote_is_told() {
    let sandbox = with(&[Image::small("app:1")]);
    let id = sandbox.run(["create", "--name", "web", "app:1"]).ok().out().trim().to_owned();
    let upper = sandbox.store().join("containers").join(&id).join("upper");
    std::fs::create_dir_all(upper.join("var/log")).expect("the store can be written");
    std::fs::write(upper.join("var/log/x"), "x").expect("the store can be written");
    sandbox.run(["diff", "web"]).ok().stdout("A /var\nA /var/log\nA /var/log/x\n");
    sandbox.run(["diff", "app:1", "web"]).ok().stdout("D /var\n");
}

/// moby's `diff` finds these by their time only.
#[test]
fn other_bytes_of_the_same_size_and_time_are_a_change() {
    let file = |body: Vec<u8>| Layer::new().file("d/a", body).file("same", noise(9, 5000));
    assert_eq!(between(file(b"one".into()), file(b"two".into())), ["C /d", "C /d/a"]);
    let mut other = noise(1, 600_000);
    other[300_000] ^= 1;
    assert_eq!(between(file(noise(1, 600_000)), file(other)), ["C /d", "C /d/a"]);
    assert!(between(file(noise(1, 600_000)), file(noise(1, 600_000)).dir("d")).is_empty());
}

#[test]
fn everything_that_is_known_of_a_file_counts() {
    let file = || Entry::file("a", "x");
    for other in [
        file().mode(0o600),
        file().owner(1, 0),
        file().owner(0, 1),
        file().mtime(1),
        file().xattr("user.x", "y"),
        Entry::file("a", "longer"),
        Entry::symlink("a", "x"),
        Entry::new("a", b'6'),
    ] {
        assert_eq!(
            between(Layer::new().entry(file()), Layer::new().entry(other.clone())),
            ["C /a"],
            "{other:?}"
        );
    }
    let device = |minor| Layer::new().entry(Entry::device("a", b'3', 1, minor));
    assert_eq!(between(device(3), device(5)), ["C /a"]);
    let to = |target| Layer::new().symlink("a", target);
    assert_eq!(between(to("x"), to("y")), ["C /a"]);
}

#[test]
fn a_directory_s_time_is_no_change_and_its_mode_is() {
    let dir = |entry: Entry| Layer::new().entry(entry).file("d/a", "x");
    assert!(between(dir(Entry::dir("d/")), dir(Entry::dir("d/").mtime(5))).is_empty());
    assert_eq!(between(dir(Entry::dir("d/")), dir(Entry::dir("d/").mode(0o700))), ["C /d"]);
}

#[test]
fn what_is_below_something_gone_is_not_told() {
    let deep = Layer::new().file("d/e/f", "x").file("z", "");
    assert_eq!(between(deep.clone(), Layer::new().file("z", "")), ["D /d"]);
    assert_eq!(between(deep.clone(), Layer::new().file("d", "").file("z", "")), ["C /d"]);
    assert_eq!(between(Layer::new().file("d", "").file("z", ""), deep), ["C /d", "A /d/e", "A /d/e/f"]);
}

/// Where all layers are kept as they came, every file of the same size and time has to be
/// read; each from the start of its layer took minutes.
#[test]
fn compressed_layers_are_unwrapped_once() {
    let layer = |seed: u64| {
        (0..3000)
            .fold(Layer::new(), |layer, n| layer.file(&format!("d/{n:04}"), noise(n, 900)))
            .file("own", noise(seed, 8))
    };
    let sandbox = Sandbox::new();
    let images = [one("old:1", layer(1)), one("new:1", layer(2))];
    sandbox.load(&layouts::containerd(&images, Codec::Gzip).tar()).ok();
    let ran = sandbox.run(["diff", "old:1", "new:1"]).ok().stdout("C /own\n");
    assert!(ran.elapsed.as_secs() < 20, "{:?}", ran.elapsed);
}

#[test]
fn json_has_a_list_for_each_kind() {
    let sandbox = with(&[Image::small("app:1")]);
    let found = sandbox.run(["diff", "--format", "json", "app:1"]).ok().json();
    let want = json!({
        "changed": ["/etc", "/etc/old"],
        "added": ["/etc/link", "/etc/name", "/etc/same"],
        "deleted": ["/etc/doomed", "/etc/old/a"],
    });
    assert_eq!(found, want);
    let none = json!({"changed": [], "added": [], "deleted": []});
    assert_eq!(sandbox.run(["diff", "--format", "json", "app:1", "app:1"]).ok().json(), none);
    sandbox.run(["diff", "--format", "yaml", "app:1"]).fails(125);
}

#[test]
fn which_of_the_two_is_missing_is_said() {
    let sandbox = with(&[Image::small("app:1"), Image::small("tool:2")]);
    let ran = sandbox.run(["diff", "app:1", "tol:2"]).fails(1).stdout("");
    ran.complains("No such container or image: tol:2").complains("did you mean tool:2?");
    let ran = sandbox.run(["diff", "ap:1", "tool:2"]).fails(1);
    ran.complains("No such container or image: ap:1").complains("did you mean app:1?");
    Sandbox::new().run(["diff", "app:1"]).fails(1).complains("No such container or image: app:1");
}
