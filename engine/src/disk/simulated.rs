//! A disk in memory that keeps apart what is written and what would survive.
//!
//! It is as unkind as POSIX allows: bytes survive a power cut only if their
//! file was synced behind them, names only if their directory was. Power can
//! be lost after any operation; what is found after the reboot is then
//! everything that was made durable, and of the rest what [`Survival`] says.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::Context;
use super::{Allocated, Disk, Entry, File, Guard, Mode, Result};

/// What torn writes come in.
const SECTOR_BYTES: usize = 512;

/// What becomes of what was not made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survival {
    /// It is gone.
    Nothing,
    /// It happens to be there.
    Everything,
    /// Of each name and each sector, chance decides; the seed says how.
    Part(u64),
}

/// A disk in memory. Clones share it.
#[derive(Clone, Default)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    dirs: BTreeSet<String>,
    durable_dirs: BTreeSet<String>,
    locks: BTreeMap<String, usize>,
    /// Operations that changed something, so far.
    operations: u64,
    /// Power is lost once there were so many.
    stop: Option<u64>,
}

#[derive(Default, Clone)]
struct Inode {
    bytes: Vec<u8>,
    durable: Vec<u8>,
}

/// Stands for an exclusive holder among the counts of shared ones.
const EXCLUSIVE: usize = usize::MAX;

impl SimulatedDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// A disk with one file.
    pub fn holding(name: &str, bytes: &[u8]) -> Self {
        let disk = Self::new();
        {
            let mut state = disk.locked();
            state.dirs.extend([dir_of(name).to_owned()]);
            state.names.insert(name.into(), 0);
            state.inodes.push(Inode { bytes: bytes.to_vec(), durable: bytes.to_vec() });
        }
        disk
    }

    /// How many operations have changed something.
    pub fn operations(&self) -> u64 {
        self.locked().operations
    }

    /// Lets the power fail after `operations` more that change something:
    /// everything after that is an error.
    pub fn lose_power_after(&self, operations: u64) {
        let mut state = self.locked();
        state.stop = Some(state.operations + operations);
    }

    /// The disk as it is found after a power cut now.
    pub fn after_reboot(&self, survival: Survival) -> Self {
        let state = self.locked();
        let mut dice = Dice(match survival {
            Survival::Part(seed) => seed,
            _ => 0,
        });
        let mut keeps = |new: bool| match survival {
            Survival::Nothing => !new,
            Survival::Everything => new,
            Survival::Part(_) => dice.roll(2) == 0,
        };
        let mut found = State::default();
        for dir in state.dirs.union(&state.durable_dirs) {
            let (now, durable) = (state.dirs.contains(dir), state.durable_dirs.contains(dir));
            if now == durable || keeps(now) {
                found.dirs.insert(dir.clone());
            }
        }
        let all: BTreeSet<_> = state.names.keys().chain(state.durable_names.keys()).cloned().collect();
        let mut kept = BTreeMap::new();
        for name in all {
            let (now, durable) = (state.names.get(&name), state.durable_names.get(&name));
            let inode = if now == durable || keeps(true) { now } else { durable };
            let dir = dir_of(&name);
            if let Some(inode) = inode.filter(|_| dir.is_empty() || found.dirs.contains(dir)) {
                kept.insert(name, *inode);
            }
        }
        for (name, inode) in kept {
            let bytes = state.inodes[inode].after_reboot(survival, &mut dice);
            found.names.insert(name, found.inodes.len());
            found.inodes.push(Inode { durable: bytes.clone(), bytes });
        }
        found.durable_names = found.names.clone();
        found.durable_dirs = found.dirs.clone();
        Self { state: Arc::new(Mutex::new(found)) }
    }

    /// A panic elsewhere leaves the bytes as they were: nothing here is half done.
    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, name: &str, verb: &'static str) -> Result<Box<dyn File>> {
        let state = self.locked();
        state.check_power().context(verb, name)?;
        let inode = state.names.get(name).copied();
        let inode = inode.ok_or(io::Error::from(io::ErrorKind::NotFound)).context(verb, name)?;
        Ok(Box::new(SimulatedFile { disk: self.clone(), inode, name: name.into() }))
    }
}

/// Small, and the same everywhere: xorshift.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x2545_f491_4f6c_dd1d);
        self.0 ^= self.0 >> 29;
        (self.0 >> 16) % sides
    }
}

fn dir_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(dir, _)| dir)
}

