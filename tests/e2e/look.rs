//! Looking into images: `ls`, `cat`, and `history --files`.

use serde_json::{Value, json};

use crate::harness::child::{self, Feed, Ran};
use crate::harness::codec::Codec;
use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::noise::noise;
use crate::harness::sandbox::Sandbox;
use crate::harness::tarball::Entry;
use crate::harness::tricky;

fn with(images: &[Image]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(images).tar()).ok();
    sandbox
}

/// An image with one of everything.
fn various() -> Image {
    let base = Layer::new()
        .dir("usr")
        .dir("usr/lib")
        .entry(Entry::file("usr/lib/a", "a's").mode(0o4755).owner(7, 1234).mtime(86_400))
        .hardlink("usr/lib/b", "usr/lib/a")
        .symlink("lib", "usr/lib")
        .symlink("abs", "/usr/lib")
        .symlink("up", "../../../usr/lib/b")
        .symlink("round", "round");
    let top = Layer::new()
        .file("implied/.hidden", "h")
        .entry(Entry::file(b"not-\xff-text", "raw"))
        .entry(Entry::new("null", b'3').mode(0o666).patched(329, *b"0000001\0").patched(337, *b"0000003\0"))
        .entry(Entry::new("fifo", b'6').mode(0o600));
    Image::new(&["app:1"], vec![base, top])
}

fn in_utc(sandbox: &Sandbox, args: &[&str]) -> Ran {
    let mut command = sandbox.larder(args);
    command.env("TZ", "UTC");
    child::run(command, Feed::Nothing).ok()
}

#[track_caller]
fn json_lines(ran: &Ran) -> Vec<Value> {
    ran.out().lines().map(|line| serde_json::from_str(line).expect("a line is an object")).collect()
}

#[test]
fn ls_gives_the_names_in_order() {
    let sandbox = with(&[Image::small("app:1")]);
    sandbox.run(["ls", "app:1"]).ok().stdout("bin\netc\n");
    sandbox.run(["ls", "-a", "app:1", "/etc"]).ok().stdout("link\nname\nold\nsame\n");
    sandbox.run(["ls", "app:1", "etc/old"]).ok().stdout("");
    sandbox.run(["ls", "app:1", "etc/name"]).ok().stdout("name\n");
    sandbox.run(["ls", "-d", "app:1", "/etc"]).ok().stdout("/etc\n");
    sandbox.run(["ls", "-d", "app:1"]).ok().stdout("/\n");
    let all = "/bin\n/bin/app\n/etc\n/etc/link\n/etc/name\n/etc/old\n/etc/same\n";
    sandbox.run(["ls", "-R", "app:1"]).ok().stdout(all);
    sandbox.run(["ls", "-R", "app:1", "/bin"]).ok().stdout("/bin/app\n");
}

#[test]
fn ls_follows_links_within_the_image() {
    let sandbox = with(&[various()]);
    for path in ["lib", "/abs", "lib/", "abs/.", "lib/../lib", "../../abs", "usr/lib"] {
        sandbox.run(["ls", "app:1", path]).ok().stdout("a\nb\n");
    }
    sandbox.run(["ls", "app:1", "up"]).ok().stdout("b\n");
    sandbox.run(["ls", "-d", "app:1", "lib"]).ok().stdout("/lib\n");
    sandbox.run(["ls", "-d", "app:1", "lib/"]).ok().stdout("/usr/lib\n");
    sandbox.run(["ls", "-R", "app:1", "lib"]).ok().stdout("/usr/lib/a\n/usr/lib/b\n");
}

#[test]
fn ls_l_has_the_columns_of_ls() {
    let sandbox = with(&[various()]);
    let ran = in_utc(&sandbox, &["ls", "-l", "app:1"]);
    let rows: Vec<Vec<String>> =
        ran.out().lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect();
    let row = |name: &str| {
        let found = rows.iter().find(|row| row.get(7.min(row.len() - 1)).is_some_and(|cell| cell == name));
        found.unwrap_or_else(|| panic!("no {name} in {rows:?}")).join(" ")
    };
    assert_eq!(row("usr"), "drwxr-xr-x 1 0 0 0 2023-11-14 22:13 usr");
    assert_eq!(row("abs"), "lrwxrwxrwx 1 0 0 0 2023-11-14 22:13 abs -> /usr/lib");
    assert_eq!(row("implied"), "drwxr-xr-x 1 0 0 0 1970-01-01 00:00 implied");
    assert_eq!(row("fifo"), "prw------- 1 0 0 0 2023-11-14 22:13 fifo");
    let null = rows.iter().find(|row| row.last().is_some_and(|name| name == "null")).expect("null").join(" ");
    assert_eq!(null, "crw-rw-rw- 1 0 0 1, 3 2023-11-14 22:13 null");
    let ran = in_utc(&sandbox, &["ls", "-l", "app:1", "usr/lib"]);
    ran.stdout("-rwsr-xr-x 2 7 1234 3 1970-01-02 00:00 a\n-rwsr-xr-x 2 7 1234 3 1970-01-02 00:00 b\n");
}

