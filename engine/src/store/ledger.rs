//! The journal and the catalog together: what the store holds, and the only
//! way to change it.

mod compact;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

pub use compact::CompactionPolicy;

use super::{Error, Rehearsed, Store, lock};
use crate::Result;
use crate::catalog::{self, Applying, Catalog, Change, Commit, Time};
use crate::chunk::Reader;
use crate::disk::{Disk, Guard, Mode, is_shortage, passing_name};
use crate::image::Digest;
use crate::journal::{self, Journal, Position};
use crate::task::{Event, Task, threads};

/// Where the database lies.
pub(super) const CATALOG: &str = "catalog";

/// The journal, and the catalog brought up to date with it. Nobody else has
/// them at the same time, so what is asked stays true until the commit.
#[derive(Debug)]
pub struct Ledger {
    journal: Journal,
    catalog: Catalog,
    position: Position,
    writable: bool,
    /// Whether the catalog has failed to take in a commit.
    is_behind: bool,
    /// Whether the journal is the one that a power cut leaves: one that has taken the place of
    /// another is not, before the store's directory is synced.
    is_name_durable: bool,
    /// What was said in a rehearsal, and what is said there from here on.
    rehearsed: Option<Rehearsed>,
    disk: Arc<dyn Disk>,
    policy: CompactionPolicy,
    task: Task,
    lock: Box<dyn Guard>,
}

impl Ledger {
    pub(super) fn open(store: &Store, task: &Task) -> Result<Self> {
        // Before anything else: the database waits without end for threads that it cannot
        // start, and memory that runs out ends the process.
        threads::check_memory().map_err(Error::Memory)?;
        threads::check().map_err(Error::Thread)?;
        let disk = store.disk();
        let lock = lock::wait(&**disk, journal::FILE, Mode::Exclusive, task)?;
        let writable = store.is_writable();
        let journal = Journal::open(disk, store.id(), writable)?;
        let found = match writable {
            true => Found::open(store, &journal, task)?,
            // A database of its own, made from the journal, for as long as this lasts.
            false => Found::blank(store.passing_catalog()?, &journal),
        };
        let mut ledger = Self {
            // The catalog is told of a new journal once its name is durable.
            is_name_durable: found.is_at_home || !journal.header().is_compacted(),
            journal,
            catalog: found.catalog,
            position: found.position,
            writable,
            is_behind: false,
            rehearsed: store.rehearsed.clone().filter(|_| !writable),
            disk: Arc::clone(disk),
            policy: store.compaction,
            task: task.clone(),
            lock,
        };
        if found.ahead {
            ledger = ledger.recovered(store, task)?;
        }
        ledger.catch_up()?;
        if let Some(rehearsed) = &ledger.rehearsed {
            let said = rehearsed.lock().unwrap_or_else(PoisonError::into_inner);
            said.iter().try_for_each(|commit| ledger.catalog.apply(commit, ledger.position))?;
        }
        Ok(ledger)
    }

    /// The catalog knows commits that the journal has lost: its last record was
    /// damaged after it had been durable, or the file was cut. They are said
    /// again, as one commit.
    fn recovered(mut self, store: &Store, task: &Task) -> Result<Self> {
        let ahead = std::mem::replace(&mut self.catalog, store.passing_catalog()?);
        self.position = self.journal.start();
        self.catch_up()?;
        let changes = self.catalog.changes_to(&ahead)?;
        let text = "the journal has lost its end; what it said is recovered from the catalog";
        task.report(&Event::Notice { text });
        let commit = Commit { time: Time::now(), verb: "recover".into(), changes };
        self.make_name_durable()?;
        self.position = self.journal.append(self.position, &commit.encode()?)?;
        ahead.apply(&commit, self.position)?;
        self.catalog = ahead;
        Ok(self)
    }

