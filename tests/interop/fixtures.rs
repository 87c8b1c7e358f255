//! The archives that the other tests build are such as real engines take, and what those
//! tests call bad is bad to Docker as well: the tests do not invent formats.

use std::ffi::OsStr;

use serde_json::json;

use crate::harness::archive::Archive;
use crate::harness::codec::Codec;
use crate::harness::image::Image;
use crate::harness::layouts;
use crate::harness::sandbox::Sandbox;
use crate::peers::{self, Docker, Podman};

fn image() -> Image {
    Image::small("fixture:1")
}

#[test]
fn docker_takes_the_docker_archives_that_tests_build() {
    let Some(docker) = Docker::shared("docker_takes_the_docker_archives_that_tests_build") else { return };
    let images = [image(), Image::small("fixture:2")];
    for (what, archive) in [
        ("docker24", layouts::docker24(&images)),
        ("docker25", layouts::docker25(&images)),
        ("containerd", layouts::containerd(&images, Codec::Gzip)),
        ("podman", layouts::podman(&images)),
        ("kaniko", layouts::kaniko(&images)),
    ] {
        let ran = docker.load(&archive.tar());
        assert_eq!(ran.code, Some(0), "{what}: {ran}");
        for image in &images {
            assert_eq!(docker.inspect(&image.names[0]), (image.id(), image.diff_ids()), "{what}");
        }
        docker.forget(&["fixture:1", "fixture:2"]);
    }
}

/// Docker builds a config for the archives of the first days; so does larder.
#[test]
fn docker_takes_an_archive_of_the_first_days() {
    let Some(docker) = Docker::shared("docker_takes_an_archive_of_the_first_days") else { return };
    let image = Image::small("legacy:1");
    let ran = docker.load(&layouts::legacy_v1(std::slice::from_ref(&image)).tar());
    assert_eq!(ran.code, Some(0), "{ran}");
    assert_eq!(docker.inspect("legacy:1").1, image.diff_ids());
    docker.forget(&["legacy:1"]);
}

#[test]
fn what_tests_call_bad_is_bad_to_docker() {
    let Some(docker) = Docker::shared("what_tests_call_bad_is_bad_to_docker") else { return };
    let image = Image::small("bad:1");
    let good = layouts::docker24(std::slice::from_ref(&image));
    let config = format!("{}.json", image.hex());
    let layer = good.name_ending("/layer.tar");
    let with_layers = |layers: serde_json::Value| {
        good.clone().edit("manifest.json", |manifest| manifest[0]["Layers"] = layers)
    };
    let outside = crate::harness::tarball::Entry::symlink(&layer, "/etc/passwd");
    let bad: Vec<(&str, Archive)> = vec![
        ("not JSON", good.clone().replace("manifest.json", "{")),
        ("no config", good.clone().without(&config)),
        ("no layer", good.clone().without(&layer)),
        ("fewer layers", with_layers(json!([layer]))),
        ("wrong diff ID", good.clone().replace(&layer, "x")),
        ("a layer outside", good.clone().swap(&layer, outside)),
    ];
    for (what, archive) in bad {
        let ran = docker.load(&archive.tar());
        let there = docker.try_run(["image", "inspect", "bad:1"]).code == Some(0);
        assert!(ran.code != Some(0) && !there, "{what}: Docker takes it: {ran}");
    }
    docker.forget(&["bad:1"]);
}

#[test]
fn podman_takes_the_archives_that_tests_build() {
    let Some(podman) = Podman::new("podman_takes_the_archives_that_tests_build") else { return };
    let image = image();
    for (what, archive) in [
        ("docker24", layouts::docker24(std::slice::from_ref(&image))),
        ("docker25", layouts::docker25(std::slice::from_ref(&image))),
        ("podman", layouts::podman(std::slice::from_ref(&image))),
        ("kaniko", layouts::kaniko(std::slice::from_ref(&image))),
        ("oci", layouts::oci(std::slice::from_ref(&image), Codec::Gzip)),
    ] {
        let ran = podman.load(&archive.tar());
        let told = ran.out();
        let name = told
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("Loaded image: "))
            .unwrap_or_else(|| panic!("{what}: {ran}"));
        assert_eq!(podman.inspect(name), (image.id(), image.diff_ids()), "{what}");
        podman.run(["rmi", "-f", name]);
    }
}

#[test]
fn skopeo_takes_the_layouts_that_tests_build() {
    if !peers::are_here("skopeo_takes_the_layouts_that_tests_build", &["skopeo"]) {
        return;
    }
    let sandbox = Sandbox::new();
    let image = image();
    for (at, codec) in [Codec::Gzip, Codec::Zstd, Codec::Plain].into_iter().enumerate() {
        sandbox.write("oci.tar", layouts::oci(std::slice::from_ref(&image), codec).tar());
        let from = format!("oci-archive:{}:fixture:1", sandbox.path("oci.tar").display());
        let to = format!("dir:{}", sandbox.path(&format!("from-oci-{at}")).display());
        peers::run("skopeo", ["copy", "-q", &from, &to]);
        let config = sandbox.read(&format!("from-oci-{at}/{}", image.hex()));
        assert_eq!(config, image.config_bytes(), "{codec:?}");
    }
    layouts::docker_dir(&image, Codec::Gzip).write_dir(&sandbox.path("dir"));
    let from = format!("dir:{}", sandbox.path("dir").display());
    let told =
        peers::run("skopeo", [OsStr::new("inspect"), "--config".as_ref(), "--raw".as_ref(), from.as_ref()]);
    assert_eq!(told.stdout, image.config_bytes());
}