#[test]
fn ls_has_an_object_a_line_for_programs() {
    let sandbox = with(&[various()]);
    let lines = json_lines(&sandbox.run(["ls", "-R", "--format", "json", "app:1"]).ok());
    let at = |path: &str| {
        let found = lines.iter().find(|line| line["Path"] == path);
        found.unwrap_or_else(|| panic!("no {path} in {lines:?}")).clone()
    };
    assert_eq!(
        at("/usr/lib/a"),
        json!({"Path": "/usr/lib/a", "Type": "file", "Mode": "4755", "UID": 7, "GID": 1234, "Size": 3,
            "Modified": "1970-01-02T00:00:00Z", "Links": 2, "Layer": 1})
    );
    assert_eq!(
        (at("/lib")["Type"].clone(), at("/lib")["Target"].clone()),
        (json!("symlink"), json!("usr/lib"))
    );
    assert_eq!((at("/null")["Device"].clone(), at("/null")["Layer"].clone()), (json!("1:3"), json!(2)));
    assert_eq!(
        (at("/implied")["Layer"].clone(), at("/implied")["Type"].clone()),
        (json!(0), json!("directory"))
    );
    assert_eq!(lines.len(), 13, "{lines:?}");
}

#[test]
fn a_path_that_is_not_there_is_said_and_no_other_image_proposed() {
    let sandbox = with(&[Image::small("app:1"), Image::small("web:2"), various().named(&["odd:1"])]);
    sandbox.run(["create", "--name", "web", "odd:1"]).ok();
    for name in ["odd:1", "web"] {
        for (path, why) in [
            ("/nope", "/nope: no such file or directory"),
            ("lib/a/b", "lib/a/b: not a directory"),
            ("up/", "up/: not a directory"),
            ("round", "round: too many levels of symbolic links"),
        ] {
            for verb in ["ls", "cat"] {
                let ran = sandbox.run([verb, name, path]).fails(1).stdout("").complains(why);
                assert!(!ran.err().contains("did you mean"), "{ran}");
            }
        }
    }
    for verb in ["ls", "cat"] {
        let ran = sandbox.run([verb, "wbe:2", "/"]).fails(1);
        ran.complains("No such container or image: wbe:2").complains("did you mean web:2?");
        Sandbox::new().run([verb, "app:1", "/"]).fails(1).complains("No such container or image: app:1");
    }
}

#[test]
fn a_container_is_looked_into_as_its_image_is() {
    let sandbox = with(&[various()]);
    sandbox.run(["create", "--name", "web", "app:1"]).ok();
    let of_image = sandbox.run(["ls", "-lR", "app:1"]).ok().out();
    sandbox.run(["ls", "-lR", "web"]).ok().stdout(of_image);
    sandbox.run(["cat", "web", "up"]).ok().stdout("a's");
    // The container goes before an image of its name.
    sandbox.run(["tag", "app:1", "web:latest"]).ok();
    sandbox.run(["cat", "web", "up"]).ok().stdout("a's");
}

#[test]
fn cat_gives_the_bytes_as_they_are() {
    let layer = Layer::new()
        .file("noise", noise(1, 700_001))
        .file("zeros", vec![0; 300_000])
        .file("empty", "")
        .file("crlf", "a\r\nb\0\x1b[31m")
        .entry(tricky::sparse_old());
    let (noise_tail, base) = (noise(2, 9), layer.clone());
    let top =
        Layer::new().file("d/noise", noise_tail.clone()).symlink("link", "d/noise").hardlink("hard", "noise");
    let image = Image::new(&["app:1"], vec![base, top]);
    let plain = with(std::slice::from_ref(&image));
    let kept = Sandbox::new();
    kept.load(&layouts::oci(std::slice::from_ref(&image), Codec::Gzip).tar()).ok();
    let kept_name = kept.run(["images", "-q"]).ok().out().trim().to_owned();
    let mut sparse = vec![0; 50_000];
    sparse[8192..8292].copy_from_slice(&noise(4, 100));
    for (sandbox, name) in [(&plain, "app:1"), (&kept, kept_name.as_str())] {
        for (path, bytes) in [
            ("/noise", noise(1, 700_001)),
            ("hard", noise(1, 700_001)),
            ("zeros", vec![0; 300_000]),
            ("empty", Vec::new()),
            ("crlf", b"a\r\nb\0\x1b[31m".to_vec()),
            ("old-holes", sparse.clone()),
            ("link", noise_tail.clone()),
        ] {
            let found = sandbox.run(["cat", name, path]).ok().stdout;
            assert!(found == bytes, "{path}: {} bytes, not {}", found.len(), bytes.len());
        }
        sandbox.run(["cat", name, "d"]).fails(1).stdout("").complains("d: is a directory");
        sandbox.run(["cat", name, "/"]).fails(1).complains("/: is a directory");
    }
}

