//! What `save` writes, and how.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use serde_json::Value;

use crate::harness::child::{self, Feed};
use crate::harness::codec::Codec;
use crate::harness::image::{Image, host_architecture};
use crate::harness::layouts::{self, Oci};
use crate::harness::noise::noise;
use crate::harness::sandbox::Sandbox;
use crate::harness::saved::Saved;

fn with(images: &[Image]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker25(images).tar()).ok();
    sandbox
}

#[test]
fn the_same_store_gives_the_same_bytes_and_so_does_another() {
    let images = [Image::small("app:1"), Image::small("app:2").named(&["app:2", "app:two"])];
    let sandbox = with(&images);
    // Another history: other images before, another layout, one at a time.
    let other = with(&[Image::small("before:1")]);
    for image in images.iter().rev() {
        other.load(&layouts::docker25(std::slice::from_ref(image)).shuffled(3).tar()).ok();
    }
    other.run(["rmi", "before:1"]).ok();
    for args in
        [vec!["app:1"], vec!["app:1", "app:2"], vec!["app"], vec!["--format", "oci", "app:1", "app:2"]]
    {
        let first = sandbox.save(&args);
        assert!(first == sandbox.save(&args), "{args:?} differs from run to run");
        assert!(first == other.save(&args), "{args:?} differs from store to store");
    }
}

#[test]
fn an_archive_carries_no_time_and_no_owner() {
    let sandbox = with(&[Image::small("app:1")]);
    for format in ["docker", "oci"] {
        let saved = Saved::read(&sandbox.save(["--format", format, "app:1"]));
        for member in &saved.members {
            assert_eq!((member.mtime, member.owner), (0, (0, 0)), "{}", member.name);
            assert!(member.mode & 0o7022 == 0, "{} has mode {:o}", member.name, member.mode);
        }
        let mut names = saved.names();
        let files = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), files, "a member came twice");
    }
}

#[test]
fn the_default_is_what_docker_25_writes() {
    let image = Image::small("app:1");
    let sandbox = with(std::slice::from_ref(&image));
    let bytes = sandbox.save(["app:1"]);
    assert!(bytes == sandbox.save(["--format", "docker", "app:1"]));
    let saved = Saved::read(&bytes);
    for name in ["index.json", "manifest.json", "oci-layout", "repositories"] {
        assert!(saved.has(name), "no {name} in {:?}", saved.names());
    }
    assert_eq!(saved.json("oci-layout")["imageLayoutVersion"], "1.0.0");
    let ours = saved.images();
    assert_eq!((ours[0].id(), ours[0].names.as_slice()), (image.id(), &["app:1".to_owned()][..]));
    assert_eq!(saved.oci_images()[0].names, ["docker.io/library/app:1"]);
    assert_eq!(saved.oci_images()[0].layers, image.tars());
    assert!(saved.json("repositories")["app"]["1"].is_string());
    let entry: Value = serde_json::from_str(&saved.index_entries()[0]).expect("JSON");
    assert_eq!(entry["annotations"]["org.opencontainers.image.ref.name"], "1");
}

#[test]
fn oci_is_a_layout_and_nothing_else() {
    let image = Image::small("app:1");
    let sandbox = with(std::slice::from_ref(&image));
    let saved = Saved::read(&sandbox.save(["--format", "oci", "app:1"]));
    for name in saved.names() {
        assert!(["oci-layout", "index.json"].contains(&name) || name.starts_with("blobs/"), "{name}");
    }
    assert_eq!(saved.oci_images()[0].id(), image.id());
    assert_eq!(saved.oci_images()[0].layers, image.tars());
}

#[test]
fn several_images_share_one_archive_and_their_layers() {
    let first = Image::small("app:1");
    let mut second = Image::small("app:2");
    second.layers[0] = first.layers[0].clone();
    let sandbox = with(&[first.clone(), second.clone()]);
    let saved = Saved::read(&sandbox.save(["app:1", "app:2", "app:1"]));
    let mut wanted = [(first.id(), first.tars()), (second.id(), second.tars())];
    wanted.sort();
    let ours: Vec<_> = saved.images().into_iter().map(|image| (image.id(), image.layers)).collect();
    assert_eq!(ours, wanted);
}

