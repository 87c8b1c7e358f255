//! A root file system: the view of a stack of layers, and the bytes of its files.

mod bytes;
mod content_key;
mod scan;
mod snapshot;
mod supply;
mod unwrap;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use super::view::{Follow, NodeId, View};
use super::{Carried, Error, Fill, Layer, Purpose, Result, Upper};
use crate::chunk::{Cursor, Outline, Piece, Reader};
use crate::disk::{Folder, Scratch};
use crate::image::{DiffId, Digest};
use crate::tar::{Entry, EntryKind, Streamed};
use crate::task::Task;

pub(super) use bytes::Bodies;
use bytes::{Bytes, Unwrapping, copy_file};
pub use content_key::ContentKey;
use scan::{Copying, Scan};
pub use snapshot::Snapshot;
pub use supply::Supply;
pub(super) use unwrap::Stored;
use unwrap::unwrapped;

/// What is read at once.
const BUFFER_BYTES: usize = 256 << 10;

/// A stack of layers as one file system.
pub struct RootFs {
    view: View,
    layers: Vec<(DiffId, Bytes)>,
    reader: Reader,
    carried: Option<Carried>,
}

/// Stands for a layer that is no tar and has no digest.
const NO_DIFF_ID: DiffId = DiffId(Digest::from_bytes([0; 32]));

impl RootFs {
    /// Puts `layers` on `view`, an empty one, base first. Of plain layers only headers are
    /// read.
    /// `watch` is shown every entry with the number of its layer, the base being 0.
    ///
    /// # Errors
    /// If a layer is no tar or cannot be applied, the store is damaged, or the
    /// disk fails.
    pub fn open(
        view: View,
        layers: &[Layer],
        reader: Reader,
        purpose: Purpose<'_>,
        task: &Task,
        watch: &mut dyn FnMut(usize, &Entry),
    ) -> Result<Self> {
        let mut rootfs = Self { view, layers: Vec::new(), reader, carried: None };
        rootfs.extend(layers, purpose, task, watch)?;
        Ok(rootfs)
    }

    /// Puts `layers` on top.
    ///
    /// # Errors
    /// As [`RootFs::open`].
    pub fn extend(
        &mut self,
        layers: &[Layer],
        purpose: Purpose<'_>,
        task: &Task,
        watch: &mut dyn FnMut(usize, &Entry),
    ) -> Result<()> {
        for layer in layers {
            task.check()?;
            self.view.begin_layer()?;
            let number = self.layers.len();
            let bytes = self.add(layer, purpose, task, &mut |entry| watch(number, entry))?;
            self.view.end_layer();
            self.layers.push((layer.diff_id, bytes));
        }
        Ok(())
    }

    /// The same file system once more, to go on with in another way: so that what
    /// was put on top can be compared with what it was put on. A writable layer
    /// cannot be there twice; its files are not readable in the other one.
    pub fn fork(&self, reader: Reader) -> Self {
        let layers = self.layers.iter().map(|(diff_id, bytes)| (*diff_id, bytes.again())).collect();
        Self { view: self.view.clone(), layers, reader, carried: None }
    }

    fn add(
        &mut self,
        layer: &Layer,
        purpose: Purpose<'_>,
        task: &Task,
        watch: &mut dyn FnMut(&Entry),
    ) -> Result<Bytes> {
        let Self { view, reader, carried, .. } = self;
        let mut scan = Scan { layer: layer.diff_id, view, carried, task, watch };
        if layer.is_plain {
            scan.read(Stored(Cursor::new(&layer.body, reader)?))?;
            return Ok(Bytes::Stored(Outline::of(&layer.body, reader)?));
        }
        let plain = unwrapped(&layer.body, reader, layer.diff_id)?;
        match purpose {
            Purpose::Look => {
                scan.read(Streamed(plain))?;
                Ok(Bytes::Wrapped(layer.body, Unwrapping::EachTime))
            }
            Purpose::ReadSome(dir) => {
                scan.read(Streamed(plain))?;
                Ok(Bytes::Wrapped(layer.body, Unwrapping::Once(dir.map(Path::to_owned))))
            }
            Purpose::ReadAll(dir) => {
                let scratch = Scratch::create(dir).map_err(Error::Scratch)?;
                let mut copying = Streamed(Copying::new(plain, scratch));
                scan.read(&mut copying)?;
                Ok(Bytes::Unwrapped(Arc::new(copying.0.finish()?)))
            }
        }
    }

