//! Manifests, configs and indexes that are none, or that say what is not so.

use serde_json::{Value, json};

use super::{config_name, docker24, image, oci_named, oci_with, refused};
use crate::harness::codec::Codec;
use crate::harness::hex_digest;
use crate::harness::image::Image;
use crate::harness::layouts::{self, OCI_INDEX, Oci, blob_name};
use crate::harness::tarball;

#[test]
fn an_archive_without_a_manifest() {
    refused("an empty tar", &tarball::tar(&[]), &["manifest.json"]);
    refused("a layer", &image().tars()[0], &["manifest.json"]);
    let bare = docker24().without("manifest.json").without("repositories");
    refused("no manifest", &bare.tar(), &["manifest.json"]);
    let bare = layouts::oci(&[image()], Codec::Gzip).without("index.json");
    refused("no index", &bare.tar(), &["index.json"]);
}

#[test]
fn a_manifest_that_is_none() {
    for (what, body) in [
        ("null", "null".to_owned()),
        ("an empty list", "[]".to_owned()),
        ("a list of null", "[null]".to_owned()),
        ("an object", "{}".to_owned()),
        ("a number", "17".to_owned()),
        ("not JSON", "[{\"Config\":".to_owned()),
        ("no text", String::new()),
        ("deeply nested", "[".repeat(200_000)),
        ("deeply nested and closed", format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))),
        ("deeply nested objects", "{\"a\":".repeat(100_000)),
    ] {
        refused(
            &format!("manifest.json: {what}"),
            &docker24().replace("manifest.json", body).tar(),
            &["manifest.json"],
        );
    }
    for body in
        ["null", "[]", "17", "{", "{\"manifests\":null}", "{\"manifests\":[null]}", "{\"manifests\":{}}"]
    {
        let archive = layouts::oci(&[image()], Codec::Gzip).replace("index.json", body);
        refused(&format!("index.json: {body}"), &archive.tar(), &["index.json"]);
    }
}

#[test]
fn a_document_over_20_mib() {
    let long = format!("[{}{{}}]", " ".repeat(21 << 20));
    refused("manifest.json of 21 MiB", &docker24().replace("manifest.json", long).tar(), &["manifest.json"]);
    let long = format!("{{\"manifests\":[{}]}}", " ".repeat(21 << 20));
    let archive = layouts::oci(&[image()], Codec::Gzip).replace("index.json", long);
    refused("index.json of 21 MiB", &archive.tar(), &["index.json"]);
}

#[test]
fn a_config_that_is_none() {
    for body in ["null", "[]", "{", "\"config\"", "{\"rootfs\":null}", "{\"rootfs\":{\"diff_ids\":\"x\"}}"] {
        let archive = docker24().replace(&config_name(), body);
        refused(&format!("config {body}"), &archive.tar(), &[&config_name()]);
    }
    refused("no config", &docker24().without(&config_name()).tar(), &[&config_name()]);
    let archive = docker24().edit("manifest.json", |manifest| manifest[0]["Config"] = "".into());
    refused("an empty name for the config", &archive.tar(), &[]);
    let archive = docker24().edit("manifest.json", |manifest| manifest[0]["Config"] = Value::Null);
    refused("null for the config", &archive.tar(), &[]);
}

#[test]
fn a_wrong_digest_or_size_in_oci() {
    let zeros = format!("sha256:{}", "0".repeat(64));
    let packed = Codec::Gzip.compress(&image().tars()[1]);
    let name = blob_name(&hex_digest(&packed));
    let mut changed = packed.clone();
    *changed.last_mut().expect("not empty") ^= 1;
    refused(
        "a layer's bytes changed",
        &layouts::oci(&[image()], Codec::Gzip).replace(&name, changed).tar(),
        &[&hex_digest(&packed)],
    );
    let whole = layouts::oci(&[image()], Codec::Plain);
    let plain = blob_name(&hex_digest(&image().tars()[1]));
    refused(
        "a plain layer's bytes changed",
        &whole.replace(&plain, image().tars()[0].clone()).tar(),
        &[&hex_digest(&image().tars()[1])],
    );
    refused(
        "a layer's size too big",
        &oci_with(|m| m["layers"][1]["size"] = json!(packed.len() + 1)).tar(),
        &[&name],
    );
    refused("a layer's size too small", &oci_with(|m| m["layers"][1]["size"] = json!(1)).tar(), &[&name]);
    refused("a negative size", &oci_with(|m| m["layers"][1]["size"] = json!(-1)).tar(), &[]);
    refused("a huge size", &oci_with(|m| m["layers"][1]["size"] = json!(u64::MAX)).tar(), &[]);
    refused(
        "a config that is not there",
        &oci_with(|m| m["config"]["digest"] = json!(zeros)).tar(),
        &[&zeros[7..]],
    );
    let config = blob_name(&image().hex());
    refused("a config's size", &oci_with(|m| m["config"]["size"] = json!(5)).tar(), &[&config]);
    refused("a manifest that is not there", &oci_named(|e| e["digest"] = json!(zeros)).tar(), &[&zeros[7..]]);
    refused("a manifest's size", &oci_named(|e| e["size"] = json!(5)).tar(), &["index.json"]);
    let mut oci = Oci::default();
    let entry = oci.manifest(&image(), Codec::Gzip);
    oci.name_as_skopeo(&entry, &image());
    let name = blob_name(&entry["digest"].as_str().expect("a digest")[7..]);
    let archive = oci.archive().edit(&name, |manifest| manifest["annotations"] = json!({"added": "later"}));
    refused("a manifest's bytes changed", &archive.tar(), &[&name[13..]]);
}