#[test]
fn a_name_without_a_tag_means_all_its_tags() {
    let sandbox = with(&[Image::small("app:1"), Image::small("app:2"), Image::small("other:1")]);
    let names = |args: &[&str]| {
        let images = Saved::read(&sandbox.save(args)).images();
        let mut names: Vec<_> = images.into_iter().flat_map(|image| image.names).collect();
        names.sort();
        names
    };
    assert_eq!(names(&["app"]), ["app:1", "app:2"]);
    assert_eq!(names(&["app:1"]), ["app:1"]);
    sandbox.run(["tag", "app:1", "app:again"]).ok();
    assert_eq!(names(&["app:1"]), ["app:1"]);
    assert_eq!(names(&["app:1", "app:again"]), ["app:1", "app:again"]);
}

/// An image that came under one name and is saved under another.
#[test]
fn a_name_given_later_is_the_name_in_the_archive() {
    let image = Image::small("app:1");
    for archive in [
        layouts::docker24(std::slice::from_ref(&image)),
        layouts::docker25(std::slice::from_ref(&image)),
        layouts::oci(std::slice::from_ref(&image), Codec::Gzip),
    ] {
        let sandbox = Sandbox::new();
        sandbox.load(&archive.tar()).ok();
        sandbox.run(["tag", "app:1", "example.org/new:2"]).ok();
        sandbox.run(["rmi", "app:1"]).ok();
        for format in ["docker", "oci"] {
            let saved = sandbox.save(["--format", format, "example.org/new:2"]);
            assert_eq!(Saved::read(&saved).oci_images()[0].names, ["example.org/new:2"], "{format}");
            let other = Sandbox::new();
            other.load(&saved).ok().stdout("Loaded image: example.org/new:2\n");
            assert_eq!(other.names(), ["example.org/new:2"], "{format}");
        }
    }
}

#[test]
fn an_id_takes_no_names_along() {
    let image = Image::small("app:1");
    let sandbox = with(std::slice::from_ref(&image));
    for id in [image.id(), image.hex(), image.hex()[..12].to_owned()] {
        let saved = Saved::read(&sandbox.save([&id]));
        assert_eq!(saved.json("manifest.json")[0]["RepoTags"], Value::Null, "{id}");
        assert!(!saved.has("repositories"), "{id}");
        assert_eq!(saved.images()[0].id(), image.id(), "{id}");
    }
}

#[test]
fn a_missing_image_is_an_error_and_writes_nothing() {
    let sandbox = with(&[Image::small("app:1")]);
    let ran = sandbox.run(["save", "nosuch"]).fails(1).complains("No such image: nosuch");
    assert!(ran.stdout.is_empty(), "{ran}");
    let ran = sandbox.run(["save", "app:1", "app:nosuch"]).fails(1);
    assert!(ran.stdout.is_empty(), "the first was written before the second was looked up: {ran}");
    sandbox.run(["save", "-o", "out.tar", "nosuch"]).fails(1);
    assert!(!sandbox.path("out.tar").exists());
    assert_ne!(sandbox.run(["save"]).code, Some(0));
    assert_ne!(sandbox.run(["save", "Not A Name"]).code, Some(0));
}

