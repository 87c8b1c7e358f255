//! The upper layers of a stack as one layer.

use super::Telling;
use super::view::{NodeId, View};
use crate::image::Whiteout;
use crate::tar::{Entry, EntryKind, Mtime};

/// Tells what the layers above `below` say, and what is gone for them.
///
/// A directory is told with everything above it, though nobody changed it:
/// Docker takes an implied directory for a new one.
#[derive(Debug)]
pub struct Changeset<'c> {
    /// The file system without them; `None` if nothing is below them.
    pub below: Option<&'c View>,
    /// How many layers are below them.
    pub layers: usize,
}

impl Changeset<'_> {
    /// The directory of the view below that `node` changes.
    fn old_directory(&self, view: &View, node: NodeId) -> Option<(&View, NodeId)> {
        let below = self.below?;
        let path = view.path(node);
        let mut at = below.root();
        for part in path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
            at = below.entry_in(at, part)?;
        }
        below.is_directory(at).then_some((below, at))
    }
}

impl Telling for Changeset<'_> {
    fn is_wanted(&self, view: &View, node: NodeId) -> bool {
        view.touched_by(node) > self.layers
    }

    fn tell(&mut self, mut entry: Entry, is_root: bool) -> Option<Entry> {
        if is_root {
            entry.name = b"./".to_vec();
        }
        Some(entry)
    }

    fn after(&mut self, view: &View, node: NodeId) -> Vec<Entry> {
        let Some((below, old)) = self.old_directory(view, node) else { return Vec::new() };
        let gone =
            below.children(old).into_iter().filter(|child| view.entry_in(node, below.name(*child)).is_none());
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
