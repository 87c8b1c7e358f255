use std::io;
use std::path::Path;

use super::super::stacked::{Stacked, dir, entry, exported, file, link, symlink, tar, told};
use super::scan::NotKept;
use super::*;
use crate::container::carried;
use crate::disk::Disk as _;
use crate::tar::EntryError;

/// Three layers, of which each second is kept compressed.
fn mixed() -> (Stacked, Stacked) {
    let layers = [
        tar(&[dir("d"), file("d/big", &[7; 100_000]), file("d/a", b"one"), file("e", b"")]),
        tar(&[file("d/a", b"two"), link("l", "d/big"), symlink("s", "d/a"), file("z", &[1; 513])]),
        tar(&[file(".wh.z", b""), file("d/c", b"three")]),
    ];
    let plain = Stacked::of(&layers);
    let mut mixed = Stacked::new();
    mixed.add_gzip(&layers[0]);
    mixed.add(&layers[1]);
    mixed.add_gzip(&layers[2]);
    (plain, mixed)
}

/// Opened to look, to read some and to read all, in a directory for passing files.
fn every_way(stacked: &Stacked, dir: &Path) -> Vec<RootFs> {
    let dir = Some(dir);
    let purposes = [Purpose::Look, Purpose::ReadSome(dir), Purpose::ReadAll(dir)];
    purposes.map(|purpose| stacked.open(stacked.layers.len(), purpose).unwrap()).into()
}

#[test]
fn compressed_layers_give_the_same_bytes_whatever_they_are_opened_for() {
    let dir = tempfile::tempdir().unwrap();
    let (plain, mixed) = mixed();
    let want = told(&mut plain.whole());
    let tar = exported(&mut plain.whole());
    for (number, mut rootfs) in every_way(&mixed, dir.path()).into_iter().enumerate() {
        assert_eq!(told(&mut rootfs), want, "{number}");
        assert_eq!(exported(&mut rootfs), tar, "{number}");
        let mut forked = rootfs.fork(mixed.reader());
        assert_eq!(told(&mut forked), want, "{number}, forked");
    }
    assert_eq!(dir.path().read_dir().unwrap().count(), 0);
}

/// Reading each of many files anew from the layer's start never ended.
#[test]
fn a_compressed_layer_of_many_files_is_unwrapped_once() {
    let files: Vec<_> = (0..20_000).map(|n| file(&format!("f{n}"), n.to_string().as_bytes())).collect();
    let mut stacked = Stacked::new();
    stacked.add_gzip(&tar(&files));
    let dir = tempfile::tempdir().unwrap();
    let mut rootfs = stacked.open(1, Purpose::ReadSome(Some(dir.path()))).unwrap();
    assert!(matches!(rootfs.layers[0].1, Bytes::Wrapped(..)));
    let found = told(&mut rootfs);
    assert!(matches!(rootfs.layers[0].1, Bytes::Unwrapped(_)));
    assert!(found.iter().skip(1).all(|(entry, content, _)| entry.name[1..] == content[..]));
}

#[test]
fn holes_are_zeros_from_compressed_layers_too() {
    let content = [&[9; 512][..], &[0; 100_000], &[8; 700]].concat();
    let mut header = ::tar::Header::new_gnu();
    header.set_entry_type(::tar::EntryType::GNUSparse);
    header.set_path("sparse").unwrap();
    header.set_mode(0o640);
    header.set_size(512 + 700);
    let gnu = header.as_gnu_mut().unwrap();
    for (field, (offset, len)) in gnu.sparse.iter_mut().zip([(0, 512), (100_512, 700)]) {
        field.offset.copy_from_slice(format!("{offset:011o}\0").as_bytes());
        field.numbytes.copy_from_slice(format!("{len:011o}\0").as_bytes());
    }
    gnu.realsize.copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    header.set_cksum();
    let data = [&[9; 512][..], &[8; 700], &[0; 324], &[0; 1024]].concat();
    let layer = [header.as_bytes(), &data[..]].concat();
    let dir = tempfile::tempdir().unwrap();
    let mut compressed = Stacked::new();
    compressed.add_gzip(&layer);
    for stacked in [Stacked::of(&[layer]), compressed] {
        for mut rootfs in every_way(&stacked, dir.path()) {
            assert!(told(&mut rootfs)[1].1 == content);
        }
    }
}

