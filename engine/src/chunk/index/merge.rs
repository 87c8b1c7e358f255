//! All entries in order, wherever they lie, and what that shows.

use std::collections::{BTreeMap, HashMap};

use super::{Index, Place};
use crate::chunk::run::Entry;
use crate::chunk::{ChunkName, Error, Result, Row};

/// No pack has as many chunks: what a damaged run may make a reader allocate.
const MAX_ROWS: u32 = 1 << 24;

/// Sorted entries.
pub(super) type Source<'s> = Box<dyn Iterator<Item = Result<Entry>> + 's>;

impl Index {
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

    /// The chunks of a pack in order, as far as its runs and the names that are `known`
    /// tell; in between stand rows that fit nothing.
    ///
    /// # Errors
    /// If there is not enough memory for them.
    pub fn rows_of(&self, pack: u32, known: &BTreeMap<ChunkName, u32>) -> Result<Vec<Row>> {
        let known: HashMap<u64, Row> =
            known.iter().map(|(name, len)| (name.prefix(), (*name, *len))).collect();
        let mut rows: Vec<Row> = Vec::new();
        for (run, slots) in &self.runs {
            for entry in (0..run.blocks()).flat_map(|block| run.block(block).unwrap_or_default()) {
                if slots.get(entry.pack as usize) == Some(&Some(pack)) && entry.chunk < MAX_ROWS {
                    let at = entry.chunk as usize;
                    let more = (at + 1).saturating_sub(rows.len());
                    larder_memory::reserve(&mut rows, more)?;
                    rows.resize(rows.len().max(at + 1), (ChunkName([0; ChunkName::BYTES]), 0));
                    if let (Some(row), Some(found)) = (rows.get_mut(at), known.get(&entry.prefix)) {
                        *row = *found;
                    }
                }
            }
        }
        Ok(rows)
    }

    fn repeated_places(&self) -> Result<Vec<Place>> {
        let mut sources: Vec<Source<'_>> = Vec::new();
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
}

/// Entries of several sorted sources in order of their prefixes.
pub(super) struct Merge<'s> {
    sources: Vec<std::iter::Peekable<Source<'s>>>,
}

impl<'s> Merge<'s> {
    pub(super) fn new(sources: Vec<Source<'s>>) -> Self {
        Self { sources: sources.into_iter().map(Iterator::peekable).collect() }
    }
}

impl Iterator for Merge<'_> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        // An error sorts first, to be told at once.
        let head = |source: &mut std::iter::Peekable<_>| match source.peek() {
            Some(Ok(Entry { prefix, .. })) => Some((true, *prefix)),
            Some(Err(_)) => Some((false, 0)),
            None => None,
        };
        let heads = self.sources.iter_mut().enumerate().filter_map(|(n, source)| Some((head(source)?, n)));
        let (_, first) = heads.min()?;
        self.sources.get_mut(first)?.next()
    }
}
