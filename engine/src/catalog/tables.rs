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
//! | `containers` | ID, 32 bytes                 | [`Container`]           |
//! | `container_names` | name                    | ID, 32 bytes            |
//! | `holds`      | blob 32, container ID 32     | nothing                 |
//! | `meta`       | `position`                   | [`Mark`]                |
//!
//! `ids`, `names` and `uses`, and `container_names` and `holds`, answer the
//! others' questions from the other side; they hold nothing of their own.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sled::Tree;

use super::record::{decode, encode};
use super::{Blob, Container, Error, Image, Named, Result};
use crate::journal::{Position, StoreId};

/// How much memory the database may take for its cache: larder opens it for a
/// few questions at a time.
const CACHE_BYTES: u64 = 16 << 20;

/// The version of the tables. Another one is not read but made again.
const VERSION: u32 = 1;

/// How long a closing database is waited for, and in what steps. It takes
/// microseconds, but for a machine that is out of breath.
const LONGEST_CLOSING: Duration = Duration::from_secs(10);
const CLOSING_PAUSE: Duration = Duration::from_millis(1);

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
    pub(super) containers: Tree,
    pub(super) container_names: Tree,
    pub(super) holds: Tree,
    pub(super) meta: Tree,
    store: StoreId,
    // Last, so that it is closed after its trees.
    _database: sled::Db,
}

/// Up to where the catalog has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    version: u32,
    store: [u8; 16],
    offset: u64,
    txn: u64,
    sum: u64,
    last_bytes: u64,
}

impl Catalog {
    /// Opens the catalog of `store` at `path`, or an empty one that passes away
    /// with this value.
    ///
    /// # Errors
    /// If the database cannot be opened.
    pub fn open(path: Option<&Path>, store: StoreId) -> Result<Self> {
        let config =
            sled::Config::new().cache_capacity(CACHE_BYTES).flush_every_ms(None).mode(sled::Mode::LowSpace);
        let database = match path {
            Some(path) => open_closed(&config.path(path))?,
            None => config.temporary(true).open()?,
        };
        Ok(Self {
            references: database.open_tree("references")?,
            images: database.open_tree("images")?,
            blobs: database.open_tree("blobs")?,
            ids: database.open_tree("ids")?,
            names: database.open_tree("names")?,
            uses: database.open_tree("uses")?,
            containers: database.open_tree("containers")?,
            container_names: database.open_tree("container_names")?,
            holds: database.open_tree("holds")?,
            meta: database.open_tree("meta")?,
            store,
            _database: database,
        })
    }

    /// Up to where in the journal it has gone; `None` if it is empty, another
    /// store's or of another version.
    ///
    /// # Errors
    /// If the database fails.
    pub fn position(&self) -> Result<Option<Position>> {
        let Some(mark) = get::<Mark>(&self.meta, "meta", POSITION)? else { return Ok(None) };
        let Mark { version, store, offset, txn, sum, last_bytes } = mark;
        let is_ours = version == VERSION && store == self.store.0;
        Ok(is_ours.then_some(Position { offset, txn, sum, last_bytes }))
    }

    /// Remembers that everything before `position` is applied.
    pub(super) fn mark(&self, position: Position) -> Result<(&'static [u8], Vec<u8>)> {
        let Position { offset, txn, sum, last_bytes } = position;
        let mark = Mark { version: VERSION, store: self.store.0, offset, txn, sum, last_bytes };
        Ok((POSITION, bytes(&mark, "meta")?))
    }

    pub(super) fn reference_record(&self, name: &str) -> Result<Option<Named>> {
        get(&self.references, "references", name.as_bytes())
    }

    pub(super) fn image_record(&self, target: &[u8]) -> Result<Option<Image>> {
        get(&self.images, "images", target)
    }

    pub(super) fn container_record(&self, id: &[u8]) -> Result<Option<Container>> {
        get(&self.containers, "containers", id)
    }

    pub(super) fn blob_record(&self, digest: &[u8]) -> Result<Option<Blob>> {
        get(&self.blobs, "blobs", digest)
    }
}

/// Opens a database that somebody has just closed. sled lets go of its lock a
/// little later than it is dropped, when the last of its threads is done.
fn open_closed(config: &sled::Config) -> Result<sled::Db> {
    let mut waited = Duration::ZERO;
    loop {
        match config.open() {
            Err(sled::Error::Io(error)) if is_locked(&error) && waited < LONGEST_CLOSING => {
                std::thread::sleep(CLOSING_PAUSE);
                waited += CLOSING_PAUSE;
            }
            other => return Ok(other?),
        }
    }
}

/// sled has no other way to tell: it wraps the system's error into a text.
fn is_locked(error: &io::Error) -> bool {
    error.to_string().contains("could not acquire lock")
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
