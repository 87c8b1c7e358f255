//! A disk that is full, a store that may not be written, a store of another time.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::child::{self, Feed, Ran};
use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::listing::Listing;
use crate::harness::noise::noise;
use crate::harness::sandbox::{Sandbox, is_root};
use crate::harness::saved::Saved;
use crate::harness::skip;
use crate::harness::tools;

/// A small file system of its own, in memory; unmounted at the end.
struct SmallDisk {
    sandbox: Sandbox,
    mount: PathBuf,
}

impl SmallDisk {
    /// `None`, loudly, where nobody may mount.
    fn new(test: &str, mib: u32) -> Option<Self> {
        let home = Sandbox::new();
        let mount = home.path("disk");
        if !is_root() {
            skip(test, "only root may mount a file system");
            return None;
        }
        fs::create_dir(&mount).expect("the sandbox can be written");
        let options = format!("size={mib}m");
        let mut command = Command::new("mount");
        let output = command.args(["-t", "tmpfs", "-o", &options, "larder-test"]).arg(&mount).output();
        match output {
            Ok(output) if output.status.success() => {
                Some(Self { sandbox: home.with_store_in("disk/store"), mount })
            }
            told => {
                skip(test, &format!("mount says no: {told:?}"));
                None
            }
        }
    }

    fn remount(&self, options: &str) {
        let status = Command::new("mount").args(["-o", options]).arg(&self.mount).status();
        assert!(status.expect("mount runs").success(), "mount -o {options}");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.mount).status();
    }
}

#[test]
fn a_full_disk_is_said_to_be_full_and_the_store_stays_good() {
    let Some(disk) = SmallDisk::new("a_full_disk_is_said_to_be_full_and_the_store_stays_good", 24) else {
        return;
    };
    let sandbox = &disk.sandbox;
    let small = Image::small("kept:1");
    sandbox.load(&layouts::docker25(std::slice::from_ref(&small)).tar()).ok();
    let before = sandbox.truth();
    let big = Image::new(&["big:1"], vec![Layer::new().file("noise", noise(1, 40 << 20))]);
    let tar = layouts::docker24(&[big]).tar();
    for through in [Sandbox::load, Sandbox::load_file] {
        let ran = through(sandbox, &tar).fails(1);
        let told = ran.err().to_lowercase();
        assert!(told.contains("no space left") || told.contains("full"), "{ran}");
        assert_eq!(before.changes(&sandbox.truth()), [""; 0], "something was left behind");
        assert_eq!(sandbox.names(), ["kept:1"]);
        sandbox.is_clean();
    }
    // There is room again, without gc and without a word.
    sandbox.load(&layouts::docker25(&[Image::small("app:1")]).tar()).ok();
    assert_eq!(Saved::read(&sandbox.save(["kept:1"])).images()[0].layers, small.tars());
    let out = disk.mount.join("out.tar");
    let ballast = fs::File::create(disk.mount.join("ballast")).expect("there is room");
    while std::io::Write::write_all(&mut &ballast, &[1; 4096]).is_ok() {}
    let ran = sandbox.run(["save".as_ref(), "-o".as_ref(), out.as_os_str(), "kept:1".as_ref()]).fails(1);
    assert!(ran.err().to_lowercase().contains("no space left"), "{ran}");
    assert!(!out.exists(), "half an archive was left");
    // Nothing fits any more, but to take something away must still be possible.
    sandbox.run(["images"]).ok();
    sandbox.run(["rmi", "app:1"]).ok();
    assert_eq!(sandbox.names(), ["kept:1"]);
}

