//! What `export` writes, and how.

use std::fs;

use crate::harness::child::{self, Feed};
use crate::harness::codec::Codec;
use crate::harness::image::{Image, Layer, host_architecture};
use crate::harness::layouts::{self, Oci};
use crate::harness::noise::noise;
use crate::harness::sandbox::Sandbox;
use crate::harness::tarball::Entry;
use crate::harness::tests_dir;
use crate::harness::tree::{Tree, members};
use crate::harness::tricky;

fn with(images: &[Image]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(images).tar()).ok();
    sandbox
}

fn export(sandbox: &Sandbox, args: &[&str]) -> Vec<u8> {
    sandbox.run(["export"].iter().chain(args)).ok().stdout
}

fn names(tar: &[u8]) -> Vec<String> {
    members(tar).iter().map(|member| member.name.escape_ascii().to_string()).collect()
}

/// The whole of a small tree, spelled out: the other tests compare tools with each other.
#[test]
fn an_image_is_one_tree_in_order() {
    let tree = Tree::of_tar(&export(&with(&[Image::small("app:1")]), &["app:1"]));
    assert_eq!(
        tree.paths(),
        ["bin", "bin/app", "etc", "etc/link", "etc/name", "etc/old", "etc/same"],
        "{tree:?}"
    );
    assert_eq!(tree.node("etc/link").target, b"../bin/app");
    assert_eq!(tree.node("etc/same").first_name.as_deref(), Some(&b"etc/name"[..]));
    assert_eq!(tree.node("etc/same").content, crate::harness::hex_digest(b"app:1"));
    let app = tree.node("bin/app");
    assert_eq!((app.kind, app.mode, app.size, app.mtime), ("file", 0o644, 1600, (1_700_000_000, 0)));
}

/// As Docker's: a directory before what is in it, and no `./` before the names.
#[test]
fn entries_come_sorted_and_each_once() {
    let layer = Layer::new()
        .file("b/z", "1")
        .file("a.b", "2")
        .file("a/x", "3")
        .file("a-b", "4")
        .entry(Entry::file(b"\xff", "5"));
    let sandbox = with(&[Image::new(&["app:1"], vec![layer])]);
    let wanted = ["a/", "a/x", "a-b", "a.b", "b/", "b/z", "\\xff"];
    assert_eq!(names(&export(&sandbox, &["app:1"])), wanted);
}

#[test]
fn everything_that_a_tar_can_say_is_kept() {
    let layer = |entries: Vec<Entry>| entries.into_iter().fold(Layer::new(), Layer::entry);
    let layer = layer(vec![
        Entry::dir("./").mode(0o711).owner(1, 2),
        Entry::file("fraction", "x").record("mtime", "1700000000.123456789"),
        Entry::file("early", "x").record("mtime", "-1.25"),
        Entry::file("ping", "x").mode(0o4755).xattr("security.capability", tricky::CAPABILITY),
        Entry::hardlink("ping6", "ping"),
        Entry::file("tagged", "x").xattr("trusted.a", "\0\n=").xattr("user.b", ""),
        Entry::device("odd", b'4', 4095, 1_048_575),
        Entry::new("pipe", b'6').mode(0o600),
        Entry::file("high", "x").owner(u32::MAX - 1, 1 << 21),
        Entry::file([b'n'; 255], "long"),
        Entry::symlink("far", "f".repeat(4000)),
    ]);
    let tree = Tree::of_tar(&export(&with(&[Image::new(&["app:1"], vec![layer])]), &["app:1"]));
    assert_eq!((tree.node("").mode, tree.node("").owner), (0o711, (1, 2)));
    assert_eq!(tree.node("fraction").mtime, (1_700_000_000, 123_456_789));
    assert_eq!(tree.node("early").mtime, (-2, 750_000_000));
    for name in ["ping", "ping6"] {
        let ping = tree.node(name);
        assert_eq!((ping.mode, &ping.xattrs[&b"security.capability"[..]][..]), (0o4755, tricky::CAPABILITY));
    }
    assert_eq!(tree.node("tagged").xattrs[&b"trusted.a"[..]], b"\0\n=");
    assert_eq!(tree.node("tagged").xattrs[&b"user.b"[..]], b"");
    assert_eq!((tree.node("odd").kind, tree.node("odd").device), ("block", (4095, 1_048_575)));
    assert_eq!((tree.node("pipe").kind, tree.node("pipe").mode), ("fifo", 0o600));
    assert_eq!(tree.node("high").owner, (u64::from(u32::MAX - 1), 1 << 21));
    assert!(tree.has(&"n".repeat(255)));
    assert_eq!(tree.node("far").target.len(), 4000);
}

