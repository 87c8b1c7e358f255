//! Finding chunks: all packs and index runs of a store, as they were when it
//! was opened.
//!
//! The runs are a view of the packs. A pack that no run covers (a crash came
//! between the two, or a run was lost or damaged) is read from its trailer; the
//! next [`Index::publish`] writes a run for it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::merge::Merge;
use super::pack::{Pack, PackId};
use super::run::{self, Entry, Run};
use super::{ChunkName, Error, Result};
use crate::disk::Disk;
use crate::task::{Event, Task};

/// Trailers of packs that were looked into are kept while they take no more
/// memory than this: those of some 40 GB of packed files.
const MAX_PACK_MEMORY: usize = 32 << 20;

/// How often the directory is listed again when a run vanishes between being
/// listed and opened: another process merged it away.
const MAX_LISTINGS: usize = 10;

/// Where a chunk lies; valid for the [`Index`] that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The pack's number in the index.
    pub pack: u32,
    /// The chunk's number in the pack.
    pub chunk: u32,
}

/// All packs and index runs of a store.
pub struct Index {
    disk: Arc<dyn Disk>,
    slots: Vec<Slot>,
    numbers: HashMap<PackId, u32>,
    runs: Vec<(Run, Vec<Option<u32>>)>,
    /// Entries of the packs that no run covers, sorted; `pack` is the slot.
    uncovered: Vec<Entry>,
    /// Runs that could not be read, with why.
    distrusted: Vec<(String, Error)>,
    /// Packs that could not be read, with why.
    damaged: Vec<(PackId, Error)>,
    last: Option<Place>,
    clock: u64,
    /// Who hears of a run that turns out to be damaged and is made again; nobody
    /// where runs cannot be written.
    mender: Option<Task>,
}

#[derive(Debug)]
struct Slot {
    id: PackId,
    pack: Option<Arc<Pack>>,
    used: u64,
}

impl Index {
    /// Reads what there is.
    ///
    /// # Errors
    /// If a directory cannot be read. Damaged runs and packs are no error:
    /// what they hold is not found, unless it is elsewhere too.
    pub fn open(disk: Arc<dyn Disk>) -> Result<Self> {
        let mut index = Self {
            disk,
            slots: Vec::new(),
            numbers: HashMap::new(),
            runs: Vec::new(),
            uncovered: Vec::new(),
            distrusted: Vec::new(),
            damaged: Vec::new(),
            last: None,
            clock: 0,
            mender: None,
        };
        index.reload()?;
        Ok(index)
    }

    /// The same, but a run of which a block turns out to be damaged is made again
    /// then and there, and `task` told.
    pub fn mending(self, task: &Task) -> Self {
        Self { mender: Some(task.clone()), ..self }
    }

    fn reload(&mut self) -> Result<()> {
        self.runs.clear();
        self.distrusted.clear();
        // Runs first: a run's packs were there before it, so none of them can be missed.
        let runs = self.open_runs()?;
        let mut packs: Vec<_> =
            self.disk.list("packs")?.iter().filter_map(|entry| PackId::of_file(&entry.name)).collect();
        packs.sort_unstable();
        for id in packs {
            self.slot(id);
        }
        for run in runs {
            let slots = run.packs().iter().map(|id| self.numbers.get(id).copied()).collect();
            self.runs.push((run, slots));
        }
        self.uncover()
    }

    fn slot(&mut self, id: PackId) -> u32 {
        let next = self.slots.len() as u32;
        let number = *self.numbers.entry(id).or_insert(next);
        if number == next {
            self.slots.push(Slot { id, pack: None, used: 0 });
        }
        number
    }

