//! Repairing a store: what can be made again is, what can be brought is brought.
//!
//! 1. **The journal**, if it is broken in the middle, is written anew from its whole
//!    records and the catalog.
//! 2. **Check** everything: what is damaged is noted, and so never read again.
//! 3. **Save** what is right still in packs whose structure is damaged: each chunk
//!    proves itself by its name.
//! 4. **Make again** the manifests that larder has made once.
//! 5. **Bring** what is missing from archives and other stores.
//! 6. **Remove** what is damaged once nothing needs it, as `gc` does.
//!
//! What stays broken is told with everyone who suffers from it, and nothing of it is
//! removed: a later load of the image heals it.

mod archive;
mod documents;
mod other_store;
mod salvage;

use std::collections::HashMap;

use super::fsck::{Check, digest_of};
use super::{Checked, Fault, FsckLevel};
use crate::Result;
use crate::catalog::{Blob, Change};
use crate::chunk::{self, Body};
use crate::disk::Input;
use crate::image::Digest;
use crate::store::{Access, Store};
use crate::task::{Event, Task};

/// How to repair.
#[derive(Debug)]
pub struct RepairOptions {
    /// How deep to look for damage: [`FsckLevel::Data`] at least.
    pub level: FsckLevel,
    /// From where what is missing may be brought, in this order.
    pub from: Vec<RepairSource>,
}

/// Where what is missing may be.
#[derive(Debug)]
pub enum RepairSource {
    /// Any archive that [`Store::load`] reads.
    Archive(Input),
    /// Another store.
    Store(Store),
}

/// What was repaired.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repaired {
    /// What was found at first.
    pub checked: Checked,
    /// Chunks that could be saved out of what is damaged.
    pub saved_chunks: u64,
    /// Layers, documents and other blobs that are whole again.
    pub healed_blobs: u64,
    /// What is left. Nothing: the store is clean.
    pub left: Vec<Fault>,
}

/// Blobs that were brought, by digest.
type Brought = HashMap<Digest, Body>;

impl Store {
    /// Repairs the store.
    ///
    /// ```
    /// use larder_engine::{FsckLevel, RepairOptions, RepairSource, Task};
    /// # use larder_engine::{Input, LoadOptions, Store};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// # store.load(Input::open(archive.as_ref())?, &LoadOptions::default(), &Task::silent())?;
    /// let from = vec![RepairSource::Archive(Input::open(archive.as_ref())?)];
    /// let options = RepairOptions { level: FsckLevel::Data, from };
    /// let repaired = store.repair(options, &Task::silent())?;
    /// assert_eq!(repaired.left, []);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the disk fails, or a source is no archive. What was saved by then stays.
    pub fn repair(&self, options: RepairOptions, task: &Task) -> Result<Repaired> {
        self.check_writable()?;
        self.repair_journal(task)?;
        self.healing(task, || self.repair_catalog(task))?;
        let access = self.share(task)?;
        let level = options.level.max(FsckLevel::Data);
        let mut check = Check::anew(self, &access, level, task)?;
        check.run()?;
        let rewrite = std::mem::take(&mut check.rewrite);
        let unread = std::mem::take(&mut check.unread);
        let (checked, broken) = check.finish();
        let mut repaired = Repaired { checked, ..Repaired::default() };
        if repaired.checked.faults.is_empty() {
            return Ok(repaired);
        }
        repaired.saved_chunks = self.salvage(&access, &broken, task)?;
        let mut left = self.still_broken(&access, broken.clone(), task)?;
        if !left.is_empty() {
            let made = self.make_documents_again(&access, &left, task)?;
            self.put_brought(&made, task)?;
            left = self.still_broken(&access, left, task)?;
        }
        for source in options.from {
            if left.is_empty() {
                break;
            }
            let brought = match source {
                RepairSource::Archive(input) => self.bring_from_archive(&access, input, &left, task)?,
                RepairSource::Store(other) => self.bring_from_store(&access, &other, &left, task)?,
            };
            self.put_brought(&brought, task)?;
            left = self.still_broken(&access, left, task)?;
        }
        drop(access);
        repaired.healed_blobs = (broken.len() - left.len()) as u64;
        if left.is_empty() {
            let access = self.exclude(task)?;
            self.healing(task, || self.remove_damaged(&access, &rewrite, task))?;
        } else {
            let text = "what is damaged stays until all of it is healed, or removed by rmi and gc";
            task.report(&Event::Notice { text });
        }
        let options = super::FsckOptions::at(FsckLevel::Quick);
        repaired.left = self.fsck(&options, task)?.faults;
        // Unless it is told already that it cannot be read.
        let is_known = |fault: &Fault| repaired.left.contains(fault);
        let unread: Vec<_> = unread.into_iter().filter(|fault| !is_known(fault)).collect();
        repaired.left.extend(unread);
        Ok(repaired)
    }

    /// A catalog that does not say what the journal says is made again.
    fn repair_catalog(&self, task: &Task) -> Result<()> {
        let is_sound = self.ledger(task)?.check(self, true, task)?;
        if is_sound { Ok(()) } else { self.remake_catalog("it does not say what the journal says", task) }
    }

    /// Those of `blobs` that cannot be given back, as it is now.
    fn still_broken(&self, access: &Access, blobs: Vec<Blob>, task: &Task) -> Result<Vec<Blob>> {
        let mut there = HashMap::new();
        let ledger = self.ledger(task)?;
        for blob in &blobs {
            there.extend(ledger.catalog().blob(&blob.digest)?.map(|blob| (blob.digest, blob)));
        }
        drop(ledger);
        let mut reader = self.reader(access, task)?;
        let mut broken = Vec::new();
        for blob in blobs.iter().filter_map(|blob| there.remove(&blob.digest)) {
            task.check()?;
            let is_whole = match digest_of(&blob, &mut reader, &mut |_| Ok(task.check()?)) {
                Ok(digest) => digest == blob.digest,
                Err(error) if error.is_damage() || matches!(error, chunk::Error::NotFound(_)) => false,
                Err(error) => return Err(error.into()),
            };
            if !is_whole {
                broken.push(blob);
            }
        }
        Ok(broken)
    }

    /// Blobs that were brought in another form than they had are found in that one.
    fn put_brought(&self, brought: &Brought, task: &Task) -> Result<()> {
        self.healing(task, || {
            let mut ledger = self.ledger(task)?;
            let mut changes = Vec::new();
            for (digest, body) in brought {
                if let Some(blob) = ledger.catalog().blob(digest)?.filter(|blob| blob.body != *body) {
                    changes.push(Change::PutBlob(Blob { body: *body, ..blob }));
                }
            }
            if changes.is_empty() { Ok(()) } else { ledger.commit("repair", changes) }
        })
    }
}
