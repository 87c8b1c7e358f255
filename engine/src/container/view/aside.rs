//! Files that aufs put aside: each file of a layer with several names is in `.wh..wh.plnk` once,
//! and its names are hard links to it.
//!
//! They have no name of their own in the view, and are known only to the layer that has them.

use std::collections::HashMap;

use super::records::Body;
use super::{Error, Shared, View};
use crate::tar::{Data, Entry, EntryKind};

/// What a file takes beside the bytes of its name.
const FILE_BYTES: usize = 64;

/// By name, the numbers of the files that the current layer put aside.
#[derive(Debug, Clone, Default)]
pub(super) struct Aside {
    files: HashMap<Vec<u8>, u32>,
    bytes: usize,
}

impl Aside {
    /// The bytes of memory that it takes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl View {
    /// Puts a file aside under its last name, as Docker does. Anything else is a note of aufs's own.
    pub(super) fn put_aside(&mut self, name: &[u8], entry: &Entry, data: Data) -> Result<(), Error> {
        if entry.kind != EntryKind::File {
            return Ok(());
        }
        self.check_room()?;
        let body = Body::Own(self.inode_of(entry, data)?);
        let record = self.records.add(b"", &body);
        let number = self.add_shared(Shared { links: 1, record });
        self.aside.bytes += name.len() + FILE_BYTES;
        if let Some(before) = self.aside.files.insert(name.to_vec(), number) {
            self.release(before);
        }
        Ok(())
    }

    /// The number of the file that was put aside under `name`.
    pub(super) fn put_aside_as(&self, name: &[u8]) -> Option<u32> {
        self.aside.files.get(name).copied()
    }

    /// The current layer has come to its end: what it put aside without giving it a name goes.
    pub fn end_layer(&mut self) {
        for (_, number) in std::mem::take(&mut self.aside).files {
            self.release(number);
        }
    }
}