/// Readers that set the owner at a hard link once more take the capabilities away by that,
/// Docker's among them: the link has to bring them again.
#[test]
fn a_hard_link_repeats_the_capabilities_of_its_file_and_nothing_else() {
    let layer = Layer::new()
        .entry(Entry::file("ping", "x").xattr("security.capability", tricky::CAPABILITY).xattr("user.a", "b"))
        .hardlink("ping6", "ping")
        .entry(Entry::file("odd", "x").xattr("security.capability", [b'x'; 5000]))
        .hardlink("odder", "odd");
    let tar = export(&with(&[Image::new(&["app:1"], vec![layer])]), &["app:1"]);
    let times = |text: &str| tar.windows(text.len()).filter(|bytes| *bytes == text.as_bytes()).count();
    assert_eq!(times("SCHILY.xattr.security.capability="), 3);
    assert_eq!(times("SCHILY.xattr.user.a="), 1);
}

#[test]
fn two_exports_are_the_same_bytes_whatever_the_store_has_been_through() {
    let (images, names) = tricky::images();
    let sandbox = with(&images);
    // The layers compressed, in another order.
    let other = Sandbox::new();
    other.load(&layouts::oci(&images, Codec::Gzip).shuffled(7).tar()).ok();
    for (name, what) in names {
        let first = export(&sandbox, &[&name]);
        assert!(first == export(&sandbox, &[&name]), "{what}: differs from run to run");
        assert!(first == export(&other, &[&name]), "{what}: differs from store to store");
        let compatible = ["--docker-compat", &name];
        assert!(export(&sandbox, &compatible) == export(&other, &compatible), "{what}");
    }
}

/// Layers that are kept compressed have to be unwrapped to be read twice.
#[test]
fn compressed_layers_are_exported_as_plain_ones_are() {
    for codec in [Codec::Gzip, Codec::GzipMembers, Codec::Zstd] {
        let base = Layer::new().file("big", noise(1, 3 << 20)).file("small", "x").hardlink("same", "small");
        let image = Image::new(&["app:1"], vec![base, Layer::new().file("top", noise(2, 300_000))]);
        let sandbox = Sandbox::new();
        sandbox.load(&layouts::oci(std::slice::from_ref(&image), codec).tar()).ok();
        let tree = Tree::of_tar(&export(&sandbox, &["app:1"]));
        tree.equals(&Tree::of_tar(&export(&with(&[image]), &["app:1"])), &format!("{codec:?}"));
        let names: Vec<_> = fs::read_dir(sandbox.path(""))
            .expect("the sandbox")
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        assert_eq!(names, ["store"], "a passing file stayed");
        sandbox.is_clean();
    }
}

#[test]
fn the_archives_of_other_tools_are_one_tree() {
    let trees = ["greeter.tar", "greeter.oci.tar"].map(|name| {
        let sandbox = Sandbox::new();
        sandbox.load(&fs::read(tests_dir("data").join(name)).expect("tests/data is there")).ok();
        Tree::of_tar(&export(&sandbox, &["greeter:1.0"]))
    });
    trees[0].equals(&trees[1], "Docker's and skopeo's");
    assert!(trees[0].has("srv/greet") && !trees[0].has("srv/doomed"), "{:?}", trees[0].paths());
}

