//! The bytes of files, from wherever their layer has them.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use super::unwrap::{not_unwrapped, unwrap_whole, unwrapped};
use super::{BUFFER_BYTES, Error, Result};
use crate::chunk::{self, Body, Outline, Piece, Reader};
use crate::container::Upper;
use crate::container::view::{Content, Extents, NodeId, View};
use crate::disk::Scratch;
use crate::image::DiffId;
use crate::tar::Extent;

/// Where the plain tar of a layer can be read.
pub enum Bytes {
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

impl Bytes {
    /// The same once more. A writable layer cannot be there twice: its files are not
    /// readable in the other one.
    pub(super) fn again(&self) -> Self {
        match self {
            Self::Stored(outline) => Self::Stored(outline.clone()),
            Self::Wrapped(body, how) => Self::Wrapped(*body, how.clone()),
            Self::Unwrapped(scratch) => Self::Unwrapped(Arc::clone(scratch)),
            Self::Upper(_) | Self::Nowhere => Self::Nowhere,
        }
    }
}

/// How a compressed layer is entered.
#[derive(Debug, Clone)]
pub enum Unwrapping {
    /// At its start, for every file anew.
    EachTime,
    /// Once and for all, into a passing file in this directory.
    Once(Option<PathBuf>),
}

/// The bytes of files, apart from their names.
pub struct Bodies<'b> {
    pub(super) layers: &'b mut [(DiffId, Bytes)],
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
pub fn copy_file(
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
    let mut pieces = VecDeque::new();
    if !(Bodies { layers }.pieces(content, reader, &mut pieces)?) {
        return copy_content(content, layers, reader, sink);
    }
    let mut failed = None;
    let copied = reader.copy_pieces(
        &mut |_, queue| {
            queue.append(&mut pieces);
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
    let mut buffer = larder_memory::zeroed(BUFFER_BYTES)?;
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
pub(super) fn extents(content: &Content<'_>) -> Vec<Extent> {
    match content.extents {
        Extents::At(_) if content.size == 0 => Vec::new(),
        Extents::At(offset) => vec![Extent { at: 0, offset, len: content.size }],
        Extents::Sparse(extents) => extents.to_vec(),
    }
}

/// Hands out the bytes of a file that is in no layer as it is, holes as zeros.
fn copy_content(
    content: Content<'_>,
    layers: &mut [(DiffId, Bytes)],
    reader: &mut Reader,
    sink: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut blank = Vec::new();
    let mut done = 0;
    copy_extents(content, layers, reader, &mut |at, bytes| {
        zeros(at - done, &mut blank, sink)?;
        done = at + bytes.len() as u64;
        sink(bytes)
    })?;
    zeros(content.size - done, &mut blank, sink)
}

/// Hands out what of a file that is in no layer as it is lies between its holes, each
/// part with where in the file it begins.
pub(super) fn copy_extents(
    content: Content<'_>,
    layers: &mut [(DiffId, Bytes)],
    reader: &mut Reader,
    sink: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
) -> Result<()> {
    let Some((diff_id, bytes)) = layers.get_mut(content.layer) else { return Ok(()) };
    if let Bytes::Wrapped(body, Unwrapping::Once(dir)) = bytes {
        *bytes = Bytes::Unwrapped(Arc::new(unwrap_whole(body, reader, *diff_id, dir.as_deref())?));
    }
    let mut buffer = larder_memory::zeroed(BUFFER_BYTES)?;
    // A wrapped layer is opened at its start, once: extents are in the tar's order.
    let mut opened = match bytes {
        Bytes::Wrapped(body, _) => Some((unwrapped(body, reader, *diff_id)?, 0_u64)),
        _ => None,
    };
    for extent in extents(&content) {
        let (mut at, mut offset, mut left) = (extent.at, extent.offset, extent.len);
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
            sink(at, room)?;
            at += len;
            offset += len;
            left -= len;
        }
    }
    Ok(())
}

/// So many zeros, out of `buffer`, in which nothing else is.
fn zeros(mut len: u64, buffer: &mut Vec<u8>, sink: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    if len > 0 && buffer.is_empty() {
        *buffer = larder_memory::zeroed(BUFFER_BYTES)?;
    }
    while len > 0 {
        let now = len.min(buffer.len() as u64);
        sink(buffer.get(..now as usize).unwrap_or_default())?;
        len -= now;
    }
    Ok(())
}