impl Inode {
    fn after_reboot(&self, survival: Survival, dice: &mut Dice) -> Vec<u8> {
        match survival {
            Survival::Nothing => return self.durable.clone(),
            Survival::Everything => return self.bytes.clone(),
            Survival::Part(_) if self.bytes == self.durable => return self.bytes.clone(),
            Survival::Part(_) => {}
        }
        // The length is one of the two or between; each sector is the old one,
        // the new one, or for a last one torn in the middle, both.
        let (short, long) =
            (self.bytes.len().min(self.durable.len()), self.bytes.len().max(self.durable.len()));
        let len = short + dice.roll((long - short) as u64 + 1) as usize;
        let mut found = vec![0; len];
        for (number, sector) in found.chunks_mut(SECTOR_BYTES).enumerate() {
            let at = number * SECTOR_BYTES;
            let torn = dice.roll(SECTOR_BYTES as u64) as usize;
            let source = match dice.roll(4) {
                0 => [&self.durable, &self.durable],
                1 => [&self.bytes, &self.durable],
                _ => [&self.bytes, &self.bytes],
            };
            for (offset, byte) in sector.iter_mut().enumerate() {
                let bytes = source[usize::from(offset >= torn)];
                *byte = bytes.get(at + offset).copied().unwrap_or_default();
            }
        }
        found
    }
}

impl State {
    fn check_power(&self) -> io::Result<()> {
        match self.stop {
            Some(stop) if self.operations >= stop => Err(io::Error::other("the power is gone")),
            _ => Ok(()),
        }
    }

    /// Whether the directory of `name` is there.
    fn check_dir(&self, name: &str) -> io::Result<()> {
        let dir = dir_of(name);
        let is_there = dir.is_empty() || self.dirs.contains(dir);
        if is_there { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// Counts an operation that changes something.
    fn change(&mut self) -> io::Result<()> {
        self.check_power()?;
        self.operations += 1;
        Ok(())
    }
}

impl Disk for SimulatedDisk {
    fn create(&self, name: &str) -> Result<Box<dyn File>> {
        let mut state = self.locked();
        state.change().context("create", name)?;
        if state.names.contains_key(name) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists)).context("create", name);
        }
        state.check_dir(name).context("create", name)?;
        let inode = state.inodes.len();
        state.inodes.push(Inode::default());
        state.names.insert(name.into(), inode);
        Ok(Box::new(SimulatedFile { disk: self.clone(), inode, name: name.into() }))
    }

    fn open(&self, name: &str) -> Result<Box<dyn File>> {
        self.file(name, "open")
    }

    fn open_writable(&self, name: &str) -> Result<Box<dyn File>> {
        self.file(name, "open")
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let mut state = self.locked();
        state.change().context("put in place", to)?;
        state.check_dir(to).context("put in place", to)?;
        let inode = state.names.remove(from).ok_or(io::Error::from(io::ErrorKind::NotFound));
        state.names.insert(to.into(), inode.context("put in place", to)?);
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<()> {
        let mut state = self.locked();
        state.change().context("remove", name)?;
        let removed = state.names.remove(name);
        removed.map(drop).ok_or(io::Error::from(io::ErrorKind::NotFound)).context("remove", name)
    }

    fn create_dir(&self, name: &str) -> Result<()> {
        let mut state = self.locked();
        if !state.dirs.contains(name) {
            state.change().context("create", name)?;
            state.dirs.insert(name.into());
        }
        Ok(())
    }

    fn remove_tree(&self, name: &str) -> Result<()> {
        let mut state = self.locked();
        state.change().context("remove", name)?;
        let below = format!("{name}/");
        state.names.retain(|file, _| !file.starts_with(&below));
        state.dirs.retain(|dir| dir != name && !dir.starts_with(&below));
        Ok(())
    }

    fn list(&self, dir: &str) -> Result<Vec<Entry>> {
        let below = if dir.is_empty() { String::new() } else { format!("{dir}/") };
        let state = self.locked();
        state.check_power().context("list", dir)?;
        let direct =
            |name: &str| name.strip_prefix(&below).filter(|name| !name.contains('/')).map(str::to_owned);
        let files = state.names.iter().filter_map(|(name, inode)| {
            let len = state.inodes[*inode].bytes.len() as u64;
            Some(Entry { name: direct(name)?, is_dir: false, len })
        });
        let dirs =
            state.dirs.iter().filter_map(|name| Some(Entry { name: direct(name)?, is_dir: true, len: 0 }));
        Ok(files.chain(dirs).collect())
    }

    fn file_bytes(&self, dir: &str) -> Result<u64> {
        let below = format!("{dir}/");
        let state = self.locked();
        let files = state.names.iter().filter(|(name, _)| name.starts_with(&below));
        Ok(files.map(|(_, inode)| state.inodes[*inode].bytes.len() as u64).sum())
    }

    fn sync_dir(&self, dir: &str) -> Result<()> {
        let mut state = self.locked();
        state.change().context("make durable", dir)?;
        let State { names, durable_names, dirs, durable_dirs, .. } = &mut *state;
        durable_names.retain(|name, _| dir_of(name) != dir);
        durable_names
            .extend(names.iter().filter(|(name, _)| dir_of(name) == dir).map(|(n, i)| (n.clone(), *i)));
        durable_dirs.retain(|name| dir_of(name) != dir);
        durable_dirs.extend(dirs.iter().filter(|name| dir_of(name) == dir).cloned());
        Ok(())
    }

    fn try_lock(&self, name: &str, mode: Mode) -> Result<Option<Box<dyn Guard>>> {
        let mut state = self.locked();
        state.check_power().context("lock", name)?;
        if !state.names.contains_key(name) {
            return Err(io::Error::from(io::ErrorKind::NotFound)).context("lock", name);
        }
        let holders = state.locks.entry(name.into()).or_default();
        match (mode, *holders) {
            (Mode::Exclusive, 0) => *holders = EXCLUSIVE,
            (Mode::Shared, n) if n != EXCLUSIVE => *holders += 1,
            _ => return Ok(None),
        }
        Ok(Some(Box::new(SimulatedGuard { disk: self.clone(), name: name.into() })))
    }

    fn usage(&self) -> Result<Vec<Allocated>> {
        let state = self.locked();
        let allocated = |(name, inode): (&String, &usize)| Allocated {
            name: name.clone(),
            bytes: state.inodes[*inode].bytes.len() as u64,
        };
        Ok(state.names.iter().map(allocated).collect())
    }

    fn host_path(&self, _name: &str) -> Option<PathBuf> {
        None
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    inode: usize,
    name: String,
}

impl File for SimulatedFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let state = self.disk.locked();
        state.check_power().context("read", &self.name)?;
        let at = offset as usize;
        let bytes = &state.inodes[self.inode].bytes;
        let found = at.checked_add(buffer.len()).and_then(|end| bytes.get(at..end));
        let found = found.ok_or(io::Error::from(io::ErrorKind::UnexpectedEof)).context("read", &self.name)?;
        buffer.copy_from_slice(found);
        Ok(())
    }

    fn write_all_at(&self, new: &[u8], offset: u64) -> Result<()> {
        let mut state = self.disk.locked();
        state.change().context("write", &self.name)?;
        let (at, end) = (offset as usize, offset as usize + new.len());
        let bytes = &mut state.inodes[self.inode].bytes;
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[at..end].copy_from_slice(new);
        Ok(())
    }

    fn len(&self) -> Result<u64> {
        let state = self.disk.locked();
        state.check_power().context("look at", &self.name)?;
        Ok(state.inodes[self.inode].bytes.len() as u64)
    }

    fn truncate(&self, len: u64) -> Result<()> {
        let mut state = self.disk.locked();
        state.change().context("cut", &self.name)?;
        state.inodes[self.inode].bytes.truncate(len as usize);
        Ok(())
    }

    fn reserve(&self, _offset: u64, _len: u64) {}

    fn sync(&self) -> Result<()> {
        let mut state = self.disk.locked();
        state.change().context("make durable", &self.name)?;
        let inode = &mut state.inodes[self.inode];
        inode.durable = inode.bytes.clone();
        Ok(())
    }
}

