//! Joins the rooms below into one store: where it lies, who may do what at the
//! same time, and how something is put in or looked up.
//!
//! **One law: children before parents, the name last; taken down, names
//! first.** Packs are durable before the index run that finds their chunks,
//! that before the journal's record, and the record is the commit. A crash
//! leaves garbage, never a dangling name.
//!
//! Two locks keep processes apart:
//! 1. `lock`, shared by everybody who reads or adds packs, exclusive for `gc`,
//!    which removes them.
//! 2. `journal`, exclusive for the short time in which the catalog is asked or
//!    a commit is made; see [`Ledger`].
//!
//! Who takes both takes them in this order.

#[cfg(feature = "bench")]
pub(crate) mod bench;
mod directories;
mod error;
mod format;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod ingest;
mod ledger;
mod lock;
mod recover;
mod rehearsal;

use std::path::Path;
use std::sync::Arc;

pub use error::Error;
pub(crate) use error::kind_of;
pub use format::Format;
pub use ingest::{Error as IngestError, Ingest, Plain, Taken, Treatment};
pub use ledger::{CompactionPolicy, Ledger};

use crate::Result;
use crate::catalog;
use crate::chunk::{self, Coding, Index, Reader, Writer};
use crate::disk::{self, Disk, Guard, Mode, RealDisk};
use crate::journal::{self, Journal, StoreId};
use crate::task::{Event, Progress, Task};
use rehearsal::Rehearsed;

/// Held while packs are read or added, and against everybody else while they
/// are removed.
pub(crate) const LOCK: &str = "lock";

/// The directories of a store that are there from the beginning.
const DIRS: [&str; 3] = ["packs", "index", "tmp"];

/// Where what containers wrote lies; made with the first of them.
pub(crate) const CONTAINERS: &str = "containers";

/// Where unpacked layers lie; made with the first of them.
pub(crate) const LAYERS: &str = "layers";

/// The levels that may be asked for: zstd's, without those below 1, which give up
/// a third of the space for a speed that the disk does not have.
const LEVELS: std::ops::RangeInclusive<u8> = 1..=22;

/// Checks that this machine's clock shows a time that can be stored and shown: from 1970 to the
/// end of 9999. The database panics before that, and what shows times after it.
///
/// # Errors
/// If it does not.
fn check_clock() -> Result<()> {
    /// The first second of the year 10000.
    const END: u64 = 253_402_300_800;
    let since = std::time::UNIX_EPOCH.elapsed();
    match since.is_ok_and(|since| since.as_secs() < END) {
        true => Ok(()),
        false => Err(Error::Clock.into()),
    }
}

/// How many paths the file system of an image or a container may have, unless more
/// [are asked for](Store::with_max_paths): fifty times those of a large image.
pub(crate) const MAX_PATHS: usize = 4 << 20;

/// Refuses to go on with the rights of another user than the one who started the program, as
/// one that is set-user-ID has them: its paths and variables are that user's. Opening a store
/// checks it too; a program that trusts them before does so first.
///
/// # Errors
/// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) if the effective user or group is
/// not the real one.
pub fn check_caller() -> Result<()> {
    disk::check_caller().map_err(|distrust| crate::Error::new(crate::ErrorKind::Unsupported, distrust))
}

/// A store of images.
///
/// Opening one is cheap and holds nothing: every call takes the locks that it
/// needs for as long as it runs. So any number of `Store`s, in any number of
/// processes, may work on one directory at once.
#[derive(Debug)]
pub struct Store {
    disk: Arc<dyn Disk>,
    id: StoreId,
    writable: bool,
    level: u8,
    threads: usize,
    max_paths: usize,
    listener: Task,
    compaction: CompactionPolicy,
    /// What was said instead of done, if nothing is to be done.
    rehearsed: Option<Rehearsed>,
}

