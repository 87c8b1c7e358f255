//! Garbage collection: find what no name reaches, then give back the space.
//!
//! Everything is written children first and named last, so it is taken down in
//! the opposite order; a crash between two steps leaves garbage for next time.
//! 1. **Mark** the chunks that the blobs of the catalog stand on.
//! 2. **Remove** packs in which nothing is alive, what is left in `tmp/`, what
//!    containers left that are gone, and unpacked layers on which none stands.
//! 3. **Copy** what is alive in packs that are dead in part to new packs.
//! 4. **Publish** one index run for the packs that stay.
//! 5. **Remove** the packs that were copied.
//! 6. **Compact** the journal, if it is long and at least half of it is dead.
//!
//! Nobody else reads or adds packs meanwhile. If a recipe cannot be read then
//! it is not known what is alive, and nothing is removed.

use std::collections::{BTreeSet, HashSet};

use super::marks::{Marks, mark};
use super::unpack::{Keeping, unpacked_of};
use crate::catalog::Change;
use crate::chunk::{PackId, Place, Reader};
use crate::store::{Access, CONTAINERS, Ledger, Store};
use crate::task::{Event, Passing, Task};
use crate::{ErrorKind, Result};

/// What was collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Collected {
    /// Chunks that something needs.
    pub live_chunks: u64,
    /// Chunks that nothing needed.
    pub dead_chunks: u64,
    /// Bytes on disk that came back.
    pub freed_bytes: u64,
    /// Packs that were dead as a whole.
    pub packs_removed: u64,
    /// Packs that were dead in part, and made anew.
    pub packs_rewritten: u64,
    /// Bytes by which the journal is shorter. They are not among `freed_bytes`.
    pub journal_freed_bytes: u64,
}

/// Stands in `tmp/` as long as what was removed is kept: a collection takes it away with
/// the rest there.
const KEPT: &str = "kept";

/// When space is given back in passing, a pack is made anew only if this part
/// of it is dead: one in so many bytes.
const WORTH_REWRITING: u64 = 20;

impl Store {
    /// Gives back all space that nothing needs. Waits until nobody uses the
    /// packs, and lets nobody else use them meanwhile.
    ///
    /// ```
    /// use larder_engine::{RemoveOptions, Task};
    /// # use larder_engine::{Input, LoadOptions, Store};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// # store.load(Input::open(archive.as_ref())?, &LoadOptions::default(), &Task::silent())?;
    /// let id = store.images()?[0].id.to_string();
    /// store.remove(&id, &RemoveOptions { force: true, ..RemoveOptions::default() }, &Task::silent())?;
    /// let collected = store.gc(&Task::silent())?;
    /// assert!(collected.freed_bytes > 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the store is damaged in a part that would have to be known, or the
    /// disk fails. What was there before is there still.
    pub fn gc(&self, task: &Task) -> Result<Collected> {
        self.check_writable()?;
        let access = self.exclude(task)?;
        self.healing(task, || self.collect(&access, 0, &HashSet::new(), task))
    }

    /// Gives back the space that can be had at once: nothing while another
    /// process reads or adds packs, and no pack that is alive for the most
    /// part. [`Store::gc`] does the rest.
    ///
    /// # Errors
    /// As [`Store::gc`].
    pub fn reclaim(&self, task: &Task) -> Result<Collected> {
        self.check_writable()?;
        match self.try_exclude()? {
            Some(access) => {
                self.healing(task, || self.collect(&access, WORTH_REWRITING, &HashSet::new(), task))
            }
            None => Ok(Collected::default()),
        }
    }

    /// [`Store::reclaim`] after something else, which leaves alone what was removed to be
    /// kept for an undo.
    ///
    /// # Errors
    /// As [`Store::gc`].
    pub fn reclaim_in_passing(&self, task: &Task) -> Result<Collected> {
        let is_kept = self.disk().list("tmp")?.iter().any(|entry| entry.name == KEPT);
        if is_kept { Ok(Collected::default()) } else { self.reclaim(task) }
    }

