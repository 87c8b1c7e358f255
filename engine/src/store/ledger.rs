//! The journal and the catalog together: what the store holds, and the only
//! way to change it.

use super::{Error, Store, lock};
use crate::Result;
use crate::catalog::{Catalog, Change, Commit, Time};
use crate::chunk::Reader;
use crate::disk::{Disk, Guard, Mode};
use crate::image::Digest;
use crate::journal::{self, Journal, Position};
use crate::task::{Event, Task};

/// Where the database lies.
const CATALOG: &str = "catalog";

/// The journal, and the catalog brought up to date with it. Nobody else has
/// them at the same time, so what is asked stays true until the commit.
#[derive(Debug)]
pub struct Ledger {
    journal: Journal,
    catalog: Catalog,
    position: Position,
    writable: bool,
    _lock: Box<dyn Guard>,
}

impl Ledger {
    pub(super) fn open(store: &Store, task: &Task) -> Result<Self> {
        let disk = store.disk();
        let lock = lock::wait(&**disk, journal::FILE, Mode::Exclusive, task)?;
        let writable = store.is_writable();
        let journal = Journal::open(disk, store.id(), writable)?;
        let (catalog, position) = if writable {
            Self::open_catalog(&**disk, &journal, task)?
        } else {
            // A database of its own, made from the journal, for as long as this lasts.
            (Catalog::open(None)?, journal.start())
        };
        let mut ledger = Self { journal, catalog, position, writable, _lock: lock };
        ledger.catch_up()?;
        Ok(ledger)
    }

    /// The catalog, and up to where it has gone. One that is damaged, or does
    /// not belong to this journal, is thrown away.
    fn open_catalog(disk: &dyn Disk, journal: &Journal, task: &Task) -> Result<(Catalog, Position)> {
        let path = disk.host_path(CATALOG);
        let is_new = disk.list(CATALOG)?.is_empty();
        let why = match Catalog::open(path.as_deref()) {
            Ok(catalog) if is_new => return Ok((catalog, journal.start())),
            Ok(catalog) => match catalog.position() {
                // A crash came between the making of the database and the first commit.
                Ok(None) if catalog.is_blank() => return Ok((catalog, journal.start())),
                Ok(Some(position)) if journal.has(position)? => return Ok((catalog, position)),
                Ok(_) => "it does not belong to the journal".to_owned(),
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        };
        task.report(&Event::Notice { text: &format!("the catalog is made again from the journal: {why}") });
        disk.remove_tree(CATALOG)?;
        // A full disk keeps nobody from reading: the catalog passes away then.
        let catalog = Catalog::open(path.as_deref()).or_else(|_| Catalog::open(None))?;
        Ok((catalog, journal.start()))
    }

    fn catch_up(&mut self) -> Result<()> {
        while let Some((position, payload)) = self.journal.next(self.position)? {
            self.catalog.apply(&Commit::decode(&payload)?, position)?;
            self.position = position;
        }
        Ok(())
    }

    /// What there is.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }
}

impl Ledger {
    /// Makes a commit of `changes`: when this returns, they have happened and
    /// survive a power cut.
    ///
    /// # Errors
    /// If the journal cannot be written; then nothing has happened.
    pub fn commit(&mut self, verb: &str, changes: Vec<Change>) -> Result<()> {
        if !self.writable {
            return Err(Error::ReadOnly.into());
        }
        let commit = Commit { time: Time::now(), verb: verb.into(), changes };
        self.position = self.journal.append(self.position, &commit.encode()?)?;
        // The commit has happened. A catalog that cannot take it in now does so
        // when it is opened next, or is made again.
        let _ = self.catalog.apply(&commit, self.position);
        Ok(())
    }

    /// The bytes of a stored document, checked against its digest.
    ///
    /// # Errors
    /// If it is not there, or not what it was.
    pub fn document(&self, digest: &Digest, reader: &mut Reader) -> Result<Vec<u8>> {
        let blob = self.catalog.blob(digest)?.ok_or(Error::NoBlob(*digest))?;
        let bytes = reader.bytes(&blob.body, MAX_DOCUMENT_BYTES)?;
        let got = Digest::of(&bytes);
        if got == *digest { Ok(bytes) } else { Err(Error::CorruptBlob { want: *digest, got }.into()) }
    }
}

/// Documents are kept in memory as a whole; none larger is ever taken in.
const MAX_DOCUMENT_BYTES: usize = 1 << 30;