#[derive(Debug)]
struct SimulatedGuard {
    disk: SimulatedDisk,
    name: String,
}

impl Guard for SimulatedGuard {}

impl Drop for SimulatedGuard {
    fn drop(&mut self) {
        if let Some(holders) = self.disk.locked().locks.get_mut(&self.name) {
            *holders = if *holders == EXCLUSIVE { 0 } else { *holders - 1 };
        }
    }
}

impl std::fmt::Debug for SimulatedDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.locked().names.keys()).finish()
    }
}

impl std::fmt::Debug for SimulatedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SimulatedFile").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(disk: &SimulatedDisk, name: &str) -> Option<Vec<u8>> {
        let file = disk.open(name).ok()?;
        let mut bytes = vec![0; file.len().unwrap() as usize];
        file.read_exact_at(&mut bytes, 0).unwrap();
        Some(bytes)
    }

    #[test]
    fn only_what_was_made_durable_must_survive() {
        let disk = SimulatedDisk::new();
        let file = disk.create("a").unwrap();
        file.write_all_at(b"old", 0).unwrap();
        file.sync().unwrap();
        assert_eq!(read(&disk.after_reboot(Survival::Nothing), "a"), None);
        disk.sync_dir("").unwrap();
        file.write_all_at(b"new", 0).unwrap();
        disk.rename("a", "b").unwrap();
        let nothing = disk.after_reboot(Survival::Nothing);
        assert_eq!((read(&nothing, "a"), read(&nothing, "b")), (Some(b"old".to_vec()), None));
        let everything = disk.after_reboot(Survival::Everything);
        assert_eq!((read(&everything, "a"), read(&everything, "b")), (None, Some(b"new".to_vec())));
    }

    #[test]
    fn without_power_nothing_works() {
        let disk = SimulatedDisk::new();
        disk.lose_power_after(1);
        let file = disk.create("a").unwrap();
        assert!(file.write_all_at(b"x", 0).is_err() && disk.open("a").is_err());
        assert_eq!(read(&disk.after_reboot(Survival::Everything), "a"), Some(vec![]));
    }
}
