//! What differs between the files of two file systems, and in their contents.

use std::collections::{HashMap, VecDeque};
use std::vec;

use super::changes::{Changes, Compared, same_bytes};
use super::line_diff::LineDiff;
use super::view::NodeId;
use super::{Result, RootFs};
use crate::chunk::Piece;
use crate::tar::{Entry, EntryKind};
use crate::task::Task;

/// Files that are longer are not compared line by line: it is done in memory.
const MAX_COMPARED_BYTES: u64 = 2 << 20;

/// How much of a file is looked at to tell text from other content, as in git.
const TEXT_PROBE_BYTES: usize = 8000;

/// A file, or anything but a directory, that was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// The path, with a slash before it.
    pub path: Vec<u8>,
    /// What was there before, if anything; without its name. Of the same kind as `new`, if
    /// that is there: a file that became a symbolic link was removed, and then added.
    pub old: Option<Entry>,
    /// What is there after, if anything; without its name.
    pub new: Option<Entry>,
    before: Option<NodeId>,
    after: Option<NodeId>,
}

/// How many bytes of a file were changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChangedBytes {
    /// Bytes that are in the new file only.
    pub added: u64,
    /// Bytes that are in the old file only.
    pub removed: u64,
}

/// What differs between the contents of two files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Patch {
    /// The hunks of a unified diff; empty if the contents are the same.
    Text(Vec<u8>),
    /// One of them is no text.
    Binary,
    /// One of them is longer than so many bytes, and they are not the same.
    TooLarge {
        /// How many bytes are compared at most.
        limit: u64,
    },
    /// Neither has content: a device or a FIFO.
    Special,
}

/// The files that were changed, in the order of their paths.
pub struct FileChanges<'c> {
    changes: Changes<'c>,
    /// What is in a directory that was removed.
    removed: vec::IntoIter<NodeId>,
    waiting: VecDeque<FileChange>,
}

impl<'c> FileChanges<'c> {
    pub fn new(changes: Changes<'c>) -> Self {
        Self { changes, removed: Vec::new().into_iter(), waiting: VecDeque::new() }
    }

    /// The next file that was changed.
    ///
    /// # Errors
    /// If the file systems cannot be read.
    pub fn next_file(&mut self) -> Result<Option<FileChange>> {
        loop {
            while let Some(node) = self.removed.next() {
                let (old, ..) = self.changes.sides();
                if !old.view().is_directory(node) {
                    let path = [b"/", &old.view().path(node)[..]].concat();
                    return Ok(Some(self.change(path, Some(node), None)));
                }
            }
            if let Some(change) = self.waiting.pop_front() {
                return Ok(Some(change));
            }
            match self.changes.next_compared() {
                Some(compared) => self.take(compared?),
                None => return Ok(None),
            }
        }
    }

    /// Sorts out what a change means for files.
    fn take(&mut self, Compared { change, before, after }: Compared) {
        let (old, new, _) = self.changes.sides();
        if let Some(directory) = before.filter(|node| old.view().is_directory(*node))
            && !after.is_some_and(|node| new.view().is_directory(node))
        {
            self.removed = old.view().walk(directory).collect::<Vec<_>>().into_iter();
        }
        let before = before.filter(|node| !old.view().is_directory(*node));
        let after = after.filter(|node| !new.view().is_directory(*node));
        let is_same_kind = match (before, after) {
            (Some(before), Some(after)) => {
                let (old, new) = (old.view().kind(before), new.view().kind(after));
                old == new || matches!((old, new), (EntryKind::Symlink(_), EntryKind::Symlink(_)))
            }
            _ => false,
        };
        let sides = match is_same_kind {
            true => vec![(before, after)],
            false => vec![(before, None), (None, after)],
        };
        for (before, after) in sides.into_iter().filter(|(before, after)| before.or(*after).is_some()) {
            let change = self.change(change.path.clone(), before, after);
            self.waiting.push_back(change);
        }
    }

    fn change(&mut self, path: Vec<u8>, before: Option<NodeId>, after: Option<NodeId>) -> FileChange {
        let (old, new, _) = self.changes.sides();
        let entry = |rootfs: &RootFs, node| rootfs.view().entry_at(node, Vec::new());
        let (old, new) = (before.map(|node| entry(old, node)), after.map(|node| entry(new, node)));
        FileChange { path, old, new, before, after }
    }

