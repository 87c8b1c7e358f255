//! All paths in order.

use super::{NONE, NodeId, View};

/// Depth first; the names of a directory in the order of their bytes, a
/// directory before what is in it: the order of Go's `filepath.Walk`, which is
/// that of `docker export`.
#[derive(Debug)]
pub struct Walk<'v> {
    view: &'v View,
    /// Nodes that come, the next one last.
    waiting: Vec<NodeId>,
}

impl View {
    /// `from` and everything below it, in order.
    pub fn walk(&self, from: NodeId) -> Walk<'_> {
        Walk { view: self, waiting: vec![from] }
    }

    /// What is in the directory `node`, in order.
    pub fn children(&self, node: NodeId) -> Vec<NodeId> {
        let mut children = Vec::new();
        let mut at = self.node(node.0).first_child;
        while at != NONE {
            children.push(NodeId(at));
            at = self.node(at).next;
        }
        children.sort_unstable_by(|a, b| self.name(*a).cmp(self.name(*b)));
        children
    }
}

impl Iterator for Walk<'_> {
    type Item = NodeId;

    fn next(&mut self) -> Option<NodeId> {
        let node = self.waiting.pop()?;
        self.waiting.extend(self.view.children(node).into_iter().rev());
        Some(node)
    }
}
