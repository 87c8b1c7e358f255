//! A root file system: the view of a stack of layers, and the bytes of its files.

use std::collections::VecDeque;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::view::{Content, Extents, Follow, NodeId, View};
use super::{Carried, Error, Fill, Result, Upper, carried};
use crate::archive::{Decoder, Nesting};
use crate::catalog::Blob;
use crate::chunk::{self, Body, Cursor, Outline, Piece, Reader};
use crate::disk::Scratch;
use crate::image::{DiffId, Digest};
use crate::tar::{Entries, Entry, EntryError, EntryKind, Extent, Source, Streamed};
use crate::task::Task;

/// What is read at once.
const BUFFER_BYTES: usize = 256 << 10;

/// A layer as the store has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// The digest of its plain tar.
    pub diff_id: DiffId,
    /// Its bytes.
    pub body: Body,
    /// Whether these are the plain tar; else it is compressed.
    pub is_plain: bool,
}

impl Layer {
    /// The layer that `blob` holds, whose plain tar is `diff_id`.
    pub fn new(blob: &Blob, diff_id: DiffId) -> Self {
        Self { diff_id, body: blob.body, is_plain: blob.digest == diff_id.0 }
    }
}

/// What will be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose<'p> {
    /// Names, and the bytes of one file at most.
    Look,
    /// Names, and the bytes of who knows how many files. A compressed layer, which
    /// can be entered at its start only, is unwrapped into a passing file in this
    /// directory once a file of it is asked for.
    ReadSome(Option<&'p Path>),
    /// The bytes of all files: compressed layers are unwrapped at once.
    ReadAll(Option<&'p Path>),
}

/// A stack of layers as one file system.
pub struct RootFs {
    view: View,
    layers: Vec<(DiffId, Bytes)>,
    reader: Reader,
    carried: Option<Carried>,
}

/// Where the plain tar of a layer can be read.
enum Bytes {
    /// In the store, from any byte on.
    Stored(Outline),
    /// In the store, compressed: from its start on.
    Wrapped(Body, Unwrapping),
    /// In a passing file.
    Unwrapped(Arc<Scratch>),
    /// On disk, by the paths of the files: the writable layer.
    Upper(Box<Upper>),
    /// Nowhere: what files the layer has are empty.
    Nowhere,
}

/// How a compressed layer is entered.
#[derive(Debug, Clone)]
enum Unwrapping {
    /// At its start, for every file anew.
    EachTime,
    /// Once and for all, into a passing file in this directory.
    Once(Option<PathBuf>),
}

/// Stands for a layer that is no tar and has no digest.
const NO_DIFF_ID: DiffId = DiffId(Digest::from_bytes([0; 32]));

impl RootFs {
    /// Puts `layers` together, base first. Of plain layers only headers are read.
    /// `watch` is shown every entry with the number of its layer, the base being 0.
    ///
    /// # Errors
    /// If a layer is no tar or cannot be applied, the store is damaged, or the
    /// disk fails.
    pub fn open(
        layers: &[Layer],
        reader: Reader,
        purpose: Purpose<'_>,
        task: &Task,
        watch: &mut dyn FnMut(usize, &Entry),
    ) -> Result<Self> {
        let mut rootfs = Self { view: View::new(), layers: Vec::new(), reader, carried: None };
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
            self.layers.push((layer.diff_id, bytes));
        }
        Ok(())
    }

    /// The same file system once more, to go on with in another way: so that what
    /// was put on top can be compared with what it was put on. A writable layer
    /// cannot be there twice; its files are not readable in the other one.
    pub fn fork(&self, reader: Reader) -> Self {
        let bytes = |bytes: &Bytes| match bytes {
            Bytes::Stored(outline) => Bytes::Stored(outline.clone()),
            Bytes::Wrapped(body, how) => Bytes::Wrapped(*body, how.clone()),
            Bytes::Unwrapped(scratch) => Bytes::Unwrapped(Arc::clone(scratch)),
            Bytes::Upper(_) | Bytes::Nowhere => Bytes::Nowhere,
        };
        let layers = self.layers.iter().map(|(diff_id, body)| (*diff_id, bytes(body))).collect();
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
                let mut scratch = Scratch::create(dir).map_err(Error::Scratch)?;
                let copy = BufWriter::with_capacity(BUFFER_BYTES, &mut scratch);
                let mut copying = Streamed(Copying { inner: plain, copy });
                scan.read(&mut copying)?;
                copying.0.copy.flush().map_err(Error::Scratch)?;
                drop(copying);
                Ok(Bytes::Unwrapped(Arc::new(scratch)))
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

/// The bytes of files, apart from their names.
pub(super) struct Bodies<'b> {
    layers: &'b mut [(DiffId, Bytes)],
}

impl Bodies<'_> {
    /// Adds the bytes of a file to `pieces`; `false` if they are not in the
    /// store as they are, and [`Bodies::copy`] has to hand them out.
    pub fn pieces(
        &mut self,
        content: Content<'_>,
        reader: &mut Reader,
        pieces: &mut VecDeque<Piece>,
    ) -> chunk::Result<bool> {
        let Some((_, Bytes::Stored(outline))) = self.layers.get_mut(content.layer) else { return Ok(false) };
        let mut at = 0;
        for extent in extents(&content) {
            hole(extent.at - at, pieces);
            outline.pieces(extent.offset, extent.len, reader, pieces)?;
            at = extent.at + extent.len;
        }
        hole(content.size - at, pieces);
        Ok(true)
    }

    /// Hands out the bytes of a file.
    pub fn copy(
        &mut self,
        view: &View,
        node: NodeId,
        reader: &mut Reader,
        sink: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        copy_file(view, node, self.layers, reader, sink)
    }
}

