//! Bad input gets a clear error that names the member, exit 1, and leaves the store as it was.

use std::ffi::OsStr;

use serde_json::{Value, json};

use crate::harness::archive::Archive;
use crate::harness::codec::{Codec, gzip};
use crate::harness::image::Image;
use crate::harness::layouts::{self, OCI_INDEX, OCI_MANIFEST, Oci, blob_name};
use crate::harness::noise::{Noise, noise};
use crate::harness::sandbox::Sandbox;
use crate::harness::tarball::{self, Entry};
use crate::harness::{digest, hex_digest};

/// A store with one image in it: what the bad archives must leave alone.
fn with_an_image() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker25(&[Image::small("kept:1")]).tar()).ok();
    sandbox
}

/// larder must refuse these bytes with exit 1, say all of `words`, and change nothing.
#[track_caller]
fn refused(what: &str, tar: &[u8], words: &[&str]) {
    let sandbox = with_an_image();
    sandbox.write("bad.tar", tar);
    for args in [vec!["load"], vec!["load", "-i", "bad.tar"]] {
        let feed = || crate::harness::child::Feed::Bytes(tar.to_vec());
        refused_by(&sandbox, what, words, || match args.len() {
            1 => sandbox.run_fed(&args, feed()),
            _ => sandbox.run(&args),
        });
    }
}

#[track_caller]
fn refused_by(sandbox: &Sandbox, what: &str, words: &[&str], load: impl Fn() -> crate::harness::child::Ran) {
    let before = sandbox.truth();
    let ran = load();
    assert_eq!((ran.code, ran.signal), (Some(1), None), "{what}: {ran}");
    assert!(ran.stdout.is_empty(), "{what}: {ran}");
    for word in words {
        assert!(ran.err().contains(word), "{what}: no {word:?} in {ran}");
    }
    assert!(!ran.err().contains("panicked"), "{what}: {ran}");
    assert!(ran.peak_bytes < 256 << 20, "{what}: {} bytes of memory", ran.peak_bytes);
    assert_eq!(before.changes(&sandbox.truth()), [""; 0], "{what} left something behind");
    assert_eq!(sandbox.names(), ["kept:1"], "{what}");
}

fn image() -> Image {
    Image::small("bad:1")
}

fn docker24() -> Archive {
    layouts::docker24(&[image()])
}

fn docker25() -> Archive {
    layouts::docker25(&[image()])
}

/// Where the nth layer of [`docker24`] lies.
fn layer(at: usize) -> String {
    let manifest: Value = serde_json::from_slice(docker24().body("manifest.json")).expect("JSON");
    manifest[0]["Layers"][at].as_str().expect("a name").to_owned()
}

fn config_name() -> String {
    format!("{}.json", image().hex())
}

/// An OCI layout with something changed in the manifest; what names the manifest fits.
fn oci_with(change: impl FnOnce(&mut Value)) -> Archive {
    let mut oci = Oci::default();
    let old = oci.manifest(&image(), Codec::Gzip);
    let archive = oci.clone().archive();
    let name = blob_name(old["digest"].as_str().expect("a digest").trim_start_matches("sha256:"));
    let mut manifest: Value = serde_json::from_slice(archive.body(&name)).expect("JSON");
    change(&mut manifest);
    let new = oci.blob(OCI_MANIFEST, manifest.to_string());
    oci.name_as_skopeo(&new, &image());
    oci.archive()
}

/// An OCI layout whose one entry in `index.json` is this.
fn oci_named(change: impl FnOnce(&mut Value)) -> Archive {
    let mut oci = Oci::default();
    let mut entry = oci.manifest(&image(), Codec::Gzip);
    entry["annotations"] = json!({"org.opencontainers.image.ref.name": "bad:1"});
    change(&mut entry);
    oci.entries.push(entry.to_string());
    oci.archive()
}

#[test]
fn a_truncated_archive() {
    for (archive, big) in [(docker24(), layer(0)), (docker25(), blob_name(&hex_digest(&image().tars()[0])))] {
        let tar = archive.tar();
        let body = tar.len() - 1024;
        for cut in [1, 300, 512, 700, body / 3, body / 2, body - 600] {
            refused(&format!("cut at {cut} of {}", tar.len()), &tar[..cut], &[]);
        }
        // Inside the first layer's bytes: that is the member to name.
        let start = tar.windows(big.len()).position(|window| window == big.as_bytes()).expect("its header");
        let start = start + 512;
        refused("cut inside a layer", &tar[..start + 1000], &[&big]);
    }
}

