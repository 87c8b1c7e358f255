//! What differs between two file systems.

use super::view::{Content, Extents, NodeId, View};
use super::{Result, RootFs};
use crate::tar::{EntryKind, Extent};
use crate::task::Task;

/// A path that differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// The path, with a slash before it.
    pub path: Vec<u8>,
    /// How.
    pub kind: ChangeKind,
}

/// How a path differs; in Docker's numbers and letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// It is there before and after, and is not the same, or something below it
    /// is not: `C`, 0.
    Modified,
    /// It is there after only: `A`, 1.
    Added,
    /// It was there before only: `D`, 2; what was below it is not told.
    Deleted,
}

impl ChangeKind {
    /// Docker's letter.
    pub fn letter(self) -> char {
        match self {
            Self::Modified => 'C',
            Self::Added => 'A',
            Self::Deleted => 'D',
        }
    }
}

/// What makes `new` of `old`, in the order of the paths.
///
/// A directory is the same if its owner, mode and extended attributes are; its
/// time changes with what is in it. A file is the same if its bytes are, and all
/// that is known of it.
///
/// # Errors
/// If the bytes of two files have to be compared and cannot be read.
pub fn changes(old: &mut RootFs, new: &mut RootFs, task: &Task) -> Result<Vec<Change>> {
    let mut found = Vec::new();
    // Pairs of directories that are to be compared, the next one last, each with
    // its path, and with where the change of the one above it is told.
    let mut waiting = vec![Pair { old: old.view().root(), new: new.view().root(), path: Vec::new() }];
    while let Some(pair) = waiting.pop() {
        task.check()?;
        let below = waiting.len();
        for side in sides(old.view(), new.view(), &pair) {
            let path = [&pair.path[..], b"/", &side.name].concat();
            match (side.old, side.new) {
                (Some(before), Some(after)) => {
                    let [was, is] = [old.view().is_directory(before), new.view().is_directory(after)];
                    if !same(old, before, new, after, task)? {
                        found.push(Change { path: path.clone(), kind: ChangeKind::Modified });
                    }
                    match (was, is) {
                        (true, true) => waiting.push(Pair { old: before, new: after, path }),
                        (false, true) => add_below(new.view(), after, &path, &mut found),
                        _ => {}
                    }
                }
                (Some(_), None) => found.push(Change { path, kind: ChangeKind::Deleted }),
                (None, Some(after)) => {
                    found.push(Change { path: path.clone(), kind: ChangeKind::Added });
                    add_below(new.view(), after, &path, &mut found);
                }
                (None, None) => {}
            }
        }
        waiting.get_mut(below..).unwrap_or_default().reverse();
    }
    Ok(with_parents(found))
}

struct Pair {
    old: NodeId,
    new: NodeId,
    path: Vec<u8>,
}

/// A name in one directory, in the other, or in both.
struct Side {
    name: Vec<u8>,
    old: Option<NodeId>,
    new: Option<NodeId>,
}

fn sides(old: &View, new: &View, pair: &Pair) -> Vec<Side> {
    let mut sides = Vec::new();
    for before in old.children(pair.old) {
        let name = old.name(before).to_vec();
        let after = new.entry_in(pair.new, &name);
        sides.push(Side { name, old: Some(before), new: after });
    }
    for after in new.children(pair.new) {
        let name = new.name(after);
        if old.entry_in(pair.old, name).is_none() {
            sides.push(Side { name: name.to_vec(), old: None, new: Some(after) });
        }
    }
    sides.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    sides
}

fn add_below(view: &View, node: NodeId, path: &[u8], found: &mut Vec<Change>) {
    let from = view.path(node).len();
    for below in view.walk(node).skip(1) {
        let rest = view.path(below);
        let path = [path, rest.get(from..).unwrap_or_default()].concat();
        found.push(Change { path, kind: ChangeKind::Added });
    }
}

/// The changes with those of the directories above them, in order.
fn with_parents(mut changes: Vec<Change>) -> Vec<Change> {
    let key =
        |change: &Change| change.path.split(|byte| *byte == b'/').map(<[u8]>::to_vec).collect::<Vec<_>>();
    changes.sort_by_cached_key(key);
    let mut all: Vec<Change> = Vec::with_capacity(changes.len());
    // The directories above the change told last.
    let mut above: Vec<Vec<u8>> = Vec::new();
    for change in changes {
        while above.last().is_some_and(|dir| !is_below(&change.path, dir)) {
            above.pop();
        }
        let told = above.last().map_or(0, Vec::len);
        let slashes = change.path.iter().enumerate().skip(told + 1).filter(|(_, byte)| **byte == b'/');
        for (at, _) in slashes {
            let path = change.path.get(..at).unwrap_or_default().to_vec();
            above.push(path.clone());
            all.push(Change { path, kind: ChangeKind::Modified });
        }
        above.push(change.path.clone());
        all.push(change);
    }
    all
}

fn is_below(path: &[u8], dir: &[u8]) -> bool {
    path.strip_prefix(dir).is_some_and(|rest| rest.starts_with(b"/"))
}

fn same(old: &mut RootFs, before: NodeId, new: &mut RootFs, after: NodeId, task: &Task) -> Result<bool> {
    let [a, b] = [old.view().entry(before), new.view().entry(after)];
    if a.kind != b.kind || a.mode != b.mode || a.uid != b.uid || a.gid != b.gid || a.xattrs != b.xattrs {
        return Ok(false);
    }
    if a.kind == EntryKind::Directory {
        return Ok(true);
    }
    if a.mtime != b.mtime || a.size != b.size {
        return Ok(false);
    }
    if a.kind != EntryKind::File || a.size == 0 {
        return Ok(true);
    }
    same_bytes(old, before, new, after, task)
}

fn same_bytes(
    old: &mut RootFs,
    before: NodeId,
    new: &mut RootFs,
    after: NodeId,
    task: &Task,
) -> Result<bool> {
    let place = |rootfs: &RootFs, node| {
        let content: Content<'_> = rootfs.view().content(node)?;
        let extents = match content.extents {
            Extents::At(offset) => vec![Extent { at: 0, offset, len: content.size }],
            Extents::Sparse(extents) => extents.to_vec(),
        };
        Some((rootfs.layer_id(content.layer)?, extents))
    };
    if let (Some(a), Some(b)) = (place(old, before), place(new, after))
        && a == b
    {
        return Ok(true);
    }
    // The same bytes of a file are nearly always cut into the same chunks.
    if let (Some(a), Some(b)) = (old.stored_pieces(before)?, new.stored_pieces(after)?)
        && a == b
    {
        return Ok(true);
    }
    Ok(sum(old, before, task)? == sum(new, after, task)?)
}

fn sum(rootfs: &mut RootFs, node: NodeId, task: &Task) -> Result<blake3::Hash> {
    let mut sum = blake3::Hasher::new();
    rootfs.copy(node, &mut |bytes| {
        task.check()?;
        sum.update(bytes);
        Ok(())
    })?;
    Ok(sum.finalize())
}

#[cfg(test)]
mod tests;