/// Hands out the bytes of the file `node`, from wherever they are.
fn copy_file(
    view: &View,
    node: NodeId,
    layers: &mut [(DiffId, Bytes)],
    reader: &mut Reader,
    sink: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let Some(content) = view.content(node) else { return Ok(()) };
    if let Some((_, Bytes::Upper(upper))) = layers.get(content.layer) {
        return copy_upper(upper, &view.path(node), content.size, sink);
    }
    let mut pieces = Some(VecDeque::new());
    let is_stored = pieces.as_mut().map(|pieces| Bodies { layers }.pieces(content, reader, pieces));
    if !is_stored.transpose()?.unwrap_or_default() {
        return copy_content(content, layers, reader, sink);
    }
    let mut failed = None;
    let copied = reader.copy_pieces(
        &mut |_, queue| {
            queue.extend(pieces.take().into_iter().flatten());
            Ok(false)
        },
        &mut |bytes| {
            sink(bytes).map_err(|error| {
                failed = Some(error);
                chunk::Error::Output(io::Error::other("the receiver failed"))
            })
        },
    );
    match failed {
        Some(error) => Err(error),
        None => Ok(copied?),
    }
}

/// Hands out as many bytes of a file in the writable layer as were announced:
/// the container may be running.
fn copy_upper(
    upper: &Upper,
    path: &[u8],
    size: u64,
    sink: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut file = upper.open_file(path)?.take(size);
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut done = 0;
    while done < size {
        let len = file.read(&mut buffer).map_err(Error::Input)?;
        if len == 0 {
            return Err(Error::Changed { path: path.into() });
        }
        sink(buffer.get(..len).unwrap_or_default())?;
        done += len as u64;
    }
    Ok(())
}

fn hole(len: u64, pieces: &mut VecDeque<Piece>) {
    if len > 0 {
        pieces.push_back(Piece::Zeros(len));
    }
}

/// The extents of a file, holes left out.
fn extents(content: &Content<'_>) -> Vec<Extent> {
    match content.extents {
        Extents::At(_) if content.size == 0 => Vec::new(),
        Extents::At(offset) => vec![Extent { at: 0, offset, len: content.size }],
        Extents::Sparse(extents) => extents.to_vec(),
    }
}

fn copy_content(
    content: Content<'_>,
    layers: &mut [(DiffId, Bytes)],
    reader: &mut Reader,
    sink: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let Some((diff_id, bytes)) = layers.get_mut(content.layer) else { return Ok(()) };
    if let Bytes::Wrapped(body, Unwrapping::Once(dir)) = bytes {
        *bytes = Bytes::Unwrapped(Arc::new(unwrap_whole(body, reader, *diff_id, dir.as_deref())?));
    }
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut at = 0;
    // A wrapped layer is opened at its start, once: extents are in the tar's order.
    let mut opened = match bytes {
        Bytes::Wrapped(body, _) => Some((unwrapped(body, reader, *diff_id)?, 0_u64)),
        _ => None,
    };
    for extent in extents(&content) {
        zeros(extent.at - at, &mut buffer, sink)?;
        let mut offset = extent.offset;
        let mut left = extent.len;
        if let Some((plain, position)) = &mut opened {
            let before = offset.saturating_sub(*position);
            let failed = |error| not_unwrapped(error, *diff_id);
            io::copy(&mut plain.take(before), &mut io::sink()).map_err(failed)?;
            *position = offset + left;
        }
        while left > 0 {
            let len = left.min(BUFFER_BYTES as u64);
            let room = buffer.get_mut(..len as usize).unwrap_or_default();
            match (&mut *bytes, &mut opened) {
                (Bytes::Unwrapped(scratch), _) => {
                    scratch.read_exact_at(room, offset).map_err(Error::Scratch)?;
                }
                (_, Some((plain, _))) => {
                    plain.read_exact(room).map_err(|error| not_unwrapped(error, *diff_id))?;
                }
                (_, None) => break,
            }
            sink(room)?;
            offset += len;
            left -= len;
        }
        at = extent.at + extent.len;
    }
    zeros(content.size - at, &mut buffer, sink)
}

