//! larder's own store.

use std::path::Path;
use std::process::Command;

use super::{Did, Row, Tally, files_below, flip, image};
use crate::harness::child::Ran;
use crate::harness::layouts;
use crate::harness::noise::Noise;
use crate::harness::sandbox::Sandbox;

const KINDS: [(&str, &str); 5] = [
    ("format", "`format`"),
    ("journal", "`journal`"),
    ("packs", "`packs/` (data)"),
    ("index", "`index/` (made again)"),
    ("catalog", "`catalog/` (made again)"),
];

pub fn rows(flips: usize, dice: &mut Noise) -> Vec<Row> {
    let sandbox = Sandbox::new();
    sandbox.load(&layouts::docker24(&[image("app:1", 1)]).tar()).ok();
    sandbox.load(&layouts::docker24(&[image("app:2", 2)]).tar()).ok();
    let saved = sandbox.save(["app:1", "app:2"]);
    let row = |(dir, files): (&str, &'static str)| {
        let (mut given, mut quick, mut thorough) = (Tally::default(), Tally::default(), Tally::default());
        for _ in 0..flips {
            let harmed = |act: &dyn Fn(&Sandbox) -> Did, dice: &mut Noise| {
                let cell = Sandbox::new();
                copy(sandbox.store(), cell.store());
                flip(&files_below(&cell.store().join(dir)), dice);
                act(&cell)
            };
            // The same bit each time.
            let same = dice.clone();
            given.add(harmed(&|cell| gives(&cell.run(["save", "app:1", "app:2"]), &saved), dice));
            quick.add(harmed(&|cell| checks(&cell.run(["fsck"])), &mut same.clone()));
            thorough.add(harmed(&|cell| checks(&cell.run(["fsck", "--verify"])), &mut same.clone()));
        }
        Row { store: "larder", files, given, quick: Some(quick), thorough: Some(thorough) }
    };
    KINDS.into_iter().map(row).collect()
}

fn gives(ran: &Ran, wanted: &[u8]) -> Did {
    match ran.code {
        Some(0) if ran.stdout == wanted => Did::Right,
        Some(0) => Did::Wrong,
        _ => Did::Failed,
    }
}

fn checks(ran: &Ran) -> Did {
    if ran.code == Some(0) { Did::Right } else { Did::Failed }
}

pub fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(status.expect("cp is there").success(), "cp -a {}", from.display());
}