    /// Makes sure that a power cut does not bring back the journal before this one.
    fn make_name_durable(&mut self) -> Result<()> {
        if !self.is_name_durable {
            self.disk.sync_dir("")?;
            self.is_name_durable = true;
        }
        Ok(())
    }

    fn catch_up(&mut self) -> Result<()> {
        let mut end = self.position;
        let mut applying = self.catalog.applying(end == self.journal.start());
        while let Some((position, payload)) = self.journal.next(end)? {
            applying.add(&Commit::decode(&payload)?, position)?;
            end = position;
        }
        applying.finish()?;
        self.position = end;
        Ok(())
    }

    /// Whether the journal can be read to its end, which is where this has come to;
    /// if it `compares`, also whether the catalog says what a new one would say.
    ///
    /// # Errors
    /// If the journal is damaged, or the disk fails.
    pub fn check(&self, store: &Store, compares: bool, task: &Task) -> Result<bool> {
        let fresh = compares.then(|| store.passing_catalog()).transpose()?;
        let mut applying = fresh.as_ref().map(|fresh| fresh.applying(true));
        let mut end = self.journal.start();
        while let Some((position, payload)) = self.journal.next(end)? {
            task.check()?;
            if let Some(applying) = &mut applying {
                applying.add(&Commit::decode(&payload)?, position)?;
            }
            end = position;
        }
        applying.map_or(Ok(()), Applying::finish)?;
        let is_same = |fresh: Catalog| Ok(fresh.changes_to(&self.catalog)?.is_empty());
        Ok(end == self.position && fresh.map_or(Ok::<_, catalog::Error>(true), is_same)?)
    }

    /// Every commit in the journal, in order, with its number. If it was compacted, those that are
    /// part of the snapshot come first; otherwise it is every commit there ever was, from 1 on.
    ///
    /// # Errors
    /// Those of `each`; if the journal is damaged, or the disk fails.
    pub fn each_commit(&self, each: &mut dyn FnMut(u64, Commit) -> Result<()>) -> Result<()> {
        self.each_record(|number, payload| {
            each(number, Commit::decode(payload)?)?;
            Ok(true)
        })
    }

    /// The commit of that number.
    ///
    /// # Errors
    /// If the journal is damaged, or the disk fails.
    pub fn commit_at(&self, number: u64) -> Result<Option<Commit>> {
        let mut found = None;
        self.each_record(|at, payload| {
            if at == number {
                found = Some(Commit::decode(payload)?);
            }
            Ok(at < number)
        })?;
        Ok(found)
    }

    /// Gives each record to `each`, as long as that wants more.
    fn each_record(&self, mut each: impl FnMut(u64, &[u8]) -> Result<bool>) -> Result<()> {
        let mut end = self.journal.start();
        while end.txn < self.position.txn
            && let Some((position, payload)) = self.journal.next(end)?
            && each(position.txn, &payload)?
        {
            end = position;
        }
        Ok(())
    }

    /// The number of the last commit; 0 if there is none.
    pub fn last_number(&self) -> u64 {
        self.position.txn
    }

    /// What there is.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }
}

impl Store {
    /// Where the catalog lies; `None` on a disk that has no place for it. The database opens
    /// its files by path, so everything in the directory is checked to be ours.
    pub(super) fn catalog_path(&self) -> Result<Option<PathBuf>> {
        self.disk().check_all(CATALOG)?;
        if self.is_writable() {
            // Ours alone, whatever files the database creates in it may be used for.
            self.disk().create_dir(CATALOG)?;
        }
        Ok(self.disk().host_path(CATALOG)?)
    }

    /// The catalog at `path`, or a passing one.
    pub(super) fn lasting_catalog(&self, path: Option<&Path>) -> catalog::Result<Catalog> {
        match path {
            Some(path) => Catalog::open(path, self.id()),
            None => Catalog::passing(None, self.id()),
        }
    }