/// The disk is full a little later each time: in a pack, its index, the journal, the catalog.
#[test]
fn a_disk_that_fills_at_any_moment_of_a_load_costs_nothing() {
    let Some(disk) = SmallDisk::new("a_disk_that_fills_at_any_moment_of_a_load_costs_nothing", 16) else {
        return;
    };
    let sandbox = &disk.sandbox;
    let kept = Image::small("kept:1");
    sandbox.load(&layouts::docker25(std::slice::from_ref(&kept)).tar()).ok();
    let image = Image::new(&["app:1"], vec![Layer::new().file("noise", noise(5, 100_000))]);
    let tar = layouts::docker24(std::slice::from_ref(&image)).tar();
    let ballast = disk.mount.join("ballast");
    let mut refused = 0;
    // 100 kB of noise and 1 MiB for the catalog's log, by pages of 4 KiB.
    for pages in (0..40).chain((40..360).step_by(20)) {
        let _ = fs::remove_file(&ballast);
        let file = fs::File::create(&ballast).expect("there is room");
        while std::io::Write::write_all(&mut &file, &[1; 4096]).is_ok() {}
        let len = file.metadata().expect("ours").len();
        file.set_len(len.saturating_sub(pages * 4096)).expect("ours");
        let before = sandbox.truth();
        let ran = sandbox.load(&tar);
        if ran.code == Some(0) {
            let saved = Saved::read(&sandbox.save(["app:1"])).images();
            assert_eq!(saved[0].layers, image.tars(), "{pages} pages");
            sandbox.run(["rmi", "app:1"]).ok();
        } else {
            let ran = ran.fails(1);
            assert!(ran.err().to_lowercase().contains("no space left"), "{pages} pages: {ran}");
            // What is left, if anything, is garbage, and gc needs no space to give space back.
            assert_eq!(sandbox.names(), ["kept:1"], "{pages} pages");
            assert_eq!(
                Saved::read(&sandbox.save(["kept:1"])).images()[0].layers,
                kept.tars(),
                "{pages} pages"
            );
            sandbox.run(["gc"]).ok();
            assert_eq!(before.changes(&sandbox.truth()), [""; 0], "{pages} pages");
            refused += 1;
        }
        assert_eq!(sandbox.names(), ["kept:1"], "{pages} pages");
        assert_eq!(Saved::read(&sandbox.save(["kept:1"])).images()[0].layers, kept.tars(), "{pages} pages");
    }
    assert!(refused > 0, "the disk was never full");
    fs::remove_file(&ballast).expect("ours");
    sandbox.is_clean();
    sandbox.load(&tar).ok();
    sandbox.is_clean();
}

#[test]
fn a_read_only_store_is_read_and_not_written() {
    let Some(disk) = SmallDisk::new("a_read_only_store_is_read_and_not_written", 24) else {
        return;
    };
    let sandbox = &disk.sandbox;
    let image = Image::small("app:1");
    sandbox.load(&layouts::docker25(std::slice::from_ref(&image)).tar()).ok();
    disk.remount("remount,ro");
    let before = sandbox.listing();
    for args in [
        vec!["rmi", "app:1"],
        vec!["tag", "app:1", "app:2"],
        vec!["gc"],
        vec!["optimize"],
        vec!["image", "prune", "-af"],
    ] {
        let ran = sandbox.run(&args).fails(1);
        assert!(ran.err().to_lowercase().contains("read-only"), "{ran}");
    }
    let ran = sandbox.load(&layouts::docker25(&[Image::small("app:2")]).tar()).fails(1);
    assert!(ran.err().to_lowercase().contains("read-only"), "{ran}");
    assert_eq!(sandbox.names(), ["app:1"]);
    assert_eq!(sandbox.id("app:1"), image.id());
    sandbox.run(["history", "app:1"]).ok();
    assert_eq!(Saved::read(&sandbox.save(["app:1"])).images()[0].layers, image.tars());
    sandbox.is_clean();
    assert_eq!(before.changes(&sandbox.listing()), [""; 0]);
    disk.remount("remount,rw");
}

#[test]
fn a_store_of_a_newer_version_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker25(&[Image::small("app:1")]).tar()).ok();
    let path = sandbox.store().join("format");
    let format = fs::read(&path).expect("the format");
    // Whatever byte of it changes, it is never taken for a store that this larder knows
    // and never crashes it.
    for at in 0..format.len() {
        let mut changed = format.clone();
        changed[at] ^= 0xff;
        fs::write(&path, changed).expect("the format");
        sandbox.run(["images"]).fails(1).complains("format");
    }
    fs::write(&path, format).expect("the format");
    assert_eq!(sandbox.names(), ["app:1"]);
}

#[test]
fn a_directory_that_is_no_store_is_left_alone() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.store()).expect("the sandbox can be written");
    sandbox.write("store/thesis.txt", "the only copy");
    sandbox.load(&layouts::docker25(&[Image::small("app:1")]).tar()).fails(1).complains("store");
    let left: Vec<_> = sandbox.listing().0.into_keys().collect();
    assert_eq!(left, [Path::new("thesis.txt")]);
}

#[test]
fn the_store_is_for_its_owner_alone() {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker25(&[Image::small("app:1")]).tar()).ok();
    let mode = fs::metadata(sandbox.store()).expect("the store").permissions().mode();
    assert_eq!(mode & 0o077, 0, "others may enter the store: {mode:o}");
}

