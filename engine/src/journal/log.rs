//! The journal as a whole.
//!
//! `journal` begins with the [header](super::header); records follow from byte 48 on, see
//! [`super::record`].
//!
//! **The end.** Every record is made durable before the next is written, so a
//! crash tears at most the last. Reading stops at the first record that is not
//! whole. If no whole record follows, that was a torn one: it was never
//! reported as done, and the next append overwrites it. If one follows, bytes
//! were damaged that had been durable; then reading fails, because going on
//! would forget commits.
//!
//! A last record that is damaged long after looks like a torn one. The catalog,
//! which was made from it, is then ahead of the journal; that is how the store
//! notices, and from where it is recovered.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::header::{FileHeader, HEADER_BYTES};
use super::record::{self, Header};
use super::{Error, MAX_PAYLOAD_BYTES, Result};
use crate::disk::{Disk, File};

/// The journal's name in the store.
pub const FILE: &str = "journal";

/// Space that is kept for records to come: so that on a full disk an image can
/// still be removed, which takes a record and gives back far more.
const RESERVED_BYTES: u64 = 64 << 10;

/// How much is read ahead.
const WINDOW_BYTES: usize = 64 << 10;

/// How much the search for whole records behind a broken one reads at once.
const SEARCH_BYTES: u64 = 1 << 20;

/// A whole record behind a broken one is not more transactions away than this:
/// it makes a chance match rare enough to check its sum.
const MAX_LOST_TXNS: u64 = 1 << 20;

/// The same where the number of the first record is not known.
const MAX_UNKNOWN_TXNS: u64 = u32::MAX as u64 + MAX_LOST_TXNS;

/// What tells two stores apart, so that their files are not mixed up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StoreId(pub [u8; 16]);

impl fmt::Debug for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A place between two records, which stands for all that came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Where the next record begins, in bytes.
    pub offset: u64,
    /// The transaction of the last record; before the first, the base of the journal.
    pub txn: u64,
    /// The `sum` of the last record.
    pub sum: u64,
    /// How many bytes the last record takes; 0 before the first.
    pub last_bytes: u64,
}

/// A part of the file, as it was read.
#[derive(Default)]
struct Window {
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    /// Fills `buffer` from `offset`; false if not all of it is here.
    fn copy(&self, buffer: &mut [u8], offset: u64) -> bool {
        let found =
            offset.checked_sub(self.start).and_then(|at| self.bytes.get(at as usize..)?.get(..buffer.len()));
        found.map(|found| buffer.copy_from_slice(found)).is_some()
    }
}

/// The open journal.
pub struct Journal {
    file: Box<dyn File>,
    /// What was read ahead.
    window: Mutex<Window>,
    header: FileHeader,
    start: Position,
    /// How many transactions may be missing before a whole record behind a broken one.
    max_lost_txns: u64,
}

