//! `grep`: lines in the files of all images.

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

/// Two images, of which the second changes a file of the first and deletes another.
fn family() -> [Image; 2] {
    let base = Layer::new()
        .file("etc/conf", "one\nTwo two\nthree\n")
        .file("etc/gone", "two\n")
        .file("bin/tool", b"\x7fELF\0two\n".to_vec())
        .file("opt/last", "no end: two")
        .symlink("link", "etc/conf");
    let top = Layer::new().file("etc/conf", "2\ntwo\n").whiteout("etc/gone");
    [
        Image::new(&["app:1"], vec![base.clone()]).created("2024-03-02T00:00:00Z"),
        Image::new(&["app:2"], vec![base, top]).created("2024-03-01T00:00:00Z"),
    ]
}

#[test]
fn grep_finds_lines_in_all_images_or_in_those_named() {
    let sandbox = with(&family());
    let all = "Binary file app:1:/bin/tool matches\napp:1:/etc/conf:Two two\napp:1:/etc/gone:two\n\
               app:1:/opt/last:no end: two\nBinary file app:2:/bin/tool matches\napp:2:/etc/conf:two\n\
               app:2:/opt/last:no end: two\n";
    sandbox.run(["grep", "two"]).ok().stdout(all);
    sandbox.run(["grep", "^two$", "app:2"]).ok().stdout("app:2:/etc/conf:two\n");
    sandbox.run(["grep", "two", "app:1:/etc"]).ok().stdout("app:1:/etc/conf:Two two\napp:1:/etc/gone:two\n");
    let both = "app:1:/etc/conf:Two two\napp:2:/etc/conf:two\n";
    // Of those that begin with the same layers, the one with more of them comes last.
    sandbox.run(["grep", "two", "app:2:/etc/conf", "app:1:/link"]).ok().stdout(both);
    sandbox.run(["create", "--name", "web", "app:2", "sh"]).ok();
    sandbox.write("new", "two hundred\n");
    sandbox.run(["cp", "new", "web:/etc/new"]).ok();
    sandbox.run(["grep", "hundred"]).exits(1).stdout("").stderr("");
    sandbox.run(["grep", "two", "web:/etc"]).ok().stdout("web:/etc/conf:two\nweb:/etc/new:two hundred\n");
}

#[test]
fn grep_has_the_flags_of_grep() {
    let sandbox = with(&family());
    let found = |args: &[&str]| sandbox.run(["grep"].iter().chain(args)).ok().out();
    assert_eq!(found(&["-n", "o", "app:1:/etc/conf"]), "app:1:/etc/conf:1:one\napp:1:/etc/conf:2:Two two\n");
    assert_eq!(found(&["-i", "TWO T", "app:1"]), "app:1:/etc/conf:Two two\n");
    assert_eq!(found(&["-l", "two", "app:2"]), "app:2:/bin/tool\napp:2:/etc/conf\napp:2:/opt/last\n");
    assert_eq!(found(&["-m", "1", "-n", "o", "app:1:/etc/conf"]), "app:1:/etc/conf:1:one\n");
    assert_eq!(found(&["-F", "end: t", "app:1"]), "app:1:/opt/last:no end: two\n");
    sandbox.run(["grep", "-F", "t.o"]).exits(1).stdout("").stderr("");
    sandbox.run(["grep", "-m", "0", "two"]).exits(1).stdout("").stderr("");
    sandbox
        .run(["grep", "(two"])
        .fails(1)
        .complains("invalid regular expression \"(two\"")
        .complains("unclosed group");
    sandbox.run(["grep", "x", "nope:1:/etc"]).fails(1).complains("No such container or image: nope:1");
    sandbox
        .run(["grep", "x", "ap:1"])
        .fails(1)
        .complains("No such container or image: ap:1")
        .complains("app:1?");
    sandbox.run(["grep", "two", "app:2:/etc/gone"]).fails(1).complains("app:2: /etc/gone: no such file");
    Sandbox::new().run(["grep", "x"]).exits(1).stdout("");
}

/// Twenty images that have a file of noise in common, each under another name and in a layer of
/// its own: read for each of them it would be 160 MiB.
#[test]
fn each_content_is_read_once() {
    let big = noise(1, 8 << 20);
    let images: Vec<_> = (0..20)
        .map(|at| {
            let layer = Layer::new().file(&format!("big-{at}"), big.clone()).file("small", "needle\n");
            Image::new(&[&format!("app:{at:02}")], vec![layer])
        })
        .collect();
    let sandbox = with(&images);
    let ran = sandbox.run(["grep", "needle"]).ok();
    assert_eq!(ran.out().lines().count(), 20);
    assert!(ran.read_bytes < 32 << 20, "{} bytes were read", ran.read_bytes);
    let binary = sandbox.run(["grep", "-l", "(?-u)\\x00", "app:00", "app:07"]).ok();
    binary.stdout("app:00:/big-0\napp:07:/big-7\n");
}

#[test]
fn files_of_any_length_are_searched_in_bounded_memory() {
    let mut line = b"needle".to_vec();
    line.resize(40 << 20, b'x');
    let layer = Layer::new().file("line", line).entry(Entry::file("lines", "needle\n".repeat(1 << 20)));
    let sandbox = with(&[Image::new(&["app:1"], vec![layer])]);
    let ran = sandbox.run(["grep", "needle"]).ok();
    assert!(ran.peak_bytes < 150 << 20, "{} MiB", ran.peak_bytes >> 20);
    assert_eq!(ran.out().lines().count(), 1 + (1 << 20));
    let first = ran.out().lines().next().map(str::len).unwrap_or_default();
    assert!((4096..4200).contains(&first), "{first}");
}

#[test]
fn compressed_layers_are_searched_as_plain_ones_are() {
    let sandbox = Sandbox::new();
    let [_, image] = family();
    sandbox.load(&layouts::oci(&[image], Codec::Gzip).tar()).ok();
    let name = sandbox.run(["images", "-q"]).ok().out().trim().to_owned();
    let ran = sandbox.run(["grep", "-n", "two", &name]).ok();
    ran.stdout(format!(
        "Binary file {name}:/bin/tool matches\n{name}:/etc/conf:2:two\n{name}:/opt/last:1:no end: two\n"
    ));
}

#[test]
fn lines_that_drive_a_terminal_are_escaped_on_one_only() {
    let sandbox = with(&[Image::new(&["app:1"], vec![Layer::new().file("a", "needle\u{1b}[31m\u{202e}\n")])]);
    sandbox.run(["grep", "needle"]).ok().stdout("app:1:/a:needle\u{1b}[31m\u{202e}\n");
    let mut terminal = Terminal::start(&sandbox.larder(["grep", "needle"]), 24, 80);
    terminal.shows("app:1:/a:needle\\u{1b}[31m\\u{202e}");
}
