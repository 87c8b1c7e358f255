//! `find`: files by their names, in all images.

use serde_json::{Value, json};

use crate::harness::child::{self, Feed};
use crate::harness::codec::Codec;
use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::noise::noise;
use crate::harness::sandbox::Sandbox;
use crate::harness::tarball::Entry;
use crate::harness::terminal::Terminal;

fn with(images: &[Image]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(images).tar()).ok();
    sandbox
}

fn base() -> Layer {
    Layer::new()
        .dir("etc")
        .entry(Entry::file("etc/os-release", "one\n").mode(0o640).owner(7, 1234).mtime(86_400))
        .file("etc/passwd", "x")
        .dir("usr")
        .dir("usr/lib")
        .file("usr/lib/libSSL.so.3", "lib")
        .symlink("usr/lib/libssl.so", "libSSL.so.3")
}

/// Three images: two on the same base, one without it.
fn family() -> [Image; 3] {
    let top = Layer::new().whiteout("etc/passwd").file("srv/os-release", "two\n");
    [
        Image::new(&["app:1"], vec![base()]).created("2024-03-03T00:00:00Z"),
        Image::new(&["app:2", "app:latest"], vec![base(), top]).created("2024-03-02T00:00:00Z"),
        Image::new(&["other:1"], vec![Layer::new().file("os-release", "three\n")])
            .created("2024-03-01T00:00:00Z"),
    ]
}

#[test]
fn find_searches_all_images_or_those_named() {
    let sandbox = with(&family());
    let all = "app:1:/etc/os-release\napp:2:/etc/os-release\napp:2:/srv/os-release\nother:1:/os-release\n";
    sandbox.run(["find", "-q", "os-release"]).ok().stdout(all);
    sandbox.run(["find", "-q", "os-*", "other:1"]).ok().stdout("other:1:/os-release\n");
    let named = "other:1:/os-release\napp:latest:/etc/os-release\napp:latest:/srv/os-release\n";
    sandbox.run(["find", "-q", "os-release", "other:1", "app:latest"]).ok().stdout(named);
    sandbox.run(["create", "--name", "web", "app:2", "sh"]).ok();
    sandbox.run(["find", "-q", "/srv/*", "web"]).ok().stdout("web:/srv/os-release\n");
    sandbox.write("new", "new");
    sandbox.run(["cp", "new", "web:/srv/new"]).ok();
    sandbox.run(["find", "-q", "new"]).exits(1).stdout("").stderr("");
    let found = "web:/srv/new\n";
    sandbox.run(["find", "-q", "new", "web", "app:2", "app:1"]).ok().stdout(found);
}

#[test]
fn what_is_deleted_in_an_image_is_not_found_in_it() {
    let sandbox = with(&family());
    sandbox.run(["find", "-q", "passwd"]).ok().stdout("app:1:/etc/passwd\n");
    sandbox.run(["find", "-q", "passwd", "app:2"]).exits(1).stdout("").stderr("");
    sandbox.run(["find", "-q", ".wh.*"]).exits(1).stdout("").stderr("");
}

#[test]
fn a_pattern_is_for_the_name_or_for_the_whole_path() {
    let sandbox = with(&family());
    let found = |args: &[&str]| sandbox.run(["find", "-q"].iter().chain(args)).ok().out();
    assert_eq!(found(&["/os-release"]), "other:1:/os-release\n");
    assert_eq!(found(&["etc/os-*", "app:2"]), "app:2:/etc/os-release\n");
    assert_eq!(found(&["/**/os-release", "app:2"]), "app:2:/etc/os-release\napp:2:/srv/os-release\n");
    assert_eq!(
        found(&["/usr/**", "app:1"]),
        "app:1:/usr/lib\napp:1:/usr/lib/libSSL.so.3\napp:1:/usr/lib/libssl.so\n"
    );
    assert_eq!(found(&["lib*/", "app:1"]), "app:1:/usr/lib\n");
    assert_eq!(found(&["LIBSSL*3", "-i", "app:1"]), "app:1:/usr/lib/libSSL.so.3\n");
    sandbox.run(["find", "LIBSSL*3"]).exits(1).stdout("").stderr("");
    sandbox.run(["find", "[a"]).fails(1).complains("invalid pattern \"[a\": a class has no closing bracket");
    sandbox
        .run(["find", "x", "ap:1"])
        .fails(1)
        .complains("No such container or image: ap:1")
        .complains("app:1?");
    sandbox.run(["find", "x", "app:1", "--platform", "linux/s390x"]).fails(1).complains("s390x");
    sandbox.run(["find", "*", "--platform", "linux/s390x"]).exits(1).stdout("").stderr("");
}

