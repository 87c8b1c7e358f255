//! Reading the writable layer.

use std::collections::HashMap;

use super::super::on_disk::entry_of;
use super::super::overlay::{ESCAPE, SPACES};
use super::super::view::View;
use super::super::{Error, Result};
use super::Upper;
use crate::disk::{FileKind, Stat};
use crate::tar::{Data, Entry, EntryKind, Found};

/// Something in the layer.
#[derive(Debug)]
pub(super) enum Met {
    /// A file of some kind.
    File(Entry),
    /// A directory that hides what lower layers have in it.
    Opaque(Entry),
    /// Nothing: what lower layers have there is gone.
    Whiteout,
    /// What no layer can hold.
    Unknown,
}

impl Upper {
    /// Applies the layer to `view`, as the next one. The bytes of its files are
    /// read by [`Upper::open_file`], by any of their names.
    ///
    /// # Errors
    /// If it cannot be read, or comes to no file system.
    pub fn apply(&self, view: &mut View) -> Result<()> {
        view.begin_layer()?;
        let mut first_names: HashMap<u64, Vec<u8>> = HashMap::new();
        for found in self.files.walk(b"") {
            let found = found?;
            let path = &found.path;
            let (entry, is_opaque) = match self.met(path, &found.stat)? {
                Met::File(entry) => (entry, false),
                Met::Opaque(entry) => (entry, true),
                Met::Whiteout => {
                    view.hide(path)?;
                    continue;
                }
                Met::Unknown => continue,
            };
            // The root that was only taken over says nothing.
            if path.is_empty() && is_alike(&entry, &view.entry(view.root())) {
                if is_opaque {
                    view.clear(path)?;
                }
                continue;
            }
            let inode = found.stat.inode.1;
            let entry = match first_names.get(&inode) {
                Some(first) => Entry { kind: EntryKind::Hardlink(first.clone()), ..entry },
                None => entry,
            };
            if found.stat.links > 1 && found.stat.kind != FileKind::Directory {
                first_names.entry(inode).or_insert_with(|| path.clone());
            }
            let data = match entry.kind {
                EntryKind::File => Data::Plain { offset: 0 },
                _ => Data::None,
            };
            view.place(Found { entry, data })?;
            if is_opaque {
                view.clear(path)?;
            }
        }
        Ok(())
    }

    /// What is at `path`, and what is said of it.
    pub(super) fn met(&self, path: &[u8], stat: &Stat) -> Result<Met> {
        let mut met = self.met_on_disk(path, stat)?;
        if let Met::File(entry) | Met::Opaque(entry) = &mut met
            && let Some(record) = self.kept.get(path).filter(|record| record.inode == stat.inode.1)
        {
            record.amend(entry);
        }
        Ok(met)
    }

    /// What is at `path`, as far as the disk says it.
    pub(super) fn met_on_disk(&self, path: &[u8], stat: &Stat) -> Result<Met> {
        if stat.kind == FileKind::CharDevice && stat.device == (0, 0) {
            return Ok(Met::Whiteout);
        }
        let Some(mut entry) = entry_of(&self.files, path, stat)? else { return Ok(Met::Unknown) };
        let marks = take_marks(&mut entry.xattrs);
        if marks.is_whiteout && stat.kind == FileKind::File && stat.size == 0 {
            return Ok(Met::Whiteout);
        }
        if marks.is_redirected {
            return Err(Error::Redirected { path: path.into() });
        }
        match marks.is_opaque && stat.kind == FileKind::Directory {
            true => Ok(Met::Opaque(entry)),
            false => Ok(Met::File(entry)),
        }
    }
}

/// What overlayfs has written on a file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Marks {
    is_opaque: bool,
    is_whiteout: bool,
    /// Its content or its files lie elsewhere: nothing that larder asks for.
    is_redirected: bool,
}

/// Takes overlayfs's attributes out, and gives the others their own names back.
fn take_marks(xattrs: &mut Vec<(Vec<u8>, Vec<u8>)>) -> Marks {
    let mut marks = Marks::default();
    let mut own = Vec::with_capacity(xattrs.len());
    for (name, value) in xattrs.drain(..) {
        let Some((space, mark)) = SPACES.iter().find_map(|space| Some((space, name.strip_prefix(*space)?)))
        else {
            own.push((name, value));
            continue;
        };
        match mark {
            b"opaque" => marks.is_opaque |= value == b"y",
            b"whiteout" => marks.is_whiteout = true,
            b"redirect" | b"metacopy" => marks.is_redirected = true,
            _ => {
                if let Some(rest) = mark.strip_prefix(ESCAPE) {
                    own.push(([space, rest].concat(), value));
                }
            }
        }
    }
    own.sort_unstable();
    *xattrs = own;
    marks
}

/// Whether two directories look alike.
fn is_alike(a: &Entry, b: &Entry) -> bool {
    (a.mode, a.uid, a.gid, a.mtime, &a.xattrs) == (b.mode, b.uid, b.gid, b.mtime, &b.xattrs)
}
