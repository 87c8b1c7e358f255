//! What the current layer takes away of those below it: what somebody must say who
//! lays it over them.

use std::collections::{BTreeSet, HashMap};

use super::{NONE, NodeId, View};

/// By directory, the names of which what lower layers had there is gone, whatever is
/// there now. Names of a directory that went itself are forgotten: so there are never
/// more of them than paths were and are.
pub(super) type Gone = HashMap<u32, BTreeSet<Vec<u8>>>;

impl View {
    /// From now on keeps in mind what each layer takes away.
    pub fn keep_gone(&mut self) {
        self.gone = Some(Gone::new());
    }

    /// The directories in which the current layer took something away.
    pub fn lost_something(&self) -> impl Iterator<Item = NodeId> {
        self.gone.iter().flatten().map(|(directory, _)| NodeId(*directory))
    }

    /// The names that the layers below the current one have in the directory `node`
    /// and that are not there any more.
    pub fn missing_in(&self, node: NodeId) -> impl Iterator<Item = &[u8]> {
        let gone = self.gone.as_ref().and_then(|gone| gone.get(&node.0));
        let names = gone.into_iter().flatten().map(Vec::as_slice);
        names.filter(move |name| self.entry_in(node, name).is_none())
    }

    /// Whether all that is below the directory `node` is the current layer's, where
    /// lower ones have something.
    pub fn is_opaque(&self, node: NodeId) -> bool {
        let Some(gone) = &self.gone else { return false };
        let (found, parent) = (self.node(node.0), self.parent(node));
        let is_another =
            node.0 != 0 && gone.get(&parent.0).is_some_and(|names| names.contains(self.name(node)));
        is_another || found.cleared == self.layers && self.missing_in(node).next().is_some()
    }

    /// All paths, in no order.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        let there = self.nodes.iter().zip(0..).filter(|(node, _)| node.inode != NONE);
        there.map(|(_, number)| NodeId(number))
    }

    /// Notes that what lower layers have at `node` goes.
    pub(super) fn note_gone(&mut self, node: u32) {
        let found = self.node(node);
        let Self { gone: Some(gone), names, .. } = self else { return };
        gone.entry(found.parent).or_default().insert(names.get(found.name).to_vec());
    }

    pub(super) fn forget_gone_in(&mut self, directory: u32) {
        if let Some(gone) = &mut self.gone {
            gone.remove(&directory);
        }
    }
}
