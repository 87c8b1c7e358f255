//! Catalog and index are views: whatever becomes of them, the next command makes them again
//! and says so, once.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::scene::{copy, files_under};
use crate::harness::child::{Feed, Ran};
use crate::harness::image::{Image, Layer};
use crate::harness::layouts;
use crate::harness::noise::{Noise, noise};
use crate::harness::sandbox::Sandbox;

fn stored() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker25(&[Image::small("app:1")]).tar()).ok();
    sandbox.load(&layouts::docker25(&[Image::small("app:2")]).tar()).ok();
    sandbox.run(["create", "--name", "box", "app:1", "true"]).ok();
    sandbox
}

/// Commands that look into the catalog, and such that look into the index too.
const LOOK: &[&[&str]] =
    &[&["images", "-q"], &["ps", "-a", "-q"], &["history", "app:1"], &["tag", "app:1", "new:1"], &["df"]];
const READ: &[&[&str]] = &[
    &["save", "app:1"],
    &["export", "box"],
    &["inspect", "app:1"],
    &["cat", "app:1", "/bin/app"],
    &["ls", "app:1"],
    &["diff", "app:1"],
    &["cp", "app:1:/bin/app", "-"],
    &["gc"],
    &["fsck", "--verify"],
];

fn notes(ran: &Ran) -> Vec<String> {
    ran.err().lines().filter(|line| line.starts_with("note: ")).map(str::to_owned).collect()
}

/// The first command tells it in one note, the second has nothing to tell.
#[track_caller]
fn is_told_once(sandbox: &Sandbox, args: &[&str], view: &str, what: &str) {
    let first = sandbox.run(args).ok();
    let told = notes(&first);
    assert_eq!(told.len(), 1, "{what}: {first}");
    assert!(told[0].contains(view) && told[0].contains("made again"), "{what}: {first}");
    let second = sandbox.run(args).ok();
    assert_eq!(second.err(), "", "{what}, the second time: {second}");
}

fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).expect("a file of the store")
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("a file of the store");
}

#[test]
fn every_command_that_finds_no_catalog_says_so_once() {
    let sandbox = stored();
    for args in LOOK.iter().chain(READ) {
        fs::remove_dir_all(sandbox.store().join("catalog")).expect("it is there");
        is_told_once(&sandbox, args, "catalog", &format!("{args:?}"));
    }
    sandbox.is_clean();
}

#[test]
fn every_command_that_finds_no_index_says_so_once() {
    let sandbox = stored();
    for args in READ {
        fs::remove_dir_all(sandbox.store().join("index")).expect("it is there");
        is_told_once(&sandbox, args, "index", &format!("{args:?}"));
    }
    sandbox.is_clean();
}

#[test]
fn a_catalog_that_is_cut_or_flipped_is_made_again_and_that_is_said_once() {
    let sandbox = stored();
    let mut dice = Noise::of_run("damage to the catalog");
    let database = sandbox.store().join("catalog/db");
    for round in 0..24 {
        let whole = bytes(&database);
        let filled: Vec<_> = (0..whole.len()).filter(|at| whole[*at] != 0).collect();
        let at = filled[dice.below(filled.len() as u64) as usize];
        let mut damaged = whole.clone();
        match round % 3 {
            0 => damaged.truncate(at),
            1 => damaged[at] ^= 1 << dice.below(8),
            _ => damaged[at..].fill(0),
        }
        write(&database, &damaged);
        let what = format!("round {round}, byte {at} of {}", whole.len());
        let first = sandbox.run(["images", "-q"]).ok();
        // sled keeps what it wrote before as well: not every byte is one that it reads.
        assert!(notes(&first).len() <= 1, "{what}: {first}");
        assert_eq!(first.out().lines().count(), 2, "{what}: {first}");
        let second = sandbox.run(["images", "-q"]).ok();
        assert_eq!((second.out(), second.err()), (first.out(), String::new()), "{what}");
    }
    sandbox.is_clean();
}

/// One that is behind catches up, which is no news; what was in it and not in the journal is
/// not believed.
#[test]
fn an_older_catalog_catches_up_without_a_word() {
    let sandbox = stored();
    let catalog = sandbox.store().join("catalog");
    let older = sandbox.path("older");
    copy(&catalog, &older);
    sandbox.run(["tag", "app:1", "new:1"]).ok();
    sandbox.run(["rmi", "app:2"]).ok();
    fs::remove_dir_all(&catalog).expect("it is there");
    copy(&older, &catalog);
    let ran = sandbox.run(["images", "--format", "{{.Repository}}:{{.Tag}}"]).ok();
    let mut names: Vec<_> = ran.out().lines().map(str::to_owned).collect();
    names.sort();
    assert_eq!((names, ran.err()), (vec!["app:1".to_owned(), "new:1".to_owned()], String::new()));
    sandbox.is_clean();
}

#[test]
fn an_index_run_that_is_damaged_anywhere_is_made_again_and_that_is_said_once() {
    let sandbox = stored();
    let first_run = || -> PathBuf {
        let runs = files_under(sandbox.store(), "index");
        sandbox.store().join(runs.first().expect("a run"))
    };
    let len = bytes(&first_run()).len();
    for at in [0, 8, 16, 4100, len - 60, len - 48, len - 24, len - 1] {
        let path = first_run();
        let mut damaged = bytes(&path);
        damaged[at] ^= 4;
        write(&path, &damaged);
        is_told_once(&sandbox, &["gc"], "index", &format!("byte {at}"));
    }
    for cut in [0, 1, len / 2, len - 1] {
        let path = first_run();
        let whole = bytes(&path);
        write(&path, &whole[..cut.min(whole.len() - 1)]);
        is_told_once(&sandbox, &["gc"], "index", &format!("cut to {cut}"));
    }
    sandbox.is_clean();
}

/// Killed while sled writes: what it was to remember is in the journal.
#[test]
fn kill_9_in_the_middle_of_writing_the_catalog_costs_nothing() {
    let sandbox = Sandbox::new();
    let layers = (0..30).map(|at| Layer::new().file("noise", noise(at, 200))).collect();
    sandbox.load(&layouts::docker25(&[Image::new(&["app:1"], layers)]).tar()).ok();
    let catalog = sandbox.store().join("catalog");
    let mut dice = Noise::of_run("kills while the catalog is written");
    let mut made = Vec::new();
    let mut killed = 0;
    for round in 0..30 {
        let name = format!("new:{round}");
        let before = bytes(&sandbox.store().join("journal")).len();
        let tagging = sandbox.start(["tag", "app:1", &name], Feed::Nothing);
        // From the moment on when the journal has it, the catalog is written.
        while !tagging.is_over() && bytes(&sandbox.store().join("journal")).len() == before {
            thread::yield_now();
        }
        thread::sleep(Duration::from_micros(dice.below(1000)));
        tagging.signal(Signal::KILL);
        killed += u32::from(tagging.wait().code.is_none());
        made.push(name);
        let ran = sandbox.run(["images", "--format", "{{.Repository}}:{{.Tag}}"]).ok();
        for name in &made {
            assert!(ran.out().lines().any(|line| line == name), "round {round}: no {name}: {ran}");
        }
        assert!(notes(&ran).len() <= 1, "round {round}: {ran}");
        let again = sandbox.run(["images", "-q"]).ok();
        assert_eq!(again.err(), "", "round {round}, the second time: {again}");
    }
    assert!(killed > 2, "only {killed} were killed before their end");
    assert!(catalog.exists());
    sandbox.is_clean();
}