impl Journal {
    /// Makes the journal of a new store, whole or not at all. One that is
    /// there is replaced: nobody but the maker of a store calls this.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn create(disk: &Arc<dyn Disk>, store: StoreId) -> Result<()> {
        Self::replace(disk, FileHeader::new(store), &[]).map(drop)
    }

    /// Opens the journal; `writable` if records will be appended.
    ///
    /// # Errors
    /// If there is none, it is of a later version, damaged at its beginning, or
    /// another store's.
    pub fn open(disk: &Arc<dyn Disk>, store: StoreId, writable: bool) -> Result<Self> {
        let file = if writable { disk.open_writable(FILE)? } else { disk.open(FILE)? };
        let mut found = [0; HEADER_BYTES];
        if file.len()? < HEADER_BYTES as u64 {
            return Err(Error::Damaged { what: "it is too short to be one" });
        }
        file.read_exact_at(&mut found, 0)?;
        let header = FileHeader::decode(&found)?;
        if header.store == store { Ok(Self::of(file, header)) } else { Err(Error::Foreign) }
    }

    /// The journal in `file`, which begins with `header`.
    pub(super) fn of(file: Box<dyn File>, header: FileHeader) -> Self {
        Self { file, window: Mutex::default(), header, start: header.end(), max_lost_txns: MAX_LOST_TXNS }
    }

    /// Opens a journal whose first bytes are damaged, as if they were not. The first
    /// record tells what they were: it has their checksum, and its number is one more
    /// than their base.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn open_headless(disk: &Arc<dyn Disk>, store: StoreId) -> Result<Self> {
        let file = disk.open(FILE)?;
        let mut bytes = [0; record::HEADER_BYTES];
        let first = match file.len()? < (HEADER_BYTES + record::HEADER_BYTES) as u64 {
            true => None,
            false => {
                file.read_exact_at(&mut bytes, HEADER_BYTES as u64)?;
                Header::decode(&bytes)
            }
        };
        let base = first.and_then(|first| u32::try_from(first.txn.checked_sub(1)?).ok()).unwrap_or(0);
        let known = [FileHeader::new(store), FileHeader::compacted(store, base)]
            .into_iter()
            .find(|header| first.is_some_and(|first| first.before == header.end().sum));
        let max_lost_txns = if known.is_some() { MAX_LOST_TXNS } else { MAX_UNKNOWN_TXNS };
        Ok(Self { max_lost_txns, ..Self::of(file, known.unwrap_or(FileHeader::new(store))) })
    }

    /// What the journal begins with.
    pub fn header(&self) -> FileHeader {
        self.header
    }

    /// Whether it is not known what a damaged journal began with.
    pub(super) fn is_header_unknown(&self) -> bool {
        self.max_lost_txns == MAX_UNKNOWN_TXNS
    }

    /// The place before the first record.
    pub fn start(&self) -> Position {
        self.start
    }

    /// The record behind `position`, and the place behind it; `None` at the end.
    ///
    /// # Errors
    /// If whole records follow a broken one, or the disk fails.
    pub fn next(&self, position: Position) -> Result<Option<(Position, Vec<u8>)>> {
        let end = self.file.len()?;
        if let Some((header, payload)) = self.read(position.offset, end)?
            && header.before == position.sum
            && header.txn == position.txn + 1
        {
            return Ok(Some((behind(position.offset, &header), payload)));
        }
        match self.whole_record_after(position, end)? {
            Some(next) => Err(Error::Broken { offset: position.offset, next }),
            None => Ok(None),
        }
    }

    /// Whether `position` lies between two records of this journal, as far as
    /// the record before it shows.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn has(&self, position: Position) -> Result<bool> {
        if position.txn == self.start.txn {
            return Ok(position == self.start);
        }
        let Some(offset) = position.offset.checked_sub(position.last_bytes) else { return Ok(false) };
        if offset < self.start.offset {
            return Ok(false);
        }
        let record = self.read(offset, self.file.len()?)?;
        Ok(record.is_some_and(|(header, _)| behind(offset, &header) == position))
    }

    /// Whether the journal's last whole record comes before the one that ends
    /// at `position`: the journal has lost what was there.
    ///
    /// # Errors
    /// As [`Journal::next`].
    pub fn ends_before(&self, position: Position) -> Result<bool> {
        let mut end = self.start;
        while let Some((next, _)) = self.next(end)? {
            end = next;
        }
        Ok(end.txn < position.txn && end.offset < position.offset)
    }

    /// The record at `offset` if it is whole, and the place behind it.
    pub(super) fn record_at(&self, offset: u64) -> Result<Option<(Position, Vec<u8>)>> {
        let record = self.read(offset, self.file.len()?)?;
        Ok(record.map(|(header, payload)| (behind(offset, &header), payload)))
    }

    /// The record at `offset` if it is whole.
    fn read(&self, offset: u64, end: u64) -> Result<Option<(Header, Vec<u8>)>> {
        let left = end.saturating_sub(offset);
        if left < record::HEADER_BYTES as u64 {
            return Ok(None);
        }
        let bytes = self.read_ahead(record::HEADER_BYTES, offset, end)?;
        let Some(header) = bytes.first_chunk().and_then(Header::decode) else { return Ok(None) };
        if u64::from(header.len) > left - record::HEADER_BYTES as u64 {
            return Ok(None);
        }
        let payload = self.read_ahead(header.len as usize, offset + record::HEADER_BYTES as u64, end)?;
        Ok(header.fits(self.header.store, &payload).then_some((header, payload)))
    }

    /// Reads `len` bytes from `offset` on, and ahead as far as the file's `end`: most records are
    /// short and the next ones are read too.
    fn read_ahead(&self, len: usize, offset: u64, end: u64) -> Result<Vec<u8>> {
        if len > WINDOW_BYTES {
            return Ok(self.file.read_at(len, offset)?);
        }
        let mut buffer = vec![0; len];
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if !window.copy(&mut buffer, offset) {
            let ahead = end.saturating_sub(offset).min(WINDOW_BYTES as u64) as usize;
            let bytes = self.file.read_at(ahead.max(len), offset)?;
            *window = Window { start: offset, bytes };
            window.copy(&mut buffer, offset);
        }
        Ok(buffer)
    }

    /// Where a whole, later record begins behind the broken one at `position`.
    fn whole_record_after(&self, position: Position, end: u64) -> Result<Option<u64>> {
        let mut start = position.offset + 1;
        while start + (record::HEADER_BYTES as u64) < end {
            let stop = end.min(start + SEARCH_BYTES + record::HEADER_BYTES as u64);
            let bytes = self.file.read_at((stop - start) as usize, start)?;
            for (offset, window) in (start..).zip(bytes.windows(record::HEADER_BYTES)) {
                let plausible = window.first_chunk().and_then(Header::decode).is_some_and(|header| {
                    header.txn > position.txn && header.txn - position.txn < self.max_lost_txns
                });
                if plausible && self.read(offset, end)?.is_some() {
                    return Ok(Some(offset));
                }
            }
            start = start + SEARCH_BYTES + 1;
        }
        Ok(None)
    }

    /// Appends a record at the end, which is `position`, and makes it durable.
    ///
    /// # Errors
    /// If the payload is too long or the disk fails; then the record is not
    /// there, as far as the disk still does what it is told.
    pub fn append(&self, position: Position, payload: &[u8]) -> Result<Position> {
        let header = Header::of(self.header.store, position.sum, position.txn + 1, payload)
            .ok_or(Error::TooLarge { bytes: payload.len(), limit: MAX_PAYLOAD_BYTES })?;
        *self.window.lock().unwrap_or_else(PoisonError::into_inner) = Window::default();
        if self.file.len()? > position.offset {
            // What a crash left of a record that was never whole.
            self.file.truncate(position.offset)?;
        }
        let mut bytes = larder_memory::with_capacity(record::HEADER_BYTES + payload.len())?;
        bytes.extend_from_slice(&header.encode());
        bytes.extend_from_slice(payload);
        let written = self.file.write_all_at(&bytes, position.offset).and_then(|()| self.file.sync());
        if let Err(error) = written {
            // The record may be on the disk or not; it must not be there for the next reader.
            // If this fails too there is nothing left to try: the first error tells why.
            let _ = self.file.truncate(position.offset).and_then(|()| self.file.sync());
            return Err(error.into());
        }
        let end = behind(position.offset, &header);
        self.reserve(end);
        Ok(end)
    }

    /// Sets space aside behind the last record.
    pub(super) fn reserve(&self, end: Position) {
        self.file.reserve(end.offset, RESERVED_BYTES);
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").finish_non_exhaustive()
    }
}

