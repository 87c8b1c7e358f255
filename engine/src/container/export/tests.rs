use std::io;

use proptest::prelude::*;

use super::super::stacked::{Stacked, dir, exported, file, layers, link, tar, told};
use super::*;
use crate::task::Task;

struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_output_that_fails_is_told_as_that() {
    let mut rootfs = Stacked::of(&[tar(&[file("a", b"x")])]).whole();
    let root = rootfs.view().root();
    let failed = rootfs.export(root, &[], &mut Exact, &mut Full, &mut Passing::untold(&Task::silent()));
    assert!(matches!(&failed, Err(Error::Output(error)) if error.kind() == io::ErrorKind::StorageFull));
}

#[test]
fn the_root_is_told_if_a_layer_spoke_of_it() {
    let names = |layer: &[(Entry, Vec<u8>)]| {
        let tar = exported(&mut Stacked::of(&[tar(layer)]).whole());
        crate::tar::Entries::new(&tar[..]).next().unwrap().map(|found| found.entry.name)
    };
    assert_eq!(names(&[dir("."), file("a", b"")]), Some(b"./".to_vec()));
    assert_eq!(names(&[file("a", b"")]), Some(b"a".to_vec()));
    assert_eq!(names(&[]), None);
}

#[test]
fn the_name_that_comes_first_has_the_bytes() {
    let layer = tar(&[file("z", b"content"), link("a", "z"), link("m", "z")]);
    let tar = exported(&mut Stacked::of(&[layer]).whole());
    let mut entries = crate::tar::Entries::new(&tar[..]);
    let mut kinds = Vec::new();
    while let Some(found) = entries.next().unwrap() {
        kinds.push((found.entry.name, found.entry.kind));
    }
    let link = || EntryKind::Hardlink(b"a".to_vec());
    let want = [(b"a", EntryKind::File), (b"m", link()), (b"z", link())];
    assert_eq!(kinds, want.map(|(name, kind)| (name.to_vec(), kind)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn an_export_reads_back_as_what_was_exported(layers in layers(4)) {
        let mut whole = Stacked::of(&layers).whole();
        let tar = exported(&mut whole);
        let mut again = Stacked::of(std::slice::from_ref(&tar)).whole();
        prop_assert_eq!(told(&mut again), told(&mut whole));
        prop_assert_eq!(exported(&mut again), tar);
    }
}
