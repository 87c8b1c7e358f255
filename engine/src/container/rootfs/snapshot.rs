//! A stack of layers as it was at some point, without a reader: to return to it.

use super::{Bytes, RootFs};
use crate::chunk::Reader;
use crate::container::view::View;
use crate::image::DiffId;

/// A [`RootFs`] that is put aside. It shares with others what none of them has changed since.
pub struct Snapshot {
    view: View,
    layers: Vec<(DiffId, Bytes)>,
}

impl RootFs {
    /// The file system as it is now. Files of a writable layer are not readable in it.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { view: self.view.separate(), layers: again(&self.layers) }
    }

    /// The file system, and the reader that it had.
    pub fn into_snapshot(self) -> (Snapshot, Reader) {
        (Snapshot { view: self.view, layers: self.layers }, self.reader)
    }
}

impl Snapshot {
    /// No layers yet, on `view`, an empty one.
    pub fn empty(view: View) -> Self {
        Self { view, layers: Vec::new() }
    }

    /// The same once more.
    pub fn again(&self) -> Self {
        Self { view: self.view.separate(), layers: again(&self.layers) }
    }

    /// The file system again, with `reader` to read its files.
    pub fn open(self, reader: Reader) -> RootFs {
        RootFs { view: self.view, layers: self.layers, reader, carried: None }
    }
}

fn again(layers: &[(DiffId, Bytes)]) -> Vec<(DiffId, Bytes)> {
    layers.iter().map(|(diff_id, bytes)| (*diff_id, bytes.again())).collect()
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("view", &self.view).finish_non_exhaustive()
    }
}
