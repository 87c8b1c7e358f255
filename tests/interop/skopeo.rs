//! skopeo, both ways: docker-archive, oci-archive, OCI layout and its own directories.

use std::collections::BTreeMap;

use crate::harness::codec::Codec;
use crate::harness::image::Image;
use crate::harness::layouts;
use crate::harness::sandbox::Sandbox;
use crate::harness::saved::{Saved, unpack};
use crate::harness::tests_dir;
use crate::harness::{digest, hex_digest};
use crate::peers;

fn copy(from: &str, to: &str) {
    peers::run("skopeo", ["copy", "-q", from, to]);
}

/// The files of skopeo's directory transport, by name.
fn dir(sandbox: &Sandbox, name: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(sandbox.path(name)).expect("skopeo wrote it").flatten();
    entries
        .map(|entry| {
            (entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).expect("a file"))
        })
        .collect()
}

#[test]
fn skopeo_reads_both_forms_that_larder_saves() {
    if !peers::are_here("skopeo_reads_both_forms_that_larder_saves", &["skopeo"]) {
        return;
    }
    let image = Image::small("example.org/app:1");
    for archive in [layouts::docker24, layouts::docker25, layouts::kaniko] {
        let sandbox = Sandbox::new();
        sandbox.load(&archive(std::slice::from_ref(&image)).tar()).ok();
        sandbox.run(["save", "-o", "docker.tar", "example.org/app:1"]).ok();
        sandbox.run(["save", "-o", "oci.tar", "--format", "oci", "example.org/app:1"]).ok();
        let (docker, oci) = (sandbox.path("docker.tar"), sandbox.path("oci.tar"));
        copy(
            &format!("docker-archive:{}:example.org/app:1", docker.display()),
            &format!("dir:{}", sandbox.path("from-docker").display()),
        );
        copy(
            &format!("oci-archive:{}", oci.display()),
            &format!("dir:{}", sandbox.path("from-oci").display()),
        );
        for name in ["from-docker", "from-oci"] {
            let files = dir(&sandbox, name);
            assert_eq!(files[&image.hex()], image.config_bytes(), "{name}");
            let layers: Vec<_> = files.values().map(|bytes| digest(&unpack(bytes))).collect();
            for diff in image.diff_ids() {
                assert!(layers.contains(&diff), "{name} lacks {diff}");
            }
        }
    }
}

#[test]
fn an_oci_image_passes_through_larder_with_all_its_digests() {
    if !peers::are_here("an_oci_image_passes_through_larder_with_all_its_digests", &["skopeo"]) {
        return;
    }
    let sandbox = Sandbox::new();
    let theirs = tests_dir("data").join("greeter.oci.tar");
    copy(
        &format!("oci-archive:{}:greeter:1.0", theirs.display()),
        &format!("dir:{}", sandbox.path("before").display()),
    );
    let theirs = std::fs::read(theirs).expect("tests/data is there");
    sandbox.load(&theirs).ok().stdout("Loaded image: greeter:1.0\n");
    sandbox.run(["save", "-o", "ours.tar", "--format", "oci", "greeter:1.0"]).ok();
    copy(
        &format!("oci-archive:{}:greeter:1.0", sandbox.path("ours.tar").display()),
        &format!("dir:{}", sandbox.path("after").display()),
    );
    assert_eq!(dir(&sandbox, "before"), dir(&sandbox, "after"), "manifest, config, layers, to the byte");
    let (theirs, ours) = (Saved::read(&theirs), Saved::read(&sandbox.read("ours.tar")));
    assert_eq!(ours.index_entries(), theirs.index_entries());
}

#[test]
fn larder_reads_each_form_that_skopeo_writes() {
    if !peers::are_here("larder_reads_each_form_that_skopeo_writes", &["skopeo"]) {
        return;
    }
    let image = Image::small("localhost/app:1");
    let sandbox = Sandbox::new();
    sandbox.write("source.tar", layouts::docker24(std::slice::from_ref(&image)).tar());
    let source = format!("docker-archive:{}", sandbox.path("source.tar").display());
    for (name, to) in [
        ("a.tar", format!("docker-archive:{}:localhost/app:1", sandbox.path("a.tar").display())),
        ("b.tar", format!("oci-archive:{}:localhost/app:1", sandbox.path("b.tar").display())),
        ("c", format!("oci:{}:localhost/app:1", sandbox.path("c").display())),
        ("d", format!("dir:{}", sandbox.path("d").display())),
    ] {
        copy(&source, &to);
        let fresh = Sandbox::new();
        let path = sandbox.path(name);
        fresh.run(["load".as_ref(), "-i".as_ref(), path.as_os_str()]).ok();
        let id = fresh.run(["images", "-q", "--no-trunc"]).ok().out();
        let id = id.lines().next().expect("an image");
        let ours = Saved::read(&fresh.save([id])).images();
        assert_eq!(ours[0].layers, image.tars(), "{name}");
        if name != "d" {
            assert_eq!(fresh.id("localhost/app:1"), id, "{name}");
        }
        if ["a.tar", "d"].contains(&name) {
            // Into OCI skopeo writes the config anew.
            assert_eq!(id, image.id(), "{name}");
        }
        fresh.is_clean();
    }
}

#[test]
fn a_layout_directory_and_an_archive_of_it_are_one_image() {
    if !peers::are_here("a_layout_directory_and_an_archive_of_it_are_one_image", &["skopeo"]) {
        return;
    }
    let sandbox = Sandbox::new();
    let image = Image::small("localhost/app:1");
    layouts::oci(std::slice::from_ref(&image), Codec::Gzip).write_dir(&sandbox.path("layout"));
    copy(
        &format!("oci:{}:localhost/app:1", sandbox.path("layout").display()),
        &format!("oci-archive:{}:localhost/app:1", sandbox.path("archive.tar").display()),
    );
    sandbox.run(["load", "-i", "layout"]).ok();
    let packs = |sandbox: &Sandbox| -> u64 {
        let entries = std::fs::read_dir(sandbox.path("store/packs")).expect("packs");
        entries.map(|entry| entry.and_then(|entry| entry.metadata()).expect("a pack").len()).sum()
    };
    let before = packs(&sandbox);
    sandbox.run(["load", "-i", "archive.tar"]).ok().stdout("Loaded image: localhost/app:1\n");
    assert_eq!(sandbox.id("localhost/app:1"), image.id());
    // Nothing is new but the line of index.json, which skopeo has written its own way.
    assert!(packs(&sandbox) - before < 512, "{before} {}", packs(&sandbox));
    let saved = Saved::read(&sandbox.save(["--format", "oci", "localhost/app:1"]));
    let packed = Codec::Gzip.compress(&image.tars()[0]);
    assert_eq!(saved.file(&layouts::blob_name(&hex_digest(&packed))), packed);
}