#[test]
fn the_store_is_where_one_says() {
    let sandbox = Sandbox::new();
    sandbox.write("a.tar", layouts::docker25(&[Image::small("app:1")]).tar());
    sandbox.run(["--store", "elsewhere", "load", "-i", "a.tar"]).ok();
    assert!(sandbox.path("elsewhere/format").exists() && !sandbox.store().exists());
    sandbox.run(["--store", "elsewhere", "images", "--format", "{{.Tag}}"]).ok().stdout("1\n");
}

/// A command run by somebody who is not root, in a sandbox that is theirs. For root that
/// is `nobody`; the program is copied to where they can reach it.
fn somebody(sandbox: &Sandbox, args: &[&str]) -> Ran {
    let mut command = sandbox.larder(args);
    command.env_remove("LARDER_STORE").env("XDG_DATA_HOME", sandbox.path("data"));
    if is_root() {
        let program = sandbox.path("larder");
        if !program.exists() {
            // Not by this process: another test that starts a program just then would hold
            // the file open for writing, and nobody could run it.
            tools::run("cp", [env!("CARGO_BIN_EXE_larder").as_ref(), program.as_os_str()]);
        }
        let all = sandbox.path("");
        std::os::unix::fs::chown(&all, Some(NOBODY), Some(NOBODY)).expect("root may");
        let mut theirs = Command::new(program);
        theirs.args(args).current_dir(all).env_clear().uid(NOBODY).gid(NOBODY);
        theirs.env("XDG_DATA_HOME", sandbox.path("data")).env("HOME", sandbox.path(""));
        command = theirs;
    }
    child::run(command, Feed::Nothing)
}

const NOBODY: u32 = 65534;

#[test]
fn nothing_of_it_needs_root() {
    let sandbox = Sandbox::new();
    let image = Image::small("app:1");
    sandbox.write("a.tar", layouts::docker25(std::slice::from_ref(&image)).tar());
    somebody(&sandbox, &["load", "-i", "a.tar"]).ok().stdout("Loaded image: app:1\n");
    assert!(sandbox.path("data/larder/format").exists(), "the store is not where XDG_DATA_HOME says");
    let saved = Saved::read(&somebody(&sandbox, &["save", "app:1"]).ok().stdout).images();
    assert_eq!((saved[0].id(), &saved[0].layers), (image.id(), &image.tars()));
    somebody(&sandbox, &["tag", "app:1", "app:2"]).ok();
    somebody(&sandbox, &["rmi", "app:1"]).ok();
    somebody(&sandbox, &["gc"]).ok();
    somebody(&sandbox, &["fsck", "--verify"]).ok();
    somebody(&sandbox, &["images", "--format", "{{.Tag}}"]).ok().stdout("2\n");
}

/// A store that is somebody else's: no word of it can be changed, and it says why.
#[test]
fn a_store_without_permission_is_told() {
    let sandbox = Sandbox::new();
    sandbox.write("a.tar", layouts::docker25(&[Image::small("app:1")]).tar());
    somebody(&sandbox, &["load", "-i", "a.tar"]).ok();
    let store = sandbox.path("data/larder");
    let before = Listing::of(&store);
    let lock = |mode: u32| {
        let everything = before.0.keys().map(|path| store.join(path)).chain([store.clone()]);
        for path in everything.filter(|path| path.is_dir()) {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
        }
    };
    for path in before.0.iter().filter(|(_, seen)| seen.content.is_some()).map(|(path, _)| store.join(path)) {
        fs::set_permissions(path, fs::Permissions::from_mode(0o444)).expect("ours");
    }
    lock(0o555);
    let ran = somebody(&sandbox, &["load", "-i", "a.tar"]);
    let tagged = somebody(&sandbox, &["tag", "app:1", "app:2"]);
    lock(0o755);
    for ran in [ran.fails(1), tagged.fails(1)] {
        let told = ran.err().to_lowercase();
        assert!(told.contains("permission denied") || told.contains("read-only"), "{ran}");
    }
}

