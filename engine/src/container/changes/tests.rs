use proptest::prelude::*;

use super::super::Purpose;
use super::super::stacked::{Stacked, Told, dir, exported, file, layers, link, symlink, tar, told};
use super::*;
use crate::tar::Entry;

fn letters(changes: Vec<Change>) -> Vec<String> {
    let line =
        |change: Change| format!("{} {}", change.kind.letter(), String::from_utf8(change.path).unwrap());
    changes.into_iter().map(line).collect()
}

fn changes(old: &mut RootFs, new: &mut RootFs) -> Vec<Change> {
    Changes::between(old, new, &Task::silent()).map(Result::unwrap).collect()
}

#[test]
fn the_directories_above_a_change_are_told_before_it() {
    let old = [dir("a"), dir("a.b"), file("b/x/a", b""), file("b/z", b"")];
    let new = [file("a/c", b""), dir("a"), file("b/x/a", b""), file("b/x/y/z", b""), file("b/z", b"")];
    assert_eq!(between(&old, &new), ["C /a", "A /a/c", "D /a.b", "C /b", "C /b/x", "A /b/x/y", "A /b/x/y/z"]);
}

fn between(old: &[(Entry, Vec<u8>)], new: &[(Entry, Vec<u8>)]) -> Vec<String> {
    let [mut old, mut new] = [old, new].map(|layer| Stacked::of(&[tar(layer)]).whole());
    letters(changes(&mut old, &mut new))
}

#[test]
fn other_bytes_are_found_though_nothing_else_differs() {
    assert_eq!(between(&[file("a", b"one")], &[file("a", b"two")]), ["C /a"]);
    assert!(between(&[file("a", b"one")], &[file("a", b"one"),]).is_empty());
}

#[test]
fn a_time_changes_a_file_but_no_directory() {
    let later = |(entry, content): (Entry, Vec<u8>)| {
        let mut entry = entry;
        entry.mtime.nanoseconds += 1;
        (entry, content)
    };
    assert!(between(&[dir("d")], &[later(dir("d"))]).is_empty());
    assert_eq!(between(&[file("a", b"x")], &[later(file("a", b"x"))]), ["C /a"]);
    assert_eq!(between(&[symlink("a", "x")], &[symlink("a", "y")]), ["C /a"]);
}

#[test]
fn a_directory_that_became_a_file_is_one_change_and_the_other_way_many() {
    let (directory, other) = ([dir("d"), file("d/a", b"")], [file("d", b"")]);
    assert_eq!(between(&directory, &other), ["C /d"]);
    assert_eq!(between(&other, &directory), ["C /d", "A /d/a"]);
    assert_eq!(between(&directory, &[]), ["D /d"]);
    assert_eq!(between(&[], &directory), ["A /d", "A /d/a"]);
}

#[test]
fn the_bytes_of_compressed_layers_are_compared() {
    let dir = tempfile::tempdir().unwrap();
    let open = |layer: &[(Entry, Vec<u8>)]| {
        let mut stacked = Stacked::new();
        stacked.add_gzip(&tar(layer));
        stacked.open(1, Purpose::ReadSome(Some(dir.path()))).unwrap()
    };
    let mut old = open(&[file("a", b"same"), file("b", b"one"), link("c", "a"), file("z", b"")]);
    let mut new = open(&[file("b", b"two"), file("a", b"same"), link("c", "a"), file("z", b"")]);
    assert_eq!(letters(changes(&mut old, &mut new)), ["C /b"]);
}

/// What is told of a path by itself.
fn sketch((entry, content, _): &Told) -> (Entry, Vec<u8>) {
    let mut entry = entry.clone();
    if entry.kind == EntryKind::Directory {
        entry.mtime = crate::tar::Mtime::default();
    }
    (entry, content.clone())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Each path that is in one only, or not the same in both, is told or is
    /// below one that is gone; nothing else but the directories above is.
    #[test]
    fn the_changes_are_what_is_not_the_same(old in layers(3), new in layers(3)) {
        let [mut old, mut new] = [old, new].map(|layers| Stacked::of(&layers).whole());
        let found = changes(&mut old, &mut new);
        let [before, after] = [&mut old, &mut new].map(told);
        let at = |all: &[Told], path: &[u8]| all.iter().find(|told| told.0.name == path).map(sketch);
        let is_said = |path: &[u8], kind: Option<ChangeKind>| {
            found.iter().any(|change| change.path[1..] == *path && kind.is_none_or(|kind| kind == change.kind))
        };
        for (entry, ..) in before.iter().chain(&after).skip(1).filter(|told| !told.0.name.is_empty()) {
            let [was, is] = [&before, &after].map(|all| at(all, &entry.name));
            match (was, is) {
                (Some(was), Some(is)) => {
                    prop_assert!(was == is || is_said(&entry.name, Some(ChangeKind::Modified)), "{entry:?}");
                }
                (None, Some(_)) => prop_assert!(is_said(&entry.name, Some(ChangeKind::Added)), "{entry:?}"),
                (Some(_), None) => {
                    let mut above = entry.name.as_slice();
                    while !is_said(above, None) {
                        let cut = above.iter().rposition(|byte| *byte == b'/');
                        prop_assert!(cut.is_some(), "{entry:?}");
                        above = &above[..cut.unwrap()];
                    }
                }
                (None, None) => unreachable!(),
            }
        }
        for change in &found {
            let path = &change.path[1..];
            let below = |other: &Change| {
                other.path.strip_prefix(&change.path[..]).is_some_and(|rest| rest.starts_with(b"/"))
            };
            let differs = at(&before, path) != at(&after, path);
            prop_assert!(differs || found.iter().any(below), "{change:?}");
        }
        let parts = |change: &Change| change.path.split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect::<Vec<_>>();
        let is_sorted = found.is_sorted_by_key(parts);
        prop_assert!(is_sorted);
        // What is in which layer does not count.
        let mut again = Stacked::of(&[exported(&mut new)]).whole();
        prop_assert_eq!(changes(&mut new, &mut again), []);
        prop_assert_eq!(changes(&mut old, &mut again), found);
    }
}