    /// Has whatever collects in passing leave alone what is removed from here on, until
    /// somebody wants the space.
    pub(super) fn keep_space(&self) -> Result<()> {
        if self.is_rehearsal() {
            return Ok(());
        }
        match self.disk().create(&format!("tmp/{KEPT}")) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            made => Ok(made.and_then(|_| self.disk().sync_dir("tmp"))?),
        }
    }

    /// Takes away what is damaged, which nothing needs any more, and makes the packs
    /// `worn` anew, of which everything can be read still.
    pub(super) fn remove_damaged(
        &self,
        access: &Access,
        worn: &HashSet<PackId>,
        task: &Task,
    ) -> Result<Collected> {
        self.collect(access, WORTH_REWRITING, worn, task)
    }

    /// Makes packs anew of which more than one byte in `worth` is dead, any if 0, and
    /// those that are `worn`.
    ///
    /// What needs no space comes first, so that a full disk can be emptied.
    fn collect(&self, access: &Access, worth: u64, worn: &HashSet<PackId>, task: &Task) -> Result<Collected> {
        let before = self.packed_bytes()?;
        let mut ledger = self.ledger(task)?;
        forget_orphans(&mut ledger)?;
        let mut reader = self.reader(access, task)?;
        let marks = mark(ledger.catalog(), &mut reader, task)?;
        let containers = ledger.catalog().containers().map(|container| Ok(container?.id.to_string()));
        let containers = containers.collect::<Result<HashSet<_>>>()?;
        // In passing nothing is taken that the next start may want.
        let keeping = if worth == 0 { Keeping::Containers } else { Keeping::Images };
        let unpacked = unpacked_of(ledger.catalog(), keeping)?;
        // Not in passing: to find out that it cannot be compacted takes as long each time.
        let compacts = worth == 0 && ledger.is_long();
        drop(ledger);
        let mut collected = Collected::default();
        let mut dying = Vec::new();
        let packs: Vec<_> = reader.index().packs().collect();
        for (number, id) in packs {
            task.check()?;
            match condition(number, &mut reader, &marks, &mut collected, task)? {
                Condition::Alive { all } if worn.contains(&id) => dying.push((number, id, all)),
                Condition::Alive { .. } => {}
                Condition::Dead => {
                    self.disk().remove(&id.file())?;
                    collected.packs_removed += 1;
                }
                Condition::Dying { dead, all, is_damaged }
                    if worth == 0 || is_damaged || dead * worth >= all =>
                {
                    dying.push((number, id, all))
                }
                Condition::Dying { .. } => {}
            }
        }
        for entry in self.disk().list("tmp")? {
            let name = format!("tmp/{}", entry.name);
            if entry.is_dir { self.disk().remove_tree(&name)? } else { self.disk().remove(&name)? }
        }
        self.remove_left_containers(&containers)?;
        let evicted_bytes = self.evict(&unpacked)?;
        self.disk().sync_dir("packs")?;
        if !dying.is_empty() {
            collected.packs_rewritten = self.renew(access, &dying, &mut reader, &marks, task)?;
        }
        // Runs that name packs which are gone are written anew.
        drop(reader);
        self.index(access, task)?.settle_notes()?;
        let after = self.packed_bytes()?;
        collected.freed_bytes = before.saturating_sub(after) + evicted_bytes;
        if compacts {
            collected.journal_freed_bytes = self.compact_journal(task)?;
        }
        Ok(collected)
    }

    /// Compacts the journal, if that is worth it. On a full disk it stays as it is, which is no
    /// reason to fail: everything else has come back by now.
    fn compact_journal(&self, task: &Task) -> Result<u64> {
        match self.ledger(task)?.compact() {
            Err(error) if error.kind() == ErrorKind::NoSpace => {
                let text = format!("the journal is not compacted: {error}");
                task.report(&Event::Notice { text: &text });
                Ok(0)
            }
            other => other,
        }
    }

    /// Copies what is alive in the packs `dying`, then removes them. Gives how
    /// many of them there were.
    fn renew(
        &self,
        access: &Access,
        dying: &[(u32, PackId, u64)],
        reader: &mut Reader,
        marks: &Marks,
        task: &Task,
    ) -> Result<u64> {
        let mut writer = self.writer(access, task)?;
        let mut gone = HashSet::new();
        let all = dying.iter().map(|(_, _, bytes)| bytes).sum();
        let mut passing = Passing::start("copying", Some(all), task);
        for (number, id, bytes) in dying {
            let pack = reader.index().pack(*number)?;
            let is_live = |chunk| marks.is_live(Place { pack: *number, chunk });
            let damaged = pack.damaged(&is_live)?;
            if damaged.is_empty() {
                writer.copy_live(&pack, &is_live)?;
                gone.insert(*id);
            }
            // What is damaged is not copied as if it were sound, nor taken away.
            for (chunk, error) in damaged {
                reader.index().note(Place { pack: *number, chunk });
                task.report(&Event::Notice { text: &format!("{error}; the pack is left as it is") });
            }
            passing.advance(*bytes)?;
        }
        let mut finished = writer.finish()?;
        passing.finish();
        let renewed = gone.len() as u64;
        // What a collection before this one had copied when it was cut off comes
        // out as the same pack again, and then that one stays.
        finished.packs.iter().for_each(|made| _ = gone.remove(made));
        finished.index.forget(&gone);
        finished.index.publish(&[], true)?;
        for id in &gone {
            self.disk().remove(&id.file())?;
        }
        self.disk().sync_dir("packs")?;
        Ok(renewed)
    }

    /// Removes what containers wrote that are not among the `known`: their
    /// removal or making was cut short.
    fn remove_left_containers(&self, known: &HashSet<String>) -> Result<()> {
        for entry in self.disk().list(CONTAINERS)? {
            let name = format!("{CONTAINERS}/{}", entry.name);
            match (known.contains(&entry.name), entry.is_dir) {
                (true, _) => {}
                (false, true) => self.disk().remove_tree(&name)?,
                (false, false) => self.disk().remove(&name)?,
            }
        }
        Ok(())
    }

    /// What packs, index, containers and passing files take on the disk.
    pub(super) fn packed_bytes(&self) -> Result<u64> {
        let mut bytes = 0;
        for dir in ["packs", "index", "tmp", CONTAINERS] {
            let below = self.disk().usage(dir)?.into_iter().filter(|file| file.name != dir);
            bytes += below.map(|file| file.bytes).sum::<u64>();
        }
        Ok(bytes)
    }
}

