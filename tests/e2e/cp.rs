//! `cp`: Docker's rules and words for where things land, and no way out of the container's
//! root or of the directory that something is copied into.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use crate::harness::child::{self, Feed, Ran};
use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::sandbox::{Sandbox, is_root};
use crate::harness::skip;
use crate::harness::tarball::{Entry, pax, tar};

/// A store with the image `app:1` and its container `web`.
fn sandbox() -> Sandbox {
    let base = Layer::new()
        .dir("etc")
        .file("etc/hosts", "hosts\n")
        .dir("etc/conf.d")
        .file("etc/conf.d/a", "a")
        .file("etc/conf.d/b", "b")
        .symlink("etc/link", "hosts")
        .symlink("conf", "/etc/conf.d")
        .symlink("out", "../../../../tmp")
        .entry(Entry { mode: 0o4755, owner: (7, 8), ..Entry::file("su", "x") });
    let top = Layer::new().hardlink("etc/same", "etc/hosts").dir("srv");
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(&[Image::new(&["app:1"], vec![base, top])]).tar()).ok();
    sandbox.run(["create", "--name", "web", "app:1"]).ok();
    sandbox
}

/// What `export` says of the container's tree, as `tar -tv` would list it.
fn tree(sandbox: &Sandbox) -> Vec<String> {
    let exported = sandbox.run(["export", "web"]).ok().stdout;
    let mut archive = ::tar::Archive::new(&exported[..]);
    let entries = archive.entries().expect("a tar").map(|entry| {
        let mut entry = entry.expect("an entry");
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut text).expect("its content");
        let header = entry.header();
        let link =
            entry.link_name().expect("a link").map(|to| format!(" -> {}", to.display())).unwrap_or_default();
        format!(
            "{} {:o} {}:{} {}{link} {}",
            entry.path().expect("a name").display(),
            header.mode().expect("a mode"),
            header.uid().expect("an owner"),
            header.gid().expect("a group"),
            header.entry_type().as_byte() as char,
            String::from_utf8_lossy(&text),
        )
    });
    entries.collect()
}

fn cat(sandbox: &Sandbox, path: &str) -> String {
    sandbox.run(["cat", "web", path]).ok().out()
}

fn feed(sandbox: &Sandbox, entries: &[Entry], to: &str) -> Ran {
    sandbox.run_fed(["cp", "-", to], Feed::Bytes(tar(entries)))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn cp_out_lands_as_docker_says() {
    let sandbox = sandbox();
    fs::create_dir(sandbox.path("dir")).unwrap();
    let run = |from: &str, to: &str| sandbox.run(["cp", from, to]);
    run("web:/etc/hosts", "file").ok().stdout("");
    run("web:etc/hosts", "dir").ok();
    run("web:/etc/conf.d", "dir").ok();
    run("web:/etc/conf.d", "new").ok();
    run("web:/etc/conf.d/.", "dir").ok();
    run("web:/etc/conf.d/.", "newer").ok();
    run("web:/etc/link", "link").ok();
    run("web:/conf/", "through").ok();
    sandbox.run(["container", "cp", "-L", "web:/etc/link", "dir"]).ok();
    for (path, text) in [
        ("file", "hosts\n"),
        ("dir/hosts", "hosts\n"),
        ("dir/conf.d/a", "a"),
        ("new/b", "b"),
        ("dir/a", "a"),
        ("newer/a", "a"),
        ("through/b", "b"),
        ("dir/link", "hosts\n"),
    ] {
        assert_eq!(read(&sandbox.path(path)), text, "{path}");
    }
    assert_eq!(fs::read_link(sandbox.path("link")).unwrap(), Path::new("hosts"));
    assert!(!fs::symlink_metadata(sandbox.path("dir/link")).unwrap().is_symlink());
    let hosts = fs::metadata(sandbox.path("file")).unwrap();
    assert_eq!((hosts.mode() & 0o7777, hosts.mtime()), (0o644, 1_700_000_000));
    // Over what is there: a file, by a link to it too.
    sandbox.write("file", "old");
    symlink("file", sandbox.path("to-file")).unwrap();
    run("web:/etc/conf.d/a", "to-file").ok();
    assert_eq!(read(&sandbox.path("file")), "a");
}

/// Into a directory that is made for it, and not beside it by names that begin alike.
#[test]
fn the_root_is_copied_as_a_whole() {
    let sandbox = sandbox();
    let here = sandbox.path("").display().to_string();
    for (at, from) in ["web:/", "web:/.", "web:.", "app:1:/", "app:1:/."].into_iter().enumerate() {
        for (archive, to) in [(false, format!("out{at}")), (true, format!("{here}/kept{at}"))] {
            let flags: &[&str] = if archive { &["cp", "-a"] } else { &["cp"] };
            sandbox.run([flags, &[from, &to]].concat()).ok();
            let to = sandbox.path("").join(&to);
            assert_eq!(read(&to.join("etc/hosts")), "hosts\n", "{from}");
            assert!(to.join("srv").is_dir(), "{from}");
        }
    }
    let names: Vec<_> = fs::read_dir(&here).unwrap().map(|name| name.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().contains("etc")), "{names:?}");
    // And back: what is in a directory, into the root.
    sandbox.run(["cp", "out0/etc/.", "web:/"]).ok();
    assert_eq!(cat(&sandbox, "/hosts"), "hosts\n");
}