#[test]
fn find_shows_a_line_for_each_file_as_ls_does() {
    let sandbox = with(&family());
    let mut larder = sandbox.larder(["find", "os-release", "app:1", "other:1"]);
    larder.env("TZ", "UTC");
    let ran = child::run(larder, Feed::Nothing).ok();
    ran.stdout(
        "-rw-r----- 1 7 1234 4 1970-01-02 00:00 app:1:/etc/os-release\n\
         -rw-r--r-- 1 0    0 6 2023-11-14 22:13 other:1:/os-release\n",
    );
    let ran = sandbox.run(["find", "libssl.so", "app:1"]).ok();
    ran.says(" app:1:/usr/lib/libssl.so -> libSSL.so.3\n");
    let ran = sandbox.run(["find", "--format", "json", "os-release", "app:1"]).ok();
    let id = sandbox.id("app:1");
    let line: Value = serde_json::from_str(&ran.out()).expect("an object");
    assert_eq!(
        line,
        json!({"Image": "app:1", "ImageID": id, "Path": "/etc/os-release", "Type": "file", "Mode": "0640",
            "UID": 7, "GID": 1234, "Size": 4, "Modified": "1970-01-02T00:00:00Z", "Links": 1, "Layer": 1})
    );
    sandbox.run(["find", "-q", "--format", "json", "x"]).fails(125);
}

#[test]
fn without_a_store_nothing_is_found() {
    let sandbox = Sandbox::new();
    sandbox.run(["find", "x"]).exits(1).stdout("").stderr("");
    sandbox.run(["find", "x", "app:1"]).fails(1).complains("No such container or image: app:1");
}

#[test]
fn names_that_drive_a_terminal_are_shown_as_ls_shows_them() {
    let name = "a\u{1b}[31mb\u{202e}c";
    let sandbox = with(&[Image::new(
        &["app:1"],
        vec![Layer::new().file(name, "x").entry(Entry::file(b"a\xff", "raw"))],
    )]);
    sandbox
        .run(["find", "-q", "a*"])
        .ok()
        .stdout(format!("app:1:/a{}b\u{202e}c\napp:1:/a\u{fffd}\n", "\u{1b}[31m"));
    for args in [&["find", "-q", "a*b*"][..], &["ls", "app:1"]] {
        let mut terminal = Terminal::start(&sandbox.larder(args), 24, 80);
        terminal.shows("a\\u{1b}[31mb\\u{202e}c");
    }
}

/// Many images whose tops differ on bases in common, each kept compressed, so that a layer
/// read twice would be decompressed twice.
#[test]
fn layers_that_images_share_are_read_once() {
    let shared = Layer::new().file("shared", noise(1, 3 << 20)).file("base", "x");
    let middle = Layer::new().file("middle", noise(2, 100_000));
    let images: Vec<_> = (0..8)
        .map(|at| {
            let own = Layer::new().file(&format!("own-{at}"), "x");
            let layers = if at % 2 == 0 {
                vec![shared.clone(), own]
            } else {
                vec![shared.clone(), middle.clone(), own]
            };
            Image::new(&[&format!("app:{at}")], layers)
        })
        .collect();
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::oci(&images, Codec::Gzip).tar()).ok();
    let one = sandbox.run(["images", "-q"]).ok().out().lines().next().expect("an image").to_owned();
    let of_one = sandbox.run(["find", "-q", "base", &one]).ok();
    let of_all = sandbox.run(["find", "-q", "base"]).ok();
    assert_eq!(of_all.out().lines().count(), 8);
    let bound = of_one.read_bytes + (2 << 20);
    assert!(of_all.read_bytes < bound, "{} bytes were read, not {}", of_all.read_bytes, of_one.read_bytes);
}

#[test]
fn an_image_that_cannot_be_read_does_not_hide_the_others() {
    let broken = Image::new(&["broken:1"], vec![Layer::new().file("etc/hosts", noise(5, 3 << 20))]);
    let sandbox = Sandbox::new();
    let images = [broken, Image::new(&["well:1"], vec![Layer::new().file("etc/hosts", "x")])];
    sandbox.load(&layouts::docker24(&images[..1]).tar()).ok();
    let packs = || {
        let dir = std::fs::read_dir(sandbox.store().join("packs")).expect("packs");
        let mut found: Vec<_> = dir.map(|entry| entry.expect("an entry").path()).collect();
        found.sort();
        found
    };
    let of_broken = packs();
    sandbox.load(&layouts::docker24(&images[1..]).tar()).ok();
    for pack in of_broken.iter().filter(|pack| pack.is_file()) {
        std::fs::write(pack, b"").expect("the store can be written");
    }
    let ran = sandbox.run(["find", "-q", "hosts"]).fails(1).stdout("well:1:/etc/hosts\n");
    ran.complains("broken:1");
}
