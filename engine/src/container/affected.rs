//! Which files of a layer suffer when some of its bytes are lost.

use std::ops::Range;

use super::Layer;
use super::rootfs::Stored;
use crate::chunk::{Cursor, Lost, Reader};
use crate::tar::{Data, Entries, Found};

/// So many files are told by their names; of more it is told how many.
const MOST_NAMED: usize = 100;

/// Files of a layer that cannot be given back whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Affected {
    /// Their paths, without a slash before them, the first hundred of them.
    pub files: Vec<Vec<u8>>,
    /// How many more there are.
    pub more: u64,
    /// From this byte of the layer on it is not known what is there: a header is
    /// lost, or the layer is compressed.
    pub unknown_from: Option<u64>,
}

/// The files of `layer` that have bytes in what is `lost` of it.
pub fn affected(layer: &Layer, lost: &Lost, reader: &mut Reader) -> Affected {
    let mut affected = Affected::default();
    if !layer.is_plain {
        affected.unknown_from = lost.ranges.first().map(|range| range.start);
        return affected;
    }
    let Ok(cursor) = Cursor::new(&layer.body, reader) else { return affected };
    let mut entries = Entries::new(Stored(cursor));
    let mut known = 0;
    loop {
        match entries.next() {
            Ok(Some(found)) => {
                known = end_of(&found).unwrap_or_default().max(known);
                if is_in(&found, &lost.ranges) {
                    affected.add(found.entry.name);
                }
            }
            Ok(None) => return affected,
            Err(_) => {
                let behind = lost.ranges.iter().find(|range| range.end > known);
                affected.unknown_from = behind.map(|range| range.start.max(known));
                return affected;
            }
        }
    }
}

impl Affected {
    fn add(&mut self, name: Vec<u8>) {
        if self.files.len() < MOST_NAMED { self.files.push(name) } else { self.more += 1 }
    }
}

/// Whether bytes of the file lie in what is lost.
fn is_in(found: &Found, lost: &[Range<u64>]) -> bool {
    let overlaps = |offset: u64, len: u64| {
        let first = lost.partition_point(|range| range.end <= offset);
        lost.get(first).is_some_and(|range| range.start < offset.saturating_add(len))
    };
    match &found.data {
        Data::None => false,
        Data::Plain { offset } => overlaps(*offset, found.entry.size),
        Data::Sparse(extents) => extents.iter().any(|extent| overlaps(extent.offset, extent.len)),
    }
}

/// Where in the tar the last bytes of a file end.
fn end_of(found: &Found) -> Option<u64> {
    match &found.data {
        Data::None => None,
        Data::Plain { offset } => Some(offset.saturating_add(found.entry.size)),
        Data::Sparse(extents) => extents.last().map(|extent| extent.offset.saturating_add(extent.len)),
    }
}
