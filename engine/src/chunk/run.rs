//! Index runs: which pack has a chunk, sorted, immutable.
//!
//! `index/<id>.run` (integers little-endian):
//!
//! | offset | size | field                                                        |
//! |-------:|-----:|---------------------------------------------------------------|
//! |      0 |    8 | magic `LARDIRUN`                                              |
//! |      8 |    4 | version, 1                                                    |
//! |     12 |    4 | zero                                                          |
//! |     16 | 4096 b | blocks: up to 255 entries of 16 bytes, zeros, checksum 16     |
//! |      … | 16 p | pack table: the packs that the run covers, by ordinal         |
//! |      … |  8 b | block table: the prefix of each block's first entry           |
//! |   n-48 |    8 | `entries`: how many                                           |
//! |   n-40 |    4 | `packs`: p                                                    |
//! |   n-36 |    4 | `blocks`: b                                                   |
//! |   n-32 |    8 | zero                                                          |
//! |   n-24 |   16 | checksum of the first 16 bytes, the tables and these counts   |
//! |    n-8 |    8 | magic `LARDREND`                                              |
//!
//! An entry: `prefix` 8 (the first bytes of the chunk's name, big-endian as a
//! number), pack ordinal 4, number of the chunk in the pack 4.
//!
//! The prefix only points: who looks a chunk up compares the whole name in the
//! pack's trailer. So an entry takes 16 bytes instead of 48, a trailer that was
//! read for one chunk answers for its neighbours, and names made to collide
//! cost time, never a wrong answer. A run is covered by checksums of its own,
//! but nothing depends on it: a damaged one is made again from the trailers.

use super::front::{self, FRONT_BYTES};
use super::pack::PackId;
use super::{Error, Result};
use crate::disk::{Disk, File, Temporary, checksum};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The version this module writes and reads.
pub const VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"LARDIRUN";
const END_MAGIC: [u8; 8] = *b"LARDREND";
const FOOTER_BYTES: usize = 48;
const BLOCK_BYTES: usize = 4096;
const SUM_BYTES: usize = 16;
const ENTRY_BYTES: usize = 16;
/// How many blocks of a run are kept: 4 MiB of them, enough for a quarter of a million chunks.
const MAX_BLOCKS_KEPT: usize = 1024;
const ENTRIES_PER_BLOCK: usize = (BLOCK_BYTES - SUM_BYTES) / ENTRY_BYTES;

/// One chunk in a run. Sorted by prefix, then place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    pub prefix: u64,
    /// The pack's ordinal in the run's pack table.
    pub pack: u32,
    pub chunk: u32,
}

impl Entry {
    fn encode(&self) -> [u8; ENTRY_BYTES] {
        let number = u128::from(self.prefix) | u128::from(self.pack) << 64 | u128::from(self.chunk) << 96;
        number.to_le_bytes()
    }

    fn decode(bytes: [u8; ENTRY_BYTES]) -> Self {
        let number = u128::from_le_bytes(bytes);
        Self { prefix: number as u64, pack: (number >> 64) as u32, chunk: (number >> 96) as u32 }
    }
}

/// A run, opened and found sound but for its blocks, which are checked as they are read.
#[derive(Debug)]
pub struct Run {
    name: String,
    file: Box<dyn File>,
    packs: Vec<PackId>,
    firsts: Vec<u64>,
    entries: u64,
    /// Blocks that were asked for: names are asked for in any order, and to check a
    /// block costs more than to look into it.
    kept: Mutex<HashMap<usize, Arc<[Entry]>>>,
}

