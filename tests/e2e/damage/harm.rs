//! What is done to a file, and how it is undone.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::fields::{self, Field};
use super::scene::{Scene, copy};
use crate::harness::noise::Noise;

/// A file, and what is done to it.
#[derive(Debug, Clone)]
pub struct Harm {
    pub file: PathBuf,
    pub how: How,
}

#[derive(Debug, Clone)]
pub enum How {
    Deleted,
    Emptied,
    CutTo(u64),
    /// One bit, in the field of this name.
    Flipped(Field),
    SwappedWith(PathBuf),
    /// In its place is what another store has there.
    Foreign,
    /// In its place, or of its whole directory, is what was there earlier.
    Stale,
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.file.display(), self.how)
    }
}

/// Bits flipped at random places of each file.
const RANDOM_PLACES: usize = 6;

/// All that can happen to the files of a store.
pub fn all(scene: &Scene, dice: &mut Noise) -> Vec<Harm> {
    let files = scene.files();
    files.iter().flat_map(|file| of(file, &files, scene, dice)).collect()
}

fn of(file: &Path, files: &[PathBuf], scene: &Scene, dice: &mut Noise) -> Vec<Harm> {
    let bytes = fs::read(scene.now.join(file)).expect("a file of the store");
    let len = bytes.len() as u64;
    let mut hows = vec![How::Deleted];
    if len > 0 {
        hows.push(How::Emptied);
        let mut cuts = vec![1, len / 2, len.saturating_sub(9), len - 1];
        cuts.dedup();
        hows.extend(cuts.into_iter().map(How::CutTo));
        hows.extend(fields::of(file, &bytes).into_iter().map(How::Flipped));
        hows.extend((0..RANDOM_PLACES).map(|_| How::Flipped(("a random place", random_place(&bytes, dice)))));
    }
    if len > 0 && file.iter().count() > 1 {
        let is_peer = |other: &&PathBuf| *other != file && other.parent() == file.parent();
        hows.extend(files.iter().filter(is_peer).take(1).cloned().map(How::SwappedWith));
    }
    let is_other = |store: &Path| fs::read(store.join(file)).is_ok_and(|theirs| theirs != bytes);
    if is_other(&scene.other) {
        hows.push(How::Foreign);
    }
    if is_other(&scene.earlier) || file.starts_with("index") {
        hows.push(How::Stale);
    }
    hows.into_iter().map(|how| Harm { file: file.to_owned(), how }).collect()
}

/// Not in the zeros of which the files of the catalog are full.
fn random_place(bytes: &[u8], dice: &mut Noise) -> u64 {
    let filled: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    filled[dice.below(filled.len() as u64) as usize] as u64
}

impl Harm {
    /// What kind of file it is done to, in words of the store's own.
    pub fn kind(&self) -> &'static str {
        let top = self.file.iter().next().and_then(|top| top.to_str());
        match top.expect("a file of the store") {
            "format" => "format",
            "journal" => "journal",
            "lock" => "lock",
            "packs" => "packs/",
            "index" => "index/",
            "catalog" => "catalog/",
            "containers" if self.file.ends_with("kept") => "containers/ID/kept",
            "containers" if self.file.ends_with("lock") => "containers/ID/lock",
            "containers" => "containers/ID/upper/",
            other => panic!("{other} is no file of a store"),
        }
    }

    /// Whether what is damaged can be made again from the rest, so that nothing is lost.
    pub fn heals(&self) -> bool {
        ["lock", "index/", "catalog/", "containers/ID/lock"].contains(&self.kind())
    }

    /// The file, or the whole directory that is replaced.
    fn whole(&self) -> &Path {
        let is_tree = matches!(self.how, How::Stale) && self.file.starts_with("index");
        if is_tree { Path::new("index") } else { &self.file }
    }

    /// Does it to the store at `store`.
    pub fn apply(&self, store: &Path, scene: &Scene) {
        let path = store.join(&self.file);
        let read = |path: &Path| fs::read(path).expect("a file of the store");
        let write = |path: &Path, bytes: &[u8]| fs::write(path, bytes).expect("a file of the store");
        match &self.how {
            How::Deleted => fs::remove_file(&path).expect("a file of the store"),
            How::Emptied => write(&path, b""),
            How::CutTo(len) => write(&path, &read(&path)[..*len as usize]),
            How::Flipped((_, at)) => flip(&path, *at),
            How::SwappedWith(other) => {
                let other = store.join(other);
                let (one, two) = (read(&path), read(&other));
                write(&path, &two);
                write(&other, &one);
            }
            How::Foreign => write(&path, &read(&scene.other.join(&self.file))),
            How::Stale => replace(&store.join(self.whole()), &scene.earlier.join(self.whole())),
        }
    }

    /// Puts back what was there, where nobody has written since. `harmed` is what a store
    /// looks like to which nothing but this was done.
    pub fn undo(&self, store: &Path, harmed: &Path, scene: &Scene) {
        if let How::Flipped((_, at)) = &self.how {
            // Others may have appended to it meanwhile, or made it anew.
            let at_place = |store: &Path| fs::read(store.join(&self.file)).ok()?.get(*at as usize).copied();
            let original =
                |store: &Path| Some(fs::read(store.join(&self.file)).ok()?[..*at as usize].to_vec());
            if at_place(store) == at_place(harmed) && original(store) == original(harmed) {
                flip(&store.join(&self.file), *at);
            }
            return;
        }
        let other = if let How::SwappedWith(other) = &self.how { Some(other.as_path()) } else { None };
        for path in [Some(self.whole()), other].into_iter().flatten() {
            let place = store.join(path);
            // A container may have gone with all its files.
            let is_as_left =
                place.parent().is_some_and(Path::exists) && content(&place) == content(&harmed.join(path));
            if is_as_left {
                replace(&place, &scene.now.join(path));
            }
        }
    }
}

fn flip(path: &Path, at: u64) {
    let mut bytes = fs::read(path).expect("a file of the store");
    bytes[at as usize] ^= 1 << (at % 8);
    fs::write(path, bytes).expect("a file of the store");
}

/// What a file or the files of a directory are; nothing if they are not there.
fn content(path: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    match fs::read_dir(path) {
        Ok(entries) => entries.flatten().for_each(|entry| files.extend(content(&entry.path()))),
        Err(_) => files.extend(fs::read(path).ok().map(|bytes| (PathBuf::new(), bytes))),
    }
    files.sort();
    files
}

/// Puts a copy of a file or a tree in the place of another.
fn replace(at: &Path, with: &Path) {
    let _ = fs::remove_dir_all(at).or_else(|_| fs::remove_file(at));
    copy(with, at);
}
