//! Compaction: a shorter journal in the place of a long one.
//!
//! The new journal has two parts:
//! 1. a [`Snapshot`] of what all but the latest commits come to;
//! 2. the latest commits, payload for payload and with their numbers, which `log` shows and `undo`
//!    takes back.
//!
//! The catalog says the same as before, so it is not made again; it only learns where the new
//! journal ends. Order: the new file is durable and locked before it has the journal's name, the
//! name is durable before the catalog learns of it, and nothing is appended before that. A cut
//! before the rename leaves the old journal; one behind it a catalog that does not belong to the
//! journal, which is made again.

use super::Ledger;
use crate::Result;
use crate::catalog::{Commit, Snapshot};
use crate::journal::{FileHeader, NewJournal, Position};
use crate::task::Passing;

/// When the journal is compacted, and what stays as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactionPolicy {
    /// No smaller journal is compacted.
    pub min_bytes: u64,
    /// A commit compacts the journal itself when it takes it over a multiple of `min_bytes` from
    /// this on: where nobody collects garbage.
    pub commit_bytes: u64,
    /// The latest commits that fit into so many bytes stay as they are, and the last one always.
    pub history_bytes: u64,
    /// The journal is compacted if it comes to this part of its size, in percent, or less.
    pub max_percent: u64,
}

impl CompactionPolicy {
    /// A record of `tag` is 116 bytes: 16 MiB of history are the last 140 000 of them.
    pub const DEFAULT: Self =
        Self { min_bytes: 64 << 20, commit_bytes: 256 << 20, history_bytes: 16 << 20, max_percent: 50 };

    /// Whether a commit that took the journal from `before` to `after` bytes is to compact it.
    pub(super) fn is_due_after_commit(&self, before: u64, after: u64) -> bool {
        let step = self.min_bytes.max(1);
        after >= self.commit_bytes && before / step != after / step
    }
}

/// What a record and a commit take beside the verb and the changes: the record's header, the time,
/// two lengths and the mark of the snapshot.
const COMMIT_BYTES: u64 = 28 + 12 + 8 + 8 + 4;

/// Verbs are about so long.
const VERB_BYTES: u64 = 8;

/// What a new journal is to consist of.
struct Plan {
    snapshot: Snapshot,
    /// The place before the first commit that stays as it is.
    cut: Position,
    header: FileHeader,
}

impl Ledger {
    /// Whether the journal is long enough to look whether it can be compacted.
    pub fn is_long(&self) -> bool {
        self.position.offset >= self.policy.min_bytes
    }

    /// Compacts the journal if it is long and enough of it is dead; gives how many bytes it is
    /// shorter.
    ///
    /// # Errors
    /// If the journal is damaged or the disk fails. The ledger can be used further either way.
    pub fn compact(&mut self) -> Result<u64> {
        // A catalog that is behind would be said to have come as far as the new journal.
        if !self.writable || self.is_behind || !self.is_long() {
            return Ok(0);
        }
        let task = self.task.clone();
        let mut passing = Passing::start("compacting the journal", Some(2 * self.position.offset), &task);
        let Some(plan) = self.plan(&mut passing)? else {
            passing.finish();
            return Ok(0);
        };
        let new = self.write(&plan, &mut passing)?;
        passing.finish();
        let before = self.position.offset;
        let placed = new.put_in_place()?;
        // From here on the old journal is not to be touched, whatever fails.
        (self.journal, self.position, self.lock) = (placed.journal, placed.end, placed.lock);
        self.is_name_durable = false;
        self.make_name_durable()?;
        // A catalog that does not learn of it is made again.
        self.is_behind = self.catalog.move_to(self.position).is_err();
        Ok(before.saturating_sub(self.position.offset))
    }

    /// Reads what is not to stay as it is; `None` if too little of it is dead.
    fn plan(&self, passing: &mut Passing<'_>) -> Result<Option<Plan>> {
        let end = self.position;
        let history_bytes = self.policy.history_bytes.max(end.last_bytes);
        let history_start = end.offset.saturating_sub(history_bytes);
        let mut snapshot = Snapshot::default();
        let mut cut = self.journal.start();
        while cut.offset < history_start
            && let Some((position, payload)) = self.journal.next(cut)?
        {
            snapshot.add(position.txn, &Commit::decode(&payload)?)?;
            passing.advance(position.last_bytes)?;
            cut = position;
        }
        let commits = snapshot.commits();
        let snapshot_bytes = snapshot.changes_bytes() + commits * (COMMIT_BYTES + VERB_BYTES);
        let bytes = self.journal.start().offset + snapshot_bytes + (end.offset - cut.offset);
        let is_worth_it = bytes.saturating_mul(100) <= end.offset.saturating_mul(self.policy.max_percent);
        // What is left takes the numbers right before those that stay.
        let base = cut.txn.checked_sub(commits).and_then(|base| u32::try_from(base).ok());
        let header = base.map(|base| FileHeader::compacted(self.journal.header().store, base));
        Ok(header.filter(|_| is_worth_it).map(|header| Plan { snapshot, cut, header }))
    }

    /// Writes the new journal, without giving it its name.
    fn write(&self, plan: &Plan, passing: &mut Passing<'_>) -> Result<NewJournal> {
        let mut new = NewJournal::create(&self.disk, plan.header)?;
        let mut at = self.journal.start();
        while at.txn < self.position.txn
            && let Some((position, payload)) = self.journal.next(at)?
        {
            if position.txn > plan.cut.txn {
                new.add(&payload)?;
            } else if let Some(left) = plan.snapshot.left_of(position.txn, Commit::decode(&payload)?) {
                new.add(&left.encode()?)?;
            }
            passing.advance(position.last_bytes)?;
            at = position;
        }
        Ok(new)
    }
}

#[cfg(test)]
mod tests;
