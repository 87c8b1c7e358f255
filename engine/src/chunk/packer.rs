//! The far end of writing: threads that compress frames, and one that gathers
//! them into packs in the order in which they were handed in.
//!
//! Everything between the ends is bounded: a writer that is faster than the
//! disk waits.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::frame::{Coded, Coding, Compressor};
use super::pack::{self, PackId};
use super::trailer::Trailer;
use super::{ChunkName, Error, Lane, Result};
use crate::disk::{Disk, Temporary};
use crate::task::threads;

/// Frames that wait for a compressor, beside those being compressed.
const WAITING_FRAMES: usize = 4;

/// A frame to be compressed.
pub struct Job {
    pub lane: Lane,
    pub raw: Vec<u8>,
    pub chunks: Vec<(ChunkName, u32)>,
}

/// A pack that is durable under a passing name.
#[derive(Debug)]
pub struct Finished {
    pub id: PackId,
    pub bytes: u64,
    file: Temporary,
}

impl Finished {
    /// Gives the pack its name; the caller makes `packs/` durable.
    pub fn keep(self) -> Result<PackId> {
        self.file.keep(&self.id.file())?;
        Ok(self.id)
    }
}

/// The running threads.
pub struct Packer {
    jobs: Option<Sender<(u64, Work)>>,
    next: u64,
    compressors: Vec<JoinHandle<()>>,
    gatherer: Option<JoinHandle<Result<Vec<Finished>>>>,
    /// What does the work where there are no threads.
    alone: Option<Alone>,
}

/// Both ends in one.
struct Alone {
    coding: Coding,
    compressor: Option<Compressor>,
    gathering: Gathering,
}

/// What the gatherer is to write.
enum Work {
    Compress(Job),
    /// A frame that is compressed already.
    Copy(Coded),
}

impl Packer {
    /// Starts `threads` compressors.
    pub fn start(disk: &Arc<dyn Disk>, coding: Coding, threads: usize) -> Self {
        Self::with_threads(disk, coding, threads).unwrap_or_else(|_| Self {
            jobs: None,
            next: 0,
            compressors: Vec::new(),
            gatherer: None,
            alone: Some(Alone { coding, compressor: None, gathering: Gathering::new(disk) }),
        })
    }

    fn with_threads(disk: &Arc<dyn Disk>, coding: Coding, threads: usize) -> io::Result<Self> {
        let (jobs, to_compress) = bounded::<(u64, Work)>(WAITING_FRAMES);
        let (done, to_gather) = bounded(WAITING_FRAMES);
        let gathering = Gathering::new(disk);
        let gatherer = Some(threads::start(move || gathering.gather(&to_gather))?);
        let mut compressors = Vec::new();
        for number in 0..threads.max(1) {
            let (jobs, done) = (to_compress.clone(), done.clone());
            match threads::start(move || compress(coding, &jobs, &done)) {
                Ok(compressor) => compressors.push(compressor),
                // Fewer will do, but not none.
                Err(error) if number == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(Self { jobs: Some(jobs), next: 0, compressors, gatherer, alone: None })
    }

    /// Hands in the next frame.
    ///
    /// # Errors
    /// What stopped the threads, if they are stopped.
    pub fn push(&mut self, job: Job) -> Result<()> {
        self.send(Work::Compress(job))
    }

    /// Hands in a frame that is compressed already.
    ///
    /// # Errors
    /// What stopped the threads, if they are stopped.
    pub fn copy(&mut self, frame: Coded) -> Result<()> {
        self.send(Work::Copy(frame))
    }

    fn send(&mut self, work: Work) -> Result<()> {
        let number = self.next;
        self.next += 1;
        if let Some(alone) = &mut self.alone {
            let frame = coded(work, alone.coding, &mut alone.compressor);
            return alone.gathering.push(number, frame);
        }
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send((number, work)).is_ok());
        if sent { Ok(()) } else { self.join().and(Err(Error::Worker)) }
    }

    /// Waits until everything handed in is in packs, and durable.
    ///
    /// # Errors
    /// What the threads ran into.
    pub fn finish(mut self) -> Result<Vec<Finished>> {
        self.join()
    }

    fn join(&mut self) -> Result<Vec<Finished>> {
        if let Some(alone) = self.alone.take() {
            return alone.gathering.finish();
        }
        self.jobs = None;
        let panicked = self.compressors.drain(..).filter_map(|thread| thread.join().err()).count();
        let gathered = self.gatherer.take().map(JoinHandle::join);
        match gathered {
            Some(Ok(result)) if panicked == 0 => result,
            _ => Err(Error::Worker),
        }
    }
}

impl Drop for Packer {
    fn drop(&mut self) {
        // An abandoned writer: the packs' temporary files go with the result.
        let _ = self.join();
    }
}

type Numbered = (u64, Result<Coded>);

fn compress(coding: Coding, jobs: &Receiver<(u64, Work)>, done: &Sender<Numbered>) {
    let mut compressor = None;
    for (number, work) in jobs {
        if done.send((number, coded(work, coding, &mut compressor))).is_err() {
            return;
        }
    }
}

/// The frame to be written, by a compressor that is made for the first.
fn coded(work: Work, coding: Coding, compressor: &mut Option<Compressor>) -> Result<Coded> {
    match work {
        Work::Copy(frame) => Ok(frame),
        Work::Compress(job) => match compressor {
            Some(compressor) => frame(compressor, job),
            none => Compressor::new(coding)
                .map_err(Error::Compress)
                .and_then(|fresh| frame(none.insert(fresh), job)),
        },
    }
}

fn frame(compressor: &mut Compressor, job: Job) -> Result<Coded> {
    let (header, bytes) = compressor.frame(job.lane, &job.raw).map_err(Error::Compress)?;
    Ok(Coded { header, bytes, chunks: job.chunks })
}

/// Frames on their way into packs.
struct Gathering {
    disk: Arc<dyn Disk>,
    /// Frames that came before one whose turn is sooner.
    early: BTreeMap<u64, Coded>,
    next: u64,
    finishing: Finishing,
    open: Option<Open>,
}

impl Gathering {
    fn new(disk: &Arc<dyn Disk>) -> Self {
        let finishing = Finishing::default();
        Self { disk: Arc::clone(disk), early: BTreeMap::new(), next: 0, finishing, open: None }
    }

