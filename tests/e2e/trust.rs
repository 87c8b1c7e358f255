//! Stores that somebody else could have prepared: nothing in them is believed, followed, started
//! or removed.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;

use crate::harness::child::{self, Feed, Ran};
use crate::harness::image::Image;
use crate::harness::sandbox::{Sandbox, is_root};
use crate::harness::{layouts, skip, tools};

const SOMEBODY: u32 = 1000;

fn archive() -> Vec<u8> {
    layouts::docker25(&[Image::small("app:1")]).tar()
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

/// Commands of every kind: they look, write, remove and start.
const COMMANDS: [&[&str]; 10] = [
    &["images"],
    &["ps", "-a"],
    &["save", "app:1"],
    &["load"],
    &["tag", "app:1", "app:2"],
    &["rmi", "app:1"],
    &["gc"],
    &["fsck"],
    &["start", "box"],
    &["fsck", "--repair"],
];

#[track_caller]
fn refuses_all(sandbox: &Sandbox, why: &str) {
    for command in COMMANDS {
        let ran = sandbox.run_fed(command, Feed::Bytes(archive())).fails(1);
        assert!(ran.err().contains(why), "{command:?}: {ran}");
    }
}

#[test]
fn a_store_of_another_user_is_refused() {
    if !is_root() {
        return skip("a_store_of_another_user_is_refused", "only root can give files away");
    }
    let sandbox = Sandbox::new();
    sandbox.load(&archive()).ok();
    sandbox.run(["create", "--name", "box", "app:1", "x"]).ok();
    tools::run("chown", ["-R", "1000:1000", &sandbox.store().display().to_string()]);
    refuses_all(&sandbox, "it belongs to user 1000, not to user 0; run larder as user 1000");
}

#[test]
fn a_directory_that_another_user_has_made_becomes_no_store() {
    if !is_root() {
        return skip(
            "a_directory_that_another_user_has_made_becomes_no_store",
            "only root can give files away",
        );
    }
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.store()).expect("it is new");
    chmod(sandbox.store(), 0o777);
    chown(sandbox.store(), Some(SOMEBODY), Some(SOMEBODY)).expect("root may");
    sandbox.run_fed(["load"], Feed::Bytes(archive())).fails(1).complains("belongs to user 1000");
    assert_eq!(fs::read_dir(sandbox.store()).expect("it is there").count(), 0, "something was written");
}

#[test]
fn a_store_that_others_may_write_to_is_refused() {
    for (name, mode) in [("", 0o770), ("", 0o702), ("packs", 0o777), ("tmp", 0o1777), ("journal", 0o622)] {
        let sandbox = Sandbox::new();
        sandbox.load(&archive()).ok();
        sandbox.run(["create", "--name", "box", "app:1", "x"]).ok();
        let path = sandbox.store().join(name);
        let before = fs::metadata(&path).expect("it is there").mode();
        chmod(&path, mode);
        let command: &[&str] = if name == "tmp" || name == "packs" { &["load"] } else { &["images"] };
        let ran = sandbox.run_fed(command, Feed::Bytes(layouts::docker25(&[Image::small("new:1")]).tar()));
        ran.fails(1).complains(format!("other users may write to it (mode {mode:04o})"));
        chmod(&path, before);
        sandbox.run(["images"]).ok();
    }
}

/// A link that was planted once stays where it is when the store changes its owner.
#[test]
fn no_link_in_a_store_is_followed() {
    for name in [
        "format",
        "lock",
        "journal",
        "packs",
        "index",
        "tmp",
        "catalog",
        "catalog/db",
        "layers",
        "containers",
    ] {
        let sandbox = Sandbox::new();
        sandbox.load(&archive()).ok();
        let place = sandbox.store().join(name);
        let elsewhere = sandbox.path("elsewhere");
        if place.exists() {
            fs::rename(&place, &elsewhere).expect("it moves");
        } else {
            fs::create_dir(&elsewhere).expect("it is new");
        }
        let precious = elsewhere.is_dir().then(|| elsewhere.join("0123-precious"));
        if let Some(precious) = &precious {
            fs::create_dir(precious).expect("it is new");
            fs::write(precious.join("file"), "precious").expect("it is new");
        }
        symlink(&elsewhere, &place).expect("a link");
        let told: Vec<Ran> = [&["gc"][..], &["load"], &["create", "app:1", "x"], &["fsck", "--repair"]]
            .iter()
            .map(|command| {
                sandbox.run_fed(*command, Feed::Bytes(layouts::docker25(&[Image::small("b:1")]).tar()))
            })
            .collect();
        let is_told = told.iter().any(|ran| ran.code == Some(1) && ran.err().contains("symbolic link"));
        assert!(is_told, "{name}: {}", told.iter().map(ToString::to_string).collect::<String>());
        if let Some(precious) = precious {
            assert_eq!(fs::read_to_string(precious.join("file")).ok().as_deref(), Some("precious"), "{name}");
        }
    }
}

