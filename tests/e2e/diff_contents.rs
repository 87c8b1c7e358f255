//! `diff --stat` and `diff --patch`: what differs inside of files.

use std::fs;

use serde_json::{Value, json};

use crate::harness::child;
use crate::harness::child::Feed;
use crate::harness::codec::Codec;
use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::noise::noise;
use crate::harness::sandbox::Sandbox;
use crate::harness::tarball::Entry;
use crate::harness::terminal::Terminal;
use crate::harness::tools;

/// A store with the images `old:1` and `new:1`, of a layer each.
fn with(old: &Layer, new: &Layer) -> Sandbox {
    let sandbox = Sandbox::new();
    let image = |name, layer: &Layer| Image::new(&[name], vec![layer.clone()]);
    sandbox.load(&layouts::docker24(&[image("old:1", old), image("new:1", new)]).tar()).ok();
    sandbox
}

fn numbers(changed: &str) -> String {
    (1..=12).map(|n| if n == 6 { format!("{changed}\n") } else { format!("{n}\n") }).collect()
}

fn old() -> Layer {
    Layer::new()
        .dir("etc")
        .file("etc/numbers", numbers("6"))
        .file("etc/same", "same\n")
        .file("etc/tool", "#!/bin/sh\n")
        .dir("gone")
        .dir("gone/below")
        .file("gone/below/a", "a\n")
        .file("gone/b", "b")
        .symlink("link", "etc/same")
        .file("kind", "a file\n")
        .file("bin", b"\0one".to_vec())
        .file("with space", "x\n")
}

fn new() -> Layer {
    Layer::new()
        .dir("etc")
        .file("etc/empty", "")
        .file("etc/new", "one\ntwo")
        .file("etc/numbers", numbers("six"))
        .entry(Entry::file("etc/same", "same\n").mtime(1))
        .entry(Entry::file("etc/tool", "#!/bin/sh\n").mode(0o755))
        .symlink("link", "etc/new")
        .symlink("kind", "etc/new")
        .file("bin", b"\0two\0".to_vec())
        .file("with space", "y\n")
}

const PATCH: &str = "\
diff --git a/bin b/bin
Binary files a/bin and b/bin differ
diff --git a/etc/empty b/etc/empty
new file mode 100644
diff --git a/etc/new b/etc/new
new file mode 100644
--- /dev/null
+++ b/etc/new
@@ -0,0 +1,2 @@
+one
+two
\\ No newline at end of file
diff --git a/etc/numbers b/etc/numbers
--- a/etc/numbers
+++ b/etc/numbers
@@ -3,7 +3,7 @@
 3
 4
 5
-6
+six
 7
 8
 9
diff --git a/etc/tool b/etc/tool
old mode 100644
new mode 100755
diff --git a/gone/b b/gone/b
deleted file mode 100644
--- a/gone/b
+++ /dev/null
@@ -1 +0,0 @@
-b
\\ No newline at end of file
diff --git a/gone/below/a b/gone/below/a
deleted file mode 100644
--- a/gone/below/a
+++ /dev/null
@@ -1 +0,0 @@
-a
diff --git a/kind b/kind
deleted file mode 100644
--- a/kind
+++ /dev/null
@@ -1 +0,0 @@
-a file
diff --git a/kind b/kind
new file mode 120777
--- /dev/null
+++ b/kind
@@ -0,0 +1 @@
+etc/new
\\ No newline at end of file
diff --git a/link b/link
--- a/link
+++ b/link
@@ -1 +1 @@
-etc/same
\\ No newline at end of file
+etc/new
\\ No newline at end of file
diff --git a/with space b/with space
--- a/with space\t
+++ b/with space\t
@@ -1 +1 @@
-x
+y
";

#[test]
fn a_patch_is_what_git_would_show() {
    let sandbox = with(&old(), &new());
    let want = PATCH.replace("120777", "120000");
    sandbox.run(["diff", "-p", "new:1", "old:1"]).ok().stdout(&want);
    sandbox.run(["diff", "--patch", "old:1", "old:1"]).ok().stdout("");
    sandbox.run(["create", "--name", "box", "old:1", "sh"]).ok();
    sandbox.run(["diff", "-p", "box"]).ok().stdout("");
    sandbox.write("same", "other\n");
    sandbox.run(["cp", "same", "box:/etc/same"]).ok();
    let patch =
        "diff --git a/etc/same b/etc/same\n--- a/etc/same\n+++ b/etc/same\n@@ -1 +1 @@\n-same\n+other\n";
    sandbox.run(["diff", "-p", "box"]).ok().stdout(patch);
    sandbox.run(["diff", "-p", "--stat", "box"]).fails(125);
    sandbox.run(["diff", "-p", "--format", "json", "box"]).fails(125);
}

