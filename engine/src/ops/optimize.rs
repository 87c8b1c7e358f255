//! Making the store smaller: what loads wrote in haste is compressed again, at
//! leisure, with what is alike side by side.
//!
//! It goes by steps of whole packs, and within a step by parts:
//! 1. **Plan**, reading every chunk of the step's packs once: which is like which.
//! 2. **Write** the next part of the plan to new packs, and the index run that
//!    covers them. From here on these chunks lie in two places, each as good.
//! 3. **Remove** the old packs of which every chunk lies in a new one; then go
//!    on with 2.
//!
//! Everybody else reads and adds packs meanwhile; only 3 keeps them out, for the
//! moment that it takes. A cut anywhere costs the part under way: what was
//! finished bears a mark (see [`Coding`]), and whoever comes next, `gc` or another
//! `optimize`, finds old packs whose chunks are elsewhere and removes them.
//!
//! No chunk is left behind because nothing names it: a load may be about to. To
//! take garbage away is what `gc` is for.

mod packs;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use packs::is_renewed;

use crate::chunk::{self, ChunkName, Coding, Index, Pack, PackId, Renewal};
use crate::store::{Store, check_level};
use crate::task::{Event, Passing, Task};
use crate::{ErrorKind, Result};

/// How much is done at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// A step takes packs up to this many bytes on disk: what is alike is found
    /// within a step, and that much free space is enough for one.
    pub step_bytes: u64,
    /// And up to this many chunks, unless its first pack has more: a plan takes
    /// some 200 bytes of memory for each.
    pub step_chunks: usize,
    /// Bytes of chunks in a part, which is what a cut costs.
    pub part_bytes: u64,
}

/// A part takes about a minute.
const PACE: Pace = Pace { step_bytes: 4 << 30, step_chunks: 1 << 19, part_bytes: 256 << 20 };

/// How far to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptimizeOptions {
    /// zstd's level, 1 to 22. What was optimised at this level or a higher one
    /// is left as it is.
    pub level: u8,
    /// Stop after this time, keeping what is done.
    pub max_duration: Option<Duration>,
}

impl Default for OptimizeOptions {
    /// Level 12. On real images level 19 makes a store 6 % smaller still, for ten
    /// times the work, and a `save` from it takes a tenth longer.
    fn default() -> Self {
        Self { level: 12, max_duration: None }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Optimized {
    /// What packs and index took on the disk.
    pub bytes_before: u64,
    /// What they take now.
    pub bytes_after: u64,
    /// Frames that were compressed again.
    pub frames_rewritten: u64,
    /// Packs that others stand for now.
    pub packs_removed: u64,
    /// Frames and packs that are damaged and were left as they are.
    pub damaged: u64,
    /// Whether time ran out before all was done.
    pub is_unfinished: bool,
}

impl Store {
    /// Makes the store smaller, without changing anything that it holds. Others
    /// may use it meanwhile. What is done is kept if the work is stopped, and the
    /// next time goes on there.
    ///
    /// ```
    /// use larder_engine::{OptimizeOptions, Task};
    /// # use larder_engine::{Input, LoadOptions, Store};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
    /// # let store = Store::create(dir.path().join("store"))?;
    /// # store.load(Input::open(archive.as_ref())?, &LoadOptions::default(), &Task::silent())?;
    /// let optimized = store.optimize(&OptimizeOptions::default(), &Task::silent())?;
    /// assert!(optimized.frames_rewritten > 0);
    /// let again = store.optimize(&OptimizeOptions::default(), &Task::silent())?;
    /// assert_eq!(again.frames_rewritten, 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if there is no such level; or if the disk
    /// fails. Damage is no error: see [`Optimized::damaged`].
    pub fn optimize(&self, options: &OptimizeOptions, task: &Task) -> Result<Optimized> {
        self.optimize_at(&PACE, options, task)
    }

    pub(super) fn optimize_at(
        &self,
        pace: &Pace,
        options: &OptimizeOptions,
        task: &Task,
    ) -> Result<Optimized> {
        self.check_writable()?;
        check_level(options.level)?;
        let end = options.max_duration.and_then(|time| Instant::now().checked_add(time));
        let done = Optimized { bytes_before: self.packed_bytes()?, ..Optimized::default() };
        let mut work = Work { store: self, pace: *pace, level: options.level, end, task, done };
        work.run()?;
        work.done.bytes_after = self.packed_bytes()?;
        Ok(work.done)
    }
}

/// An optimisation under way.
struct Work<'w> {
    store: &'w Store,
    pace: Pace,
    level: u8,
    end: Option<Instant>,
    task: &'w Task,
    done: Optimized,
}

impl Work<'_> {
    fn is_over(&self) -> bool {
        self.end.is_some_and(|end| Instant::now() >= end)
    }

