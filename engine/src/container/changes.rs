//! What differs between two file systems.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::iter::Peekable;
use std::vec;

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

/// What makes `new` of `old`, in the order of the paths, each found when it is asked for.
///
/// A directory is the same if its owner, mode and extended attributes are; its
/// time changes with what is in it. A file is the same if its bytes are, and all
/// that is known of it.
pub struct Changes<'c> {
    old: &'c mut RootFs,
    new: &'c mut RootFs,
    task: &'c Task,
    /// The directories on the way, the root first.
    levels: Vec<Level>,
    /// The path of what was compared last, with a slash before it.
    path: Vec<u8>,
    /// Changes that come next: a change after those of the directories above it.
    waiting: VecDeque<Compared>,
}

/// A change, and what is at its path before and after. Of a directory that changed only because
/// of what is in it, neither is told.
pub(super) struct Compared {
    pub change: Change,
    pub before: Option<NodeId>,
    pub after: Option<NodeId>,
}

/// A directory that is being compared.
struct Level {
    old: Peekable<vec::IntoIter<NodeId>>,
    new: Peekable<vec::IntoIter<NodeId>>,
    /// How long its path is.
    len: usize,
    /// Whether its own change was told.
    is_told: bool,
}

impl<'c> Changes<'c> {
    /// Compares `old` with `new`.
    pub fn between(old: &'c mut RootFs, new: &'c mut RootFs, task: &'c Task) -> Self {
        let roots = (Some(old.view().root()), Some(new.view().root()));
        let (path, waiting) = (Vec::new(), VecDeque::new());
        let mut changes = Self { old, new, task, levels: Vec::new(), path, waiting };
        // Nobody is told of the root itself.
        changes.enter(roots.0, roots.1, true);
        changes
    }

    fn enter(&mut self, old: Option<NodeId>, new: Option<NodeId>, is_told: bool) {
        let children = |view: &View, node: Option<NodeId>| {
            node.map(|node| view.children(node)).unwrap_or_default().into_iter().peekable()
        };
        let (old, new) = (children(self.old.view(), old), children(self.new.view(), new));
        self.levels.push(Level { old, new, len: self.path.len(), is_told });
    }

    /// The next name that is in the innermost directory, before, after, or both.
    fn next_name(&mut self) -> Option<(Option<NodeId>, Option<NodeId>)> {
        let (old, new) = (self.old.view(), self.new.view());
        let level = self.levels.last_mut()?;
        let order = match (level.old.peek(), level.new.peek()) {
            (Some(before), Some(after)) => old.name(*before).cmp(new.name(*after)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return None,
        };
        let before = if order.is_le() { level.old.next() } else { None };
        let after = if order.is_ge() { level.new.next() } else { None };
        self.path.truncate(level.len);
        self.path.push(b'/');
        let name = match (before, after) {
            (Some(before), _) => old.name(before),
            (None, Some(after)) => new.name(after),
            (None, None) => &[],
        };
        self.path.extend_from_slice(name);
        Some((before, after))
    }

    /// Tells a change, after those of the directories above that were not told yet.
    fn tell(&mut self, kind: ChangeKind, before: Option<NodeId>, after: Option<NodeId>) {
        for level in self.levels.iter_mut().filter(|level| !level.is_told) {
            level.is_told = true;
            let path = self.path.get(..level.len).unwrap_or_default().to_vec();
            let change = Change { path, kind: ChangeKind::Modified };
            self.waiting.push_back(Compared { change, before: None, after: None });
        }
        let change = Change { path: self.path.clone(), kind };
        self.waiting.push_back(Compared { change, before, after });
    }

    /// Compares the next name, and enters it if it is a directory.
    fn compare(&mut self, before: Option<NodeId>, after: Option<NodeId>) -> Result<()> {
        self.task.check()?;
        let was = before.filter(|node| self.old.view().is_directory(*node));
        let is = after.filter(|node| self.new.view().is_directory(*node));
        match (before, after) {
            (Some(old), Some(new)) => {
                let is_same = same(self.old, old, self.new, new, self.task)?;
                if !is_same {
                    self.tell(ChangeKind::Modified, before, after);
                }
                match (was, is) {
                    (Some(_), Some(_)) => self.enter(was, is, !is_same),
                    (None, Some(_)) => self.enter(None, is, true),
                    _ => {}
                }
            }
            (Some(_), None) => self.tell(ChangeKind::Deleted, before, after),
            (None, _) => {
                self.tell(ChangeKind::Added, before, after);
                if is.is_some() {
                    self.enter(None, is, true);
                }
            }
        }
        Ok(())
    }
}

impl Changes<'_> {
    /// The next change, with what is at its path.
    pub(super) fn next_compared(&mut self) -> Option<Result<Compared>> {
        loop {
            if let Some(compared) = self.waiting.pop_front() {
                return Some(Ok(compared));
            }
            match self.next_name() {
                Some((before, after)) => {
                    if let Err(error) = self.compare(before, after) {
                        self.levels.clear();
                        return Some(Err(error));
                    }
                }
                None => _ = self.levels.pop()?,
            }
        }
    }

    /// Both file systems, the old one first.
    pub(super) fn sides(&mut self) -> (&mut RootFs, &mut RootFs, &Task) {
        (self.old, self.new, self.task)
    }
}

impl Iterator for Changes<'_> {
    type Item = Result<Change>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.next_compared()?.map(|compared| compared.change))
    }
}

impl std::fmt::Debug for Changes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Changes").field("levels", &self.levels.len()).finish_non_exhaustive()
    }
}

fn same(old: &mut RootFs, before: NodeId, new: &mut RootFs, after: NodeId, task: &Task) -> Result<bool> {
    // Their paths are the same.
    let [a, b] =
        [(old.view(), before), (new.view(), after)].map(|(view, node)| view.entry_at(node, Vec::new()));
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

pub(super) fn same_bytes(
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