    /// An empty catalog for as long as the value lives: in the store if that may be
    /// written, so that what a program that is killed leaves is found by `gc`.
    pub(super) fn passing_catalog(&self) -> catalog::Result<Catalog> {
        let path = self.disk().host_path(&passing_name("catalog"));
        let path = path.ok().flatten().filter(|_| self.is_writable());
        // A full disk keeps nobody from reading.
        Catalog::passing(path.as_deref(), self.id()).or_else(|_| Catalog::passing(None, self.id()))
    }
}

/// The catalog as it was found.
struct Found {
    catalog: Catalog,
    /// Up to where it has gone.
    position: Position,
    /// Whether that is further than the journal goes.
    ahead: bool,
    /// Whether it has gone to a place in this very journal.
    is_at_home: bool,
}

impl Found {
    /// A catalog that has not begun to read the journal.
    fn blank(catalog: Catalog, journal: &Journal) -> Self {
        Self { catalog, position: journal.start(), ahead: false, is_at_home: false }
    }

    /// Opens the catalog. One that is damaged, or belongs to another journal,
    /// is thrown away.
    fn open(store: &Store, journal: &Journal, task: &Task) -> Result<Self> {
        let disk = &**store.disk();
        let path = store.catalog_path()?;
        let is_new = disk.list(CATALOG)?.is_empty();
        let tell = |why: &str| {
            let text = format!("the catalog is made again from the journal: {why}");
            task.report(&Event::Notice { text: &text });
        };
        let why = match store.lasting_catalog(path.as_deref()) {
            // Of a new store, or lost; or a crash came between the making of the
            // database and the first commit.
            Ok(catalog) if is_new || catalog.is_blank() => {
                if journal.next(journal.start())?.is_some() {
                    tell("it is empty");
                }
                return Ok(Self::blank(catalog, journal));
            }
            Ok(catalog) => match catalog.position() {
                Ok(Some(position)) if journal.has(position)? => {
                    return Ok(Self { catalog, position, ahead: false, is_at_home: true });
                }
                Ok(Some(position)) if journal.ends_before(position)? => {
                    return Ok(Self { catalog, position, ahead: true, is_at_home: false });
                }
                Ok(_) => "it does not belong to the journal".to_owned(),
                Err(error) => error.to_string(),
            },
            Err(error) if error.io().is_some_and(is_shortage) => return Err(error.into()),
            Err(error) => error.to_string(),
        };
        tell(&why);
        disk.remove_tree(CATALOG)?;
        // A full disk keeps nobody from reading: the catalog passes away then.
        let catalog =
            store.lasting_catalog(path.as_deref()).or_else(|_| Catalog::passing(None, store.id()))?;
        Ok(Self::blank(catalog, journal))
    }
}

impl Ledger {
    /// Makes a commit of `changes`: when this returns, they have happened and
    /// survive a power cut.
    ///
    /// # Errors
    /// If the journal cannot be written; then nothing has happened.
    pub fn commit(&mut self, verb: &str, changes: Vec<Change>) -> Result<()> {
        let commit = Commit { time: Time::now(), verb: verb.into(), changes };
        if let Some(rehearsed) = &self.rehearsed {
            self.catalog.apply(&commit, self.position)?;
            rehearsed.lock().unwrap_or_else(PoisonError::into_inner).push(commit);
            return Ok(());
        }
        if !self.writable {
            return Err(Error::ReadOnly.into());
        }
        self.make_name_durable()?;
        let before = self.position.offset;
        self.position = self.journal.append(self.position, &commit.encode()?)?;
        // The commit has happened. A catalog that cannot take it in stays where it
        // is, whatever comes, and catches up when it is opened next.
        self.is_behind = self.is_behind || self.catalog.apply(&commit, self.position).is_err();
        if self.policy.is_due_after_commit(before, self.position.offset) {
            // Whatever comes of it, the commit has happened. It is tried again much later.
            let _ = self.compact();
        }
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