/// A mistyped or unmounted store is not a healthy one.
#[test]
fn what_is_no_store_is_not_taken_for_an_empty_one() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("empty")).expect("a directory");
    fs::create_dir(sandbox.path("full")).expect("a directory");
    sandbox.write("full/file", "not a store");
    let reading: [&[&str]; 16] = [
        &["images"],
        &["ps"],
        &["df"],
        &["info"],
        &["log"],
        &["stats", "--no-stream"],
        &["image", "tree"],
        &["fsck"],
        &["fsck", "--level", "exact"],
        &["fsck", "--repair"],
        &["gc"],
        &["optimize"],
        &["undo"],
        &["image", "prune", "-f"],
        &["system", "prune", "-f"],
        &["report", "-o", "report.html"],
    ];
    for store in ["nowhere/at/all", "empty", "full", "full/file"] {
        for command in reading {
            let ran = sandbox.run(["--store", store].iter().chain(command)).fails(1);
            assert!(ran.err().contains("store") || ran.err().contains("not a directory"), "{ran}");
        }
    }
    // One that was not created yet is empty, which is said; it has nothing to check or to clear up.
    sandbox.run(["--store", "new", "images", "-q"]).ok().stdout("").complains("there is no store at");
    for command in ["fsck", "gc", "optimize"] {
        sandbox.run(["--store", "new", command]).fails(1).complains("there is no store at");
    }
    // Without a word where no store was named: whoever has just installed larder has none.
    let fresh = |command: &[&str]| {
        let mut larder = sandbox.larder(command);
        larder.env_remove("LARDER_STORE").env("XDG_DATA_HOME", sandbox.path("data"));
        if is_root() {
            // The default of root is not in the home directory.
            larder.env("LARDER_STORE", sandbox.path("data"));
        }
        child::run(larder, Feed::Nothing)
    };
    fresh(&["images", "-q"]).ok().stdout("");
    fresh(&["fsck"]).fails(1);
    assert!(!sandbox.path("new").exists() && !sandbox.path("data").exists(), "{:?}", sandbox.listing());
}

/// The database panics before 1970, and what shows times after 9999.
#[test]
fn a_clock_that_shows_no_possible_time_is_told() {
    let test = "a_clock_that_shows_no_possible_time_is_told";
    if !tools::are_here(test, &["faketime"]) {
        return;
    }
    let sandbox = Sandbox::new();
    let archive = layouts::docker25(&[Image::small("app:1")]).tar();
    sandbox.load(&archive).ok();
    for time in ["1960-01-01 00:00:00", "1969-12-31 00:00:00"] {
        for args in [&["load"][..], &["images"], &["gc"], &["--store", "new", "load"]] {
            let larder = sandbox.larder(args);
            let mut faketime = tools::tool("faketime");
            faketime.arg(time).arg(larder.get_program()).args(args).current_dir(sandbox.path(""));
            faketime.env("LARDER_STORE", sandbox.store());
            let ran = child::run(faketime, Feed::Bytes(archive.clone()));
            ran.fails(1).complains("the clock of this machine shows a year before 1970 or after 9999");
        }
    }
    sandbox.run(["images"]).ok();
}

/// `sudo -u`, services and CI jobs leave programs with such home and working directories.
#[test]
fn a_home_or_a_working_directory_that_is_not_there_is_not_needed() {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker25(&[Image::small("app:1")]).tar()).ok();
    let closed = sandbox.path("closed");
    fs::create_dir(&closed).expect("a directory");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).expect("ours");
    for home in [Some("/dev/null"), Some("/no/such"), Some(""), Some("relative"), closed.to_str(), None] {
        let mut command = sandbox.larder(["images", "-q"]);
        command.env_remove("HOME");
        command.envs(home.map(|home| ("HOME", home)));
        let ran = child::run(command, Feed::Nothing).ok();
        assert!(!ran.out().is_empty(), "{home:?}: {ran}");
    }
    let gone = sandbox.path("gone");
    let store = sandbox.store().display().to_string();
    for command in [&["images", "-q"][..], &["save", "-o", "OUT", "app:1"], &["cp", "app:1:/etc/name", "OUT"]]
    {
        fs::create_dir(&gone).expect("a directory");
        let out = sandbox.path("out").display().to_string();
        let args = command.iter().map(|word| if *word == "OUT" { out.as_str() } else { word });
        let larder = sandbox.larder(["--store", &store].into_iter().chain(args));
        let mut shell = tools::shell("cd gone && /bin/rmdir ../gone && exec \"$@\"", &larder);
        shell.current_dir(sandbox.path(""));
        child::run(shell, Feed::Nothing).ok();
    }
}

#[test]
fn commands_that_only_read_make_no_store() {
    let sandbox = Sandbox::new();
    sandbox.run(["images", "-q"]).ok().stdout("");
    sandbox.run(["save", "app:1"]).fails(1).complains("No such image: app:1");
    sandbox.run(["rmi", "app:1"]).fails(1).complains("No such image: app:1");
    assert!(!sandbox.store().exists(), "{:?}", sandbox.listing());
}
