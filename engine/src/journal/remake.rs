//! Putting another journal in the place of the one that is there.
//!
//! The new file is written under a name in `tmp/`, synced, locked, and renamed; then the store's
//! directory is synced. A crash before the rename leaves the old journal, one after it the new
//! journal or, until the directory is synced, either.
//!
//! **The lock comes before the name.** Whoever waits for the journal holds no lock on the new file
//! yet: without this the next process would have it while this one still works on the catalog.

use std::fmt;
use std::sync::Arc;

use super::header::FileHeader;
use super::log::{FILE, Journal, behind};
use super::record::Header;
use super::{Error, MAX_PAYLOAD_BYTES, Position, Result};
use crate::disk::{Disk, Guard, Mode, Temporary};

/// Records are gathered until they are so long, and written at once.
const BUFFER_BYTES: usize = 1 << 20;

/// What is whole in a journal that is not.
#[derive(Debug, Default)]
pub struct Whole {
    /// The payloads of all whole records, in order.
    pub payloads: Vec<Vec<u8>>,
    /// The number before that of the first record that there was, as far as it is known.
    pub base: u64,
    /// Whether the base is not known: the beginning of the journal is gone.
    pub is_base_unknown: bool,
    /// The transaction of the first whole record.
    pub first_txn: u64,
    /// The transaction of the last of them.
    pub last_txn: u64,
}

impl Whole {
    /// How many records are missing among them.
    pub fn missing(&self) -> u64 {
        (self.last_txn - self.base).saturating_sub(self.payloads.len() as u64)
    }

    fn add(&mut self, position: Position, payload: Vec<u8>) {
        if self.payloads.is_empty() {
            self.first_txn = position.txn;
        }
        self.payloads.push(payload);
        self.last_txn = position.txn;
    }
}

impl Journal {
    /// Every whole record, whatever is between them.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn whole(&self) -> Result<Whole> {
        let base = self.start().txn;
        let is_base_unknown = self.is_header_unknown();
        let mut whole = Whole { base, last_txn: base, is_base_unknown, ..Whole::default() };
        let mut end = self.start();
        loop {
            let found = match self.next(end) {
                Err(Error::Broken { next, .. }) => self.record_at(next)?,
                other => other?,
            };
            let Some((position, payload)) = found else { return Ok(whole) };
            whole.add(position, payload);
            end = position;
        }
    }

    /// Puts a journal of these records in the place of the one that is there, whole
    /// or not at all, and gives the lock on it.
    ///
    /// # Errors
    /// If a payload is too long or the disk fails.
    pub fn replace(disk: &Arc<dyn Disk>, header: FileHeader, payloads: &[Vec<u8>]) -> Result<Box<dyn Guard>> {
        let mut new = NewJournal::create(disk, header)?;
        payloads.iter().try_for_each(|payload| new.add(payload))?;
        let placed = new.put_in_place()?;
        disk.sync_dir("")?;
        Ok(placed.lock)
    }
}

/// A journal that is being written, to take the place of the one that is there.
pub struct NewJournal {
    disk: Arc<dyn Disk>,
    file: Temporary,
    header: FileHeader,
    /// The place behind the last record that was added.
    end: Position,
    /// Records that are not written yet.
    buffer: Vec<u8>,
}

/// A journal that has taken the place of another. Its name is durable only once the store's
/// directory is synced: until then nothing may be appended.
pub struct Placed {
    /// The journal, open to be written.
    pub journal: Journal,
    /// The place behind its last record.
    pub end: Position,
    /// The lock on it.
    pub lock: Box<dyn Guard>,
}

impl NewJournal {
    /// Begins a journal with `header`.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn create(disk: &Arc<dyn Disk>, header: FileHeader) -> Result<Self> {
        let file = Temporary::create(Arc::clone(disk), FILE)?;
        let (end, buffer) = (header.end(), header.encode().to_vec());
        Ok(Self { disk: Arc::clone(disk), file, header, end, buffer })
    }

    /// Adds a record.
    ///
    /// # Errors
    /// If the payload is too long or the disk fails.
    pub fn add(&mut self, payload: &[u8]) -> Result<()> {
        let header = Header::of(self.header.store, self.end.sum, self.end.txn + 1, payload)
            .ok_or(Error::TooLarge { bytes: payload.len(), limit: MAX_PAYLOAD_BYTES })?;
        self.buffer.extend_from_slice(&header.encode());
        self.buffer.extend_from_slice(payload);
        self.end = behind(self.end.offset, &header);
        if self.buffer.len() < BUFFER_BYTES { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<()> {
        let offset = self.end.offset - self.buffer.len() as u64;
        self.file.file().write_all_at(&self.buffer, offset)?;
        self.buffer.clear();
        Ok(())
    }

    /// Makes the file durable and gives it the journal's name. The caller syncs the store's
    /// directory before anything is appended.
    ///
    /// # Errors
    /// If the disk fails, or somebody has removed the file; then the old journal stays.
    pub fn put_in_place(mut self) -> Result<Placed> {
        self.write()?;
        self.file.file().sync()?;
        let lock = self.disk.try_lock(self.file.name(), Mode::Exclusive)?.ok_or(Error::Removed)?;
        // Whatever can fail does so before the rename.
        let journal = Journal::of(self.disk.open_writable(self.file.name())?, self.header);
        self.file.keep(FILE)?;
        journal.reserve(self.end);
        Ok(Placed { journal, end: self.end, lock })
    }
}

impl fmt::Debug for NewJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewJournal").field("end", &self.end).finish_non_exhaustive()
    }
}
