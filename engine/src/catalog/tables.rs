//! The catalog's tables.
//!
//! | table             | number | key                       | value         |
//! |-------------------|-------:|---------------------------|---------------|
//! | `meta`            |      0 | `position`                | [`Mark`]      |
//! | `references`      |      1 | canonical name            | [`Named`]     |
//! | `images`          |      2 | target, 32 bytes          | [`Image`]     |
//! | `blobs`           |      3 | digest, 32 bytes          | [`Blob`]      |
//! | `ids`             |      4 | image ID 32, target 32    | nothing       |
//! | `names`           |      5 | target 32, canonical name | nothing       |
//! | `uses`            |      6 | blob 32, target 32        | nothing       |
//! | `containers`      |      7 | ID, 32 bytes              | [`Container`] |
//! | `container_names` |      8 | name                      | ID, 32 bytes  |
//! | `holds`           |      9 | blob 32, container ID 32  | nothing       |
//!
//! `ids`, `names` and `uses`, and `container_names` and `holds`, answer the
//! others' questions from the other side; they hold nothing of their own. How
//! rows lie in the database: see [`Pages`].

use std::io;
use std::path::Path;
use std::time::Duration;

use super::closing::Closing;
use super::pages::{Draft, Pages, Table};
use super::record::MAX_RECORD_BYTES;
use super::{Error, Result};
use crate::journal::{Position, StoreId};
use bincode::Options;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// How much memory the database may take for its cache: larder opens it for a
/// few questions at a time.
const CACHE_BYTES: u64 = 16 << 20;

/// The version of the tables. Another one is not read but made again.
const VERSION: u32 = 2;

/// How long a closing database is waited for, and in what steps. It takes
/// microseconds, but for a machine that is out of breath.
const LONGEST_CLOSING: Duration = Duration::from_secs(10);
const CLOSING_PAUSE: Duration = Duration::from_millis(1);

const POSITION: &[u8] = b"position";

pub(super) const META: Table = Table { number: 0, name: "meta" };
pub(super) const REFERENCES: Table = Table { number: 1, name: "references" };
pub(super) const IMAGES: Table = Table { number: 2, name: "images" };
pub(super) const BLOBS: Table = Table { number: 3, name: "blobs" };
pub(super) const IDS: Table = Table { number: 4, name: "ids" };
pub(super) const NAMES: Table = Table { number: 5, name: "names" };
pub(super) const USES: Table = Table { number: 6, name: "uses" };
pub(super) const CONTAINERS: Table = Table { number: 7, name: "containers" };
pub(super) const CONTAINER_NAMES: Table = Table { number: 8, name: "container_names" };
pub(super) const HOLDS: Table = Table { number: 9, name: "holds" };

/// The open catalog. Nobody else may have it open at the same time.
#[derive(Debug)]
pub struct Catalog {
    pub(super) pages: Pages,
    store: StoreId,
    database: sled::Db,
    // Last, so that it is closed after its tree.
    _closing: Closing,
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
    /// Opens the catalog of `store` at `path`.
    ///
    /// # Errors
    /// If the database cannot be opened.
    pub fn open(path: &Path, store: StoreId) -> Result<Self> {
        Ok(Self::of(open_closed(&config().path(path))?, store))
    }

    /// Opens an empty catalog that passes away with this value: at `path`, where
    /// nothing is yet, or where the system keeps what passes away.
    ///
    /// # Errors
    /// If the database cannot be made.
    pub fn passing(path: Option<&Path>, store: StoreId) -> Result<Self> {
        let config = config().temporary(true);
        let config = match path {
            Some(path) => config.path(path),
            None => config,
        };
        Ok(Self::of(config.open()?, store))
    }

    fn of(database: sled::Db, store: StoreId) -> Self {
        let (pages, closing) = (Pages::new((*database).clone()), Closing::of(&database));
        Self { pages, store, database, _closing: closing }
    }

    /// Up to where in the journal it has gone; `None` if it is empty, another
    /// store's or of another version.
    ///
    /// # Errors
    /// If the database fails.
    pub fn position(&self) -> Result<Option<Position>> {
        let Some(mark) = self.record::<Mark>(META, POSITION)? else { return Ok(None) };
        let Mark { version, store, offset, txn, sum, last_bytes } = mark;
        let is_ours = version == VERSION && store == self.store.0;
        Ok(is_ours.then_some(Position { offset, txn, sum, last_bytes }))
    }

    /// Whether nothing was ever put into the database, by whatever version.
    pub fn is_blank(&self) -> bool {
        // A database without trees has its own default one.
        self.database.is_empty() && self.database.tree_names().len() == 1
    }

    /// Remembers that everything before `position` is applied.
    pub(super) fn mark(&self, draft: &mut Draft<'_>, position: Position) -> Result<()> {
        let Position { offset, txn, sum, last_bytes } = position;
        let mark = Mark { version: VERSION, store: self.store.0, offset, txn, sum, last_bytes };
        draft.insert(META, POSITION, value(&mark, META)?)
    }

    /// The record of a row.
    pub(super) fn record<T: DeserializeOwned>(&self, table: Table, key: &[u8]) -> Result<Option<T>> {
        self.pages.get(table, key)?.map(|value| record(&value, table)).transpose()
    }

    /// The records of the rows whose keys begin with `prefix`.
    pub(super) fn records<T: DeserializeOwned>(
        &self,
        table: Table,
        prefix: &[u8],
    ) -> impl Iterator<Item = Result<T>> + '_ {
        self.pages.scan(table, prefix).map(move |row| record(&row?.1, table))
    }

    /// The keys that begin with `prefix`.
    pub(super) fn keys(&self, table: Table, prefix: &[u8]) -> impl Iterator<Item = Result<Vec<u8>>> + '_ {
        self.pages.scan(table, prefix).map(|row| Ok(row?.0))
    }
}

fn config() -> sled::Config {
    sled::Config::new().cache_capacity(CACHE_BYTES).flush_every_ms(None).mode(sled::Mode::LowSpace)
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

/// A record from the value it is kept as.
pub(super) fn record<T: DeserializeOwned>(value: &[u8], table: Table) -> Result<T> {
    format().deserialize(value).map_err(|source| Error::Malformed { table: table.name, source })
}

/// The value that a record is kept as.
pub(super) fn value(record: &impl Serialize, table: Table) -> Result<Vec<u8>> {
    format().serialize(record).map_err(|source| Error::Malformed { table: table.name, source })
}

/// As in the journal, but for integers and lengths, which take no more bytes than
/// they need: what is shorter is opened sooner.
fn format() -> impl Options {
    bincode::options().with_limit(MAX_RECORD_BYTES)
}
