//! Finding chunks: all packs and index runs of a store, as they were when it
//! was opened.
//!
//! The runs are a view of the packs. A pack that no run covers (a crash came
//! between the two, or a run was lost or damaged) is read from its trailer; the
//! next [`Index::publish`] writes a run for it.

mod merge;
mod notes;
mod publish;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::damage::Damage;
use super::pack::{Pack, PackId};
use super::run::{Entry, Run};
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
    /// Chunks that were found damaged once; `Some` too if something was missing.
    damage: Option<Damage>,
    last: Option<Place>,
    clock: u64,
    /// Who hears of a run that turns out to be damaged and is made again; nobody
    /// where nothing can be written.
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
        let damage = Damage::read(&*disk)?;
        let mut index = Self {
            disk,
            slots: Vec::new(),
            numbers: HashMap::new(),
            runs: Vec::new(),
            uncovered: Vec::new(),
            distrusted: Vec::new(),
            damaged: Vec::new(),
            damage,
            last: None,
            clock: 0,
            mender: None,
        };
        index.reload()?;
        Ok(index)
    }

    /// The same, but a run of which a block turns out to be damaged is made again
    /// then and there, and `task` told; and what else is damaged is noted.
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
                    Err(error) if error.is_shortage() => return Err(error),
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
                    larder_memory::reserve(&mut self.uncovered, pack.names().len())?;
                    self.uncovered.extend(pack.names().iter().enumerate().map(entry));
                }
                Err(error) if error.is_shortage() => return Err(error),
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

    /// Whether a run names a pack that is not there.
    pub fn misses_packs(&self) -> bool {
        self.runs.iter().any(|(_, slots)| slots.iter().any(Option::is_none))
    }

    /// How many packs that can be read no sound run covers.
    pub fn uncovered_packs(&self) -> usize {
        self.uncovered.iter().map(|entry| entry.pack).collect::<HashSet<_>>().len()
    }

    /// Whether every pack is covered by a sound run and every run is needed.
    pub fn is_settled(&self) -> bool {
        self.uncovered.is_empty() && self.distrusted.is_empty() && !self.misses_packs()
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
            let is_it = |pack: &&Arc<Pack>| pack.names().get(next.chunk as usize) == Some(name);
            if open.filter(is_it).is_some_and(|pack| !self.is_lost(pack, next.chunk)) {
                self.last = Some(next);
                return Ok(Some(next));
            }
        }
        let (candidates, mut trouble) = self.candidates(name.prefix())?;
        for place in candidates {
            match self.pack(place.pack) {
                Ok(pack) if pack.names().get(place.chunk as usize) == Some(name) => {
                    if self.is_lost(&pack, place.chunk) {
                        trouble = Some(notes::lost(&pack));
                        continue;
                    }
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

    pub(super) fn tell_of(&self, run: &str, why: &Error) {
        if let Some(task) = &self.mender {
            task.report(&Event::Notice { text: &format!("{run} is made again: {why}") });
        }
    }

    /// All places where the chunk `name` lies, but for packs that cannot be read and
    /// places where it is known to be damaged.
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
                Ok(pack) if pack.names().get(place.chunk as usize) == Some(name) => {
                    found.extend(Some(place).filter(|place| !self.is_lost(&pack, place.chunk)));
                }
                Err(error) if !error.is_damage() => return Err(error),
                _ => {}
            }
        }
        Ok(found)
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
