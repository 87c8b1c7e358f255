//! Names for the contents of files, to tell equal ones without reading them.

use super::RootFs;
use super::bytes::extents;
use crate::chunk::Piece;
use crate::container::Result;
use crate::container::view::NodeId;

/// What names a content. Equal keys mean equal bytes; different keys mean nothing.
pub type ContentKey = [u8; 32];

impl RootFs {
    /// The key of the file `node` by where its bytes lie in which layer; `None` if they are in
    /// none. Nothing is read.
    pub fn place_key(&self, node: NodeId) -> Option<ContentKey> {
        let content = self.view.content(node)?;
        let layer = self.layer_id(content.layer)?;
        let mut sum = blake3::Hasher::new();
        sum.update(b"place").update(layer.0.as_bytes()).update(&content.size.to_le_bytes());
        for extent in extents(&content) {
            for number in [extent.at, extent.offset, extent.len] {
                sum.update(&number.to_le_bytes());
            }
        }
        Some(*sum.finalize().as_bytes())
    }

    /// The key of the file `node` by the chunks that hold its bytes: the same in every layer
    /// that has them. `None` if they are not in the store as they are. Only the recipe is read.
    ///
    /// # Errors
    /// If the recipe cannot be read.
    pub fn pieces_key(&mut self, node: NodeId) -> Result<Option<ContentKey>> {
        let Some(pieces) = self.stored_pieces(node)? else { return Ok(None) };
        let mut sum = blake3::Hasher::new();
        sum.update(b"pieces");
        for piece in pieces {
            match &piece {
                Piece::Bytes(bytes) => sum.update(b"b").update(&piece.len().to_le_bytes()).update(bytes),
                Piece::Zeros(len) => sum.update(b"z").update(&len.to_le_bytes()),
                Piece::Chunk { name, from, to } => {
                    sum.update(b"c").update(&name.0).update(&from.to_le_bytes()).update(&to.to_le_bytes())
                }
            };
        }
        Ok(Some(*sum.finalize().as_bytes()))
    }
}
