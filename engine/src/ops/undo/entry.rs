//! An entry of the journal, with what there was before it.

use std::collections::{BTreeMap, BTreeSet};

use super::Error;
use crate::Result;
use crate::catalog::{Blob, Change, Commit, Container, ContainerId, Image, Named};
use crate::image::Digest;
use crate::store::Ledger;
use crate::task::Task;

/// What says again what was known already, since the journal had lost it.
const MENDING: [&str; 2] = ["recover", "repair"];

/// What something was before a commit, and what it was after.
#[derive(Debug, Clone)]
pub struct Step<T> {
    pub before: Option<T>,
    pub after: Option<T>,
}

/// What a commit changed, but for blobs.
#[derive(Debug)]
pub struct Entry {
    pub number: u64,
    pub verb: String,
    pub names: BTreeMap<String, Step<Named>>,
    pub images: BTreeMap<Digest, Step<Image>>,
    pub containers: BTreeMap<ContainerId, Step<Container>>,
}

impl Entry {
    /// The entry of that number, or the last.
    pub fn of(ledger: &Ledger, number: Option<u64>, task: &Task) -> Result<Self> {
        let last = ledger.last_number();
        if last == 0 {
            return Err(Error::Nothing.into());
        }
        let number = number.unwrap_or(last);
        if number == 0 || number > last {
            return Err(Error::NoEntry { number, last }.into());
        }
        let Some(commit) = ledger.commit_at(number)?.filter(|commit| !commit.is_snapshot()) else {
            return Err(Error::Compacted { number, first: first_number(ledger, task)? }.into());
        };
        if MENDING.contains(&commit.verb.as_str()) {
            return Err(Error::Mending { number, verb: commit.verb }.into());
        }
        let mut entry = Self::touched(number, &commit);
        ledger.each_commit(&mut |at, commit| {
            task.check()?;
            if at < number {
                entry.note(&commit, true);
            }
            Ok(())
        })?;
        entry.note(&commit, false);
        Ok(entry)
    }

    /// What the commit touches, without what was there.
    fn touched(number: u64, commit: &Commit) -> Self {
        let verb = commit.verb.clone();
        let (names, images, containers) = Default::default();
        let mut entry = Self { number, verb, names, images, containers };
        for change in &commit.changes {
            match change {
                Change::PutBlob(_) | Change::ForgetBlob(_) | Change::Snapshot => {}
                Change::PutImage(Image { target, .. }) | Change::ForgetImage(target) => {
                    entry.images.insert(*target, Step::none());
                }
                Change::SetReference(Named { name, .. }) | Change::RemoveReference(name) => {
                    entry.names.insert(name.clone(), Step::none());
                }
                Change::PutContainer(Container { id, .. }) | Change::ForgetContainer(id) => {
                    entry.containers.insert(*id, Step::none());
                }
            }
        }
        entry
    }

    /// Notes what a commit says of what is touched.
    fn note(&mut self, commit: &Commit, is_before: bool) {
        for change in &commit.changes {
            match change {
                Change::PutBlob(_) | Change::ForgetBlob(_) | Change::Snapshot => {}
                Change::PutImage(image) => set(&mut self.images, &image.target, Some(image), is_before),
                Change::ForgetImage(target) => set(&mut self.images, target, None, is_before),
                Change::SetReference(named) => set(&mut self.names, &named.name, Some(named), is_before),
                Change::RemoveReference(name) => set(&mut self.names, name, None, is_before),
                Change::PutContainer(container) => {
                    set(&mut self.containers, &container.id, Some(container), is_before);
                }
                Change::ForgetContainer(id) => set(&mut self.containers, id, None, is_before),
            }
        }
    }
}

impl<T> Step<T> {
    fn none() -> Self {
        Self { before: None, after: None }
    }
}

fn set<K: Ord, T: Clone>(steps: &mut BTreeMap<K, Step<T>>, key: &K, value: Option<&T>, is_before: bool) {
    if let Some(step) = steps.get_mut(key) {
        let place = if is_before { &mut step.before } else { &mut step.after };
        *place = value.cloned();
    }
}

/// The number of the first entry that the journal still has as it was made.
fn first_number(ledger: &Ledger, task: &Task) -> Result<u64> {
    let mut first = ledger.last_number();
    ledger.each_commit(&mut |number, commit| {
        task.check()?;
        if !commit.is_snapshot() {
            first = first.min(number);
        }
        Ok(())
    })?;
    Ok(first)
}

/// The records that blobs had last, of those that the journal knows: as more than mere
/// content, of what ever was that.
pub fn blobs_once(ledger: &Ledger, wanted: &BTreeSet<Digest>, task: &Task) -> Result<BTreeMap<Digest, Blob>> {
    let mut found = BTreeMap::new();
    ledger.each_commit(&mut |_, commit| {
        task.check()?;
        for change in commit.changes {
            if let Change::PutBlob(blob) = change
                && wanted.contains(&blob.digest)
                && (!blob.is_other() || found.get(&blob.digest).is_none_or(Blob::is_other))
            {
                found.insert(blob.digest, blob);
            }
        }
        Ok(())
    })?;
    Ok(found)
}
