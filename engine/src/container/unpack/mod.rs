//! A layer as a directory that overlayfs can mount.
//!
//! What is made is not what the entries of the layer's tar say, but what makes the file
//! system with the layer of the one without it, by the [`view`](super::view): all of a
//! name was resolved there, and becomes a path on this machine one plain name at a time,
//! each in a directory that was made here. So a layer may say what it likes.
//!
//! In the directory are, in overlayfs's own form (see [`upper`](super::upper)):
//! - what the layer speaks of, in directories that look as they do with the layer;
//! - all names of a file of which it speaks of one: in lower layers the others would be
//!   names of another file;
//! - a whiteout for each name that is gone, or the mark of an opaque directory.

mod lay;
mod plan;
mod ready;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::view::{NodeId, View};
use super::{Result, Space, Supply};
use crate::chunk;
use crate::disk::NewTree;
use crate::task::{Passing, Task, threads};

use lay::Layer;
use plan::{Plan, bytes_of};
pub use ready::Ready;

/// More threads would wait for the disk.
const MAX_THREADS: usize = 4;

/// What the top layer of a view comes to on disk, to be made there.
pub struct Unpacking<'v> {
    view: &'v View,
    plan: Plan,
}

impl<'v> Unpacking<'v> {
    /// That of the top layer of `view`, which [keeps in mind](View::keep_gone) what is gone.
    pub fn of_top(view: &'v View) -> Self {
        Self { view, plan: Plan::of(view) }
    }

    /// The bytes of the files that there are to make.
    pub fn bytes(&self) -> u64 {
        self.plan.jobs().iter().fold(0, |sum, files| sum.saturating_add(bytes_of(self.view, files)))
    }

    /// Of how many supplies it can make use.
    pub fn threads(&self) -> usize {
        let cores = thread::available_parallelism().map_or(2, std::num::NonZero::get);
        self.plan.jobs().len().clamp(1, cores.min(MAX_THREADS))
    }

    /// Makes it as a new directory at `to`. Nothing is synced.
    ///
    /// # Errors
    /// If bytes cannot be read, or the disk fails; what was made until then is left.
    pub fn make(
        &self,
        to: &Path,
        space: Space,
        supplies: &mut [Supply],
        passing: &mut Passing<'_>,
    ) -> Result<()> {
        let task = passing.task();
        let layer = Layer { view: self.view, tree: NewTree::create(to)?, space };
        layer.make_dirs(&self.plan.dirs, task)?;
        let jobs = self.plan.jobs();
        let queue = Queue {
            layer: &layer,
            jobs: &jobs,
            next: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            passing: Mutex::new(passing),
            task,
        };
        let Some((first, others)) = supplies.split_first_mut() else { return Ok(()) };
        let done = thread::scope(|scope| {
            let queue = &queue;
            // Fewer will do: the first works here.
            let start = |supply| threads::start_scoped(scope, move || queue.work(supply)).ok();
            let others: Vec<_> = others.iter_mut().map_while(start).collect();
            let first = queue.work(first);
            let join = |other: thread::ScopedJoinHandle<'_, _>| {
                other.join().unwrap_or_else(|_| Err(chunk::Error::Worker.into()))
            };
            others.into_iter().map(join).fold(first, |all, one| all.and(one))
        });
        done?;
        layer.make_links(&self.plan.links, task)?;
        layer.finish(&self.plan.dirs, task)
    }
}

/// Files that wait for somebody to write them.
struct Queue<'q, 'p> {
    layer: &'q Layer<'q>,
    jobs: &'q [&'q [NodeId]],
    next: AtomicUsize,
    /// Somebody has failed.
    stop: AtomicBool,
    passing: Mutex<&'q mut Passing<'p>>,
    task: &'q Task,
}

impl Queue<'_, '_> {
    fn work(&self, supply: &mut Supply) -> Result<()> {
        while !self.stop.load(Ordering::Relaxed) {
            let Some(files) = self.jobs.get(self.next.fetch_add(1, Ordering::Relaxed)) else { return Ok(()) };
            if let Err(error) = self.layer.make_files(files, supply, self.task) {
                self.stop.store(true, Ordering::Relaxed);
                return Err(error);
            }
            let bytes = bytes_of(self.layer.view, files);
            self.passing.lock().unwrap_or_else(PoisonError::into_inner).advance(bytes)?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Unpacking<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unpacking").field("plan", &self.plan).finish_non_exhaustive()
    }
}