#[test]
fn a_layer_that_is_no_tar_is_named() {
    let good = tar(&[file("a", b"x")]);
    for compressed in [false, true] {
        let mut stacked = Stacked::of(std::slice::from_ref(&good));
        let bad = vec![b'x'; 2000];
        if compressed {
            stacked.add_gzip(&bad)
        } else {
            stacked.add(&bad)
        }
        let error = stacked.open(2, Purpose::Look).unwrap_err();
        let wanted = stacked.layers[1].diff_id;
        assert!(matches!(error, Error::Tar { layer, .. } if layer == wanted), "{error:?}");
    }
}

#[test]
fn a_layer_that_cannot_be_applied_is_named() {
    let stacked = Stacked::of(&[tar(&[file("a", b"x")]), tar(&[link("b", "nothing")])]);
    let error = stacked.open(2, Purpose::Look).unwrap_err();
    let wanted = stacked.layers[1].diff_id;
    assert!(matches!(error, Error::Apply { layer, .. } if layer == wanted), "{error:?}");
}

/// It was taken for a tar or a compression that is damaged.
#[test]
fn damage_of_the_store_is_told_as_that() {
    let noise: Vec<u8> =
        (0..60_000_u32).flat_map(|n| blake3::hash(&n.to_le_bytes()).as_bytes()[..4].to_vec()).collect();
    let layer = tar(&[file("a", &noise), file("b", b"x"), file("c", &noise[1..])]);
    let dir = tempfile::tempdir().unwrap();
    let purposes = [Purpose::Look, Purpose::ReadSome(Some(dir.path())), Purpose::ReadAll(Some(dir.path()))];
    for purpose in purposes {
        let mut stacked = Stacked::new();
        stacked.add_gzip(&layer);
        // A frame in the middle of the pack with the content.
        for pack in stacked.disk.list("packs").unwrap() {
            let name = format!("packs/{}", pack.name);
            let file = stacked.disk.open_writable(&name).unwrap();
            let middle = file.len().unwrap() / 2;
            file.write_all_at(&[0xa5; 64], middle).unwrap();
        }
        let error = stacked.open(1, purpose).map(drop).unwrap_err();
        assert!(matches!(error, Error::Chunk(_)), "{purpose:?}: {error:?}");
    }
}

#[test]
fn a_passing_file_that_cannot_be_written_is_told_as_that() {
    let full = || io::Error::from(io::ErrorKind::StorageFull);
    let layer = DiffId(Digest::of("x"));
    let of = |source| scan::told(EntryError::Read { offset: 0, source }, layer);
    assert!(matches!(of(io::Error::other(NotKept(full()))), Error::Scratch(_)));
    assert!(matches!(of(full()), Error::Tar { .. }));
}

/// An export of an image without files carries its config all the same.
#[test]
fn a_config_is_carried_by_a_tar_of_nothing() {
    let config = br#"{"architecture":"amd64","os":"linux","config":{"Env":["A=b"]},"rootfs":{}}"#;
    let head = carried::encode(config, &Task::silent());
    for rest in [tar(&[]), tar(&[file("a", b"x")])] {
        let stacked = Stacked::of(&[[head.clone(), rest].concat()]);
        let carried = stacked.whole().into_carried().unwrap();
        assert_eq!(carried.run.env, Some(vec!["A=b".to_owned()]));
    }
    assert!(Stacked::of(&[tar(&[])]).whole().into_carried().is_none());
}

#[test]
fn every_entry_is_shown_with_its_layer() {
    let (_, mixed) = mixed();
    let mut seen = Vec::new();
    let watch = &mut |layer: usize, entry: &Entry| seen.push((layer, entry.name.clone()));
    RootFs::open(View::new(), &mixed.layers, mixed.reader(), Purpose::Look, &Task::silent(), watch).unwrap();
    let count = |number| seen.iter().filter(|(layer, _)| *layer == number).count();
    assert_eq!([count(0), count(1), count(2)], [4, 4, 2]);
}

#[test]
fn what_is_no_file_has_no_bytes() {
    let fifo = (entry("p", EntryKind::Fifo), Vec::new());
    let mut rootfs = Stacked::of(&[tar(&[fifo])]).whole();
    let node = rootfs.view().find(b"p", Follow::No).unwrap();
    rootfs.copy(node, &mut |_| panic!("it has bytes")).unwrap();
}