pub(super) fn behind(offset: u64, header: &Header) -> Position {
    let last_bytes = record::HEADER_BYTES as u64 + u64::from(header.len);
    Position { offset: offset + last_bytes, txn: header.txn, sum: header.sum, last_bytes }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::disk::{Mode, RealDisk, SimulatedDisk};

    const STORE: StoreId = StoreId([9; 16]);

    fn written(payloads: &[Vec<u8>]) -> (Arc<dyn Disk>, Vec<Position>) {
        let disk: Arc<dyn Disk> = Arc::new(SimulatedDisk::new());
        Journal::create(&disk, STORE).unwrap();
        let journal = Journal::open(&disk, STORE, true).unwrap();
        let mut positions = vec![journal.start()];
        for payload in payloads {
            positions.push(journal.append(*positions.last().unwrap(), payload).unwrap());
        }
        (disk, positions)
    }

    fn read(disk: &Arc<dyn Disk>) -> Result<Vec<Vec<u8>>> {
        let journal = Journal::open(disk, STORE, false)?;
        let mut position = journal.start();
        let mut payloads = Vec::new();
        while let Some((next, payload)) = journal.next(position)? {
            payloads.push(payload);
            position = next;
        }
        Ok(payloads)
    }

    proptest! {
        #[test]
        fn a_torn_journal_keeps_its_prefix(payloads in vec(vec(any::<u8>(), 1..50), 0..8), cut: prop::sample::Index) {
            let (disk, positions) = written(&payloads);
            let len = HEADER_BYTES + cut.index(positions.last().unwrap().offset as usize + 1 - HEADER_BYTES);
            disk.open_writable(FILE).unwrap().truncate(len as u64).unwrap();
            let whole = positions.iter().filter(|position| position.offset <= len as u64).count() - 1;
            prop_assert_eq!(&read(&disk).unwrap(), &payloads[..whole]);
            // What comes next overwrites the torn part.
            Journal::open(&disk, STORE, true).unwrap().append(positions[whole], b"next").unwrap();
            prop_assert_eq!(read(&disk).unwrap().len(), whole + 1);
        }

        #[test]
        fn a_flipped_bit_loses_no_later_commit_in_silence(
            payloads in vec(vec(any::<u8>(), 1..50), 2..6), at: prop::sample::Index, bit in 0..8_u8
        ) {
            let (disk, positions) = written(&payloads);
            let last = positions[positions.len() - 2].offset as usize;
            let at = HEADER_BYTES + at.index(last - HEADER_BYTES);
            let file = disk.open_writable(FILE).unwrap();
            let mut byte = [0];
            file.read_exact_at(&mut byte, at as u64).unwrap();
            file.write_all_at(&[byte[0] ^ (1_u8 << bit)], at as u64).unwrap();
            let is_broken = matches!(read(&disk), Err(Error::Broken { .. }));
            prop_assert!(is_broken);
        }
    }

    #[test]
    fn a_position_is_known_again_only_where_it_was() {
        let (disk, positions) = written(&[b"one".to_vec(), b"two".to_vec()]);
        let journal = Journal::open(&disk, STORE, false).unwrap();
        assert!(journal.has(positions[0]).unwrap());
        assert!(journal.has(positions[2]).unwrap());
        let (other, _) = written(&[b"one".to_vec(), b"TWO".to_vec()]);
        assert!(!Journal::open(&other, STORE, false).unwrap().has(positions[2]).unwrap());
        let (shorter, _) = written(&[b"one".to_vec()]);
        assert!(!Journal::open(&shorter, STORE, false).unwrap().has(positions[2]).unwrap());
    }

    /// Where its header and its first record are damaged too, what follows is found still.
    #[test]
    fn a_damaged_beginning_of_a_compacted_journal_costs_what_was_there() {
        let disk: Arc<dyn Disk> = Arc::new(SimulatedDisk::new());
        let header = FileHeader::compacted(STORE, 3_000_000);
        let payloads = [b"one".to_vec(), b"two".to_vec(), b"three".to_vec()];
        Journal::replace(&disk, header, &payloads).unwrap();
        let file = disk.open_writable(FILE).unwrap();
        file.write_all_at(&[0; 20], 4).unwrap();
        let journal = Journal::open_headless(&disk, STORE).unwrap();
        assert_eq!((journal.header(), journal.is_header_unknown()), (header, false));
        let whole = journal.whole().unwrap();
        assert_eq!((&whole.payloads[..], whole.missing()), (&payloads[..], 0));
        file.write_all_at(&[0; 72], 4).unwrap();
        let journal = Journal::open_headless(&disk, STORE).unwrap();
        assert!(journal.is_header_unknown());
        let whole = journal.whole().unwrap();
        assert_eq!(
            (&whole.payloads[..], whole.first_txn, whole.last_txn),
            (&payloads[1..], 3_000_002, 3_000_003)
        );
    }

    /// Whoever waits for the lock of the old journal must not have it with the new one.
    #[test]
    fn a_replaced_journal_is_locked_before_it_has_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let simulated: Arc<dyn Disk> = Arc::new(SimulatedDisk::new());
        let real: Arc<dyn Disk> = Arc::new(RealDisk::open(dir.path()).unwrap());
        for disk in [simulated, real] {
            Journal::create(&disk, STORE).unwrap();
            let old = disk.try_lock(FILE, Mode::Exclusive).unwrap();
            let new = Journal::replace(&disk, FileHeader::new(STORE), &[b"one".to_vec()]).unwrap();
            assert!(old.is_some() && disk.try_lock(FILE, Mode::Exclusive).unwrap().is_none());
            drop(old);
            assert!(disk.try_lock(FILE, Mode::Exclusive).unwrap().is_none());
            drop(new);
            assert!(disk.try_lock(FILE, Mode::Exclusive).unwrap().is_some());
        }
    }

    #[test]
    fn another_stores_journal_is_refused() {
        let (disk, _) = written(&[]);
        assert!(matches!(Journal::open(&disk, StoreId([1; 16]), false), Err(Error::Foreign)));
    }
}
