//! A file system as one tar.
//!
//! The tar depends on the file system and on nothing else: names in the order
//! of [`Walk`](super::view::Walk), one spelling for every entry, each file's
//! bytes at the first of its names and hard links for the others. It is
//! written in one pass.

use std::collections::{HashMap, VecDeque};
use std::io::Write;

use super::rootfs::{Bodies, RootFs};
use super::view::{NodeId, View, Walk};
use super::{Error, Result};
use crate::chunk::{self, Piece, Reader};
use crate::tar::{END, Entry, EntryKind, padding_bytes};
use crate::task::Passing;

/// So many bytes of headers without content between them are handed on.
const MAX_PENDING_BYTES: usize = 256 << 10;

/// The attribute that goes when the owner is set.
const CAPABILITY: &[u8] = b"security.capability";

/// The longest that the kernel takes. A longer one is not repeated at every
/// link: a small layer would become an endless tar.
const CAPABILITY_BYTES: usize = 24;

/// How entries are told.
pub trait Telling {
    /// What stands in the tar for `entry`, whose name is its path in the view
    /// without a slash at either end; `None` to leave it out. Of a file that
    /// has another name before only the name counts, and that of the other is
    /// asked for again.
    fn tell(&mut self, entry: Entry, is_root: bool) -> Option<Entry>;

    /// Whether `node` is told at all; one that is not must have nothing below
    /// it that is.
    fn is_wanted(&self, _view: &View, _node: NodeId) -> bool {
        true
    }

    /// What stands behind the directory `node` and before what is in it.
    fn after(&mut self, _view: &View, _node: NodeId) -> Vec<Entry> {
        Vec::new()
    }
}

/// Everything as it is. The root is told if a layer spoke of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Exact;

impl Telling for Exact {
    fn tell(&mut self, mut entry: Entry, is_root: bool) -> Option<Entry> {
        if is_root {
            entry.name = b"./".to_vec();
        }
        Some(entry)
    }
}

/// As `docker export` writes it: no root, whole seconds, and of extended
/// attributes only the one for capabilities.
#[derive(Debug, Clone, Copy, Default)]
pub struct AsDocker;

impl Telling for AsDocker {
    fn tell(&mut self, mut entry: Entry, is_root: bool) -> Option<Entry> {
        entry.mtime.nanoseconds = 0;
        entry.xattrs.retain(|(name, _)| name == CAPABILITY);
        (!is_root).then_some(entry)
    }
}

impl RootFs {
    /// Writes `from` and everything below it as a tar to `out`, after `head`;
    /// gives its length in bytes.
    ///
    /// # Errors
    /// If a file's bytes cannot be read or `out` fails; what was written until
    /// then is the tar's beginning.
    pub fn export(
        &mut self,
        from: NodeId,
        head: &[u8],
        telling: &mut dyn Telling,
        out: &mut dyn Write,
        passing: &mut Passing<'_>,
    ) -> Result<u64> {
        let (view, mut bodies, reader) = self.parts();
        let mut plan = Plan {
            view,
            walk: view.walk(from),
            from,
            telling,
            first_names: HashMap::new(),
            pending: head.to_vec(),
            elsewhere: None,
            ended: false,
        };
        let mut output = Output { out, passing, written: 0 };
        while !plan.ended {
            reader
                .copy_pieces(&mut |reader, pieces| plan.more(&mut bodies, reader, pieces), &mut |bytes| {
                    output.write(bytes)
                })
                .map_err(from_chunk)?;
            if let Some(node) = plan.elsewhere.take() {
                bodies.copy(view, node, reader, &mut |bytes| output.write(bytes).map_err(from_chunk))?;
            }
        }
        Ok(output.written)
    }
}

/// An output that fails is that, and not a store that does.
fn from_chunk(error: chunk::Error) -> Error {
    match error {
        chunk::Error::Output(error) => Error::Output(error),
        chunk::Error::Cancelled(cancelled) => Error::Cancelled(cancelled),
        other => Error::Chunk(other),
    }
}