#[test]
fn a_link_that_leads_nowhere_is_followed_or_left() {
    let layer = Layer::new().dir("srv").symlink("good", "srv/new").symlink("bad", "nowhere/x");
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(&[Image::new(&["app:1"], vec![layer])]).tar()).ok();
    sandbox.run(["create", "--name", "web", "app:1", "x"]).ok();
    sandbox.write("file", "new");
    sandbox.run(["cp", "file", "web:/good"]).ok();
    assert_eq!(cat(&sandbox, "/srv/new"), "new");
    sandbox
        .run(["cp", "file", "web:/bad"])
        .fails(1)
        .complains("Could not find the file /nowhere in container web");
    assert!(tree(&sandbox).iter().any(|line| line.contains("bad") && line.contains("nowhere/x")));
    // The same here.
    symlink("there/x", sandbox.path("bad")).unwrap();
    sandbox.run(["cp", "web:/srv/new", "bad"]).fails(1).complains("does not exist");
    assert_eq!(fs::read_link(sandbox.path("bad")).unwrap(), Path::new("there/x"));
}

#[test]
fn cp_out_fails_in_dockers_words() {
    let sandbox = sandbox();
    sandbox.write("file", "");
    fs::create_dir_all(sandbox.path("dir/hosts")).unwrap();
    fs::create_dir(sandbox.path("dir2")).unwrap();
    sandbox.write("dir2/conf.d", "");
    for (from, to, told) in [
        ("web:/nosuch", ".", "Could not find the file /nosuch in container web"),
        ("app:1:/nosuch", ".", "Could not find the file /nosuch in image app:1"),
        ("nosuch:/x", ".", "No such container or image: nosuch"),
        ("web:/etc", "file", "cannot copy directory"),
        ("web:/etc/hosts", "new/", "no such directory"),
        ("web:/etc/hosts", "no/such", "no\" does not exist"),
        ("web:/etc/hosts/", ".", "not a directory"),
        ("web:/etc/hosts", "/dev/null", "must be a directory or a regular file"),
        ("web:/etc/hosts", "dir", "cannot overwrite directory"),
        ("web:/etc/conf.d", "dir2", "cannot overwrite non-directory"),
        ("web:/a", "web:/b", "copying between containers is not supported"),
        ("a", "b", "must specify at least one container source"),
        ("./web:/a", "b", "must specify at least one container source"),
        ("", "web:/", "source can not be empty"),
    ] {
        sandbox.run(["cp", from, to]).fails(1).complains(told);
    }
}

#[test]
fn cp_writes_a_tar_and_it_is_the_same_every_time() {
    let sandbox = sandbox();
    let written = sandbox.run(["cp", "web:/etc", "-"]).ok().stdout;
    assert_eq!(sandbox.run(["cp", "web:/etc", "-"]).ok().stdout, written);
    let mut archive = ::tar::Archive::new(&written[..]);
    let names: Vec<_> = archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    let wanted = ["etc/", "etc/conf.d/", "etc/conf.d/a", "etc/conf.d/b", "etc/hosts", "etc/link", "etc/same"];
    assert_eq!(names, wanted);
    // Of an image too, whatever colons its name has.
    assert_eq!(sandbox.run(["cp", "app:1:/etc", "-"]).ok().stdout, written);
}

