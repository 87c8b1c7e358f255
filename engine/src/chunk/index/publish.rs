//! Writing index runs for packs that none covers, and merging those that are there.

use std::collections::{HashMap, HashSet};

use super::Index;
use super::merge::{Merge, Source};
use crate::chunk::pack::PackId;
use crate::chunk::run::{self, Entry, Run};
use crate::chunk::{Error, Result};

impl Index {
    /// Takes in packs that have just been given their names, and writes a run
    /// that covers them and whatever no sound run covers; then removes the runs
    /// that it replaces. `all` replaces every run.
    ///
    /// Runs are merged so that each is more than twice as large as the next
    /// smaller: their number grows with the logarithm of the chunks.
    ///
    /// # Errors
    /// If the disk fails; what was published before stays in force.
    pub fn publish(&mut self, packs: &[PackId], all: bool) -> Result<()> {
        self.disk.create_dir("index")?;
        for id in packs {
            self.slot(*id);
        }
        loop {
            self.uncover()?;
            let merged = self.take_runs_to_merge(all);
            let written = match self.write_merged(&merged) {
                Err(error @ Error::Damaged { .. }) if !merged.is_empty() => {
                    // A block of one of them is damaged: their packs know better.
                    self.tell_of("a run", &error);
                    let mut why = Some(error);
                    let unknown =
                        || Error::Damaged { file: "index".into(), what: "a run next to it is damaged" };
                    let distrusted = merged.into_iter().map(|(run, _)| run.name().to_owned());
                    self.distrusted.extend(distrusted.map(|name| (name, why.take().unwrap_or_else(unknown))));
                    continue;
                }
                other => other?,
            };
            self.disk.sync_dir("index")?;
            self.remove_replaced(&merged, written.as_deref())?;
            return self.reload();
        }
    }

    /// Takes the runs that the next one replaces out of the list.
    fn take_runs_to_merge(&mut self, all: bool) -> Vec<(Run, Vec<Option<u32>>)> {
        self.runs.sort_by_key(|(run, _)| std::cmp::Reverse(run.entries()));
        let stale = self.runs.iter().any(|(_, slots)| slots.iter().any(Option::is_none));
        let mut size = self.uncovered.len() as u64;
        let mut merged = Vec::new();
        while let Some((run, _)) = self.runs.last() {
            if !all && !stale && run.entries() > 2 * size {
                break;
            }
            size += run.entries();
            merged.extend(self.runs.pop());
        }
        merged
    }

    fn remove_replaced(&self, merged: &[(Run, Vec<Option<u32>>)], by: Option<&str>) -> Result<()> {
        let merged = merged.iter().map(|(run, _)| run.name());
        let replaced = merged.chain(self.distrusted.iter().map(|(name, _)| &**name));
        for old in replaced.filter(|old| Some(*old) != by) {
            match self.disk.remove(old) {
                // Another process, which merged it too, was first.
                Err(error) if !error.is_absent() => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes one run for `merged` and what no run covers; `None` if that is nothing.
    fn write_merged(&self, merged: &[(Run, Vec<Option<u32>>)]) -> Result<Option<String>> {
        let mut ordinals: HashMap<u32, u32> = HashMap::new();
        let mut ids = Vec::new();
        let mut ordinal = |slot: u32| -> u32 {
            *ordinals.entry(slot).or_insert_with(|| {
                ids.extend(self.slots.get(slot as usize).map(|slot| slot.id));
                ids.len() as u32 - 1
            })
        };
        let mut sources: Vec<Source<'_>> = Vec::new();
        let uncovered: Vec<_> =
            self.uncovered.iter().map(|entry| Entry { pack: ordinal(entry.pack), ..*entry }).collect();
        sources.push(Box::new(uncovered.into_iter().map(Ok)));
        let mut seen = HashSet::new();
        for (run, slots) in merged {
            // A pack that two runs cover is taken from the first.
            let table: Vec<Option<u32>> =
                slots.iter().map(|slot| slot.filter(|slot| seen.insert(*slot)).map(&mut ordinal)).collect();
            let blocks = (0..run.blocks()).flat_map(|block| match run.block(block) {
                Ok(entries) => entries.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            });
            sources.push(Box::new(blocks.filter_map(move |entry| match entry {
                Ok(entry) => {
                    let pack = (*table.get(entry.pack as usize)?)?;
                    Some(Ok(Entry { pack, ..entry }))
                }
                Err(error) => Some(Err(error)),
            })));
        }
        if ids.is_empty() {
            return Ok(None);
        }
        run::write(&self.disk, &ids, Merge::new(sources)).map(Some)
    }
}