#[test]
fn cat_reads_files_only() {
    let sandbox = with(&[various()]);
    for path in ["null", "fifo"] {
        sandbox.run(["cat", "app:1", path]).fails(1).stdout("").complains("not a regular file");
    }
}

/// A name that is no text can be asked for as it is.
#[test]
fn a_name_of_any_bytes_is_found() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let sandbox = with(&[various()]);
    let path = OsStr::from_bytes(b"/not-\xff-text");
    sandbox.run([OsStr::new("cat"), OsStr::new("app:1"), path]).ok().stdout("raw");
    sandbox.run([OsStr::new("ls"), OsStr::new("-d"), OsStr::new("app:1"), path]).ok();
}

/// Two layers with a file that the upper one replaces and one that it takes away.
fn fat() -> Image {
    let base = Layer::new()
        .file("./kept", noise(1, 4000))
        .file("replaced", noise(2, 3000))
        .file("/gone", noise(3, 2000))
        .file("b/twin", noise(4, 500))
        .file("a/twin", noise(5, 500));
    let top = Layer::new().file("replaced", noise(6, 1000)).whiteout("gone");
    Image::new(&["app:1"], vec![base, top, Layer::new().dir("nothing")])
}

#[test]
fn history_files_shows_what_is_large_and_what_is_hidden() {
    let sandbox = with(&[fat()]);
    let lines = json_lines(&sandbox.run(["history", "--files", "--format", "json", "app:1"]).ok());
    let short = |line: &Value| {
        let files = line["Largest"].as_array().expect("a list").iter();
        let files = files.map(|file| format!("{} {} {}", file["Path"], file["Bytes"], file["Hidden"]));
        (line["Bytes"].clone(), line["HiddenBytes"].clone(), line["Files"].clone(), files.collect::<Vec<_>>())
    };
    let (top, middle, base) = (short(&lines[0]), short(&lines[1]), short(&lines[2]));
    assert_eq!(top, (json!(0), json!(0), json!(0), vec![]));
    // The whiteout is an empty file of its layer.
    assert_eq!((middle.0, middle.1), (json!(1000), json!(0)));
    assert_eq!(middle.3[0], r#""/replaced" 1000 false"#);
    assert_eq!((base.0, base.1, base.2), (json!(10_000), json!(5000), json!(5)));
    assert_eq!(
        base.3,
        [
            r#""/kept" 4000 false"#,
            r#""/replaced" 3000 true"#,
            r#""/gone" 2000 true"#,
            r#""/a/twin" 500 false"#,
            r#""/b/twin" 500 false"#
        ]
    );
    assert_eq!(lines[2]["DiffID"], fat().diff_ids()[0]);
    assert!(lines[2]["CreatedBy"].as_str().is_some_and(|text| text.ends_with("COPY layer 0")), "{lines:?}");
    let table = sandbox.run(["history", "--files=1", "app:1"]).ok();
    let table = table.says("4kB  /kept\n").says("5kB in 1 layer hidden by later layers\n");
    assert!(!table.out().contains("twin"), "{table}");
    assert!(!sandbox.run(["history", "--files=0", "app:1"]).ok().out().contains("/kept"));
    sandbox.run(["history", "--files", "--format", "{{.ID}}", "app:1"]).fails(125).complains("no template");
    sandbox.run(["history", "--files", "nope"]).fails(1).complains("No such image: nope:latest");
}

/// Sizes that come to more than a number can say.
#[test]
fn files_that_claim_any_size_are_counted_no_further_than_that() {
    let huge = |name: &str| {
        let number = |number: u64| [&[0x80, 0, 0, 0][..], &number.to_be_bytes()].concat();
        Entry::new(name, b'S')
            .patched(257, *b"ustar  \0")
            .patched(386, number(0))
            .patched(398, number(0))
            .patched(483, number(i64::MAX as u64))
    };
    let layer = Layer::new().entry(huge("a")).entry(huge("b")).entry(huge("c")).file("small", "x");
    let sandbox = with(&[Image::new(&["app:1"], vec![layer])]);
    let lines = json_lines(&sandbox.run(["history", "--files", "--format", "json", "app:1"]).ok());
    assert_eq!((&lines[0]["Bytes"], &lines[0]["HiddenBytes"]), (&json!(u64::MAX), &json!(0)));
    sandbox.run(["ls", "-l", "app:1"]).ok().says(" 9223372036854775807 ");
}