#[test]
fn a_truncated_compressed_archive() {
    for codec in [Codec::Gzip, Codec::Bzip2, Codec::Xz, Codec::Zstd] {
        let packed = codec.compress(&docker25().tar());
        refused(&format!("half of {codec:?}"), &packed[..packed.len() / 2], &[]);
        refused(&format!("{codec:?} without its end"), &packed[..packed.len() - 4], &[]);
    }
}

#[test]
fn damage_and_garbage_in_the_compression() {
    for codec in [Codec::Gzip, Codec::Bzip2, Codec::Xz, Codec::Zstd] {
        let mut packed = codec.compress(&docker25().tar());
        let middle = packed.len() / 2;
        packed[middle] ^= 0x55;
        refused(&format!("a byte changed in {codec:?}"), &packed, &[]);
        let mut packed = codec.compress(&docker25().tar());
        packed.extend_from_slice(b"this is not a stream of anything");
        refused(&format!("garbage after {codec:?}"), &packed, &[]);
    }
}

#[test]
fn not_an_archive_at_all() {
    refused("nothing", b"", &[]);
    refused("a sentence", b"This is no archive.\n", &[]);
    refused("noise", &noise(1, 100_000), &[]);
    refused("a page of HTML", "<html>404 not found</html>".repeat(100).as_bytes(), &[]);
    refused("a compressed sentence", &gzip(b"This is no archive.\n"), &[]);
    let sandbox = with_an_image();
    refused_by(&sandbox, "no such file", &["nosuch.tar"], || sandbox.run(["load", "-i", "nosuch.tar"]));
    std::fs::create_dir(sandbox.path("empty")).expect("a directory");
    refused_by(&sandbox, "an empty directory", &[], || sandbox.run(["load", "-i", "empty"]));
    refused_by(&sandbox, "a device", &[], || sandbox.run(["load", "-i", "/dev/null"]));
}

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
        ("two documents", format!("{0}{0}", String::from_utf8_lossy(docker24().body("manifest.json")))),
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
fn a_layer_that_is_missing() {
    refused("docker24", &docker24().without(&layer(1)).tar(), &[&layer(1)]);
    let top = blob_name(&hex_digest(&image().tars()[1]));
    refused("docker25", &docker25().without(&top).tar(), &[hex_digest(&image().tars()[1]).as_str()]);
    let packed = hex_digest(&Codec::Gzip.compress(&image().tars()[1]));
    let archive = layouts::oci(&[image()], Codec::Gzip).without(&blob_name(&packed));
    refused("oci", &archive.tar(), &[&packed]);
    let archive = docker24().swap(&layer(1), Entry::dir(layer(1)));
    refused("a directory for a layer", &archive.tar(), &[&layer(1)]);
    let archive = docker24().swap(&layer(1), Entry::new(layer(1), b'6'));
    refused("a fifo for a layer", &archive.tar(), &[&layer(1)]);
}

#[test]
fn a_count_of_layers_that_does_not_match() {
    for (what, layers) in [("fewer", json!([layer(0)])), ("none", json!([])), ("null", Value::Null)] {
        let archive = docker24().edit("manifest.json", |manifest| manifest[0]["Layers"] = layers);
        refused(what, &archive.tar(), &["layers"]);
    }
    let archive = docker24().edit("manifest.json", |manifest| {
        manifest[0]["Layers"] = json!([layer(0), layer(1), layer(1)]);
    });
    refused("more", &archive.tar(), &["layers"]);
    let archive = oci_with(|manifest| {
        manifest["layers"].as_array_mut().expect("layers").pop();
    });
    refused("fewer in an OCI manifest", &archive.tar(), &["layers"]);
}

#[test]
fn a_wrong_diff_id() {
    let other = tarball::tar(&[Entry::file("etc/other", "other")]);
    let wanted = image().diff_ids()[1].clone();
    let archive = docker24().replace(&layer(1), &*other);
    refused("another layer", &archive.tar(), &[&wanted, &digest(&other)]);
    let archive = docker24().edit("manifest.json", |manifest| {
        manifest[0]["Layers"] = json!([layer(1), layer(0)]);
    });
    refused("layers the wrong way round", &archive.tar(), &[&image().diff_ids()[0]]);
    let mut longer = image().tars()[1].clone();
    longer.push(0);
    refused("a zero too many", &docker24().replace(&layer(1), longer).tar(), &[&wanted]);
}