/// CVE-2021-41190: one reader takes it for an index, another for a manifest.
#[test]
fn an_index_and_a_manifest_in_one_document() {
    let manifest = oci_with(|manifest| manifest["manifests"] = json!([])).tar();
    refused("a manifest that is an index too", &manifest, &["manifests"]);
    let mut oci = Oci::default();
    let child = oci.manifest(&image(), Codec::Gzip);
    let index = json!({
        "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child], "layers": [], "config": {},
    });
    let index = oci.blob(OCI_INDEX, index.to_string());
    oci.name_as_skopeo(&index, &image());
    refused("an index that is a manifest too", &oci.archive().tar(), &["layers"]);
    let mut oci = Oci::default();
    let manifest = oci.manifest(&image(), Codec::Gzip);
    let mut entry = manifest.clone();
    entry["mediaType"] = OCI_INDEX.into();
    oci.name_as_skopeo(&entry, &image());
    refused("a manifest that is called an index", &oci.archive().tar(), &[]);
}

#[test]
fn a_digest_that_is_none() {
    let hex = "0123456789abcdef".repeat(4);
    for digest in [
        format!("md5:{}", "0".repeat(32)),
        format!("sha255:{hex}"),
        "sha256:xyz".to_owned(),
        format!("sha256:{}", &hex[1..]),
        format!("sha256:{}", hex.to_uppercase()),
        format!("sha256:{}zz", &hex[2..]),
        format!("sha256:../../{}", &hex[6..]),
        hex.clone(),
        String::new(),
    ] {
        let value = || json!(digest);
        let manifest = &["blobs/sha256/", "digest"];
        refused(
            &format!("layer {digest}"),
            &oci_with(|m| m["layers"][1]["digest"] = value()).tar(),
            manifest,
        );
        refused(&format!("config {digest}"), &oci_with(|m| m["config"]["digest"] = value()).tar(), manifest);
        let entry = oci_named(|e| e["digest"] = value());
        refused(&format!("entry {digest}"), &entry.tar(), &["index.json", "digest"]);
        let mut image = image();
        let mut config: Value = serde_json::from_slice(&image.config_bytes()).expect("JSON");
        config["rootfs"]["diff_ids"][1] = value();
        image.raw_config = Some(config.to_string().into_bytes());
        let name = format!("{}.json", image.hex());
        refused(&format!("diff ID {digest}"), &layouts::docker24(&[image]).tar(), &[&name, "digest"]);
    }
}

#[test]
fn one_tag_for_two_images() {
    let images = [Image::small("one").named(&["same:1"]), Image::small("two").named(&["same:1"])];
    refused("docker-archive", &layouts::docker24(&images).tar(), &["same:1"]);
    refused("oci", &layouts::oci(&images, Codec::Gzip).tar(), &["same:1"]);
    let images =
        [Image::small("one").named(&["same"]), Image::small("two").named(&["docker.io/library/same:latest"])];
    refused("two spellings", &layouts::docker24(&images).tar(), &["same"]);
}

#[test]
fn a_reference_that_is_none() {
    for name in
        ["UPPER:1", "a/UPPER:1", "bad:Tag:1", "a//b:1", ":1", "white space:1", "a/../b:1", "ünïcödé:1", "x:"]
    {
        let archive = docker24().edit("manifest.json", |manifest| manifest[0]["RepoTags"] = json!([name]));
        refused(name, &archive.tar(), &[name]);
        let annotations = json!({"io.containerd.image.name": name});
        refused(name, &oci_named(|entry| entry["annotations"] = annotations).tar(), &[name]);
    }
    let archive = docker24().edit("manifest.json", |manifest| manifest[0]["RepoTags"] = json!("bad:1"));
    refused("a string for RepoTags", &archive.tar(), &["manifest.json"]);
}

#[test]
fn a_windows_image() {
    let image = image().with(|config| config["os"] = "windows".into());
    refused("docker24", &layouts::docker24(std::slice::from_ref(&image)).tar(), &["windows"]);
    refused("oci", &layouts::oci(&[image], Codec::Gzip).tar(), &["windows"]);
}
