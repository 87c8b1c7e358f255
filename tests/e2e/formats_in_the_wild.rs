//! Archives that no image tool writes, but other tools and people do: they load as they are meant.

use serde_json::json;

use super::formats::{comes_back_exact, is_there, two_images};
use crate::harness::codec::Codec;
use crate::harness::image::{Image, Layer};
use crate::harness::layouts::{self, Oci};
use crate::harness::sandbox::Sandbox;
use crate::harness::saved::strings;
use crate::harness::tarball::Entry;

/// As Docker and bazel write them for an engine that has the base.
#[test]
fn a_layer_that_the_store_has_may_be_left_out_of_an_archive() {
    let [base, image] = two_images().try_into().expect("there are two");
    assert!(base.layers[0].tar() == image.layers[0].tar(), "the two share no layer");
    for archive in [
        layouts::docker24(std::slice::from_ref(&image)),
        layouts::oci(std::slice::from_ref(&image), Codec::Plain),
    ] {
        let member = archive.members.iter().find(|member| member.body == image.tars()[0]);
        let name = String::from_utf8(member.expect("the layer is a member").name.clone()).unwrap();
        let without = archive.clone().without(&name).tar();
        for through in [Sandbox::load, Sandbox::load_file] {
            let sandbox = Sandbox::new();
            let missing = format!("the layer {name} is missing from the archive");
            through(&sandbox, &without).fails(1).complains(missing);
            assert_eq!(sandbox.names(), [""; 0]);
            sandbox.load(&layouts::docker24(std::slice::from_ref(&base)).tar()).ok();
            through(&sandbox, &without).ok();
            is_there(&sandbox, &image);
        }
    }
}

#[test]
fn members_with_a_slash_before_their_names_are_found() {
    let images = two_images();
    for archive in [layouts::docker24(&images), layouts::oci(&images, Codec::Gzip)] {
        comes_back_exact(&archive.prefixed("/"), &images);
    }
}

/// What `bsdtar` writes of a file with holes, unasked.
#[test]
fn members_that_are_stored_without_their_holes_are_read_with_them() {
    let zeros = vec![0; 300_000];
    let image = Image::new(&["app:1"], vec![Layer::new().file("zeros", [&zeros[..], b"x", &zeros].concat())]);
    let archive = layouts::docker24(std::slice::from_ref(&image));
    let layer = archive.name_ending("/layer.tar");
    let body = archive.body(&layer).to_vec();
    let at = body.windows(2).position(|pair| pair == b"x\0").unwrap() / 512 * 512;
    let mut map = format!("3\n0\n512\n{at}\n512\n{}\n0\n", body.len()).into_bytes();
    map.resize(512, 0);
    let stored = [&map[..], &body[..512], &body[at..at + 512]].concat();
    let sparse = Entry::file("GNUSparseFile.0/layer.tar", stored)
        .record("GNU.sparse.major", "1")
        .record("GNU.sparse.minor", "0")
        .record("GNU.sparse.name", &layer)
        .record("GNU.sparse.realsize", body.len().to_string());
    comes_back_exact(&archive.swap(&layer, sparse), &[image]);
}

#[test]
fn blobs_of_a_layout_may_be_links_that_stay_in_it() {
    let image = Image::small("app:1");
    let sandbox = Sandbox::new();
    let layout = sandbox.path("layout");
    layouts::oci(std::slice::from_ref(&image), Codec::Plain).write_dir(&layout);
    let blobs = layout.join("blobs/sha256");
    std::fs::create_dir(layout.join("files")).unwrap();
    for (number, blob) in std::fs::read_dir(&blobs).unwrap().enumerate() {
        let blob = blob.unwrap().path();
        std::fs::rename(&blob, layout.join(format!("files/{number}"))).unwrap();
        std::os::unix::fs::symlink(format!("../../files/{number}"), blob).unwrap();
    }
    sandbox.run(["load", "-i", "layout"]).ok();
    is_there(&sandbox, &image);
    let outside = sandbox.write("outside", &image.tars()[0]);
    let layer = blobs.join(crate::harness::hex_digest(&image.tars()[0]));
    std::fs::remove_file(&layer).unwrap();
    std::os::unix::fs::symlink(&outside, &layer).unwrap();
    let other = Sandbox::new();
    let told = format!("-> \"{}\": it leads out of the archive", outside.display());
    other.run(["load", "-i", layout.to_str().unwrap()]).fails(1).complains(told);
}

/// `--tag` is instead of what the archive calls the image, so it does not matter what that is.
#[test]
fn a_bad_name_in_an_archive_is_of_no_matter_where_another_is_given() {
    let image = Image::small("bazel/MyImage:1");
    for archive in
        [layouts::docker24(std::slice::from_ref(&image)), layouts::docker25(std::slice::from_ref(&image))]
    {
        let sandbox = Sandbox::new();
        sandbox.load(&archive.tar()).fails(1).complains("must be lowercase").complains("--tag");
        sandbox.write("a.tar", archive.tar());
        sandbox.run(["load", "-i", "a.tar", "--tag", "good:1"]).ok();
        assert_eq!(sandbox.names(), ["good:1"]);
    }
}

/// A layout that gives `app@sha256:…` to another image takes nothing from the image that has it.
#[test]
fn a_name_with_a_digest_holds_for_that_content_only() {
    let [good, evil] = [Image::small("app:1"), Image::small("app:2")];
    let named = |image: &Image, name: &str| {
        let mut oci = Oci::default();
        let mut manifest = oci.manifest(image, Codec::Plain);
        let digest = strings(&json!([manifest["digest"]])).remove(0);
        manifest["annotations"] = json!({"org.opencontainers.image.ref.name": name.replace("SELF", &digest)});
        oci.entries.push(manifest.to_string());
        (digest, oci.archive().tar())
    };
    let sandbox = Sandbox::new();
    let (digest, archive) = named(&good, "app@SELF");
    sandbox.load(&archive).ok();
    let pin = format!("app@{digest}");
    assert_eq!(sandbox.id(&pin), good.id());
    let (other, archive) = named(&evil, &pin);
    let told = format!("index.json gives the name {pin} to other content: the image's digest is {other}");
    sandbox.load(&archive).fails(1).complains(told);
    assert_eq!(sandbox.id(&pin), good.id());
    sandbox.run(["create", "--name", "box", &pin]).ok();
    let before = sandbox.truth();
    for command in [
        &["tag", &pin, &pin][..],
        &["load", "--tag", &pin],
        &["import", "-", &pin],
        &["commit", "box", &pin],
        &["squash", &pin, &pin],
    ] {
        sandbox.run(command).fails(1);
    }
    assert_eq!(before.changes(&sandbox.truth()), [""; 0]);
}
