//! Stacks of layers for the room's tests: kept as the store keeps them, on a disk
//! in memory, and read back.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::view::View;
use super::{Exact, Layer, Purpose, Result, RootFs, Telling};
use crate::chunk::{Coding, Index, Reader, Writer};
use crate::disk::{Disk, SimulatedDisk};
use crate::image::{DiffId, Digest};
use crate::tar::{END, Entries, Entry, EntryKind, Mtime, padding_bytes};
use crate::task::{Passing, Task};

/// Layers in a store.
pub struct Stacked {
    pub disk: Arc<SimulatedDisk>,
    pub layers: Vec<Layer>,
}

impl Stacked {
    pub fn new() -> Self {
        Self { disk: Arc::new(SimulatedDisk::new()), layers: Vec::new() }
    }

    /// These layers, base first.
    pub fn of(layers: &[Vec<u8>]) -> Self {
        let mut stacked = Self::new();
        layers.iter().for_each(|tar| stacked.add(tar));
        stacked
    }

    fn index(&self) -> Index {
        let disk: Arc<dyn Disk> = Arc::clone(&self.disk) as _;
        Index::open(disk).unwrap()
    }

    fn keep(&mut self, diff_id: DiffId, bytes: &[u8], is_plain: bool) {
        let mut writer = Writer::new(self.index(), Coding::as_they_come(1), 1);
        let mut blob = writer.blob();
        blob.opaque(bytes).unwrap();
        let body = blob.finish().unwrap();
        writer.finish().unwrap();
        self.layers.push(Layer { diff_id, body, is_plain });
    }

    /// Puts a layer on top.
    pub fn add(&mut self, tar: &[u8]) {
        self.keep(DiffId(Digest::of(tar)), tar, true);
    }

    /// Puts one on top that is kept compressed.
    pub fn add_gzip(&mut self, tar: &[u8]) {
        self.keep(DiffId(Digest::of(tar)), &gzip(tar), false);
    }

    pub fn reader(&self) -> Reader {
        Reader::new(self.index(), 1)
    }

    /// The file system of the lowest `count` layers.
    pub fn open(&self, count: usize, purpose: Purpose<'_>) -> Result<RootFs> {
        let (view, reader) = (View::new(), self.reader());
        RootFs::open(view, &self.layers[..count], reader, purpose, &Task::silent(), &mut |_, _| ())
    }

    /// That of all layers.
    pub fn whole(&self) -> RootFs {
        self.open(self.layers.len(), Purpose::Look).unwrap()
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn entry(name: &str, kind: EntryKind) -> Entry {
    let (mode, mtime) = (0o640, Mtime { seconds: 1_600_000_000, nanoseconds: 5 });
    Entry { name: name.into(), kind, mode, uid: 1, gid: 2, mtime, size: 0, xattrs: Vec::new() }
}

/// A file with content.
pub fn file(name: &str, content: &[u8]) -> (Entry, Vec<u8>) {
    (Entry { size: content.len() as u64, ..entry(name, EntryKind::File) }, content.to_vec())
}

pub fn dir(name: &str) -> (Entry, Vec<u8>) {
    (Entry { mode: 0o750, ..entry(name, EntryKind::Directory) }, Vec::new())
}

pub fn link(name: &str, to: &str) -> (Entry, Vec<u8>) {
    (entry(name, EntryKind::Hardlink(to.into())), Vec::new())
}

pub fn symlink(name: &str, to: &str) -> (Entry, Vec<u8>) {
    (Entry { mode: 0o777, ..entry(name, EntryKind::Symlink(to.into())) }, Vec::new())
}

pub fn tar(entries: &[(Entry, Vec<u8>)]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (entry, content) in entries {
        tar.extend(entry.encode());
        tar.extend(content);
        tar.resize(tar.len() + padding_bytes(content.len() as u64) as usize, 0);
    }
    tar.extend(END);
    tar
}

/// What is at a path: everything that is known of it, its content, and the first
/// name of its file.
pub type Told = (Entry, Vec<u8>, Vec<u8>);

/// A file system, path by path; which layer has what does not count.
pub fn told(rootfs: &mut RootFs) -> Vec<Told> {
    let nodes: Vec<_> = rootfs.view().walk(rootfs.view().root()).collect();
    let mut first_names = HashMap::new();
    let mut all = Vec::new();
    for node in nodes {
        let view = rootfs.view();
        let (entry, file) = (view.entry(node), view.file(node));
        let first: &mut Vec<u8> = first_names.entry(file).or_insert_with(|| entry.name.clone());
        let first = first.clone();
        let mut content = Vec::new();
        let mut sink = |bytes: &[u8]| {
            content.extend_from_slice(bytes);
            Ok(())
        };
        rootfs.copy(node, &mut sink).unwrap();
        all.push((entry, content, first));
    }
    all
}

/// The file system as a tar.
pub fn export(rootfs: &mut RootFs, telling: &mut dyn Telling) -> Vec<u8> {
    let mut tar = Vec::new();
    let root = rootfs.view().root();
    let written = rootfs.export(root, &[], telling, &mut tar, &mut Passing::untold(&Task::silent())).unwrap();
    assert_eq!(written, tar.len() as u64);
    tar
}

/// The same, told as it is.
pub fn exported(rootfs: &mut RootFs) -> Vec<u8> {
    export(rootfs, &mut Exact)
}

fn path() -> impl Strategy<Value = String> {
    vec(prop::sample::select(vec!["a", "b", "c", ".d"]), 1..4).prop_map(|parts| parts.join("/"))
}

fn said() -> impl Strategy<Value = (Entry, Vec<u8>)> {
    let len = prop_oneof![0..3_usize, 500..520_usize, 0..5000_usize];
    let content = (any::<u8>(), len).prop_map(|(byte, len)| vec![byte; len]);
    let changed = (0..2_u32, 0..3_u32, prop::option::weighted(0.2, any::<u8>()));
    let plain = prop_oneof![
        4 => (path(), content).prop_map(|(path, content)| file(&path, &content)),
        3 => path().prop_map(|path| dir(&path)),
        2 => path().prop_map(|path| {
            let (dir, name) = path.rsplit_once('/').unwrap_or((".", &path));
            file(&format!("{dir}/.wh.{name}"), b"")
        }),
        1 => path().prop_map(|path| file(&format!("{path}/.wh..wh..opq"), b"")),
        2 => (path(), path()).prop_map(|(path, to)| link(&path, &to)),
        1 => (path(), path()).prop_map(|(path, to)| symlink(&path, &to)),
        1 => Just(dir(".")),
    ];
    (plain, changed).prop_map(|((mut entry, content), (uid, time, xattr))| {
        entry.uid = uid;
        entry.mtime.seconds += i64::from(time);
        entry.xattrs = xattr.map(|byte| (b"user.x".to_vec(), vec![byte])).into_iter().collect();
        (entry, content)
    })
}

/// Layers of anything, as tars; what cannot be applied is left out.
pub fn layers(most: usize) -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(vec(said(), 0..12), 1..most).prop_map(|layers| {
        let mut view = View::new();
        let mut tars = Vec::new();
        for said in layers {
            view.begin_layer().unwrap();
            let mut kept = Vec::new();
            for one in said {
                let mut after = view.clone();
                let tar = tar(std::slice::from_ref(&one));
                let found = Entries::new(&tar[..]).next().unwrap().unwrap();
                if after.apply(found).is_ok() {
                    view = after;
                    kept.push(one);
                }
            }
            tars.push(tar(&kept));
        }
        tars
    })
}
