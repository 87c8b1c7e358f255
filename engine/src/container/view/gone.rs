//! What the current layer takes away of those below it: what somebody must say who
//! lays it over them.

use std::collections::{BTreeSet, HashMap};

use super::{Error, NodeId, View};

/// By directory, the names of which what lower layers had there is gone, whatever is
/// there now. Names of a directory that went itself are forgotten: so there are never
/// more of them than paths were and are.
#[derive(Debug, Clone, Default)]
pub(super) struct Gone {
    names: HashMap<u32, BTreeSet<Vec<u8>>>,
    bytes: usize,
}

/// What a name takes beside its bytes, and what a directory does.
const NAME_BYTES: usize = 64;
const DIRECTORY_BYTES: usize = 64;

impl Gone {
    /// The bytes of memory that it takes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

impl View {
    /// From now on keeps in mind what each layer takes away.
    pub fn keep_gone(&mut self) {
        self.gone = Some(Gone::default());
    }

    /// The directories in which the current layer took something away.
    pub fn lost_something(&self) -> impl Iterator<Item = NodeId> {
        self.gone.iter().flat_map(|gone| gone.names.keys()).map(|directory| NodeId(*directory))
    }

    /// The names that the layers below the current one have in the directory `node`
    /// and that are not there any more.
    pub fn missing_in(&self, node: NodeId) -> impl Iterator<Item = &[u8]> {
        let gone = self.gone.as_ref().and_then(|gone| gone.names.get(&node.0));
        let names = gone.into_iter().flatten().map(Vec::as_slice);
        names.filter(move |name| self.entry_in(node, name).is_none())
    }

    /// Whether all that is below the directory `node` is the current layer's, where
    /// lower ones have something.
    pub fn is_opaque(&self, node: NodeId) -> bool {
        let Some(gone) = &self.gone else { return false };
        let (found, parent) = (self.node(node.0), self.parent(node));
        let is_another =
            node.0 != 0 && gone.names.get(&parent.0).is_some_and(|names| names.contains(self.name(node)));
        is_another || found.cleared == self.layers && self.missing_in(node).next().is_some()
    }

    /// Notes that what lower layers have at `node` goes.
    pub(super) fn note_gone(&mut self, node: u32) -> Result<(), Error> {
        let found = self.node(node);
        let Self { gone: Some(gone), records, .. } = self else { return Ok(()) };
        let names = gone.names.entry(found.parent).or_insert_with(|| {
            gone.bytes += DIRECTORY_BYTES;
            BTreeSet::new()
        });
        let name = records.name(found.record);
        if !names.contains(name) {
            gone.bytes += name.len() + NAME_BYTES;
            names.insert(name.to_vec());
        }
        self.check_bytes()
    }

    pub(super) fn forget_gone_in(&mut self, directory: u32) {
        if let Some(gone) = &mut self.gone
            && let Some(names) = gone.names.remove(&directory)
        {
            let bytes = names.iter().map(|name| name.len() + NAME_BYTES).sum::<usize>();
            gone.bytes = gone.bytes.saturating_sub(bytes + DIRECTORY_BYTES);
        }
    }
}
