//! One bit flips in what is kept, long after it was written: who notices? larder, restic and
//! Docker side by side, as a table in Markdown.
//!
//! Only larder's rows can fail the test: what another tool does is told, not judged.

mod docker;
mod larder;
mod restic;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::image::{Image, Layer};
use crate::harness::noise::{Noise, noise};

/// How often a bit flips in each kind of file; more with `LARDER_FLIPS`.
const FLIPS: usize = 2;

/// What a tool did about one flip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Did {
    /// What was put in came out.
    Right,
    /// It failed, and said so.
    Failed,
    /// Something else came out, without a word.
    Wrong,
}

/// What a tool did about all flips in one kind of file.
#[derive(Debug, Clone)]
struct Row {
    store: &'static str,
    files: &'static str,
    /// Giving it back.
    given: Tally,
    /// The check that is quick, and the one that reads everything; nothing where the tool
    /// has none.
    quick: Option<Tally>,
    thorough: Option<Tally>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    right: usize,
    failed: usize,
    wrong: usize,
}

impl Tally {
    fn add(&mut self, did: Did) {
        match did {
            Did::Right => self.right += 1,
            Did::Failed => self.failed += 1,
            Did::Wrong => self.wrong += 1,
        }
    }
}

const HEAD: &str = "\
| store | one bit flipped in | flips | given back right | failed, and said so | wrong bytes, silently | noticed by the quick check | by the thorough one |
|---|---|---:|---:|---:|---:|---:|---:|";

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { right, failed, wrong } = self.given;
        let noticed = |check: Option<Tally>| check.map_or("-".to_owned(), |check| check.failed.to_string());
        let (quick, thorough) = (noticed(self.quick), noticed(self.thorough));
        let (store, files, flips) = (self.store, self.files, right + failed + wrong);
        write!(f, "| {store} | {files} | {flips} | {right} | {failed} | {wrong} | {quick} | {thorough} |")
    }
}

#[test]
fn a_flipped_bit_is_noticed_by_larder_whatever_others_do() {
    let test = "a_flipped_bit_is_noticed_by_larder_whatever_others_do";
    let mut dice = Noise::of_run(test);
    let flips = std::env::var("LARDER_FLIPS").map_or(FLIPS, |flips| flips.parse().expect("a number"));
    let ours = larder::rows(flips, &mut dice);
    let theirs = [restic::rows(test, flips, &mut dice), docker::rows(test, flips, &mut dice)].concat();
    println!("{HEAD}");
    ours.iter().chain(&theirs).for_each(|row| println!("{row}"));
    for row in ours {
        assert_eq!(row.given.wrong, 0, "{row}");
        // What did not come out right is noticed by the check as well.
        let noticed = row.thorough.map_or(0, |check| check.failed);
        assert!(noticed >= row.given.failed, "{row}");
    }
}

/// An image of a layer that all have and one of its own.
fn image(name: &str, seed: u64) -> Image {
    let base = (0..20).fold(Layer::new(), |layer, at| {
        layer.file(&format!("text-{at}"), format!("text {at}\n").repeat(200))
    });
    Image::new(&[name], vec![base, Layer::new().file("own", noise(seed, 200_000))])
}

/// Flips a bit somewhere in one of the files.
fn flip(files: &[PathBuf], dice: &mut Noise) {
    let path = &files[dice.below(files.len() as u64) as usize];
    let mut bytes = fs::read(path).expect("a file of a store");
    let bit = dice.below(bytes.len() as u64 * 8);
    bytes[bit as usize / 8] ^= 1 << (bit % 8);
    // Some tools write-protect their files.
    fs::remove_file(path).expect("ours");
    fs::write(path, bytes).expect("ours");
}

/// The files below a directory, or the file itself; empty ones have no bit to flip.
fn files_below(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else {
        return vec![path.to_owned()];
    };
    let mut files: Vec<_> = entries.flatten().flat_map(|entry| files_below(&entry.path())).collect();
    files.retain(|file| fs::metadata(file).is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0));
    files.sort();
    files
}
