//! The validator of the image-spec has nothing to say against what larder writes.

use crate::harness::codec::Codec;
use crate::harness::image::Image;
use crate::harness::layouts;
use crate::harness::sandbox::Sandbox;
use crate::harness::tests_dir;
use crate::peers;

/// Writes an OCI archive as a layout directory and has the validator look at it.
#[track_caller]
fn is_valid(sandbox: &Sandbox, archive: &[u8], tag: &str) {
    let layout = sandbox.path("layout");
    let _ = std::fs::remove_dir_all(&layout);
    tar::Archive::new(archive).unpack(&layout).expect("the archive is good");
    let name = format!("name={tag}");
    let dir = layout.to_str().expect("UTF-8");
    let ran = peers::run("oci-image-tool", ["validate", "--type", "image", "--ref", &name, dir]);
    assert!((ran.out() + &ran.err()).contains("alidation succeeded"), "{ran}");
}

#[test]
fn the_validator_accepts_what_larder_saves() {
    if !peers::are_here("the_validator_accepts_what_larder_saves", &["oci-image-tool"]) {
        return;
    }
    let sandbox = Sandbox::new();
    // The validator knows no config field but its own.
    let image = Image::small("example.org/app:1").with(|config| {
        config.as_object_mut().expect("a config is an object").remove("x-unknown");
    });
    for archive in [
        layouts::docker24(std::slice::from_ref(&image)),
        layouts::docker25(std::slice::from_ref(&image)),
        layouts::containerd(std::slice::from_ref(&image), Codec::Gzip),
    ] {
        sandbox.load(&archive.tar()).ok();
        is_valid(&sandbox, &sandbox.save(["--format", "oci", "example.org/app:1"]), "1");
        is_valid(&sandbox, &sandbox.save(["example.org/app:1"]), "1");
    }
}

#[test]
fn the_validator_accepts_what_docker_saved() {
    if !peers::are_here("the_validator_accepts_what_docker_saved", &["oci-image-tool"]) {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.load(&std::fs::read(tests_dir("data").join("greeter.tar")).expect("tests/data is there")).ok();
    is_valid(&sandbox, &sandbox.save(["--format", "oci", "greeter:1.0"]), "1.0");
}

/// The validator is awake: it refuses what is not right.
#[test]
fn the_validator_refuses_a_layer_with_a_byte_too_many() {
    if !peers::are_here("the_validator_refuses_a_layer_with_a_byte_too_many", &["oci-image-tool"]) {
        return;
    }
    let sandbox = Sandbox::new();
    let image = Image::small("app:1");
    let layer = layouts::blob_name(&crate::harness::hex_digest(&image.tars()[0]));
    let archive = layouts::docker25(std::slice::from_ref(&image));
    let longer = [archive.body(&layer), b"x"].concat();
    archive.replace(&layer, longer).write_dir(&sandbox.path("layout"));
    let mut command = peers::tool("oci-image-tool");
    command.args(["validate", "--type", "image", "--ref", "name=1"]).arg(sandbox.path("layout"));
    let ran = crate::harness::child::run(command, crate::harness::child::Feed::Nothing);
    assert_ne!(ran.code, Some(0), "{ran}");
}