fn zeros(mut len: u64, buffer: &mut [u8], sink: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    if len > 0 {
        buffer.fill(0);
    }
    while len > 0 {
        let now = len.min(buffer.len() as u64);
        sink(buffer.get(..now as usize).unwrap_or_default())?;
        len -= now;
    }
    Ok(())
}

type Plain<'r> = Decoder<BufReader<Stored<'r>>>;

/// The plain tar of a compressed layer.
fn unwrapped<'r>(body: &Body, reader: &'r mut Reader, layer: DiffId) -> Result<Plain<'r>> {
    let stored = Stored(Cursor::new(body, reader)?);
    let buffered = BufReader::with_capacity(BUFFER_BYTES, stored);
    // How much it may take was looked at when it was loaded.
    Decoder::new(buffered, Nesting::Inner).map_err(|error| not_unwrapped(error, layer))
}

/// The plain tar of a compressed layer, as a passing file.
fn unwrap_whole(body: &Body, reader: &mut Reader, layer: DiffId, dir: Option<&Path>) -> Result<Scratch> {
    let mut scratch = Scratch::create(dir).map_err(Error::Scratch)?;
    let mut plain = unwrapped(body, reader, layer)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let len = match plain.read(&mut buffer) {
            Ok(0) => return Ok(scratch),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            len => len.map_err(|error| not_unwrapped(error, layer))?,
        };
        scratch.write_all(buffer.get(..len).unwrap_or_default()).map_err(Error::Scratch)?;
    }
}

/// An error of the store below is that, and not one of the compression.
fn not_unwrapped(source: io::Error, layer: DiffId) -> Error {
    match source.downcast::<chunk::Error>() {
        Ok(error) => Error::Chunk(error),
        Err(source) => Error::Unwrap { layer, source },
    }
}

/// The reading of one layer.
struct Scan<'s> {
    layer: DiffId,
    view: &'s mut View,
    carried: &'s mut Option<Carried>,
    task: &'s Task,
    watch: &'s mut dyn FnMut(&Entry),
}

/// Between two looks at whether to stop.
const CHECK_ENTRIES: u32 = 4096;

impl Scan<'_> {
    /// Applies the entries of a layer.
    fn read(&mut self, source: impl Source) -> Result<()> {
        let layer = self.layer;
        *self.carried = None;
        let mut entries = Entries::new(source);
        let mut count = 0_u32;
        loop {
            let found = entries.next().map_err(|error| told(error, layer))?;
            // It may stand before no entry at all.
            if let Some(records) = entries.take_global() {
                *self.carried = self.carried.take().or_else(|| carried::decode(&records));
            }
            let Some(found) = found else { return Ok(()) };
            (self.watch)(&found.entry);
            self.view.apply(found).map_err(|error| Error::Apply { layer, source: Box::new(error) })?;
            count = count.wrapping_add(1);
            if count.is_multiple_of(CHECK_ENTRIES) {
                self.task.check()?;
            }
        }
    }
}

/// An error of the store below or of the passing file is that, and not one of the tar.
fn told(error: EntryError, layer: DiffId) -> Error {
    let EntryError::Read { offset, source } = error else { return Error::Tar { layer, source: error } };
    let source = match source.downcast::<chunk::Error>() {
        Ok(error) => return Error::Chunk(error),
        Err(source) => source,
    };
    match source.downcast::<NotKept>() {
        Ok(NotKept(error)) => Error::Scratch(error),
        Err(source) => Error::Tar { layer, source: EntryError::Read { offset, source } },
    }
}

/// A plain tar in the store.
struct Stored<'r>(Cursor<'r>);

impl Read for Stored<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(io::Error::other)
    }
}

impl Source for Stored<'_> {
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        if self.0.skip(bytes) { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// The passing file failed while the tar was read.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct NotKept(io::Error);

/// A reader whose bytes are also kept.
struct Copying<'c, R> {
    inner: R,
    copy: BufWriter<&'c mut Scratch>,
}

impl<R: Read> Read for Copying<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(buffer)?;
        let kept = self.copy.write_all(buffer.get(..len).unwrap_or_default());
        kept.map_err(|error| io::Error::other(NotKept(error)))?;
        Ok(len)
    }
}

impl std::fmt::Debug for RootFs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RootFs").field("view", &self.view).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
