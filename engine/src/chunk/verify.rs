//! Checking a pack against what was written, as fast as the disk gives it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use crossbeam_channel::bounded;

use super::frame::Decompressor;
use super::{Error, Pack, Result};
use crate::task::threads;

/// How many frames may be done before the one who listens hears of it.
const FRAMES_BEHIND: usize = 16;

/// What is wrong with a pack.
#[derive(Debug)]
pub enum Flaw {
    /// A chunk cannot be read.
    Chunk(u32, Error),
    /// A frame cannot be read at all: the disk fails.
    Frame(Error),
    /// All chunks of a frame can be read, though it is not, bit for bit, what was
    /// written.
    Worn(u32),
}

/// The chunks of a frame that cannot be read, and whether it is what was written.
type Looked = Result<(Vec<(u32, Error)>, bool)>;

fn flaws_of(frame: u32, found: Looked) -> Vec<Flaw> {
    match found {
        Ok((damaged, true)) if damaged.is_empty() => Vec::new(),
        Ok((damaged, _)) if damaged.is_empty() => vec![Flaw::Worn(frame)],
        Ok((damaged, _)) => damaged.into_iter().map(|(chunk, error)| Flaw::Chunk(chunk, error)).collect(),
        Err(error) => vec![Flaw::Frame(error)],
    }
}

impl Pack {
    /// Reads every frame and checks every chunk against its name, on `most`
    /// threads. `advance` is told the bytes on the disk of each frame that was read.
    ///
    /// # Errors
    /// If `advance` fails; what is wrong with the pack is a flaw.
    pub fn verify(
        self: &Arc<Self>,
        most: usize,
        advance: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<Vec<Flaw>> {
        let next = AtomicU32::new(0);
        let (tell, told) = bounded(FRAMES_BEHIND);
        let mut flaws = BTreeMap::new();
        let mut note = |frame: u32, found: Looked| {
            flaws.insert(frame, flaws_of(frame, found));
            advance(self.stored_bytes(frame))
        };
        thread::scope(|scope| {
            let mut started = 0;
            for _ in 0..most.max(1) {
                let (tell, next) = (tell.clone(), &next);
                let looking = threads::start_scoped(scope, move || {
                    let mut decompressor = None;
                    loop {
                        let frame = next.fetch_add(1, Ordering::Relaxed);
                        if frame >= self.frames()
                            || tell.send((frame, self.look(frame, &mut decompressor))).is_err()
                        {
                            return;
                        }
                    }
                });
                started += usize::from(looking.is_ok());
            }
            drop(tell);
            if started == 0 {
                let mut decompressor = None;
                return (0..self.frames())
                    .try_for_each(|frame| note(frame, self.look(frame, &mut decompressor)));
            }
            told.into_iter().try_for_each(|(frame, found)| note(frame, found))
        })?;
        Ok(flaws.into_values().flatten().collect())
    }

    fn look(&self, frame: u32, decompressor: &mut Option<Decompressor>) -> Looked {
        let decompressor = match decompressor {
            Some(ready) => ready,
            none => none.insert(Decompressor::new().map_err(Error::Compress)?),
        };
        self.verify_frame(frame, decompressor)
    }
}
