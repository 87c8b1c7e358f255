//! What there is to make of a layer.

use std::collections::{HashMap, HashSet};

use super::super::view::{Content, Extents, Marks, NodeId, View};

/// A thread takes so many bytes of files at once: enough of them that frames on the
/// border, which two threads read, are few.
const JOB_BYTES: u64 = 12 << 20;
/// And so many files at most.
const JOB_FILES: usize = 512;

/// What there is to make of a layer.
#[derive(Debug)]
pub struct Plan {
    /// Directories, each behind the one that it is in; the root is the first.
    pub dirs: Vec<NodeId>,
    /// All else, by one of its names: files in the order in which their bytes lie, then
    /// what has none.
    files: Vec<NodeId>,
    /// Where the jobs that `files` are cut into end.
    ends: Vec<usize>,
    /// Other names, each with the one in `files`.
    pub links: Vec<(NodeId, NodeId)>,
}

impl Plan {
    /// That of the top layer of `view`.
    pub fn of(view: &View) -> Self {
        let told = Told::of(view);
        let (mut dirs, mut files, mut links) = (Vec::new(), Vec::new(), Vec::new());
        let mut names = HashMap::new();
        let mut waiting = vec![view.root()];
        while let Some(node) = waiting.pop() {
            if view.is_directory(node) {
                dirs.push(node);
                waiting.extend(view.children(node).into_iter().rev().filter(|child| told.has(*child)));
                continue;
            }
            match names.get(&view.file(node)) {
                Some(first) => links.push((node, *first)),
                None => files.push(node),
            }
            if view.links(node) > 1 {
                names.entry(view.file(node)).or_insert(node);
            }
        }
        // Those without bytes stay in the order in which they came.
        files.sort_by_key(|node| place(view, *node));
        let ends = cut(view, &files);
        Self { dirs, files, ends, links }
    }

    /// The files, in parts of which each is one thread's at a time.
    pub fn jobs(&self) -> Vec<&[NodeId]> {
        let mut start = 0;
        let part =
            |end: &usize| self.files.get(std::mem::replace(&mut start, *end)..*end).unwrap_or_default();
        self.ends.iter().map(part).collect()
    }
}

/// Where the bytes of a file begin; what has none comes last, directory by directory.
fn place(view: &View, node: NodeId) -> (bool, usize, u64) {
    match view.content(node).filter(|content| has_bytes(content)) {
        Some(Content { layer, extents: Extents::At(offset), .. }) => (false, layer, offset),
        Some(Content { layer, extents: Extents::Sparse(extents), .. }) => {
            (false, layer, extents.first().map_or(0, |extent| extent.offset))
        }
        None => (true, 0, 0),
    }
}

/// Whether a file is more than a hole.
pub fn has_bytes(content: &Content<'_>) -> bool {
    match content.extents {
        Extents::At(_) => content.size > 0,
        Extents::Sparse(extents) => extents.iter().any(|extent| extent.len > 0),
    }
}

/// The bytes of `files`, holes included.
pub fn bytes_of(view: &View, files: &[NodeId]) -> u64 {
    let size = |node: &NodeId| view.content(*node).map_or(0, |content| content.size);
    files.iter().fold(0, |sum, node| sum.saturating_add(size(node)))
}

fn cut(view: &View, files: &[NodeId]) -> Vec<usize> {
    let (mut ends, mut start, mut bytes) = (Vec::new(), 0, 0_u64);
    for (at, node) in files.iter().enumerate() {
        bytes = bytes.saturating_add(view.content(*node).map_or(0, |content| content.size));
        if bytes >= JOB_BYTES || at + 1 - start >= JOB_FILES || at + 1 == files.len() {
            ends.push(at + 1);
            (start, bytes) = (at + 1, 0);
        }
    }
    ends
}

/// Of what something is said.
struct Told<'v> {
    view: &'v View,
    /// What is told though the layer does not speak of it: directories in which
    /// something is gone, other names of files, and the directories above.
    more: Marks,
}

impl<'v> Told<'v> {
    fn of(view: &'v View) -> Self {
        let mut told = Self { view, more: Marks::default() };
        for node in view.lost_something().filter(|node| view.missing_in(*node).next().is_some()) {
            told.note(node);
        }
        if !view.has_links() {
            return told;
        }
        let has_names = |node: &NodeId| view.links(*node) > 1;
        let spoken = view.nodes().filter(|node| has_names(node) && told.has(*node));
        let spoken: HashSet<_> = spoken.map(|node| view.file(node)).collect();
        if !spoken.is_empty() {
            let names = view.nodes().filter(|node| has_names(node) && spoken.contains(&view.file(*node)));
            names.for_each(|node| told.note(node));
        }
        told
    }

    fn has(&self, node: NodeId) -> bool {
        self.view.touched_by(node) == self.view.layers() || self.more.contains(node)
    }

    fn note(&mut self, node: NodeId) {
        let mut at = node;
        while !self.has(at) {
            self.more.insert(at);
            at = self.view.parent(at);
        }
    }
}
