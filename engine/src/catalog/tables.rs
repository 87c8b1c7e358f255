//! The database's tables.
//!
//! | tree         | key                          | value                   |
//! |--------------|------------------------------|-------------------------|
//! | `references` | canonical name               | [`Named`]               |
//! | `images`     | target, 32 bytes             | [`Image`]               |
//! | `blobs`      | digest, 32 bytes             | [`Blob`]                |
//! | `ids`        | image ID 32, target 32       | nothing                 |
//! | `names`      | target 32, canonical name    | nothing                 |
//! | `uses`       | blob 32, target 32           | nothing                 |
//! | `meta`       | `position`                   | [`Mark`]                |
//!
//! The last three trees before `meta` answer the first ones' questions from
//! the other side; they hold nothing of their own.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sled::Tree;

use super::record::{decode, encode};
use super::{Blob, Error, Image, Named, Result};
use crate::journal::Position;

/// How much memory the database may take for its cache: larder opens it for a
/// few questions at a time.
const CACHE_BYTES: u64 = 16 << 20;

/// The version of the tables. Another one is not read but made again.
const VERSION: u32 = 1;

const POSITION: &[u8] = b"position";

/// The open catalog. Nobody else may have it open at the same time.
#[derive(Debug)]
pub struct Catalog {
    pub(super) references: Tree,
    pub(super) images: Tree,
    pub(super) blobs: Tree,
    pub(super) ids: Tree,
    pub(super) names: Tree,
    pub(super) uses: Tree,
    pub(super) meta: Tree,
    // Last, so that it is closed after its trees.
    _database: sled::Db,
}

/// Up to where the catalog has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    version: u32,
    offset: u64,
    txn: u64,
    sum: u64,
    last_bytes: u64,
}

impl Catalog {
    /// Opens the catalog at `path`, or an empty one that passes away with this
    /// value.
    ///
    /// # Errors
    /// If the database cannot be opened.
    pub fn open(path: Option<&Path>) -> Result<Self> {
        let config =
            sled::Config::new().cache_capacity(CACHE_BYTES).flush_every_ms(None).mode(sled::Mode::LowSpace);
        let database = match path {
            Some(path) => config.path(path).open()?,
            None => config.temporary(true).open()?,
        };
        Ok(Self {
            references: database.open_tree("references")?,
            images: database.open_tree("images")?,
            blobs: database.open_tree("blobs")?,
            ids: database.open_tree("ids")?,
            names: database.open_tree("names")?,
            uses: database.open_tree("uses")?,
            meta: database.open_tree("meta")?,
            _database: database,
        })
    }

    /// Up to where in the journal it has gone; `None` if it is empty or of
    /// another version.
    ///
    /// # Errors
    /// If the database fails.
    pub fn position(&self) -> Result<Option<Position>> {
        let Some(mark) = get::<Mark>(&self.meta, "meta", POSITION)? else { return Ok(None) };
        let Mark { version, offset, txn, sum, last_bytes } = mark;
        Ok((version == VERSION).then_some(Position { offset, txn, sum, last_bytes }))
    }

    /// Remembers that everything before `position` is applied.
    pub(super) fn mark(position: Position) -> Result<(&'static [u8], Vec<u8>)> {
        let Position { offset, txn, sum, last_bytes } = position;
        let mark = Mark { version: VERSION, offset, txn, sum, last_bytes };
        Ok((POSITION, bytes(&mark, "meta")?))
    }

    pub(super) fn reference_record(&self, name: &str) -> Result<Option<Named>> {
        get(&self.references, "references", name.as_bytes())
    }

    pub(super) fn image_record(&self, target: &[u8]) -> Result<Option<Image>> {
        get(&self.images, "images", target)
    }

    pub(super) fn blob_record(&self, digest: &[u8]) -> Result<Option<Blob>> {
        get(&self.blobs, "blobs", digest)
    }
}

fn get<T: DeserializeOwned>(tree: &Tree, table: &'static str, key: &[u8]) -> Result<Option<T>> {
    let found = tree.get(key)?;
    found.map(|value| value_of(&value, table)).transpose()
}

/// A record from the value it is kept as.
pub(super) fn value_of<T: DeserializeOwned>(value: &[u8], table: &'static str) -> Result<T> {
    decode(value).map_err(|source| Error::Malformed { table, source })
}

/// The value that a record is kept as.
pub(super) fn bytes(record: &impl Serialize, table: &'static str) -> Result<Vec<u8>> {
    encode(record).map_err(|source| Error::Malformed { table, source })
}