#[test]
fn git_makes_the_new_files_of_the_old_ones_and_a_patch() {
    if !tools::are_here("git_makes_the_new_files_of_the_old_ones_and_a_patch", &["git", "tar"]) {
        return;
    }
    let text = |layer: Layer| layer.file("quote\"d", "x\n").file("line\nbreak", "x\n");
    let (old, new) = (text(old()).file("bin", "one"), text(new()).file("bin", "two").file("a b", "z"));
    let sandbox = with(&old, &new.whiteout("quote\"d"));
    let unpack = |image: &str| {
        let dir = sandbox.path(&image.replace(':', "-"));
        fs::create_dir(&dir).expect("the sandbox can be written");
        sandbox.run(["export", "-o", "tar", image]).ok();
        tools::run(
            "tar",
            ["-xf", sandbox.path("tar").to_str().expect("UTF-8"), "-C", dir.to_str().expect("UTF-8")],
        );
        dir
    };
    let (dir, wanted) = (unpack("old:1"), unpack("new:1"));
    let patch = sandbox.run(["diff", "-p", "new:1", "old:1"]).ok().stdout;
    sandbox.write("patch", &patch);
    let mut git = tools::tool("git");
    git.args(["apply", "-"]).current_dir(&dir).env("GIT_CEILING_DIRECTORIES", sandbox.path(""));
    child::run(git, Feed::Bytes(patch)).ok();
    let mut git = tools::tool("git");
    git.args(["diff", "--no-index", "--stat"]).arg(&dir).arg(&wanted);
    child::run(git, Feed::Nothing).exits(0).stdout("");
}

#[test]
fn the_stat_counts_bytes_that_came_and_went() {
    let sandbox = with(&old(), &new());
    let want = " \
/bin          |     +5B     -4B +++++----
 /etc/empty    |     +0B     -0B
 /etc/new      |     +7B     -0B +++++++
 /etc/numbers  |     +4B     -2B ++++--
 /etc/tool     |     +0B     -0B mode 0644 -> 0755
 /gone/b       |     +0B     -1B -
 /gone/below/a |     +0B     -2B --
 /kind         |     +0B     -7B -------
 /kind         |     +7B     -0B +++++++
 /link         |     +7B     -8B +++++++--------
 /with space   |     +2B     -2B ++--
 11 files changed, 32B added, 26B removed
";
    sandbox.run(["diff", "--stat", "new:1", "old:1"]).ok().stdout(want);
    sandbox.run(["diff", "--stat", "new:1", "new:1"]).ok().stdout("");
    let ran = sandbox.run(["diff", "--stat", "--format", "json", "new:1", "old:1"]).ok();
    let lines: Vec<Value> =
        ran.out().lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    let want = json!({"Path": "/etc/numbers", "Change": "changed", "AddedBytes": 4, "RemovedBytes": 2});
    assert!(lines.contains(&want) && lines.len() == 11, "{lines:?}");
}

/// A file of 24 MiB with one changed in the middle: by lines it could not be counted in bounded
/// memory, and whole it would be a lie.
#[test]
fn large_files_are_counted_by_their_chunks_and_not_shown() {
    let mut bytes = noise(1, 24 << 20);
    let old = Layer::new().file("big", bytes.clone());
    bytes[12 << 20] ^= 1;
    let sandbox = with(&old, &Layer::new().file("big", bytes));
    let ran = sandbox.run(["diff", "--stat", "--format", "json", "new:1", "old:1"]).ok();
    let line: Value = serde_json::from_str(&ran.out()).expect("an object");
    for side in ["AddedBytes", "RemovedBytes"] {
        let changed = line[side].as_u64().expect("a number");
        assert!((1..1 << 20).contains(&changed), "{line}");
    }
    let want =
        "diff --git a/big b/big\nFiles a/big and b/big differ and are too large to show (more than 2MiB)\n";
    sandbox.run(["diff", "-p", "new:1", "old:1"]).ok().stdout(want);
}

/// Two files as large as are compared, of lines that are hard to tell apart.
#[test]
fn comparing_hostile_files_takes_bounded_time_and_memory() {
    let text = |seed: u64| -> Vec<u8> {
        noise(seed, 1 << 20).into_iter().flat_map(|byte| [b'a' + byte % 7, b'\n']).collect()
    };
    let sandbox = with(&Layer::new().file("a", text(1)), &Layer::new().file("a", text(2)));
    let ran = sandbox.run(["diff", "--stat", "new:1", "old:1"]).ok();
    assert!(ran.peak_bytes < 300 << 20, "{} MiB", ran.peak_bytes >> 20);
    assert!(ran.elapsed.as_secs() < 20, "{:?}", ran.elapsed);
}

#[test]
fn compressed_layers_are_compared_as_plain_ones_are() {
    let sandbox = Sandbox::new();
    let images = [Image::new(&["old:1"], vec![old()]), Image::new(&["new:1"], vec![new()])];
    sandbox.load(&layouts::oci(&images, Codec::Gzip).tar()).ok();
    let ran = sandbox.run(["images", "-q"]).ok().out();
    let ids: Vec<_> = ran.lines().collect();
    let plain = with(&old(), &new());
    for flag in ["-p", "--stat"] {
        let want: [String; 2] = [["new:1", "old:1"], ["old:1", "new:1"]]
            .map(|[new, old]| plain.run(["diff", flag, new, old]).ok().out());
        let got = sandbox.run(["diff", flag, ids[0], ids[1]]).ok().out();
        assert!(want.contains(&got), "{got}");
    }
}

#[test]
fn a_patch_cannot_drive_a_terminal() {
    let sandbox = with(&Layer::new(), &Layer::new().file("a", "\u{1b}[31m\u{202e}x\n"));
    sandbox.run(["diff", "-p", "new:1", "old:1"]).ok().says("+\u{1b}[31m\u{202e}x\n");
    let mut terminal = Terminal::start(&sandbox.larder(["diff", "-p", "new:1", "old:1"]), 24, 80);
    terminal.shows("+\\u{1b}[31m\\u{202e}x");
}