struct Output<'o, 'p> {
    out: &'o mut dyn Write,
    passing: &'o mut Passing<'p>,
    written: u64,
}

impl Output<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> chunk::Result<()> {
        self.out.write_all(bytes).map_err(chunk::Error::Output)?;
        self.written += bytes.len() as u64;
        Ok(self.passing.advance(bytes.len() as u64)?)
    }
}

/// What is to be written, as far as it was thought of.
struct Plan<'p> {
    view: &'p View,
    walk: Walk<'p>,
    from: NodeId,
    telling: &'p mut dyn Telling,
    /// Of files with several names, the one that was told first. Not its path:
    /// a million of those may be gigabytes.
    first_names: HashMap<u32, NodeId>,
    /// Headers and padding that were not handed on yet.
    pending: Vec<u8>,
    /// A file whose bytes are not in the store as they are: they are next.
    elsewhere: Option<NodeId>,
    ended: bool,
}

impl Plan<'_> {
    /// Plans the next file. Gives `false` where the bytes of `elsewhere` are
    /// next, and at the end.
    fn more(
        &mut self,
        bodies: &mut Bodies<'_>,
        reader: &mut Reader,
        pieces: &mut VecDeque<Piece>,
    ) -> chunk::Result<bool> {
        if self.ended || self.elsewhere.is_some() {
            return Ok(false);
        }
        while let Some(node) = self.walk.next() {
            if !self.telling.is_wanted(self.view, node) {
                continue;
            }
            let entry = self.view.entry_at(node, self.walk.path().to_vec());
            let header = header(self.view, node, entry, self.from, self.telling, &mut self.first_names);
            let (header, has_bytes) = header.unwrap_or_default();
            self.pending.extend_from_slice(&header);
            if self.view.is_directory(node) {
                let behind = self.telling.after(self.view, node);
                self.pending.extend(behind.iter().flat_map(Entry::encode));
            }
            let Some(content) = self.view.content(node).filter(|content| has_bytes && content.size > 0)
            else {
                // A million empty files are half a gigabyte of headers.
                if self.pending.len() >= MAX_PENDING_BYTES {
                    pieces.push_back(Piece::Bytes(std::mem::take(&mut self.pending)));
                    return Ok(true);
                }
                continue;
            };
            pieces.push_back(Piece::Bytes(std::mem::take(&mut self.pending)));
            self.pending.resize(padding_bytes(content.size) as usize, 0);
            if bodies.pieces(content, reader, pieces)? {
                return Ok(true);
            }
            self.elsewhere = Some(node);
            return Ok(false);
        }
        self.ended = true;
        self.pending.extend_from_slice(&END);
        pieces.push_back(Piece::Bytes(std::mem::take(&mut self.pending)));
        Ok(false)
    }
}

/// The header of an entry, and whether the file's bytes come behind it.
fn header(
    view: &View,
    node: NodeId,
    entry: Entry,
    from: NodeId,
    telling: &mut dyn Telling,
    first_names: &mut HashMap<u32, NodeId>,
) -> Option<(Vec<u8>, bool)> {
    let is_root = node == from && node == view.root();
    if is_root && !view.is_told(node) {
        return None;
    }
    let mut entry = telling.tell(entry, is_root)?;
    let mut has_bytes = entry.kind == EntryKind::File;
    if view.links(node) > 1 && !view.is_directory(node) {
        let file = view.file(node);
        match first_names.get(&file) {
            Some(first) => {
                let first = telling.tell(view.entry(*first), false)?.name;
                // Readers that set the owner at a link once more, as Docker's does,
                // lose the file's capabilities by that: the link brings them again.
                entry.xattrs.retain(|(name, value)| name == CAPABILITY && value.len() <= CAPABILITY_BYTES);
                entry = Entry { kind: EntryKind::Hardlink(first), size: 0, ..entry };
                has_bytes = false;
            }
            None => _ = first_names.insert(file, node),
        }
    }
    Some((entry.encode(), has_bytes))
}

#[cfg(test)]
mod tests;
