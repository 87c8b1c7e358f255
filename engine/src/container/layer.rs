//! A layer as the store has it, and what it will be opened for.

use std::path::Path;

use crate::catalog::Blob;
use crate::chunk::Body;
use crate::image::DiffId;

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
