//! A mark for any of the paths of a view.

use super::NodeId;

/// Marked paths: a bit for each.
#[derive(Debug, Clone, Default)]
pub struct Marks(Vec<u64>);

impl Marks {
    /// Marks `node`.
    pub fn insert(&mut self, node: NodeId) {
        let (word, bit) = (node.0 as usize / 64, node.0 % 64);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(word) = self.0.get_mut(word) {
            *word |= 1 << bit;
        }
    }

    /// Whether `node` is marked.
    pub fn contains(&self, node: NodeId) -> bool {
        let word = self.0.get(node.0 as usize / 64);
        word.is_some_and(|word| word >> (node.0 % 64) & 1 == 1)
    }
}
