//! Bringing back what was lost of the truth itself, and of its first file.

use std::path::Path;
use std::sync::Arc;

use super::{Error, Format, Store, ledger, lock};
use crate::Result;
use crate::catalog::{Commit, Time};
use crate::disk::{Disk, Mode, RealDisk};
use crate::journal::{self, FileHeader, Journal};
use crate::task::{Event, Task};

impl Store {
    /// Opens the store at `path` as [`Store::open`] does; if its file `format` is lost
    /// or damaged, that is made again, as long as the journal says which store it is.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_to_repair(path: impl AsRef<Path>, task: &Task) -> Result<Self> {
        let path = path.as_ref();
        let opened = Self::open(path);
        let is_lost = |error: &crate::Error| {
            matches!(error.cause(), Some(Error::BadFormat { .. } | Error::NoStore { .. }))
        };
        if !opened.as_ref().is_err_and(is_lost) {
            return opened;
        }
        let Ok(disk) = RealDisk::open(path) else { return opened };
        let disk: Arc<dyn Disk> = Arc::new(disk);
        let Ok(Some(id)) = journal::store_of(&*disk) else { return opened };
        let text = "the file format is made again from the journal";
        task.report(&Event::Notice { text });
        Format::of(id).write(&disk)?;
        Self::open(path)
    }

    /// Writes the journal anew if it is damaged, from its whole records and, where
    /// that has gone further, from the catalog.
    ///
    /// # Errors
    /// If it is another store's, or the disk fails.
    pub(crate) fn repair_journal(&self, task: &Task) -> Result<()> {
        let _lock = lock::wait(&**self.disk(), journal::FILE, Mode::Exclusive, task)?;
        let journal = match Journal::open(self.disk(), self.id(), false) {
            Err(journal::Error::Damaged { .. }) => Journal::open_headless(self.disk(), self.id())?,
            Ok(journal) => match read_to_end(&journal) {
                Err(journal::Error::Broken { .. }) => journal,
                other => return Ok(other?),
            },
            Err(error) => return Err(error.into()),
        };
        let mut whole = journal.whole()?;
        let mut header = journal.header();
        // A journal that begins with a snapshot was compacted; what came before it is not missing.
        let is_snapshot =
            |payload: &Vec<u8>| Commit::decode(payload).is_ok_and(|commit| commit.is_snapshot());
        if whole.is_base_unknown && whole.payloads.first().is_some_and(is_snapshot) {
            whole.base = whole.first_txn.saturating_sub(1);
            header = FileHeader::compacted(self.id(), u32::try_from(whole.base).unwrap_or(0));
        }
        let (missing, last_txn, mut payloads) = (whole.missing(), whole.last_txn, whole.payloads);
        let text = match self.add_from_catalog(&journal, &mut payloads, last_txn)? {
            true => format!(
                "the journal was damaged; of {last_txn} commits {missing} are recovered from the catalog"
            ),
            false => format!("the journal was damaged; of {last_txn} commits {missing} are lost"),
        };
        // Held until nothing is left that belongs to the journal that was.
        let _lock_on_new = Journal::replace(self.disk(), header, &payloads)?;
        self.disk().remove_tree(ledger::CATALOG)?;
        task.report(&Event::Notice { text: &text });
        Ok(())
    }

    /// Says at the end what the catalog knows beyond the records in `payloads`, if it
    /// belongs to this journal and has come at least as far as they do.
    fn add_from_catalog(
        &self,
        journal: &Journal,
        payloads: &mut Vec<Vec<u8>>,
        last_txn: u64,
    ) -> Result<bool> {
        if self.disk().list(ledger::CATALOG)?.is_empty() {
            return Ok(false);
        }
        let path = self.catalog_path()?;
        let Ok(catalog) = self.lasting_catalog(path.as_deref()) else { return Ok(false) };
        match catalog.position() {
            Ok(Some(position)) if position.txn > last_txn || journal.has(position)? => {}
            _ => return Ok(false),
        }
        let fresh = self.passing_catalog()?;
        fresh.replay(payloads)?;
        let Ok(changes) = fresh.changes_to(&catalog) else { return Ok(false) };
        if !changes.is_empty() {
            payloads.push(Commit { time: Time::now(), verb: "repair".into(), changes }.encode()?);
        }
        Ok(true)
    }

    /// Makes the catalog again from the journal.
    pub(crate) fn remake_catalog(&self, why: &str, task: &Task) -> Result<()> {
        let _lock = lock::wait(&**self.disk(), journal::FILE, Mode::Exclusive, task)?;
        let text = format!("the catalog is made again from the journal: {why}");
        task.report(&Event::Notice { text: &text });
        Ok(self.disk().remove_tree(ledger::CATALOG)?)
    }
}

fn read_to_end(journal: &Journal) -> journal::Result<()> {
    let mut end = journal.start();
    while let Some((position, _)) = journal.next(end)? {
        end = position;
    }
    Ok(())
}