#[test]
fn docker_compat_brings_dockers_mount_points_and_drops_what_docker_drops() {
    let layer = Layer::new()
        .entry(Entry::dir("./").mode(0o711))
        .file("dev", "no directory")
        .dir("etc")
        .file("etc/hosts", "what Docker replaces")
        .entry(Entry::file("tagged", "x").xattr("user.a", "b").record("mtime", "1700000000.75"));
    let sandbox = with(&[Image::new(&["app:1"], vec![layer])]);
    let tar = export(&sandbox, &["--docker-compat", "app:1"]);
    let tree = Tree::of_tar(&tar);
    assert_eq!(
        tree.paths(),
        [
            ".dockerenv",
            "dev",
            "dev/console",
            "dev/pts",
            "dev/shm",
            "etc",
            "etc/hostname",
            "etc/hosts",
            "etc/mtab",
            "etc/resolv.conf",
            "proc",
            "sys",
            "tagged"
        ]
    );
    assert!(!tree.has(""));
    assert_eq!(tree.node("etc/hosts").size, 0);
    assert_eq!(tree.node("etc/mtab").target, b"/proc/mounts");
    assert_eq!((tree.node("tagged").mtime, tree.node("tagged").xattrs.len()), ((1_700_000_000, 0), 0));
    assert!(!tar.windows(19).any(|bytes| bytes == b"larder.image.config"), "it carries the config");
}

#[test]
fn the_config_travels_in_a_header_that_can_be_left_out() {
    let sandbox = with(&[Image::small("app:1")]);
    let (carrying, plain) = (export(&sandbox, &["app:1"]), export(&sandbox, &["--no-config", "app:1"]));
    assert_eq!(carrying[156], b'g');
    assert!(carrying.ends_with(&plain), "the header is not all that differs");
    assert_ne!(plain[156], b'g');
}

#[test]
fn an_image_is_found_by_name_by_id_and_by_the_beginning_of_it() {
    let sandbox = with(&[Image::small("app:1").named(&["app:1", "app:latest"])]);
    let id = sandbox.id("app:1");
    let wanted = export(&sandbox, &["app:1"]);
    for name in ["app", "docker.io/library/app:1", &id, &id[7..], &id[7..19]] {
        assert!(export(&sandbox, &[name]) == wanted, "{name}");
    }
}

#[test]
fn the_platform_chooses_what_is_exported() {
    let ours = Image::small("app:1");
    let theirs = Image::small("app:other").with(|config| config["architecture"] = "s390x".into());
    let mut oci = Oci::default();
    let children = [oci.manifest(&ours, Codec::Gzip), oci.manifest(&theirs, Codec::Gzip)];
    let index = oci.index(&children);
    oci.name_as_docker(&index, &ours);
    let sandbox = Sandbox::new();
    sandbox.load(&oci.archive().tar()).ok();
    let content = |args: &[&str]| Tree::of_tar(&export(&sandbox, args)).node("etc/name").content.clone();
    let host = format!("linux/{}", host_architecture());
    assert_eq!(content(&["app:1"]), crate::harness::hex_digest(b"app:1"));
    assert_eq!(content(&["--platform", &host, "app:1"]), crate::harness::hex_digest(b"app:1"));
    assert_eq!(content(&["--platform", "linux/s390x", "app:1"]), crate::harness::hex_digest(b"app:other"));
    let ran = sandbox.run(["export", "--platform", "linux/riscv64", "app:1"]).fails(1);
    assert!(ran.stdout.is_empty());
    ran.complains("linux/riscv64").complains("s390x");
}

#[test]
fn a_name_that_is_nothing_is_said_in_dockers_words_and_writes_nothing() {
    for sandbox in [with(&[Image::small("app:1")]), Sandbox::new()] {
        for name in ["nosuch", "app:2", "0123456789ab"] {
            let wanted = format!("Error: No such container or image: {name}");
            let ran = sandbox.run(["export", "-o", "out.tar", name]).fails(1).complains(&wanted);
            assert!(ran.stdout.is_empty(), "{ran}");
        }
        assert!(!sandbox.path("out.tar").exists());
    }
    let sandbox = with(&[Image::small("app:1")]);
    sandbox.run(["export", "Not A Name"]).fails(1);
    assert_ne!(sandbox.run(["export"]).code, Some(0));
    assert_ne!(sandbox.run(["export", "app:1", "app:1"]).code, Some(0));
    assert_eq!(sandbox.run(["export", "--platform", "a/b/c/d/e", "app:1"]).code, Some(125));
}