    fn run(&mut self) -> Result<()> {
        if !self.is_over() {
            // What is dead is not worth the work. Damage is no reason to stop here.
            match self.store.reclaim(self.task) {
                Err(error) if error.kind() != ErrorKind::Corrupt => return Err(error),
                _ => {}
            }
        }
        let mut waiting = self.unfinished_packs()?.into_iter().peekable();
        while waiting.peek().is_some() && !self.done.is_unfinished {
            let (mut bytes, mut chunks) = (0, 0);
            let mut step = Vec::new();
            while let Some(pack) = waiting.next_if(|pack| {
                let fits = bytes + pack.bytes <= self.pace.step_bytes;
                step.is_empty() || fits && chunks + pack.chunks <= self.pace.step_chunks
            }) {
                bytes += pack.bytes;
                chunks += pack.chunks;
                step.push(pack.id);
            }
            self.done.is_unfinished = self.is_over();
            if !self.done.is_unfinished {
                self.step(&step)?;
            }
        }
        Ok(())
    }

    fn tell_damage(&mut self, error: &chunk::Error) {
        self.done.damaged += 1;
        self.task.report(&Event::Notice { text: &format!("{error}; it is left as it is") });
    }

    /// Writes the packs `step` anew.
    fn step(&mut self, step: &[PackId]) -> Result<()> {
        let (store, task) = (self.store, self.task);
        let old: HashSet<PackId> = step.iter().copied().collect();
        let mut access = store.share(task)?;
        let mut plan = self.plan(step, &old, store.index(&access, task)?)?;
        for error in plan.damaged() {
            self.tell_damage(error);
        }
        let mut progress = Passing::start("compressing", Some(plan.raw_bytes()), task);
        loop {
            let mut writer = store.writer_with(Coding::in_order(self.level), &access, task)?;
            let mut part = 0;
            while part < self.pace.part_bytes && !self.is_over() {
                let Some(bytes) = plan.copy_next(&mut writer)? else { break };
                part += bytes;
                progress.advance(bytes)?;
            }
            writer.finish()?;
            drop(access);
            self.done.is_unfinished = !plan.is_done() && self.is_over();
            let ends = plan.is_done() || self.done.is_unfinished;
            self.done.packs_removed += self.remove_replaced(&old, ends)?;
            if ends {
                break;
            }
            access = store.share(task)?;
        }
        self.done.frames_rewritten += plan.frames_done();
        progress.finish();
        Ok(())
    }

    fn plan(&self, step: &[PackId], old: &HashSet<PackId>, mut index: Index) -> Result<Renewal> {
        let numbers: HashMap<PackId, u32> = index.packs().map(|(number, id)| (id, number)).collect();
        // One that is gone was collected since.
        let there = step.iter().filter_map(|id| numbers.get(id));
        let packs = there.map(|number| index.pack(*number)).collect::<Result<Vec<_>, _>>()?;
        let lens = |pack: &Arc<Pack>| {
            (0..pack.names().len() as u32).map(|n| u64::from(pack.chunk_len(n))).sum::<u64>()
        };
        let mut progress = Passing::start("comparing", Some(packs.iter().map(lens).sum()), self.task);
        let mut is_wanted = |name: &ChunkName| Ok(!is_renewed(&mut index, name, self.level, old)?);
        let mut advance = |bytes| Ok(progress.advance(bytes)?);
        let plan = Renewal::plan(packs, self.store.threads(), &mut is_wanted, &mut advance)?;
        progress.finish();
        Ok(plan)
    }
}

#[cfg(test)]
mod tests;