#[test]
fn cp_in_lands_as_docker_says() {
    let sandbox = sandbox();
    let before = tree(&sandbox);
    fs::create_dir_all(sandbox.path("site/sub")).unwrap();
    sandbox.write("site/index", "i");
    sandbox.write("site/sub/page", "p");
    fs::set_permissions(sandbox.path("site/index"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::hard_link(sandbox.path("site/index"), sandbox.path("site/same")).unwrap();
    symlink("/etc/hosts", sandbox.path("site/abs")).unwrap();
    let run = |from: &str, to: &str| sandbox.run(["cp", from, to]);
    run("site/index", "web:/srv").ok().stdout("");
    run("site/index", "web:/srv/name").ok();
    run("site", "web:/srv").ok();
    run("site", "web:srv/new").ok();
    run("site/.", "web:/conf").ok();
    // By a link at the end, within the container.
    run("site/sub/page", "web:/etc/link").ok();
    for (path, text) in [
        ("/srv/index", "i"),
        ("/srv/name", "i"),
        ("/srv/site/sub/page", "p"),
        ("/srv/new/index", "i"),
        ("/etc/conf.d/index", "i"),
        ("/etc/conf.d/a", "a"),
        ("/etc/hosts", "p"),
        // The other name of what was replaced is another file, as on overlayfs.
        ("/etc/same", "hosts\n"),
    ] {
        assert_eq!(cat(&sandbox, path), text, "{path}");
    }
    let after = tree(&sandbox);
    assert!(after.contains(&"srv/index 640 0:0 0 i".to_owned()), "{after:#?}");
    assert!(after.contains(&"srv/new/same 640 0:0 1 -> srv/new/index ".to_owned()), "{after:#?}");
    assert!(after.contains(&"srv/new/abs 777 0:0 2 -> /etc/hosts ".to_owned()), "{after:#?}");
    // What is above looks as before, and nothing else has changed.
    let kept = before.iter().filter(|line| !line.starts_with("etc/hosts") && !line.starts_with("etc/same"));
    for line in kept {
        assert!(after.contains(line), "{line}");
    }
    let told = sandbox.run(["diff", "web"]).ok().out();
    assert!(told.contains("A /srv/new/sub/page\n") && told.contains("C /etc/hosts\n"), "{told}");
    sandbox.is_clean();
}

#[test]
fn cp_in_fails_in_dockers_words() {
    let sandbox = sandbox();
    sandbox.write("file", "f");
    fs::create_dir_all(sandbox.path("dir/hosts")).unwrap();
    fs::create_dir_all(sandbox.path("etc2/conf.d")).unwrap();
    sandbox.write("etc2/conf.d/a", "");
    fs::create_dir(sandbox.path("conf.d")).unwrap();
    fs::create_dir_all(sandbox.path("d/conf")).unwrap();
    for (from, to, told) in [
        ("nosuch", "web:/", "no such file or directory"),
        ("file", "web:/no/such", "Could not find the file /no in container web"),
        ("file", "web:/srv/new/", "no such directory"),
        ("dir", "web:/etc/hosts", "cannot copy directory"),
        ("dir/.", "web:/etc", "cannot overwrite non-directory"),
        // What is a link in the container stays one.
        ("d/.", "web:/", "cannot overwrite non-directory"),
        ("file", "app:1:/x", "app:1 is an image"),
        ("file", "nosuch:/x", "No such container: nosuch"),
    ] {
        sandbox.run(["cp", from, to]).fails(1).complains(told);
    }
    feed(&sandbox, &[Entry::file("x", "x")], "web:/etc/hosts").fails(1).complains("must be a directory");
    sandbox.run(["create", "--name", "ro", "--read-only", "app:1"]).ok();
    sandbox.run(["cp", "file", "ro:/"]).fails(1).complains("container rootfs is marked read-only");
}

#[test]
fn owners_are_roots_unless_they_are_to_be_kept() {
    let sandbox = sandbox();
    if !is_root() {
        return skip("owners_are_roots_unless_they_are_to_be_kept", "only root gives files away");
    }
    let file = sandbox.write("file", "f");
    chown(&file, Some(12), Some(34)).unwrap();
    sandbox.run(["cp", "file", "web:/srv/root"]).ok();
    sandbox.run(["cp", "-a", "file", "web:/srv/kept"]).ok();
    feed(&sandbox, &[Entry { owner: (5, 6), ..Entry::file("told", "x") }], "web:/srv").ok();
    let tree = tree(&sandbox);
    for line in ["srv/root 644 0:0 0 f", "srv/kept 644 12:34 0 f", "srv/told 644 5:6 0 x"] {
        assert!(tree.contains(&line.to_owned()), "{line}: {tree:#?}");
    }
    sandbox.run(["cp", "web:/su", "mine"]).ok();
    sandbox.run(["cp", "-a", "web:/su", "theirs"]).ok();
    let owner = |name: &str| {
        let metadata = fs::metadata(sandbox.path(name)).unwrap();
        (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777)
    };
    assert_eq!((owner("mine"), owner("theirs")), ((0, 0, 0o4755), (7, 8, 0o4755)));
}

/// CVE-2018-15664 and its kin: a link in the container or in the tar leads nowhere else.
#[test]
fn no_link_and_no_name_leads_out_of_the_container() {
    let sandbox = sandbox();
    let outside = sandbox.path("outside");
    fs::create_dir(&outside).unwrap();
    let target = outside.to_str().unwrap();
    let harmless = [
        Entry::symlink("srv/abs", target),
        Entry::file("srv/abs2", "x"),
        Entry::file("/tmp/absolute", "x"),
        Entry::file("a/../b", "x"),
        Entry::symlink("up", "../../../../../.."),
        Entry::file("up/escaped", "in the root"),
        Entry::dir("./"),
    ];
    feed(&sandbox, &harmless, "web:/").ok();
    assert_eq!(cat(&sandbox, "/escaped"), "in the root");
    assert_eq!(cat(&sandbox, "/tmp/absolute"), "x");
    // Through the link, which leads to nothing in the container.
    feed(&sandbox, &[Entry::file("srv/abs/evil", "x")], "web:/").fails(1);
    sandbox.write("file", "f");
    sandbox.run(["cp", "file", "web:/srv/abs/evil"]).fails(1).complains("Could not find the file");
    // The link `out` leads to /tmp, which is the container's.
    sandbox.run(["cp", "file", "web:/out/f"]).ok();
    assert_eq!(cat(&sandbox, "/tmp/f"), "f");
    for hostile in [
        Entry::file("../evil", "x"),
        Entry::file("a/../../evil", "x"),
        Entry::hardlink("evil", "../../etc/hosts"),
        Entry::hardlink("evil", "nosuch"),
        Entry::hardlink("evil", "etc"),
        Entry::symlink("..", "x"),
        Entry::file(".", "x"),
        Entry::file("x".repeat(5000), "x"),
    ] {
        feed(&sandbox, &[hostile], "web:/srv").fails(1);
    }
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "something was written outside");
    assert!(!sandbox.path("evil").exists());
    sandbox.run(["export", "web"]).ok();
}

#[test]
fn no_link_leads_out_of_the_directory_that_is_copied_into() {
    let sandbox = sandbox();
    let outside = sandbox.path("outside");
    fs::create_dir(&outside).unwrap();
    fs::create_dir_all(sandbox.path("dir/tree")).unwrap();
    let layer = [
        Entry::dir("tree"),
        Entry::symlink("tree/link", &*outside.to_string_lossy()),
        Entry::dir("tree/sub"),
        Entry::file("tree/sub/evil", "x"),
    ];
    feed(&sandbox, &layer, "web:/").ok();
    // The link comes out as a link.
    sandbox.run(["cp", "web:/tree", "copy"]).ok();
    assert_eq!(fs::read_link(sandbox.path("copy/link")).unwrap(), outside);
    // A link that lies where a directory would come is in the way, and is not followed.
    symlink(&outside, sandbox.path("dir/tree/sub")).unwrap();
    sandbox.run(["cp", "web:/tree", "dir"]).fails(1).complains("cannot overwrite non-directory");
    // One where a file would come is replaced.
    fs::remove_file(sandbox.path("dir/tree/sub")).unwrap();
    fs::create_dir(sandbox.path("dir/tree/sub")).unwrap();
    sandbox.write("outside/victim", "mine");
    symlink(outside.join("victim"), sandbox.path("dir/tree/sub/evil")).unwrap();
    sandbox.run(["cp", "web:/tree", "dir"]).ok();
    assert_eq!(read(&sandbox.path("dir/tree/sub/evil")), "x");
    assert_eq!(read(&outside.join("victim")), "mine");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
}

#[test]
fn a_tar_that_is_none_changes_nothing() {
    let sandbox = sandbox();
    let before = tree(&sandbox);
    for junk in [vec![1; 2000], tar(&[Entry::file("x", "x")])[..512].to_vec()] {
        sandbox.run_fed(["cp", "-", "web:/srv"], Feed::Bytes(junk)).fails(1);
    }
    assert_eq!(tree(&sandbox).len(), before.len());
    sandbox.is_clean();
}

#[test]
fn hard_links_of_a_tar_are_names_of_one_file() {
    let sandbox = sandbox();
    let entries = [
        Entry::file("one", "1"),
        Entry::hardlink("two", "one"),
        // A file of the image: it is copied up, and gets another name there.
        Entry::hardlink("three", "etc/hosts"),
    ];
    feed(&sandbox, &entries, "web:/").ok();
    let tree = tree(&sandbox);
    for line in ["one 644 0:0 0 1", "two 644 0:0 1 -> one ", "three 644 0:0 1 -> etc/hosts "] {
        assert!(tree.contains(&line.to_owned()), "{line}: {tree:#?}");
    }
}

#[test]
fn the_same_change_gives_the_same_layer() {
    let sandbox = sandbox();
    sandbox.write("file", "f");
    let commit = |name: &str| {
        sandbox.run(["create", "--name", name, "app:1"]).ok();
        sandbox.run(["cp", "file", &format!("{name}:/srv/f")]).ok();
        sandbox.run(["commit", name, &format!("{name}:1")]).ok();
        sandbox.inspect(&format!("{name}:1"))["RootFS"]["Layers"].clone()
    };
    let one = commit("one");
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert_eq!(commit("two"), one);
    assert_eq!(one.as_array().map(Vec::len), Some(3));
}

const NOBODY: u32 = 65534;

/// What nobody may make of a file is kept beside the layer, and comes out again.
#[test]
fn without_root_nothing_is_lost() {
    if !is_root() {
        return skip("without_root_nothing_is_lost", "only root can be somebody else");
    }
    let sandbox = Sandbox::new().with_store_in("home/store");
    let home = sandbox.path("home");
    fs::create_dir(&home).unwrap();
    chown(&home, Some(NOBODY), Some(NOBODY)).unwrap();
    fs::set_permissions(sandbox.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let run = |args: &[&str], feed: Feed| {
        let mut command = sandbox.larder(args);
        command.uid(NOBODY).gid(NOBODY);
        child::run(command, feed)
    };
    let base = Layer::new().entry(Entry { owner: (1, 2), mode: 0o750, ..Entry::dir("data/") });
    let archive = layouts::docker24(&[Image::new(&["app:1"], vec![base])]).tar();
    let loaded = run(&["load"], Feed::Bytes(archive));
    if loaded.err().contains("denied") {
        return skip("without_root_nothing_is_lost", "nobody may not run what was built");
    }
    loaded.ok();
    run(&["create", "--name", "web", "app:1"], Feed::Nothing).ok();
    let device = Entry { mode: 0o666, owner: (3, 4), ..Entry::new("data/null", b'3') };
    let entries = [
        Entry { owner: (5, 6), mode: 0, ..Entry::file("data/secret", "s") },
        Entry { owner: (7, 8), mode: 0o6755, ..Entry::file("data/su", "x") },
        device,
        pax(&[("SCHILY.xattr.trusted.larder", b"t"), ("SCHILY.xattr.user.larder", b"u")]),
        Entry { owner: (9, 9), mode: 0o000, ..Entry::dir("data/closed/") },
        Entry::file("data/closed/in", "i"),
        Entry { owner: (9, 9), ..Entry::symlink("data/link", "null") },
    ];
    run(&["cp", "-", "web:/"], Feed::Bytes(tar(&entries))).ok();
    let exported = run(&["export", "--no-config", "web"], Feed::Nothing).ok().stdout;
    let mut archive = ::tar::Archive::new(&exported[..]);
    let mut found = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let xattrs = entry.pax_extensions().unwrap().into_iter().flatten();
        let xattrs: Vec<_> = xattrs
            .map(|record| record.unwrap().key().unwrap().to_owned())
            .filter(|key| key.contains("xattr"))
            .collect();
        let header = entry.header();
        let kind = header.entry_type().as_byte() as char;
        let (mode, uid, gid) = (header.mode().unwrap(), header.uid().unwrap(), header.gid().unwrap());
        let path = entry.path().unwrap().display().to_string();
        found.push(format!("{path} {kind} {mode:o} {uid}:{gid} {}", xattrs.join(",")));
    }
    let wanted = [
        "data/ 5 750 1:2 ",
        "data/closed/ 5 0 9:9 SCHILY.xattr.trusted.larder,SCHILY.xattr.user.larder",
        "data/closed/in 0 644 0:0 ",
        "data/link 2 777 9:9 ",
        "data/null 3 666 3:4 ",
        "data/secret 0 0 5:6 ",
        "data/su 0 6755 7:8 ",
    ];
    assert_eq!(found, wanted);
    let told = run(&["diff", "web"], Feed::Nothing).ok().out();
    assert!(told.contains("A /data/null\n") && !told.contains("A /data\n"), "{told}");
    run(&["rm", "web"], Feed::Nothing).ok();
    let left = fs::read_dir(home.join("store/containers")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "rm left something");
}

#[test]
fn what_was_copied_is_said_to_a_person_only() {
    let sandbox = sandbox();
    sandbox.write("file", "f");
    let ran = sandbox.run(["cp", "file", "web:/srv"]).ok().stdout("");
    assert_eq!(ran.err(), "");
}