impl Run {
    /// Opens the run in the file `name`.
    ///
    /// # Errors
    /// If it is not there, of a later version, or damaged.
    pub fn open(disk: &dyn Disk, name: &str) -> Result<Self> {
        let damaged = |what| Error::Damaged { file: name.to_owned(), what };
        let file = disk.open(name)?;
        let len = file.len()?;
        if len < (FRONT_BYTES + FOOTER_BYTES) as u64 {
            return Err(damaged("it is too short to be an index run"));
        }
        let mut front = [0; FRONT_BYTES];
        file.read_exact_at(&mut front, 0)?;
        let mut footer = [0; FOOTER_BYTES];
        file.read_exact_at(&mut footer, len - FOOTER_BYTES as u64)?;
        if !front.starts_with(&MAGIC) || !footer.ends_with(&END_MAGIC) {
            return Err(damaged("its first or last bytes are not an index run's"));
        }
        let (counts, rest) = footer.split_first_chunk::<24>().ok_or_else(|| damaged("its footer"))?;
        let (sum, _) = rest.split_first_chunk::<16>().ok_or_else(|| damaged("its footer"))?;
        let (entries, packs, blocks) = decode_counts(counts);
        let tables = u64::from(packs) * 16 + u64::from(blocks) * 8;
        let whole =
            FRONT_BYTES as u64 + u64::from(blocks) * BLOCK_BYTES as u64 + tables + FOOTER_BYTES as u64;
        if whole != len || entries.div_ceil(ENTRIES_PER_BLOCK as u64) != u64::from(blocks) {
            return Err(damaged("its length does not fit its counts"));
        }
        let bytes = file.read_at(tables as usize, len - FOOTER_BYTES as u64 - tables)?;
        if checksum(&[&front, &bytes, counts]) != *sum {
            return Err(damaged("its tables do not match their checksum"));
        }
        if front != front::front(MAGIC, VERSION) {
            let got = front.get(8..12).and_then(|bytes| bytes.first_chunk::<4>());
            let got = got.map_or(0, |bytes| u32::from_le_bytes(*bytes));
            return Err(Error::Newer { file: name.to_owned(), want: VERSION, got });
        }
        let (ids, firsts) = bytes.split_at(packs as usize * 16);
        let packs = ids.as_chunks::<16>().0.iter().map(|id| PackId(*id)).collect();
        let firsts = firsts.as_chunks::<8>().0.iter().map(|first| u64::from_le_bytes(*first)).collect();
        Ok(Self { name: name.to_owned(), file, packs, firsts, entries, kept: Mutex::default() })
    }

    /// The file it lies in, relative to the store.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The packs it covers, by ordinal.
    pub fn packs(&self) -> &[PackId] {
        &self.packs
    }

    /// How many entries it has.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// How many blocks it has.
    pub fn blocks(&self) -> usize {
        self.firsts.len()
    }

    /// The entries of block `number`.
    ///
    /// # Errors
    /// If it cannot be read or does not match its checksum.
    pub fn block(&self, number: usize) -> Result<Vec<Entry>> {
        let mut bytes = [0; BLOCK_BYTES];
        self.file.read_exact_at(&mut bytes, (FRONT_BYTES + number * BLOCK_BYTES) as u64)?;
        let (body, sum) = bytes.split_at(BLOCK_BYTES - SUM_BYTES);
        if checksum(&[body]) != *sum {
            return Err(Error::Damaged {
                file: self.name.clone(),
                what: "a block does not match its checksum",
            });
        }
        let before = (number * ENTRIES_PER_BLOCK) as u64;
        let here = self.entries.saturating_sub(before).min(ENTRIES_PER_BLOCK as u64) as usize;
        Ok(body.as_chunks::<ENTRY_BYTES>().0.iter().take(here).map(|entry| Entry::decode(*entry)).collect())
    }

    /// The same, from memory if it was asked for before.
    fn kept_block(&self, number: usize) -> Result<Arc<[Entry]>> {
        // Nothing is half done where somebody else has panicked.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entries) = kept.get(&number) {
            return Ok(Arc::clone(entries));
        }
        let entries: Arc<[Entry]> = self.block(number)?.into();
        if kept.len() >= MAX_BLOCKS_KEPT {
            kept.clear();
        }
        kept.insert(number, Arc::clone(&entries));
        Ok(entries)
    }

    /// Every entry for `prefix`.
    ///
    /// # Errors
    /// If a block that may have one cannot be read.
    pub fn find(&self, prefix: u64) -> Result<Vec<Entry>> {
        let mut found = Vec::new();
        // Entries of one prefix may begin in the block before the first that starts with it.
        let start = self.firsts.partition_point(|first| *first < prefix).saturating_sub(1);
        for number in start..self.firsts.len() {
            if self.firsts.get(number).is_none_or(|first| *first > prefix) {
                break;
            }
            found.extend(self.kept_block(number)?.iter().filter(|entry| entry.prefix == prefix));
        }
        Ok(found)
    }
}

fn decode_counts(counts: &[u8; 24]) -> (u64, u32, u32) {
    let (entries, rest) = counts.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
    let (packs, rest) = rest.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
    let (blocks, _) = rest.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
    (u64::from_le_bytes(*entries), u32::from_le_bytes(*packs), u32::from_le_bytes(*blocks))
}

