//! Members whose names, links or headers lead elsewhere, nowhere or round in circles.

use super::{config_name, docker24, docker25, image, layer, refused, refused_by, with_an_image};
use crate::harness::codec::Codec;
use crate::harness::hex_digest;
use crate::harness::layouts::{self, blob_name};
use crate::harness::tarball::{self, Entry};

#[test]
fn member_names_that_lead_elsewhere() {
    for name in [
        "../evil",
        "a/../../evil",
        "..",
        "/../evil",
        "//a/../evil",
        "./../evil",
        "blobs/sha256/../../../evil",
    ] {
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
    refused("a NUL in a name", &pax(b"evil\0twin"), &["invalid pax record"]);
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
