//! The members of an archive may come in any order, twice, under any spelling of their name.

use serde_json::json;

use crate::harness::archive::Archive;
use crate::harness::codec::Codec;
use crate::harness::image::Image;
use crate::harness::layouts;
use crate::harness::sandbox::Sandbox;
use crate::harness::saved::Saved;
use crate::harness::tarball::{self, Entry};

fn image() -> Image {
    Image::small("app:1")
}

fn each_layout() -> Vec<Archive> {
    let images = [image()];
    vec![
        layouts::docker24(&images),
        layouts::docker25(&images),
        layouts::containerd(&images, Codec::Gzip),
        layouts::podman(&images),
        layouts::kaniko(&images),
        layouts::oci(&images, Codec::Gzip),
    ]
}

#[track_caller]
fn loads(tar: &[u8], what: &str) {
    for through in [Sandbox::load, Sandbox::load_file] {
        let sandbox = Sandbox::new();
        let ran = through(&sandbox, tar);
        assert_eq!(ran.code, Some(0), "{what}: {ran}");
        let saved = Saved::read(&sandbox.save(["app:1"])).images();
        assert_eq!((saved[0].id(), &saved[0].layers), (image().id(), &image().tars()), "{what}");
    }
}

#[test]
fn members_come_in_any_order() {
    for (at, archive) in each_layout().into_iter().enumerate() {
        loads(&archive.clone().reversed().tar(), &format!("layout {at}, reversed"));
        for seed in 0..4 {
            loads(&archive.clone().shuffled(seed).tar(), &format!("layout {at}, order {seed}"));
        }
    }
}

#[test]
fn members_come_twice() {
    for (at, archive) in each_layout().into_iter().enumerate() {
        loads(&archive.clone().doubled().tar(), &format!("layout {at}, doubled"));
        loads(&archive.doubled().shuffled(1).tar(), &format!("layout {at}, doubled and shuffled"));
    }
}

/// As `tar` would extract it: what comes later replaces what came before.
#[test]
fn of_two_members_of_one_name_the_later_counts() {
    let archive = layouts::docker24(&[image()]).first(Entry::file("manifest.json", "[]"));
    loads(&archive.tar(), "a first manifest that says nothing");
    let layer = layouts::docker24(&[image()]).name_ending("/layer.tar");
    let archive = layouts::docker24(&[image()]).first(Entry::file(layer, "no layer of any image"));
    loads(&archive.tar(), "a first layer that is another");
}

#[test]
fn names_may_begin_with_dot_slash_and_directories_be_left_out() {
    for (at, archive) in each_layout().into_iter().enumerate() {
        let dotted = archive.clone().prefixed("./").first(Entry::dir("./"));
        loads(&dotted.tar(), &format!("layout {at}, dotted"));
        loads(&archive.without_directories().tar(), &format!("layout {at}, no directories"));
    }
}

#[test]
fn long_names_are_read_in_gnu_and_in_pax_form() {
    let tar = image().tars();
    let name = |at: usize| format!("{}/layer-{at}.tar", "a-long-directory-name".repeat(8));
    let manifest = json!([{"Config": "config.json", "RepoTags": ["app:1"], "Layers": [name(0), name(1)]}]);
    let config = Entry::file("config.json", image().config_bytes());
    let manifest = Entry::file("manifest.json", manifest.to_string());
    let gnu =
        [Entry::file(name(0), &*tar[0]), Entry::file(name(1), &*tar[1]), config.clone(), manifest.clone()];
    loads(&tarball::tar(&gnu), "GNU long names");
    let pax = |at: usize| {
        let size = tar[at].len().to_string();
        let mut entry = Entry::file("cut", &*tar[at]);
        entry.claimed_size = Some(tar[at].len() as u64);
        [
            tarball::pax(&[("path", name(at).as_bytes()), ("size", size.as_bytes()), ("comment", b"hello")]),
            entry,
        ]
    };
    let [[x0, f0], [x1, f1]] = [pax(0), pax(1)];
    loads(&tarball::tar(&[x0, f0, x1, f1, config, manifest]), "PAX names");
}

#[test]
fn a_hard_link_inside_the_archive_is_followed() {
    let archive = layouts::docker24(&[image()]);
    let layer = archive.name_ending("/layer.tar");
    let body = archive.body(&layer).to_vec();
    let archive = archive.without(&layer).file("elsewhere", body).entry(Entry::hardlink(layer, "elsewhere"));
    loads(&archive.tar(), "a layer that is a hard link");
}

#[test]
fn what_no_manifest_claims_is_not_kept() {
    let noise = crate::harness::noise::noise(3, 4 << 20);
    let archive = layouts::docker24(&[image()]).first(Entry::file("stray/layer.tar", noise));
    loads(&archive.tar(), "a stray member");
    for through in [Sandbox::load, Sandbox::load_file] {
        let sandbox = Sandbox::new();
        through(&sandbox, &archive.tar()).ok();
        sandbox.run(["gc"]).ok();
        assert!(sandbox.disk_bytes() < 2 << 20, "{} bytes kept", sandbox.disk_bytes());
    }
}

#[test]
fn an_archive_without_its_end_marker_is_whole_if_its_members_are() {
    for archive in each_layout() {
        let tar = archive.tar();
        loads(&tar[..tar.len() - 1024], "no end marker");
        loads(&tar[..tar.len() - 512], "half an end marker");
    }
}
