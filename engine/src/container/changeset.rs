//! The upper layers of a stack as one layer.

use std::collections::{HashMap, HashSet};

use super::view::{Marks, NodeId, View};
use super::{Error, Result, Telling};
use crate::image::Whiteout;
use crate::tar::{Entry, EntryKind, Mtime};

/// Tells what the layers above some others say, and what is gone for them.
///
/// A directory is told with everything above it, though nobody changed it:
/// Docker takes an implied directory for a new one. Of a file that got another
/// name all names are told: who unpacks a layer beside the lower ones finds
/// nothing there that a hard link could lead to.
#[derive(Debug)]
pub struct Changeset<'c> {
    /// The file system without these layers; `None` if nothing is below them.
    below: Option<&'c View>,
    /// How many layers are below them.
    layers: usize,
    /// What is told though no upper layer speaks of it: directories in which
    /// something is gone, other names of files, and the directories above.
    more: Marks,
    /// The directories in which something is gone, each with what it was below.
    gone_in: HashMap<NodeId, NodeId>,
}

impl<'c> Changeset<'c> {
    /// What makes `view` of `below`, which are its lowest `layers` layers.
    pub fn new(view: &View, below: &'c View, layers: usize) -> Self {
        let below = (layers > 0).then_some(below);
        let mut changeset = Self { below, layers, more: Marks::default(), gone_in: HashMap::new() };
        changeset.note_gone(view);
        changeset.note_names(view);
        changeset
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self, view: &View) -> bool {
        !self.is_wanted(view, view.root())
    }

    /// Makes sure that what is told is taken for what it is.
    ///
    /// # Errors
    /// If a name is one that only whiteouts have.
    pub fn check_names(&self, view: &View) -> Result<()> {
        let is_bad = |node: &NodeId| {
            self.is_wanted(view, *node) && !matches!(Whiteout::of(view.name(*node)), Ok(None))
        };
        match view.walk(view.root()).find(is_bad) {
            Some(node) => Err(Error::LikeWhiteout { path: view.path(node) }),
            None => Ok(()),
        }
    }

    /// Notes the directories in which something is gone. The layer that took it
    /// away need not have spoken of the directory.
    fn note_gone(&mut self, view: &View) {
        let Some(below) = self.below else { return };
        let mut waiting = vec![(below.root(), view.root())];
        while let Some((old, new)) = waiting.pop() {
            for child in below.children(old) {
                match view.entry_in(new, below.name(child)) {
                    None => {
                        self.note(view, new);
                        self.gone_in.insert(new, old);
                    }
                    Some(there) if below.is_directory(child) && view.is_directory(there) => {
                        waiting.push((child, there));
                    }
                    Some(_) => {}
                }
            }
        }
    }

    /// Notes the other names of the files that are told.
    fn note_names(&mut self, view: &View) {
        if !view.has_links() {
            return;
        }
        let has_names = |node: &NodeId| view.links(*node) > 1;
        let named = || view.nodes().filter(has_names);
        let told = named().filter(|node| self.is_wanted(view, *node));
        let told: HashSet<_> = told.map(|node| view.file(node)).collect();
        if !told.is_empty() {
            named().filter(|node| told.contains(&view.file(*node))).for_each(|node| self.note(view, node));
        }
    }

    fn note(&mut self, view: &View, node: NodeId) {
        let mut at = node;
        while !self.is_wanted(view, at) {
            self.more.insert(at);
            at = view.parent(at);
        }
    }
}

impl Telling for Changeset<'_> {
    fn is_wanted(&self, view: &View, node: NodeId) -> bool {
        view.touched_by(node) > self.layers || self.more.contains(node)
    }

    fn tell(&mut self, mut entry: Entry, is_root: bool) -> Option<Entry> {
        if is_root {
            entry.name = b"./".to_vec();
        }
        Some(entry)
    }

    fn after(&mut self, view: &View, node: NodeId) -> Vec<Entry> {
        let (Some(below), Some(old)) = (self.below, self.gone_in.get(&node)) else { return Vec::new() };
        let gone = below
            .children(*old)
            .into_iter()
            .filter(|child| view.entry_in(node, below.name(*child)).is_none());
        let path = view.path(node);
        let whiteout = |child| {
            let name = Whiteout::Name(below.name(child)).name();
            Entry {
                name: if path.is_empty() { name } else { [&path[..], b"/", &name].concat() },
                kind: EntryKind::File,
                mode: 0o600,
                uid: 0,
                gid: 0,
                mtime: Mtime::default(),
                size: 0,
                xattrs: Vec::new(),
            }
        };
        gone.map(whiteout).collect()
    }
}

#[cfg(test)]
mod tests;