/// The right to read and add packs, or to remove them, until it is dropped.
#[derive(Debug)]
pub struct Access(#[expect(dead_code, reason = "held for its drop")] Box<dyn Guard>);

impl Store {
    /// zstd's level for new frames, unless another one is [asked for](Store::with_level).
    ///
    /// Measured on real images, against level 3: a load takes an eighth less time, an import a
    /// fifth, and the store 3 % more space; level 1 takes 8 % more, for another 7 % and 4 % of
    /// the time.
    pub const DEFAULT_LEVEL: u8 = 2;

    /// Makes a new, empty store at `path`, with the directories leading there.
    ///
    /// ```
    /// use larder_engine::{ErrorKind, Store};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// let path = dir.path().join("images/store");
    /// let store = Store::create(&path)?;
    /// assert!(store.images()?.is_empty());
    /// assert_eq!(Store::create(&path).unwrap_err().kind(), ErrorKind::Conflict);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) if there is a store
    /// or anything else; or if the disk fails.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::create(path.as_ref())?);
        Self::create_on(disk, path.as_ref())
    }

    /// Opens the store at `path`.
    ///
    /// ```
    /// use larder_engine::{ErrorKind, Store};
    ///
    /// let error = Store::open("/nowhere/at/all").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotFound);
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is none,
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) if a later
    /// larder made it in a way that this one does not know.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let absent = || Error::NoStore { path: path.as_ref().into() };
        let disk = RealDisk::open(path.as_ref()).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => absent().into(),
            _ => crate::Error::from(error),
        })?;
        Self::open_on(Arc::new(disk))?.ok_or_else(|| absent().into())
    }

    /// Opens the store at `path`, or makes one there.
    ///
    /// # Errors
    /// As [`Store::open`] and [`Store::create`].
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Self> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk::create(path.as_ref())?);
        match Self::open_on(Arc::clone(&disk))? {
            Some(store) => Ok(store),
            None => match Self::create_on(Arc::clone(&disk), path.as_ref()) {
                // Somebody else was faster.
                Err(error) if error.kind() == crate::ErrorKind::Conflict => Self::open_on(disk)?.ok_or(error),
                created => created,
            },
        }
    }

    pub(crate) fn create_on(disk: Arc<dyn Disk>, path: &Path) -> Result<Self> {
        check_clock()?;
        check_empty(&*disk, path)?;
        match disk.create(LOCK) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
        // Whoever makes the store holds it until it is whole; whoever uses it then
        // may hold it for long, and is not waited for.
        let making = loop {
            if let Some(making) = disk.try_lock(LOCK, Mode::Exclusive)? {
                break making;
            }
            if Format::read(&*disk)?.is_some() {
                return Err(Error::Exists { path: path.into() }.into());
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        };
        if Format::read(&*disk)?.is_some() {
            return Err(Error::Exists { path: path.into() }.into());
        }
        for dir in DIRS {
            disk.create_dir(dir)?;
        }
        let format = Format::new();
        format.write(&disk)?;
        Journal::create(&disk, format.store)?;
        drop(making);
        Ok(Self::of(disk, &format, true))
    }

    /// Opens the store on `disk`; `None` if there is none.
    pub(crate) fn open_on(disk: Arc<dyn Disk>) -> Result<Option<Self>> {
        check_clock()?;
        let Some(format) = Self::find_format(&*disk)? else { return Ok(None) };
        format.check()?;
        let writable = match disk.open_writable(journal::FILE) {
            Ok(_) => format.may_write(),
            Err(error) if error.is_absent() => {
                Self::finish_making(&disk, &format)?;
                format.may_write()
            }
            Err(error) if is_forbidden(&error) => false,
            Err(error) => return Err(error.into()),
        };
        Ok(Some(Self::of(disk, &format, writable)))
    }

    fn of(disk: Arc<dyn Disk>, format: &Format, writable: bool) -> Self {
        Self {
            disk,
            id: format.store,
            writable,
            level: Self::DEFAULT_LEVEL,
            threads: threads(),
            max_paths: MAX_PATHS,
            listener: Task::silent(),
            compaction: CompactionPolicy::DEFAULT,
            rehearsed: None,
        }
    }

    /// The format; `None` if there is no store. A journal is written after it, so
    /// where there is one, a store has lost its format and is not taken for none.
    fn find_format(disk: &dyn Disk) -> Result<Option<Format>> {
        if let Some(format) = Format::read(disk)? {
            return Ok(Some(format));
        }
        match disk.open(journal::FILE) {
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error.into()),
            // Or somebody has made the store just now.
            Ok(_) => match Format::read(disk)? {
                None => Err(Error::BadFormat { what: "it is missing" }.into()),
                format => Ok(format),
            },
        }
    }

    /// The format is there and the journal is not: somebody makes the store just
    /// now, or its making was cut short between the two, or it has lost its journal.
    fn finish_making(disk: &Arc<dyn Disk>, format: &Format) -> Result<()> {
        let is_whole = || match disk.open(journal::FILE) {
            Ok(_) => Ok(true),
            Err(error) if error.is_absent() => Ok(false),
            Err(error) => Err(error),
        };
        drop(lock::wait(&**disk, LOCK, Mode::Shared, &Task::silent())?);
        if is_whole()? {
            return Ok(());
        }
        let _making = lock::wait(&**disk, LOCK, Mode::Exclusive, &Task::silent())?;
        if is_whole()? {
            return Ok(());
        }
        if !disk.list("packs")?.is_empty() {
            return Err(Error::NoJournal.into());
        }
        Ok(Journal::create(disk, format.store)?)
    }

    /// The same store, with what comes in by this handle compressed at zstd's
    /// `level`: from 1, the fastest, to 22, the smallest; 2 otherwise. What is
    /// there already stays as it is; see [`Store::optimize`] for that.
    ///
    /// ```
    /// use larder_engine::{ErrorKind, Store};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// let store = Store::create(dir.path().join("store"))?.with_level(12)?;
    /// assert_eq!(store.with_level(23).unwrap_err().kind(), ErrorKind::InvalidInput);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if there is no such level.
    pub fn with_level(self, level: u8) -> Result<Self> {
        check_level(level)?;
        Ok(Self { level, ..self })
    }

    /// The same store, with somebody who hears what calls have to tell that are
    /// given no [`Task`] for it: that the catalog was made again, for instance.
    pub fn with_listener(self, progress: Arc<dyn Progress>) -> Self {
        Self { listener: Task::with_progress(progress), ..self }
    }

    /// The same store, for images and containers of at most `max_paths` files and
    /// directories, for each of which there are 50 bytes of memory; 4 194 304 otherwise.
    /// Calls that look into more fail with
    /// [`ErrorKind::LimitExceeded`](crate::ErrorKind::LimitExceeded).
    pub fn with_max_paths(self, max_paths: usize) -> Self {
        Self { max_paths, ..self }
    }

    /// The same store, whose journal is compacted by another policy, for tests.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn with_compaction(&self, compaction: CompactionPolicy) -> Self {
        let (disk, listener, rehearsed) = (Arc::clone(&self.disk), self.listener(), self.rehearsed.clone());
        Self { disk, listener, rehearsed, compaction, ..*self }
    }

    /// How many paths the file system of an image or a container may have.
    pub(crate) fn max_paths(&self) -> usize {
        self.max_paths
    }

    /// What calls do their work by that are given no task for it.
    pub(crate) fn listener(&self) -> Task {
        self.listener.clone()
    }

    /// Whether commands that change the store can work.
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    pub(crate) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    pub(crate) fn id(&self) -> StoreId {
        self.id
    }

    /// Refuses to go on if the store may not be written.
    pub(crate) fn check_writable(&self) -> Result<()> {
        if self.writable { Ok(()) } else { Err(Error::ReadOnly.into()) }
    }

    /// The right to read and add packs.
    pub(crate) fn share(&self, task: &Task) -> Result<Access> {
        Ok(Access(lock::wait(&*self.disk, LOCK, Mode::Shared, task)?))
    }

    /// The right to remove packs, once nobody reads or adds any.
    pub(crate) fn exclude(&self, task: &Task) -> Result<Access> {
        Ok(Access(lock::wait(&*self.disk, LOCK, Mode::Exclusive, task)?))
    }

    /// The same, if it can be had at once.
    pub(crate) fn try_exclude(&self) -> Result<Option<Access>> {
        Ok(lock::attempt(&*self.disk, LOCK, Mode::Exclusive)?.map(Access))
    }

    /// Does `act`, which asks the catalog; if that turns out to be damaged, once
    /// more with one that is made again from the journal.
    pub(crate) fn healing<T>(&self, task: &Task, mut act: impl FnMut() -> Result<T>) -> Result<T> {
        match act() {
            Err(error) if self.writable && error.cause().is_some_and(catalog::Error::is_damage) => {
                self.remake_catalog(&error.to_string(), task)?;
                act()
            }
            other => other,
        }
    }

    /// The ledger; nobody else has it until it is dropped.
    pub(crate) fn ledger(&self, task: &Task) -> Result<Ledger> {
        Ledger::open(self, task)
    }

    /// All packs as they are now, to be read or added to: opened behind the
    /// ledger, it finds whatever that names. Runs that are missing or damaged are
    /// made again; where that cannot be written, they are made in memory.
    pub(crate) fn index(&self, _access: &Access, task: &Task) -> Result<Index> {
        let index = Index::open(Arc::clone(&self.disk))?;
        let mut index = if self.writable { index.mending(task) } else { index };
        if index.is_settled() {
            return Ok(index);
        }
        if index.misses_packs() {
            index.note_missing();
        }
        if !self.writable {
            return Ok(index);
        }
        for (run, why) in index.distrusted_runs() {
            let text = format!("{run} is made again: {why}");
            task.report(&Event::Notice { text: &text });
        }
        // A load that was cut off leaves such packs too.
        let lost = if index.distrusted_runs().is_empty() { index.uncovered_packs() } else { 0 };
        if lost > 0 {
            let text = format!("the index is made again for packs that no run covers: {lost}");
            task.report(&Event::Notice { text: &text });
        }
        match index.publish(&[], false) {
            Ok(()) => Ok(index),
            Err(chunk::Error::Disk(_)) => Ok(Index::open(Arc::clone(&self.disk))?),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn reader(&self, access: &Access, task: &Task) -> Result<Reader> {
        Ok(Reader::new(self.index(access, task)?, self.threads))
    }

    pub(crate) fn writer(&self, access: &Access, task: &Task) -> Result<Writer> {
        self.writer_with(Coding::as_they_come(self.level.into()), access, task)
    }

    pub(crate) fn writer_with(&self, coding: Coding, access: &Access, task: &Task) -> Result<Writer> {
        self.check_writable()?;
        Ok(Writer::new(self.index(access, task)?, coding, self.threads))
    }

    /// On how many threads frames are coded.
    pub(crate) fn threads(&self) -> usize {
        self.threads
    }
}

/// Refuses a level of compression that zstd does not have.
pub(crate) fn check_level(level: u8) -> Result<()> {
    if LEVELS.contains(&level) { Ok(()) } else { Err(Error::BadLevel { level }.into()) }
}

/// Compression and decompression use every processor; more than eight would
/// only wait for the thread that cuts and names chunks.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get).min(8)
}

fn is_forbidden(error: &crate::disk::Error) -> bool {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem)
}

/// Checks that there is nothing at `path` but what a store has whose making was cut short.
fn check_empty(disk: &dyn Disk, path: &Path) -> Result<()> {
    match disk.list("")?.into_iter().find(|entry| entry.name != LOCK && !DIRS.contains(&entry.name.as_str()))
    {
        Some(entry) => Err(Error::NotEmpty { path: path.into(), entry: entry.name }.into()),
        None => Ok(()),
    }
}
