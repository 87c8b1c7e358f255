//! A disk in memory that keeps apart what is written and what would survive.
//!
//! It is as unkind as POSIX allows: bytes survive a power cut only if their
//! file was synced behind them, names only if their directory was. Power can
//! be lost after any operation; what is found after the reboot is then
//! everything that was made durable, and of the rest what [`Survival`] says.
//!
//! It can also fail once, in the ways of [`Failure`], and go on working.

mod inode;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use inode::{Dice, Inode, PAGE_BYTES};
use rustix::io::Errno;

use super::error::Context;
use super::{Allocated, Disk, Entry, File, Guard, Mode, Result};

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

/// How one operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Whatever it is, with this error of the system, having done nothing.
    Error(Errno),
    /// A write, with this error, half of it being done: the disk became full.
    Half(Errno),
    /// The syncing of a file, as Linux has it: what was not on the disk will never
    /// be, though it can be read until the power goes, and the next syncing finds
    /// nothing to do.
    Sync,
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
    /// The holders of locks, by inode: a lock stays with its file when that is renamed.
    locks: BTreeMap<usize, usize>,
    /// Operations that changed something, so far.
    operations: u64,
    /// Power is lost once there were so many.
    stop: Option<u64>,
    /// Operations of any sort, so far.
    calls: u64,
    /// The first that it can befall from this one on fails, once.
    failure: Option<(u64, Failure)>,
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
            state.inodes.push(Inode {
                bytes: bytes.to_vec(),
                durable: bytes.to_vec(),
                lost: BTreeSet::new(),
            });
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

    /// How many operations of any sort there were.
    pub fn calls(&self) -> u64 {
        self.locked().calls
    }

    /// Lets an operation fail, once: the first behind the next `calls` that can fail
    /// in that way.
    pub fn fail_after(&self, calls: u64, failure: Failure) {
        let mut state = self.locked();
        state.failure = Some((state.calls + calls, failure));
    }

    /// Whether what was to fail has failed.
    pub fn has_failed(&self) -> bool {
        self.locked().failure.is_none()
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
            found.inodes.push(Inode { durable: bytes.clone(), bytes, lost: BTreeSet::new() });
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
        let mut state = self.locked();
        state.pass().context(verb, name)?;
        let inode = state.names.get(name).copied();
        let inode = inode.ok_or(io::Error::from(io::ErrorKind::NotFound)).context(verb, name)?;
        Ok(Box::new(SimulatedFile { disk: self.clone(), inode, name: name.into() }))
    }
}

fn dir_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(dir, _)| dir)
}

impl State {
    fn check_power(&self) -> io::Result<()> {
        match self.stop {
            Some(stop) if self.operations >= stop => Err(io::Error::other("the power is gone")),
            _ => Ok(()),
        }
    }

    /// Counts an operation, which may be the one that fails.
    fn pass(&mut self) -> io::Result<()> {
        self.check_power()?;
        self.calls += 1;
        match self.failure {
            Some((call, Failure::Error(error))) if self.calls > call => {
                self.failure = None;
                Err(error.into())
            }
            _ => Ok(()),
        }
    }

    /// Whether this write fails in the middle.
    fn fails_half(&mut self) -> Option<io::Error> {
        match self.failure {
            Some((call, Failure::Half(error))) if self.calls > call => {
                self.failure = None;
                Some(error.into())
            }
            _ => None,
        }
    }

    /// Whether this syncing of a file fails.
    fn fails_sync(&mut self) -> bool {
        let fails = matches!(self.failure, Some((call, Failure::Sync)) if self.calls > call);
        if fails {
            self.failure = None;
        }
        fails
    }

    /// Whether the directory of `name` is there.
    fn check_dir(&self, name: &str) -> io::Result<()> {
        let dir = dir_of(name);
        let is_there = dir.is_empty() || self.dirs.contains(dir);
        if is_there { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// Counts an operation that changes something.
    fn change(&mut self) -> io::Result<()> {
        self.pass()?;
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
        let mut state = self.locked();
        state.pass().context("list", dir)?;
        let direct =
            |name: &str| name.strip_prefix(&below).filter(|name| !name.contains('/')).map(str::to_owned);
        let files = state.names.keys().filter_map(|name| Some(Entry { name: direct(name)?, is_dir: false }));
        let dirs = state.dirs.iter().filter_map(|name| Some(Entry { name: direct(name)?, is_dir: true }));
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
        state.pass().context("lock", name)?;
        let inode = state.names.get(name).copied();
        let inode = inode.ok_or(io::Error::from(io::ErrorKind::NotFound)).context("lock", name)?;
        let holders = state.locks.entry(inode).or_default();
        match (mode, *holders) {
            (Mode::Exclusive, 0) => *holders = EXCLUSIVE,
            (Mode::Shared, n) if n != EXCLUSIVE => *holders += 1,
            _ => return Ok(None),
        }
        Ok(Some(Box::new(SimulatedGuard { disk: self.clone(), inode })))
    }

    fn usage(&self, dir: &str) -> Result<Vec<Allocated>> {
        let state = self.locked();
        let below = format!("{dir}/");
        let is_meant = |name: &str| dir.is_empty() || name == dir || name.starts_with(&below);
        let allocated = |(name, inode): (&String, &usize)| Allocated {
            name: name.clone(),
            bytes: state.inodes[*inode].bytes.len() as u64,
        };
        Ok(state.names.iter().filter(|(name, _)| is_meant(name)).map(allocated).collect())
    }

    fn host_path(&self, _: &str) -> Result<Option<PathBuf>> {
        Ok(None)
    }

    fn check_all(&self, _: &str) -> Result<()> {
        Ok(())
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    inode: usize,
    name: String,
}

impl File for SimulatedFile {
    fn path(&self) -> &Path {
        Path::new(&self.name)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let mut state = self.disk.locked();
        state.pass().context("read", &self.name)?;
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
        let failed = state.fails_half();
        let new = if failed.is_some() { &new[..new.len() / 2] } else { new };
        let (at, end) = (offset as usize, offset as usize + new.len());
        let inode = &mut state.inodes[self.inode];
        // What is written to a page makes all of it new.
        let pages = at / PAGE_BYTES..end.div_ceil(PAGE_BYTES);
        inode.lost.retain(|page| !pages.contains(page));
        let bytes = &mut inode.bytes;
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[at..end].copy_from_slice(new);
        failed.map_or(Ok(()), Err).context("write", &self.name)
    }

    fn len(&self) -> Result<u64> {
        let mut state = self.disk.locked();
        state.pass().context("look at", &self.name)?;
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
        let fails = state.fails_sync();
        let inode = &mut state.inodes[self.inode];
        if fails {
            inode.lose();
            return Err(io::Error::from(Errno::IO)).context("make durable", &self.name);
        }
        inode.sync();
        Ok(())
    }
}

#[derive(Debug)]
struct SimulatedGuard {
    disk: SimulatedDisk,
    inode: usize,
}

impl Guard for SimulatedGuard {}

impl Drop for SimulatedGuard {
    fn drop(&mut self) {
        if let Some(holders) = self.disk.locked().locks.get_mut(&self.inode) {
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
mod tests;