#[test]
fn nothing_but_files_and_directories_is_opened() {
    let sandbox = Sandbox::new();
    sandbox.load(&archive()).ok();
    for name in ["format", "journal", "lock"] {
        let (path, aside) = (sandbox.store().join(name), sandbox.path("aside"));
        fs::rename(&path, &aside).expect("it moves");
        // Opening a FIFO would wait for ever.
        tools::run("mkfifo", ["-m", "600", &path.display().to_string()]);
        sandbox.run(["save", "app:1"]).fails(1).complains("it is not a regular file");
        fs::rename(&aside, &path).expect("it moves back");
    }
    sandbox.run(["images"]).ok();
}

#[test]
fn a_container_that_another_user_has_prepared_is_not_started() {
    if !is_root() {
        return skip("a_container_that_another_user_has_prepared_is_not_started", "only root can be others");
    }
    let sandbox = Sandbox::new();
    sandbox.load(&archive()).ok();
    sandbox.run(["create", "--name", "box", "--privileged", "app:1", "x"]).ok();
    let containers = sandbox.store().join("containers");
    let own = fs::read_dir(&containers).ok().into_iter().flatten().flatten().next();
    let dir = own.map_or_else(
        || {
            let id = sandbox.run(["ps", "-aq", "--no-trunc"]).ok().out().trim().to_owned();
            let dir = containers.join(id);
            fs::create_dir_all(&dir).expect("it is new");
            dir
        },
        |entry| entry.path(),
    );
    chmod(&containers, 0o700);
    chown(&dir, Some(SOMEBODY), Some(SOMEBODY)).expect("root may");
    let ran = sandbox.run(["start", "box"]).fails(1);
    assert!(ran.err().contains("belongs to user 1000"), "{ran}");
}

#[test]
fn a_set_user_id_program_is_refused() {
    if !is_root() {
        return skip("a_set_user_id_program_is_refused", "only root can be others");
    }
    let sandbox = Sandbox::new();
    chmod(&sandbox.path(""), 0o755);
    let program = sandbox.path("larder");
    // By another process: what this one writes to, a program started just then holds open.
    tools::run("cp", [env!("CARGO_BIN_EXE_larder").as_ref(), program.as_os_str()]);
    for mode in [0o4755, 0o2755] {
        chmod(&program, mode);
        let mut command = std::process::Command::new(&program);
        command.args(["--store", "/var/lib/larder", "images"]).env_clear().uid(SOMEBODY).gid(SOMEBODY);
        let ran = child::run(command, Feed::Nothing).fails(1);
        assert!(ran.err().contains("set-user-ID"), "{ran}");
    }
}

#[test]
fn settings_that_another_user_could_have_written_are_refused() {
    if !is_root() {
        return skip("settings_that_another_user_could_have_written_are_refused", "only root can be others");
    }
    let sandbox = Sandbox::new();
    let file = sandbox.write("config.toml", "level = 3\n");
    let images = || {
        let mut command = sandbox.larder(["images"]);
        command.env("LARDER_CONFIG", &file);
        child::run(command, Feed::Nothing)
    };
    images().ok();
    chown(&file, Some(SOMEBODY), Some(SOMEBODY)).expect("root may");
    images().complains("the file belongs to user 1000, and larder runs as user 0");
    chown(&file, Some(0), Some(0)).expect("root may");
    chmod(&file, 0o666);
    images().complains("other users may write to the file (mode 0666)");
}