/// What the store has is not read again from a file, so that the archive has other bytes
/// in its place may go unnoticed. What is kept is the layer of the config all the same.
#[test]
fn a_known_layer_is_the_stores_and_not_what_an_archive_calls_so() {
    let known = Image::small("kept:1");
    let archive = layouts::docker24(&[known.clone().named(&["other:1"])]);
    let manifest: Value = serde_json::from_slice(archive.body("manifest.json")).expect("JSON");
    let first = manifest[0]["Layers"][0].as_str().expect("a name").to_owned();
    let tar = archive.edit("manifest.json", |manifest| manifest[0]["Layers"] = json!([first, first])).tar();
    for through in [Sandbox::load, Sandbox::load_file] {
        let sandbox = with_an_image();
        let loaded = through(&sandbox, &tar);
        let names: &[&str] = if loaded.code == Some(0) { &["kept:1", "other:1"] } else { &["kept:1"] };
        for name in names {
            let saved = crate::harness::saved::Saved::read(&sandbox.save([name])).images();
            assert_eq!((saved[0].id(), &saved[0].layers), (known.id(), &known.tars()), "{name}");
        }
        sandbox.is_clean();
    }
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
fn member_names_that_lead_elsewhere() {
    for name in
        ["../evil", "a/../../evil", "..", "/etc/evil", "//evil", "./../evil", "blobs/sha256/../../../evil"]
    {
        let stray = docker24().entry(Entry::file(name, "evil"));
        refused(&format!("a stray {name}"), &stray.tar(), &[name]);
        let first = docker25().first(Entry::file(name, "evil"));
        refused(&format!("{name} before all others"), &first.tar(), &[name]);
        let layer = docker24().edit("manifest.json", |manifest| manifest[0]["Layers"][0] = name.into());
        refused(&format!("a layer called {name}"), &layer.tar(), &[name]);
        let config = docker24().edit("manifest.json", |manifest| manifest[0]["Config"] = name.into());
        refused(&format!("a config called {name}"), &config.tar(), &[name]);
    }
    let pax = |name: &[u8]| {
        let mut archive = docker24().entry(tarball::pax(&[("path", name)]));
        archive = archive.entry(Entry::file("short", "evil"));
        archive.tar()
    };
    refused("a NUL in a name", &pax(b"evil\0twin"), &["evil"]);
    refused("a PAX name with dots", &pax(b"a/../../evil"), &["a/../../evil"]);
    refused("an over-long PAX name", &pax("long/".repeat(1000).as_bytes()), &["long/long"]);
    let long = docker24().entry(Entry::file("long/".repeat(1000), "evil"));
    refused("an over-long GNU name", &long.tar(), &["long/long"]);
}

#[test]
fn links_that_lead_elsewhere_or_nowhere() {
    for to in ["/etc/passwd", "../../etc/passwd", "../../../../../../etc/passwd", "..", ""] {
        let archive = docker24().swap(&layer(1), Entry::symlink(layer(1), to));
        refused(&format!("a layer linked to {to:?}"), &archive.tar(), &[&layer(1)]);
    }
    for to in ["/etc/passwd", "../etc/passwd", "nosuch"] {
        let archive = docker24().swap(&layer(1), Entry::hardlink(layer(1), to));
        refused(&format!("a layer hard-linked to {to:?}"), &archive.tar(), &[&layer(1)]);
        let archive = docker24().swap("manifest.json", Entry::symlink("manifest.json", to));
        refused(&format!("a manifest linked to {to:?}"), &archive.tar(), &["manifest.json"]);
        let archive = docker24().swap(&config_name(), Entry::symlink(config_name(), to));
        refused(&format!("a config linked to {to:?}"), &archive.tar(), &[&config_name()]);
    }
}

#[test]
fn symlinks_that_lead_outside_a_layout_directory() {
    let sandbox = with_an_image();
    sandbox.write("secret", image().tars()[1].clone());
    layouts::oci(&[image()], Codec::Plain).write_dir(&sandbox.path("layout"));
    let blob = sandbox.path("layout").join(blob_name(&hex_digest(&image().tars()[1])));
    std::fs::remove_file(&blob).expect("the blob");
    // The bytes are right; that they lie elsewhere is what is wrong.
    std::os::unix::fs::symlink("../../../secret", &blob).expect("a symlink");
    refused_by(&sandbox, "a symlinked blob", &[], || sandbox.run(["load", "-i", "layout"]));
    std::fs::remove_file(&blob).expect("the symlink");
    assert!(std::process::Command::new("mkfifo").arg(&blob).status().expect("mkfifo runs").success());
    refused_by(&sandbox, "a fifo for a blob", &[], || sandbox.run(["load", "-i", "layout"]));
}

#[test]
fn symlinks_in_a_circle() {
    let archive = docker24().swap(&layer(1), Entry::symlink(layer(1), "layer.tar"));
    refused("a link to itself", &archive.tar(), &[&layer(1)]);
    let archive = docker24()
        .swap(&layer(1), Entry::symlink(layer(1), "../x/a"))
        .entry(Entry::symlink("x/a", "b"))
        .entry(Entry::symlink("x/b", "a"));
    refused("a link to two that point at each other", &archive.tar(), &[&layer(1)]);
    let archive = docker24().swap(&layer(1), Entry::hardlink(layer(1), layer(1)));
    refused("a hard link to itself", &archive.tar(), &[&layer(1)]);
    // Not a circle, but long enough that it might as well be.
    let mut archive = docker24().swap(&layer(1), Entry::symlink(layer(1), "../0"));
    for at in 0..5000 {
        archive = archive.entry(Entry::symlink(at.to_string(), (at + 1).to_string()));
    }
    refused("a chain of links", &archive.tar(), &[&layer(1)]);
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

#[test]
fn compressed_twice() {
    let tar = docker25().tar();
    for (outer, inner) in [(Codec::Gzip, Codec::Gzip), (Codec::Xz, Codec::Gzip), (Codec::Zstd, Codec::Bzip2)]
    {
        let packed = outer.compress(&inner.compress(&tar));
        refused(&format!("{inner:?} in {outer:?}"), &packed, &["compressed"]);
    }
    let twice = gzip(&gzip(&image().tars()[1]));
    refused("a layer", &docker24().replace(&layer(1), twice).tar(), &[&layer(1)]);
}

/// The good image of an archive does not stay when the bad one fails.
#[test]
fn of_two_images_one_is_bad() {
    let good = Image::small("good:1");
    let archive = layouts::docker24(&[good, image()]).without(&layer(1));
    refused("the second image lacks a layer", &archive.tar(), &[&layer(1)]);
}

#[test]
fn a_size_beyond_the_end() {
    for size in [1 << 20, 1 << 40, u64::MAX >> 1] {
        let mut entry = Entry::file("liar", "short");
        entry.claimed_size = Some(size);
        refused(&format!("{size} bytes claimed"), &docker24().first(entry).tar(), &["liar"]);
    }
    for field in [b"99999999999\0", b"-1\0\0\0\0\0\0\0\0\0\0"] {
        let mut tar = docker24().first(Entry::file("liar", "short")).first(Entry::file("fine", "")).tar();
        let header = &mut tar[512..1024];
        header[124..136].copy_from_slice(field);
        header[148..156].copy_from_slice(b"        ");
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        // There is no member that could be named: its header is not one.
        refused("a size that is no number", &tar, &["byte 512", "fine"]);
    }
}

#[test]
fn a_header_whose_checksum_is_wrong() {
    let mut tar = docker24().tar();
    let at = tar.windows(13).position(|window| window == b"manifest.json").expect("its header");
    tar[at + 101] ^= 0x01;
    refused("a header", &tar, &[]);
}

#[test]
fn a_bad_archive_makes_no_store() {
    let sandbox = Sandbox::new();
    sandbox.load(b"This is no archive.\n").fails(1);
    assert!(sandbox.truth().0.values().all(|seen| seen.len < 4096), "{:?}", sandbox.truth());
    // And nothing anywhere else.
    let outside: Vec<_> = std::fs::read_dir(sandbox.path("")).expect("the sandbox").flatten().collect();
    assert!(outside.iter().all(|entry| entry.file_name() == OsStr::new("store")), "{outside:?}");
}

/// Whatever is wrong with it: a clear answer, no crash, and a store that is whole. What is
/// taken all the same comes back as its own digests say.
#[test]
fn archives_with_bytes_changed_at_random() {
    let sandbox = with_an_image();
    let images = [image()];
    let mut dice = Noise::new(2026);
    for (at, archive) in [
        docker24(),
        docker25(),
        layouts::oci(&images, Codec::Gzip),
        layouts::kaniko(&images),
        layouts::legacy_v1(&images),
    ]
    .into_iter()
    .enumerate()
    {
        let good = archive.tar();
        for round in 0..40 {
            let mut tar = good.clone();
            for _ in 0..=dice.below(3) {
                let place = dice.below(tar.len() as u64) as usize;
                tar[place] = dice.next() as u8;
            }
            if round % 4 == 0 {
                tar.truncate(dice.below(tar.len() as u64) as usize);
            }
            let ran = if round % 2 == 0 { sandbox.load(&tar) } else { sandbox.load_file(&tar) };
            assert!(matches!(ran.code, Some(0 | 1)), "layout {at}, round {round}: {ran}");
            assert!(!ran.err().contains("panicked"), "layout {at}, round {round}: {ran}");
        }
        sandbox.is_clean();
    }
    for id in sandbox.run(["images", "-q", "--no-trunc"]).ok().out().lines() {
        // The reader compares each layer with the diff ID that the config has for it.
        crate::harness::saved::Saved::read(&sandbox.save([id])).images();
    }
}
