//! Bad input gets a clear error that names the member, exit 1, and leaves the store as it was.

mod documents;
mod members;

use std::ffi::OsStr;

use serde_json::{Value, json};

use crate::harness::archive::Archive;
use crate::harness::codec::{Codec, gzip};
use crate::harness::image::Image;
use crate::harness::layouts::{self, OCI_MANIFEST, Oci, blob_name};
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
