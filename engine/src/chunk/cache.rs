//! Frames that were read: kept while they may be wanted again, and read ahead
//! by threads of their own.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::frame::Decompressor;
use super::pack::{Frame, Pack};
use super::{Error, Result};
use crate::task::threads;

/// How many bytes of frames are kept. Layers of one image lean on the same
/// frames; a stream of new ones pushes out what was not used for longest.
const MAX_BYTES: usize = 48 << 20;

/// A frame of a pack, by the numbers that the index and the pack have for them.
pub type Key = (u32, u32);

/// Frames in memory, and threads that bring more; where there are none, they are read when
/// they are wanted.
pub struct Cache {
    frames: HashMap<Key, (Arc<Frame>, u64)>,
    bytes: usize,
    clock: u64,
    asked: HashSet<Key>,
    threads: Vec<JoinHandle<()>>,
    requests: Option<Sender<(Key, Arc<Pack>)>>,
    /// For who has no threads.
    decompressor: Option<Decompressor>,
    answers: Receiver<(Key, Result<Arc<Frame>>)>,
}

impl Cache {
    /// An empty cache whose frames are read by `threads` threads.
    pub fn new(threads: usize) -> Self {
        let (requests, to_read) = unbounded::<(Key, Arc<Pack>)>();
        let (read, answers) = unbounded();
        let threads = (0..threads.max(1)).map_while(|_| {
            let (to_read, read) = (to_read.clone(), read.clone());
            let reading = threads::start(move || {
                let mut decompressor = None;
                for (key, pack) in to_read {
                    let frame = read_frame(&mut decompressor, key, &pack);
                    if read.send((key, frame)).is_err() {
                        return;
                    }
                }
            });
            reading.ok()
        });
        let threads = threads.collect();
        Self {
            frames: HashMap::new(),
            bytes: 0,
            clock: 0,
            asked: HashSet::new(),
            threads,
            decompressor: None,
            requests: Some(requests),
            answers,
        }
    }

    /// Asks for a frame that will be wanted soon.
    pub fn ask(&mut self, key: Key, pack: &Arc<Pack>) {
        if !self.threads.is_empty()
            && !self.frames.contains_key(&key)
            && self.asked.insert(key)
            && let Some(requests) = &self.requests
        {
            // A closed channel shows itself when the answer is waited for.
            let _ = requests.send((key, Arc::clone(pack)));
        }
    }

    /// How many frames were asked for and are not here yet.
    pub fn asked(&self) -> usize {
        self.asked.len()
    }

    /// A frame; waits for it, or reads it now.
    ///
    /// # Errors
    /// If it cannot be read, or a chunk in it is not what its name says.
    pub fn get(&mut self, key: Key, pack: &Arc<Pack>) -> Result<Arc<Frame>> {
        self.clock += 1;
        loop {
            if let Some((frame, used)) = self.frames.get_mut(&key) {
                *used = self.clock;
                return Ok(Arc::clone(frame));
            }
            if self.threads.is_empty() {
                let frame = read_frame(&mut self.decompressor, key, pack)?;
                self.keep(key, Arc::clone(&frame));
                return Ok(frame);
            }
            self.ask(key, pack);
            let (read, frame) = self.answers.recv().map_err(|_| Error::Worker)?;
            self.asked.remove(&read);
            match frame {
                Ok(frame) => self.keep(read, frame),
                // Somebody else's frame may not be needed after all; it is asked for again if it is.
                Err(error) if read == key => return Err(error),
                Err(_) => {}
            }
        }
    }

    fn keep(&mut self, key: Key, frame: Arc<Frame>) {
        self.bytes += frame.len();
        self.frames.insert(key, (frame, self.clock));
        while self.bytes > MAX_BYTES {
            let others = self.frames.iter().filter(|(other, _)| **other != key);
            let Some((oldest, _)) = others.min_by_key(|(_, (_, used))| *used) else { break };
            let oldest = *oldest;
            if let Some((frame, _)) = self.frames.remove(&oldest) {
                self.bytes -= frame.len();
            }
        }
    }
}

fn read_frame(decompressor: &mut Option<Decompressor>, key: Key, pack: &Pack) -> Result<Arc<Frame>> {
    let decompressor = match decompressor {
        Some(ready) => ready,
        none => none.insert(Decompressor::new().map_err(Error::Compress)?),
    };
    pack.read_frame(key.1, decompressor)
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.requests = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked left its answer out, which was noticed then.
            let _ = thread.join();
        }
    }
}