/// Writes a run of `entries`, which are sorted, and gives its file's name.
/// It is durable when this returns, but for the name in `index/`.
///
/// # Errors
/// If `entries` fails or the disk does.
pub fn write(
    disk: &Arc<dyn Disk>,
    packs: &[PackId],
    entries: impl Iterator<Item = Result<Entry>>,
) -> Result<String> {
    let out = Temporary::create(Arc::clone(disk), "run")?;
    let front = front::front(MAGIC, VERSION);
    out.file().write_all_at(&front, 0)?;
    let mut at = FRONT_BYTES as u64;
    let mut tables: Vec<u8> = packs.iter().flat_map(|pack| pack.0).collect();
    let (mut count, mut blocks) = (0_u64, 0_u32);
    let mut body = Vec::with_capacity(BLOCK_BYTES);
    let mut identity = blake3::Hasher::new();
    let mut entries = entries.peekable();
    while let Some(first) = entries.peek() {
        if let Ok(first) = first {
            tables.extend(first.prefix.to_le_bytes());
        }
        body.clear();
        for entry in entries.by_ref().take(ENTRIES_PER_BLOCK) {
            body.extend(entry?.encode());
            count += 1;
        }
        body.resize(BLOCK_BYTES - SUM_BYTES, 0);
        let sum = checksum(&[&body]);
        identity.update(&sum);
        body.extend(sum);
        out.file().write_all_at(&body, at)?;
        at += BLOCK_BYTES as u64;
        blocks += 1;
    }
    let ordinals = u32::try_from(packs.len()).unwrap_or(u32::MAX);
    let mut counts = [0; 24];
    let fields = [&count.to_le_bytes()[..], &ordinals.to_le_bytes(), &blocks.to_le_bytes(), &[0; 8]].concat();
    counts.copy_from_slice(&fields);
    let sum = checksum(&[&front, &tables, &counts]);
    identity.update(&sum);
    out.file().write_all_at(&[&tables[..], &counts, &sum, &END_MAGIC].concat(), at)?;
    out.file().sync()?;
    let mut id = [0; 16];
    identity.finalize_xof().fill(&mut id);
    let name = format!("index/{}.run", hex::encode(id));
    out.keep(&name)?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::SimulatedDisk;

    fn write_run(entries: &[Entry]) -> (Arc<dyn Disk>, String) {
        let disk: Arc<dyn Disk> = Arc::new(SimulatedDisk::new());
        disk.create_dir("index").unwrap();
        let packs = [PackId([1; 16]), PackId([2; 16])];
        let name = write(&disk, &packs, entries.iter().copied().map(Ok)).unwrap();
        (disk, name)
    }

    #[test]
    fn a_run_finds_every_entry_and_no_other() {
        let spread = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut entries: Vec<_> =
            (0..3000).map(|n| Entry { prefix: spread(n), pack: (n % 2) as u32, chunk: n as u32 }).collect();
        // More of one prefix than a block holds.
        entries.extend((0..600).map(|chunk| Entry { prefix: spread(7), pack: 0, chunk: 10_000 + chunk }));
        entries.sort_unstable();
        let (disk, name) = write_run(&entries);
        let run = Run::open(&*disk, &name).unwrap();
        assert_eq!((run.entries(), run.packs().len()), (3600, 2));
        for n in 0..3000 {
            let want: Vec<_> = entries.iter().filter(|entry| entry.prefix == spread(n)).copied().collect();
            assert_eq!(run.find(spread(n)).unwrap(), want);
        }
        for absent in [0, 1, u64::MAX, spread(7) + 1] {
            assert_eq!(run.find(absent).unwrap(), if absent == 0 { run.find(0).unwrap() } else { vec![] });
        }
        let all: Vec<_> = (0..run.blocks()).flat_map(|block| run.block(block).unwrap()).collect();
        assert_eq!(all, entries);
    }

    #[test]
    fn a_run_may_be_empty() {
        let (disk, name) = write_run(&[]);
        assert_eq!(Run::open(&*disk, &name).unwrap().find(3).unwrap(), []);
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed() {
        let (disk, name) = write_run(&[Entry { prefix: 5, pack: 1, chunk: 9 }]);
        let file = disk.open_writable(&name).unwrap();
        let mut bytes = vec![0; file.len().unwrap() as usize];
        file.read_exact_at(&mut bytes, 0).unwrap();
        for at in 0..bytes.len() {
            bytes[at] ^= 0x10;
            file.write_all_at(&bytes, 0).unwrap();
            assert!(Run::open(&*disk, &name).and_then(|run| run.block(0)).is_err(), "byte {at}");
            bytes[at] ^= 0x10;
        }
    }
}
