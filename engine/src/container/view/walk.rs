//! All paths in order.

use std::vec;

use super::{NONE, NodeId, View};

/// Depth first; the names of a directory in the order of their bytes, a
/// directory before what is in it: the order of Go's `filepath.Walk`, which is
/// that of `docker export`.
#[derive(Debug)]
pub struct Walk<'v> {
    view: &'v View,
    first: Option<NodeId>,
    /// The directories on the way, with what is still to come in each.
    levels: Vec<Level>,
    /// The path of the node that came last.
    path: Vec<u8>,
}

#[derive(Debug)]
struct Level {
    children: vec::IntoIter<NodeId>,
    /// How long the path of the directory is.
    len: usize,
}

impl View {
    /// `from` and everything below it, in order.
    pub fn walk(&self, from: NodeId) -> Walk<'_> {
        Walk { view: self, first: Some(from), levels: Vec::new(), path: self.path(from) }
    }

    /// What is in the directory `node`, in order.
    pub fn children(&self, node: NodeId) -> Vec<NodeId> {
        let mut children = Vec::new();
        if !self.is_directory(node) {
            return children;
        }
        let mut at = self.node(node.0).first_child;
        while at != NONE {
            let child = self.node(at);
            if child.record != NONE {
                children.push(NodeId(at));
            }
            at = child.next;
        }
        children.sort_unstable_by(|a, b| self.name(*a).cmp(self.name(*b)));
        children
    }

    /// All paths, in no order.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        (0..self.nodes.len() as u32).filter(|number| self.node(*number).record != NONE).map(NodeId)
    }
}

impl Walk<'_> {
    /// The path of the node that came last, without a slash at either end.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    fn enter(&mut self, node: NodeId) {
        if self.view.is_directory(node) {
            let children = self.view.children(node).into_iter();
            self.levels.push(Level { children, len: self.path.len() });
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = NodeId;

    fn next(&mut self) -> Option<NodeId> {
        if let Some(first) = self.first.take() {
            self.enter(first);
            return Some(first);
        }
        loop {
            let level = self.levels.last_mut()?;
            let Some(node) = level.children.next() else {
                self.levels.pop();
                continue;
            };
            self.path.truncate(level.len);
            if !self.path.is_empty() {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(self.view.name(node));
            self.enter(node);
            return Some(node);
        }
    }
}
