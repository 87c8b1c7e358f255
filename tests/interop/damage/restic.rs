//! A restic repository with the same archives in it.

use std::fs;
use std::path::Path;

use super::larder::copy;
use super::{Did, Row, Tally, files_below, flip, image};
use crate::harness::child::{self, Feed, Ran};
use crate::harness::layouts;
use crate::harness::noise::Noise;
use crate::harness::tools;

const KINDS: [(&str, &str); 5] = [
    ("config", "`config`"),
    ("keys", "`keys/` (the only key)"),
    ("snapshots", "`snapshots/`"),
    ("index", "`index/`"),
    ("data", "`data/` (packs)"),
];

pub fn rows(test: &str, flips: usize, dice: &mut Noise) -> Vec<Row> {
    if !tools::are_here(test, &["restic"]) {
        return Vec::new();
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (repository, source) = (dir.path().join("repository"), dir.path().join("source"));
    fs::create_dir(&source).expect("ours");
    let archive = layouts::docker24(&[image("app:1", 1), image("app:2", 2)]).tar();
    fs::write(source.join("images.tar"), &archive).expect("ours");
    restic(&repository, &source, &["init"]).ok();
    restic(&repository, &source, &["backup", "images.tar"]).ok();
    let row = |(kind, files): (&str, &'static str)| {
        let (mut given, mut quick, mut thorough) = (Tally::default(), Tally::default(), Tally::default());
        for at in 0..flips {
            let harmed = dir.path().join(format!("{kind}-{at}"));
            copy(&repository, &harmed);
            flip(&files_below(&harmed.join(kind)), dice);
            let out = dir.path().join(format!("{kind}-{at}-out"));
            let target = out.to_str().expect("ours");
            let ran = restic(&harmed, &source, &["restore", "latest", "--target", target]);
            let is_right = fs::read(out.join("images.tar")).is_ok_and(|restored| restored == archive);
            given.add(match ran.code {
                Some(0) if is_right => Did::Right,
                Some(0) => Did::Wrong,
                _ => Did::Failed,
            });
            quick.add(checks(&restic(&harmed, &source, &["check"])));
            thorough.add(checks(&restic(&harmed, &source, &["check", "--read-data"])));
            let _ = fs::remove_dir_all(harmed);
            let _ = fs::remove_dir_all(out);
        }
        Row { store: "restic", files, given, quick: Some(quick), thorough: Some(thorough) }
    };
    KINDS.into_iter().map(row).collect()
}

fn restic(repository: &Path, source: &Path, args: &[&str]) -> Ran {
    let mut command = tools::tool("restic");
    // What it has in its cache it would not read again.
    command.args(["--no-cache", "--repo"]).arg(repository).args(args).current_dir(source);
    command.env("RESTIC_PASSWORD", "larder");
    child::run(command, Feed::Nothing)
}

fn checks(ran: &Ran) -> Did {
    if ran.code == Some(0) { Did::Right } else { Did::Failed }
}
