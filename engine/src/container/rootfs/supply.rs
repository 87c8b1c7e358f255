//! The bytes of many files, one after another, without their holes.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;

use super::bytes::{Bytes, copy_extents, extents};
use super::{Error, Result, RootFs};
use crate::chunk::{self, Reader};
use crate::container::view::{NodeId, View};
use crate::image::DiffId;

/// Takes the bytes of files: of which file, where in it, and what.
pub type Sink<'s> = &'s mut dyn FnMut(NodeId, u64, &[u8]) -> Result<()>;

/// The bytes of the files of a [`RootFs`] as it was when this was made, for a thread of its own.
pub struct Supply {
    layers: Vec<(DiffId, Bytes)>,
    reader: Reader,
}

/// A stretch of a file whose bytes come next.
struct Stretch {
    node: NodeId,
    at: u64,
    left: u64,
}

impl RootFs {
    /// The bytes of its files, by `reader`; those in a writable layer are not among them.
    pub fn supply(&self, reader: Reader) -> Supply {
        let layers = self.layers.iter().map(|(diff_id, bytes)| (*diff_id, bytes.again())).collect();
        Supply { layers, reader }
    }
}

impl Supply {
    /// Knows the layers that were put on `rootfs` since.
    pub fn follow(&mut self, rootfs: &RootFs) {
        let new = rootfs.layers.get(self.layers.len()..).unwrap_or_default();
        self.layers.extend(new.iter().map(|(diff_id, bytes)| (*diff_id, bytes.again())));
    }

    /// Hands the bytes of `files` to `sink`, file by file and from start to end. What
    /// comes next is read ahead, so files that lie one behind the other are fast.
    ///
    /// # Errors
    /// If they cannot be read, or `sink` fails.
    pub fn copy_all(&mut self, view: &View, files: &[NodeId], sink: Sink<'_>) -> Result<()> {
        let Self { layers, reader } = self;
        let mut files = files.iter().copied();
        let mut is_more = true;
        while is_more {
            is_more = false;
            // A file that is not in the store as it is: it comes after those before it.
            let mut elsewhere = None;
            let mut failed = None;
            let coming = RefCell::new(VecDeque::new());
            let copied = reader.copy_pieces(
                &mut |reader, pieces| {
                    for node in files.by_ref() {
                        let Some(content) = view.content(node) else { continue };
                        let Some((_, Bytes::Stored(outline))) = layers.get_mut(content.layer) else {
                            elsewhere = Some(node);
                            return Ok(false);
                        };
                        for extent in extents(&content).into_iter().filter(|extent| extent.len > 0) {
                            coming.borrow_mut().push_back(Stretch { node, at: extent.at, left: extent.len });
                            outline.pieces(extent.offset, extent.len, reader, pieces)?;
                        }
                        return Ok(true);
                    }
                    Ok(false)
                },
                &mut |bytes| {
                    hand_out(&mut coming.borrow_mut(), bytes, sink).map_err(|error| {
                        failed = Some(error);
                        chunk::Error::Output(io::Error::other("the receiver failed"))
                    })
                },
            );
            match failed {
                Some(error) => return Err(error),
                None => copied?,
            }
            if let Some(node) = elsewhere {
                is_more = true;
                if let Some(content) = view.content(node) {
                    copy_extents(content, layers, reader, &mut |at, bytes| sink(node, at, bytes))?;
                }
            }
        }
        Ok(())
    }
}

/// Hands `bytes` out to the files that wait for them.
fn hand_out(coming: &mut VecDeque<Stretch>, mut bytes: &[u8], sink: Sink<'_>) -> Result<()> {
    while !bytes.is_empty() {
        let Some(next) = coming.front_mut() else {
            return Err(Error::Input(io::ErrorKind::InvalidData.into()));
        };
        let len = next.left.min(bytes.len() as u64);
        let (now, rest) = bytes.split_at_checked(len as usize).unwrap_or((bytes, &[]));
        sink(next.node, next.at, now)?;
        next.at += len;
        next.left -= len;
        bytes = rest;
        if next.left == 0 {
            coming.pop_front();
        }
    }
    Ok(())
}

impl std::fmt::Debug for Supply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supply").field("layers", &self.layers.len()).finish_non_exhaustive()
    }
}