#[test]
fn an_output_file_is_whole_or_not_there() {
    let image = Image::new(&["big:1"], vec![Layer::new().file("noise", noise(1, 4 << 20))]);
    let sandbox = with(&[Image::small("app:1"), image]);
    let ran = sandbox.run(["export", "-o", "out.tar", "app:1"]).ok();
    assert!(ran.stdout.is_empty(), "{ran}");
    let whole = export(&sandbox, &["app:1"]);
    assert!(sandbox.read("out.tar") == whole);
    sandbox.run(["export", "-o", "out.tar", "nosuch:1"]).fails(1);
    assert!(sandbox.read("out.tar") == whole);
    // A file that cannot be read to its end: the packs are damaged in the middle.
    for pack in fs::read_dir(sandbox.store().join("packs")).expect("packs").flatten() {
        let mut bytes = fs::read(pack.path()).expect("a pack");
        let middle = bytes.len() / 2;
        bytes[middle..middle + 64].fill(0x5a);
        fs::remove_file(pack.path()).expect("ours");
        fs::write(pack.path(), bytes).expect("ours");
    }
    sandbox.run(["export", "-o", "out.tar", "big:1"]).fails(1);
    assert!(sandbox.read("out.tar") == whole);
    let files: Vec<_> = fs::read_dir(sandbox.path("")).expect("the sandbox").flatten().collect();
    assert_eq!(files.len(), 2, "something besides out.tar and the store was left: {files:?}");
}

#[test]
fn an_output_that_takes_nothing_is_an_error_and_a_reader_that_goes_away_no_panic() {
    let sandbox = with(&[Image::new(&["big:1"], vec![Layer::new().file("noise", noise(1, 8 << 20))])]);
    sandbox.run(["export", "-o", "no/such/dir/out.tar", "big:1"]).fails(1).complains("no/such/dir");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    child::start_into(sandbox.larder(["export", "big:1"]), Feed::Nothing, full.into()).wait().fails(1);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let running = child::start_into(sandbox.larder(["export", "big:1"]), Feed::Nothing, writer.into());
    drop(reader);
    let ran = running.wait();
    assert!(ran.code != Some(0) && !ran.err().contains("panicked"), "{ran}");
}

#[test]
fn a_terminal_is_refused() {
    let sandbox = with(&[Image::small("app:1")]);
    let flags = rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY;
    let terminal = rustix::pty::openpt(flags).expect("a pseudoterminal");
    rustix::pty::unlockpt(&terminal).expect("a pseudoterminal");
    let name = rustix::pty::ptsname(&terminal, Vec::new()).expect("a pseudoterminal");
    let user_end = fs::OpenOptions::new().read(true).write(true).open(name.to_str().expect("a path"));
    let user_end = user_end.expect("a pseudoterminal");
    let ran = child::start_into(sandbox.larder(["export", "app:1"]), Feed::Nothing, user_end.into()).wait();
    ran.fails(1).complains("cowardly refusing to save to a terminal");
}

/// A store that is only looked at stays as it is.
#[test]
fn exporting_changes_nothing() {
    let sandbox = with(&[Image::small("app:1")]);
    let before = sandbox.truth();
    export(&sandbox, &["app:1"]);
    export(&sandbox, &["--docker-compat", "app:1"]);
    assert_eq!(before.changes(&sandbox.truth()), [""; 0]);
    assert!(!Sandbox::new().run(["export", "app:1"]).fails(1).err().contains("store"));
}

#[test]
fn an_image_without_files_is_an_empty_tar() {
    let sandbox = with(&[Image::new(&["empty:1"], vec![Layer::new()])]);
    assert_eq!(export(&sandbox, &["--no-config", "empty:1"]), [0; 1024]);
    let sandbox = with(&[Image::new(&["empty:1"], Vec::new())]);
    assert_eq!(export(&sandbox, &["--no-config", "empty:1"]), [0; 1024]);
}