/// Forgets blobs that no image and no container needs. No commit leaves any; a mistake of an
/// earlier larder may have.
fn forget_orphans(ledger: &mut Ledger) -> Result<()> {
    let mut changes = Vec::new();
    for blob in ledger.catalog().blobs() {
        let digest = blob?.digest;
        if ledger.catalog().is_needed_only_by(&digest, &BTreeSet::new(), &BTreeSet::new())? {
            changes.push(Change::ForgetBlob(digest));
        }
    }
    if changes.is_empty() { Ok(()) } else { ledger.commit("gc", changes) }
}

/// What becomes of a pack.
enum Condition {
    Alive { all: u64 },
    Dying { dead: u64, all: u64, is_damaged: bool },
    Dead,
}

fn condition(
    number: u32,
    reader: &mut Reader,
    marks: &Marks,
    collected: &mut Collected,
    task: &Task,
) -> Result<Condition> {
    let live = marks.live_in(number);
    let pack = match reader.index().pack(number) {
        Ok(pack) => pack,
        // What is alive was found elsewhere, or marking would have failed.
        Err(error) if live == 0 && error.is_damage() => {
            task.report(&Event::Notice { text: &format!("{error}; nothing needs it, it is removed") });
            return Ok(Condition::Dead);
        }
        Err(error) => return Err(error.into()),
    };
    let chunks = pack.names().len() as u64;
    collected.live_chunks += live;
    collected.dead_chunks += chunks - live;
    let (dead, all) = marks.dead_bytes_in(number, &pack);
    Ok(match live {
        0 => Condition::Dead,
        live if live < chunks => Condition::Dying { dead, all, is_damaged: reader.index().is_noted(&pack) },
        _ => Condition::Alive { all },
    })
}