    /// The config that the tar of the top layer carries.
    pub fn into_carried(self) -> Option<Carried> {
        self.carried
    }

    /// The names.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The names alone.
    pub fn into_view(self) -> View {
        self.view
    }

    /// The names, to be changed beyond what the layers say.
    pub fn view_mut(&mut self) -> &mut View {
        &mut self.view
    }

    /// Hands the bytes of the file `node` to `sink`; none for what is no file.
    ///
    /// # Errors
    /// If they cannot be read, or `sink` fails.
    pub fn copy(&mut self, node: NodeId, sink: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let Self { view, layers, reader, .. } = self;
        copy_file(view, node, layers, reader, sink)
    }

    /// Puts the writable layer of a container on top.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn add_upper(&mut self, upper: Upper) -> Result<()> {
        // What Docker puts between image and container has names only.
        self.layers.resize_with(self.view.layers(), || (NO_DIFF_ID, Bytes::Nowhere));
        upper.apply(&mut self.view)?;
        self.layers.push((NO_DIFF_ID, Bytes::Upper(Box::new(upper))));
        Ok(())
    }

    /// From now on the writable layer on top is written through the root directory of the
    /// container that runs: see [`Upper::write_through`].
    pub fn write_through(&mut self, root: Folder, files: Folder) {
        if let Some((_, Bytes::Upper(upper))) = self.layers.last_mut() {
            upper.write_through(root, files);
        }
    }

    /// Puts `entry` into the writable layer on top, with the content that `fill`
    /// writes: see [`Upper::put`]. A file of a lower layer that is to get another
    /// name is copied up first.
    ///
    /// # Errors
    /// If there is no writable layer, or it cannot be written.
    pub fn put(&mut self, mut entry: Entry, fill: Fill<'_>) -> Result<()> {
        let Self { view, layers, reader, .. } = self;
        let Some(((_, Bytes::Upper(upper)), lower)) = layers.split_last_mut() else {
            return Err(Error::NotWritable);
        };
        if let EntryKind::Hardlink(target) = &entry.kind {
            let node = view.find(target, Follow::No)?;
            if view.is_directory(node) {
                return Err(Error::LinkToDirectory { entry: entry.name, target: target.clone() });
            }
            let path = view.path(node);
            if path == entry.name {
                return Ok(());
            }
            if !upper.has(&path)? {
                let whole = view.entry(node);
                upper.write(view, &whole, &mut |out| {
                    let mut sink = |bytes: &[u8]| out.write_all(bytes).map_err(Error::Output);
                    copy_file(view, node, lower, reader, &mut sink)
                })?;
                Upper::tell(view, whole)?;
            }
            entry.kind = EntryKind::Hardlink(path);
        }
        upper.put(view, entry, fill)
    }

    /// Makes what was put survive a power cut.
    ///
    /// # Errors
    /// If that fails.
    pub fn finish(&mut self) -> Result<()> {
        match self.layers.last_mut() {
            Some((_, Bytes::Upper(upper))) => upper.finish(),
            _ => Ok(()),
        }
    }

    /// What names the bytes of layer `number`, the base being 0, if something does.
    pub(super) fn layer_id(&self, number: usize) -> Option<DiffId> {
        let (diff_id, bytes) = self.layers.get(number)?;
        (!matches!(bytes, Bytes::Upper(_) | Bytes::Nowhere)).then_some(*diff_id)
    }

    /// The pieces of the file `node`, if its bytes are in the store as they are.
    pub(super) fn stored_pieces(&mut self, node: NodeId) -> Result<Option<VecDeque<Piece>>> {
        let Self { view, layers, reader, .. } = self;
        let mut pieces = VecDeque::new();
        let Some(content) = view.content(node) else { return Ok(None) };
        let is_stored = Bodies { layers }.pieces(content, reader, &mut pieces)?;
        Ok(is_stored.then_some(pieces))
    }

    pub(super) fn parts(&mut self) -> (&View, Bodies<'_>, &mut Reader) {
        (&self.view, Bodies { layers: &mut self.layers }, &mut self.reader)
    }
}

impl std::fmt::Debug for RootFs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RootFs").field("view", &self.view).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
