use proptest::prelude::*;

use super::super::stacked::{Stacked, dir, export, file, layers, link, tar, told};
use super::super::{Purpose, RootFs};
use super::*;
use crate::tar::Entries;

/// The layers above the lowest `kept` as one layer.
fn squashed(stacked: &Stacked, kept: usize) -> Vec<u8> {
    let below = stacked.open(kept, Purpose::Look).unwrap();
    let mut whole = stacked.whole();
    let mut changeset = Changeset::new(whole.view(), below.view(), kept);
    let is_empty = changeset.is_empty(whole.view());
    let tar = export(&mut whole, &mut changeset);
    assert!(!is_empty || tar.len() == 1024, "it says that it is empty");
    tar
}

/// The lowest `kept` layers and the others as one.
fn again(stacked: &Stacked, kept: usize) -> RootFs {
    let mut again = Stacked { disk: std::sync::Arc::clone(&stacked.disk), layers: stacked.layers.clone() };
    again.layers.truncate(kept);
    again.add(&squashed(stacked, kept));
    again.whole()
}

/// The names in a tar.
fn names(tar: &[u8]) -> Vec<String> {
    let mut entries = Entries::new(tar);
    let mut names = Vec::new();
    while let Some(found) = entries.next().unwrap() {
        names.push(String::from_utf8(found.entry.name).unwrap());
    }
    names
}

#[track_caller]
fn says(layers: &[&[(Entry, Vec<u8>)]], kept: usize, want: &[&str]) {
    let layers: Vec<_> = layers.iter().map(|layer| tar(layer)).collect();
    let stacked = Stacked::of(&layers);
    assert_eq!(names(&squashed(&stacked, kept)), want);
    assert_eq!(told(&mut again(&stacked, kept)), told(&mut stacked.whole()));
}

/// A whiteout alone, without its directory, took away nothing.
#[test]
fn what_only_a_whiteout_speaks_of_is_gone() {
    says(&[&[dir("d"), file("d/a", b"x"), file("b", b"")], &[file("d/.wh.a", b"")]], 1, &["d/", "d/.wh.a"]);
    says(&[&[file("a", b"x")], &[file(".wh.a", b"")]], 1, &[".wh.a"]);
    says(&[&[dir("d/e"), file("d/e/a", b"x")], &[file("d/.wh..wh..opq", b"")]], 1, &["d/", "d/.wh.e"]);
}

/// The other name was a file of its own.
#[test]
fn all_names_of_a_file_stay_names_of_one_file() {
    says(&[&[dir("d"), file("d/a", b"x"), file("z", b"")], &[link("b", "d/a")]], 1, &["b", "d/", "d/a"]);
}

#[test]
fn nothing_changed_is_nothing_told() {
    says(&[&[dir("d"), file("d/a", b"x")], &[]], 1, &[]);
    says(&[&[file("a", b"x")], &[file("b/.wh.c", b"")]], 1, &[]);
}

#[test]
fn what_a_layer_took_away_again_was_never_there() {
    says(&[&[dir("d")], &[file("d/a", b"x")], &[file("d/.wh.a", b"")]], 1, &["d/"]);
    says(&[&[file("a", b"x")], &[file(".wh.a", b"")], &[file("a", b"y")]], 1, &["a"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn upper_layers_as_one_come_to_the_same(layers in layers(5), kept in 0..4_usize) {
        let stacked = Stacked::of(&layers);
        let kept = kept.min(layers.len());
        prop_assert_eq!(told(&mut again(&stacked, kept)), told(&mut stacked.whole()));
    }

    /// The changeset of a changeset is that changeset: one form for one change.
    #[test]
    fn one_change_has_one_form(layers in layers(4)) {
        let stacked = Stacked::of(&layers);
        let once = squashed(&stacked, 1);
        let twice = squashed(&Stacked::of(&[layers[0].clone(), once.clone()]), 1);
        prop_assert_eq!(names(&once), names(&twice));
        prop_assert_eq!(once, twice);
    }
}