    fn open_runs(&mut self) -> Result<Vec<Run>> {
        let mut listings = 0;
        'listing: loop {
            listings += 1;
            let mut runs = Vec::new();
            let mut distrusted = Vec::new();
            for entry in self.disk.list("index")? {
                if !entry.name.ends_with(".run") {
                    continue;
                }
                let name = format!("index/{}", entry.name);
                match Run::open(&*self.disk, &name) {
                    Ok(run) => runs.push(run),
                    Err(Error::Disk(error)) if error.is_absent() && listings < MAX_LISTINGS => {
                        continue 'listing;
                    }
                    Err(error) => distrusted.push((name, error)),
                }
            }
            self.distrusted = distrusted;
            return Ok(runs);
        }
    }

    /// Reads the trailers of the packs that no run covers.
    fn uncover(&mut self) -> Result<()> {
        self.uncovered.clear();
        self.damaged.clear();
        let covered: HashSet<u32> =
            self.runs.iter().flat_map(|(_, slots)| slots.iter().flatten().copied()).collect();
        for number in (0..self.slots.len() as u32).filter(|number| !covered.contains(number)) {
            let Some(id) = self.slots.get(number as usize).map(|slot| slot.id) else { continue };
            match Pack::open(&*self.disk, id) {
                Ok(pack) => {
                    let entry = |(chunk, name): (usize, &ChunkName)| Entry {
                        prefix: name.prefix(),
                        pack: number,
                        chunk: chunk as u32,
                    };
                    self.uncovered.extend(pack.names().iter().enumerate().map(entry));
                }
                Err(error) => self.damaged.push((id, error)),
            }
        }
        self.uncovered.sort_unstable();
        Ok(())
    }

    /// The disk it was read from.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// The packs, by number. Some may turn out to be damaged when opened.
    pub fn packs(&self) -> impl Iterator<Item = (u32, PackId)> + '_ {
        (0..).zip(self.slots.iter().map(|slot| slot.id))
    }

    /// Runs that could not be read, with why; rebuilt by the next [`Index::publish`].
    pub fn distrusted_runs(&self) -> &[(String, Error)] {
        &self.distrusted
    }

    /// How many packs that can be read no sound run covers.
    pub fn uncovered_packs(&self) -> usize {
        self.uncovered.iter().map(|entry| entry.pack).collect::<HashSet<_>>().len()
    }

    /// Whether every pack is covered by a sound run and every run is needed.
    pub fn is_settled(&self) -> bool {
        self.uncovered.is_empty()
            && self.distrusted.is_empty()
            && self.runs.iter().all(|(_, slots)| slots.iter().all(Option::is_some))
    }

    /// The pack with number `number`.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn pack(&mut self, number: u32) -> Result<Arc<Pack>> {
        self.clock += 1;
        let clock = self.clock;
        let unknown = Error::Damaged { file: "index".into(), what: "it names a pack that is not there" };
        let slot = self.slots.get_mut(number as usize).ok_or(unknown)?;
        slot.used = clock;
        if let Some(pack) = &slot.pack {
            return Ok(Arc::clone(pack));
        }
        let pack = Arc::new(Pack::open(&*self.disk, slot.id)?);
        slot.pack = Some(Arc::clone(&pack));
        self.forget_least_used(number);
        Ok(pack)
    }

    fn forget_least_used(&mut self, but: u32) {
        let taken = |slots: &[Slot]| -> usize {
            slots.iter().filter_map(|slot| slot.pack.as_ref()).map(|pack| pack.memory_bytes()).sum()
        };
        while taken(&self.slots) > MAX_PACK_MEMORY {
            let open =
                self.slots.iter_mut().zip(0_u32..).filter(|(slot, n)| slot.pack.is_some() && *n != but);
            let Some((slot, _)) = open.min_by_key(|(slot, _)| slot.used) else { break };
            slot.pack = None;
        }
    }

    /// Where the chunk `name` lies; `None` if nowhere.
    ///
    /// # Errors
    /// If it should be somewhere but the pack cannot be read.
    pub fn locate(&mut self, name: &ChunkName) -> Result<Option<Place>> {
        // Chunks are wanted in the order in which they were stored, mostly.
        if let Some(last) = self.last {
            let next = Place { chunk: last.chunk + 1, ..last };
            let open = self.slots.get(next.pack as usize).and_then(|slot| slot.pack.as_ref());
            if open.and_then(|pack| pack.names().get(next.chunk as usize)) == Some(name) {
                self.last = Some(next);
                return Ok(Some(next));
            }
        }
        let (candidates, mut trouble) = self.candidates(name.prefix())?;
        for place in candidates {
            match self.pack(place.pack) {
                Ok(pack) if pack.names().get(place.chunk as usize) == Some(name) => {
                    self.last = Some(place);
                    return Ok(Some(place));
                }
                Ok(_) => {}
                Err(error) => trouble = Some(error),
            }
        }
        trouble.map_or(Ok(None), Err)
    }

    fn candidates(&mut self, prefix: u64) -> Result<(Vec<Place>, Option<Error>)> {
        loop {
            match self.candidates_by_runs(prefix) {
                Ok(places) => return Ok((places, None)),
                Err((run, error)) => self.distrust(run, error)?,
            }
        }
    }

    /// Makes a run again of which a block is damaged, or does without it.
    fn distrust(&mut self, run: usize, why: Error) -> Result<()> {
        let (run, _) = self.runs.swap_remove(run);
        self.tell_of(run.name(), &why);
        self.distrusted.push((run.name().to_owned(), why));
        if self.mender.is_none() {
            return self.uncover();
        }
        match self.publish(&[], false) {
            Err(Error::Disk(_)) => {
                self.mender = None;
                self.reload()
            }
            published => published,
        }
    }

    fn tell_of(&self, run: &str, why: &Error) {
        if let Some(task) = &self.mender {
            task.report(&Event::Notice { text: &format!("{run} is made again: {why}") });
        }
    }

    /// All places where the chunk `name` lies, but for packs that cannot be read.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn places(&mut self, name: &ChunkName) -> Result<Vec<Place>> {
        let (mut places, _) = self.candidates(name.prefix())?;
        places.sort_unstable();
        // A pack that two runs cover is in both.
        places.dedup();
        let mut found = Vec::new();
        for place in places {
            match self.pack(place.pack) {
                Ok(pack) if pack.names().get(place.chunk as usize) == Some(name) => found.push(place),
                Err(error) if !error.is_damage() => return Err(error),
                _ => {}
            }
        }
        Ok(found)
    }

    /// The names of chunks that may lie in more than one place: the starts of
    /// their names do.
    ///
    /// # Errors
    /// If a directory or a trailer cannot be read.
    pub fn repeated(&mut self) -> Result<Vec<ChunkName>> {
        let places = loop {
            match self.repeated_places() {
                Err(Error::Damaged { file, what }) => {
                    let run = self.runs.iter().position(|(run, _)| run.name() == file);
                    let why = Error::Damaged { file, what };
                    match run {
                        Some(run) => self.distrust(run, why)?,
                        None => return Err(why),
                    }
                }
                places => break places?,
            }
        };
        let mut names = Vec::new();
        for place in places {
            match self.pack(place.pack) {
                Ok(pack) => names.extend(pack.names().get(place.chunk as usize)),
                Err(error) if error.is_damage() => {}
                Err(error) => return Err(error),
            }
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    fn repeated_places(&self) -> Result<Vec<Place>> {
        let mut sources: Vec<Box<dyn Iterator<Item = Result<Entry>> + '_>> = Vec::new();
        sources.push(Box::new(self.uncovered.iter().copied().map(Ok)));
        for (run, slots) in &self.runs {
            let entries = (0..run.blocks()).flat_map(|block| match run.block(block) {
                Ok(entries) => entries.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            });
            sources.push(Box::new(entries.filter_map(|entry| match entry {
                Ok(entry) => Some(Ok(Entry { pack: (*slots.get(entry.pack as usize)?)?, ..entry })),
                Err(error) => Some(Err(error)),
            })));
        }
        let mut repeated = Vec::new();
        let mut last: Option<Entry> = None;
        for entry in Merge::new(sources) {
            let entry = entry?;
            let place = |entry: Entry| Place { pack: entry.pack, chunk: entry.chunk };
            match last {
                Some(before) if before.prefix == entry.prefix && place(before) != place(entry) => {
                    repeated.extend([place(before), place(entry)]);
                }
                _ => {}
            }
            last = Some(entry);
        }
        repeated.sort_unstable();
        repeated.dedup();
        Ok(repeated)
    }

    fn candidates_by_runs(&self, prefix: u64) -> Result<Vec<Place>, (usize, Error)> {
        let start = self.uncovered.partition_point(|entry| entry.prefix < prefix);
        let here = self.uncovered.iter().skip(start).take_while(|entry| entry.prefix == prefix);
        let mut places: Vec<_> = here.map(|entry| Place { pack: entry.pack, chunk: entry.chunk }).collect();
        for (number, (run, slots)) in self.runs.iter().enumerate() {
            for entry in run.find(prefix).map_err(|error| (number, error))? {
                if let Some(Some(pack)) = slots.get(entry.pack as usize) {
                    places.push(Place { pack: *pack, chunk: entry.chunk });
                }
            }
        }
        Ok(places)
    }

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
        let mut sources: Vec<Box<dyn Iterator<Item = Result<Entry>> + '_>> = Vec::new();
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

    /// Forgets packs that are about to be removed.
    pub fn forget(&mut self, gone: &HashSet<PackId>) {
        self.slots.retain(|slot| !gone.contains(&slot.id));
        self.numbers = self.slots.iter().zip(0..).map(|(slot, number)| (slot.id, number)).collect();
        let numbers = &self.numbers;
        for (run, slots) in &mut self.runs {
            *slots = run.packs().iter().map(|id| numbers.get(id).copied()).collect();
        }
        self.uncovered.clear();
        self.last = None;
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counts = (self.slots.len(), self.runs.len(), self.uncovered.len());
        f.debug_struct("Index").field("packs, runs, uncovered chunks", &counts).finish_non_exhaustive()
    }
}