    fn gather(mut self, done: &Receiver<Numbered>) -> Result<Vec<Finished>> {
        for (number, result) in done {
            self.push(number, result)?;
        }
        self.finish()
    }

    fn push(&mut self, number: u64, frame: Result<Coded>) -> Result<()> {
        self.early.insert(number, frame?);
        while let Some(frame) = self.early.remove(&self.next) {
            self.next += 1;
            let pack = match &mut self.open {
                Some(pack) => pack,
                none => none.insert(Open::create(&self.disk)?),
            };
            pack.push(&frame)?;
            if pack.trailer.end() >= pack::TARGET_BYTES
                && let Some(full) = self.open.take()
            {
                self.finishing.add(full)?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<Finished>> {
        self.finishing.finish(self.open)
    }
}

/// Packs that are full: each is made durable while the next one is filled.
#[derive(Default)]
struct Finishing {
    finished: Vec<Finished>,
    current: Option<JoinHandle<Result<Finished>>>,
}

impl Finishing {
    fn add(&mut self, full: Open) -> Result<()> {
        self.wait()?;
        let (pass, passed) = bounded::<Open>(1);
        match threads::start(move || passed.recv().map_err(|_| Error::Worker)?.finish()) {
            Ok(current) => {
                self.current = Some(current);
                // One that ended already shows itself when it is waited for.
                let _ = pass.send(full);
            }
            Err(_) => self.finished.push(full.finish()?),
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<()> {
        if let Some(current) = self.current.take() {
            self.finished.push(current.join().map_err(|_| Error::Worker)??);
        }
        Ok(())
    }

    fn finish(mut self, last: Option<Open>) -> Result<Vec<Finished>> {
        let last = last.map(Open::finish).transpose();
        self.wait()?;
        self.finished.extend(last?);
        Ok(std::mem::take(&mut self.finished))
    }
}

impl Drop for Finishing {
    fn drop(&mut self) {
        // Nothing of an abandoned writer is left behind once it is gone.
        let _ = self.wait();
    }
}

/// A pack in the making.
struct Open {
    file: Temporary,
    trailer: Trailer,
}

impl Open {
    fn create(disk: &Arc<dyn Disk>) -> Result<Self> {
        let file = Temporary::create(Arc::clone(disk), "pack")?;
        file.file().write_all_at(&pack::encode_header(), 0)?;
        Ok(Self { file, trailer: Trailer::default() })
    }

    fn push(&mut self, frame: &Coded) -> Result<()> {
        self.trailer.reserve(frame.chunks.len())?;
        self.file.file().write_all_at(&frame.bytes, self.trailer.end())?;
        self.trailer.push(frame.header, &frame.chunks);
        Ok(())
    }

    fn finish(self) -> Result<Finished> {
        let (end, id) = self.trailer.encode()?;
        let at = self.trailer.end();
        self.file.file().write_all_at(&end, at)?;
        self.file.file().sync()?;
        Ok(Finished { id, bytes: at + end.len() as u64, file: self.file })
    }
}