    /// How many bytes were changed: by lines, or by chunks of large files.
    ///
    /// # Errors
    /// If the files cannot be read.
    pub fn changed_bytes(&mut self, change: &FileChange) -> Result<ChangedBytes> {
        let added = change.new.as_ref().map_or(0, content_bytes);
        let removed = change.old.as_ref().map_or(0, content_bytes);
        let whole = ChangedBytes { added, removed };
        let (Some(before), Some(after)) = (change.before, change.after) else { return Ok(whole) };
        let (old, new, task) = self.changes.sides();
        let pieces = (old.stored_pieces(before)?, new.stored_pieces(after)?);
        if matches!(&pieces, (Some(a), Some(b)) if a == b) {
            return Ok(ChangedBytes::default());
        }
        if added.max(removed) <= MAX_COMPARED_BYTES {
            let contents = self.contents(change)?;
            let (added, removed) = LineDiff::new(&contents.0, &contents.1).changed_bytes();
            return Ok(ChangedBytes { added, removed });
        }
        Ok(match pieces {
            (Some(old), Some(new)) => by_pieces(old, new),
            _ if added == removed && same_bytes(old, before, new, after, task)? => ChangedBytes::default(),
            _ => whole,
        })
    }

    /// What differs between the contents.
    ///
    /// # Errors
    /// If the files cannot be read.
    pub fn patch(&mut self, change: &FileChange) -> Result<Patch> {
        let mut sides = change.old.iter().chain(&change.new);
        if sides.clone().any(|entry| !matches!(entry.kind, EntryKind::File | EntryKind::Symlink(_))) {
            return Ok(Patch::Special);
        }
        if sides.any(|entry| content_bytes(entry) > MAX_COMPARED_BYTES) {
            return self.patch_of_large(change);
        }
        let (old, new) = self.contents(change)?;
        if old == new {
            return Ok(Patch::Text(Vec::new()));
        }
        let is_text = |bytes: &[u8]| !bytes.iter().take(TEXT_PROBE_BYTES).any(|byte| *byte == 0);
        match is_text(&old) && is_text(&new) {
            true => Ok(Patch::Text(LineDiff::new(&old, &new).unified())),
            false => Ok(Patch::Binary),
        }
    }

    fn patch_of_large(&mut self, change: &FileChange) -> Result<Patch> {
        let (old, new, task) = self.changes.sides();
        if let (Some(before), Some(after)) = (change.before, change.after)
            && old.view().entry_at(before, Vec::new()).size == new.view().entry_at(after, Vec::new()).size
            && same_bytes(old, before, new, after, task)?
        {
            return Ok(Patch::Text(Vec::new()));
        }
        Ok(Patch::TooLarge { limit: MAX_COMPARED_BYTES })
    }

    /// Both contents; nothing for what is not there.
    fn contents(&mut self, change: &FileChange) -> Result<(Vec<u8>, Vec<u8>)> {
        let (old, new, task) = self.changes.sides();
        Ok((content(old, change.before, task)?, content(new, change.after, task)?))
    }
}

/// The length of what a file holds, or of what a symbolic link says.
fn content_bytes(entry: &Entry) -> u64 {
    match &entry.kind {
        EntryKind::Symlink(target) => target.len() as u64,
        _ => entry.size,
    }
}

fn content(rootfs: &mut RootFs, node: Option<NodeId>, task: &Task) -> Result<Vec<u8>> {
    let Some(node) = node else { return Ok(Vec::new()) };
    if let EntryKind::Symlink(target) = rootfs.view().kind(node) {
        return Ok(target);
    }
    let mut bytes = Vec::new();
    rootfs.copy(node, &mut |part| {
        task.check()?;
        bytes.extend_from_slice(part);
        Ok(())
    })?;
    Ok(bytes)
}

/// The bytes of pieces that only one of two files has.
fn by_pieces(old: VecDeque<Piece>, new: VecDeque<Piece>) -> ChangedBytes {
    let mut counts: HashMap<Piece, i64> = HashMap::new();
    old.into_iter().for_each(|piece| *counts.entry(piece).or_default() -= 1);
    new.into_iter().for_each(|piece| *counts.entry(piece).or_default() += 1);
    let mut changed = ChangedBytes::default();
    for (piece, count) in counts {
        let bytes = piece.len().saturating_mul(count.unsigned_abs());
        let side = if count > 0 { &mut changed.added } else { &mut changed.removed };
        *side = side.saturating_add(bytes);
    }
    changed
}

impl std::fmt::Debug for FileChanges<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileChanges").field("changes", &self.changes).finish_non_exhaustive()
    }
}