#[test]
fn an_output_file_is_whole_and_for_its_owner_alone() {
    let sandbox = with(&[Image::small("app:1")]);
    let ran = sandbox.run(["save", "-o", "out.tar", "app:1"]).ok();
    assert!(ran.stdout.is_empty(), "{ran}");
    assert_eq!(sandbox.read("out.tar"), sandbox.save(["app:1"]));
    let mode = fs::metadata(sandbox.path("out.tar")).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn an_output_file_is_replaced_at_once_or_not_at_all() {
    let image = Image::new(&["big:1"], vec![crate::harness::image::Layer::raw(noise(1, 4 << 20))]);
    let sandbox = with(&[Image::small("app:1"), image]);
    sandbox.write("out.tar", "what was there before");
    sandbox.run(["save", "-o", "out.tar", "nosuch:1"]).fails(1);
    assert_eq!(sandbox.read("out.tar"), b"what was there before");
    // A layer that cannot be read to its end: the packs are damaged in the middle.
    for pack in fs::read_dir(sandbox.store().join("packs")).expect("packs").flatten() {
        let mut bytes = fs::read(pack.path()).expect("a pack");
        let middle = bytes.len() / 2;
        bytes[middle..middle + 64].fill(0x5a);
        fs::remove_file(pack.path()).expect("ours");
        fs::write(pack.path(), bytes).expect("ours");
    }
    sandbox.run(["save", "-o", "out.tar", "big:1"]).fails(1);
    assert_eq!(sandbox.read("out.tar"), b"what was there before");
    let files: Vec<_> = fs::read_dir(sandbox.path("")).expect("the sandbox").flatten().collect();
    assert_eq!(files.len(), 2, "something besides out.tar and the store was left: {files:?}");
    sandbox.run(["fsck", "--verify"]).exits(1);
}

#[test]
fn an_output_that_cannot_be_written_is_an_error() {
    let sandbox = with(&[Image::small("app:1")]);
    sandbox.run(["save", "-o", "no/such/dir/out.tar", "app:1"]).fails(1).complains("no/such/dir");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let ran = child::start_into(sandbox.larder(["save", "app:1"]), Feed::Nothing, full.into()).wait();
    ran.fails(1);
}

/// `-o /dev/stdout` and `-o >(…)` are no files to replace.
#[test]
fn an_output_that_is_no_regular_file_is_written_to() {
    let sandbox = with(&[Image::small("app:1")]);
    let ran = sandbox.run(["save", "-o", "/dev/stdout", "app:1"]).ok();
    assert_eq!(ran.stdout, sandbox.save(["app:1"]));
    sandbox.run(["save", "-o", "/dev/null", "app:1"]).ok();
    assert!(!fs::metadata("/dev/null").expect("it is there").is_file(), "it replaced the device");
}

#[test]
fn a_terminal_is_refused() {
    let sandbox = with(&[Image::small("app:1")]);
    let terminal = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY)
        .expect("a pseudoterminal");
    rustix::pty::unlockpt(&terminal).expect("a pseudoterminal");
    let name = rustix::pty::ptsname(&terminal, Vec::new()).expect("a pseudoterminal");
    let user_end = fs::OpenOptions::new().read(true).write(true).open(name.to_str().expect("a path"));
    let user_end = user_end.expect("a pseudoterminal");
    let ran = child::start_into(sandbox.larder(["save", "app:1"]), Feed::Nothing, user_end.into()).wait();
    ran.fails(1).complains("cowardly refusing to save to a terminal");
}

#[test]
fn a_reader_that_goes_away_ends_it_without_a_panic() {
    let image = Image::new(&["big:1"], vec![crate::harness::image::Layer::raw(noise(1, 8 << 20))]);
    let sandbox = with(&[image]);
    let mut running = sandbox.larder(["save", "big:1"]);
    let mut child = running.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && !told.contains("panicked"), "{output:?}");
}

#[test]
fn the_platform_chooses_what_is_saved() {
    let ours = Image::small("app:1");
    let theirs = Image::small("app:other").with(|config| config["architecture"] = "s390x".into());
    let mut oci = Oci::default();
    let children = [oci.manifest(&ours, Codec::Gzip), oci.manifest(&theirs, Codec::Gzip)];
    let index = oci.index(&children);
    oci.name_as_docker(&index, &ours);
    let sandbox = Sandbox::new();
    sandbox.load(&oci.archive().tar()).ok();
    for (platform, image) in [(host_architecture(), &ours), ("s390x", &theirs)] {
        let platform = format!("linux/{platform}");
        let saved = Saved::read(&sandbox.save(["--platform", &platform, "app:1"]));
        assert_eq!(saved.images().len(), 1, "{platform}");
        assert_eq!(saved.images()[0].id(), image.id(), "{platform}");
        let oci = Saved::read(&sandbox.save(["--platform", &platform, "--format", "oci", "app:1"]));
        let ids: Vec<_> = oci.oci_images().iter().map(|image| image.id()).collect();
        assert_eq!(ids, [image.id()], "{platform}");
    }
    sandbox.run(["save", "--platform", "linux/riscv64", "app:1"]).fails(1).complains("linux/riscv64");
}

#[test]
fn what_was_saved_loads_again_as_the_same_image() {
    let image = Image::small("app:1");
    for format in ["docker", "oci"] {
        for archive in [layouts::docker24, layouts::docker25, layouts::podman, layouts::kaniko] {
            let first = Sandbox::new();
            first.load(&archive(std::slice::from_ref(&image)).tar()).ok();
            let saved = first.save(["--format", format, "app:1"]);
            let second = Sandbox::new();
            second.load(&saved).ok().stdout("Loaded image: app:1\n");
            assert_eq!(second.id("app:1"), image.id());
            assert!(
                second.save(["--format", format, "app:1"]) == saved,
                "{format}: not the same bytes again"
            );
        }
    }
}
