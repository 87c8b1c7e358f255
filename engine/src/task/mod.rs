//! Long work: how it tells what it does, and how it is told to stop.

mod passing;
pub(crate) mod threads;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) use passing::Passing;

/// One piece of news from long work.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The steps that follow will pass about `total_bytes` together.
    Planned {
        /// So many bytes.
        total_bytes: u64,
    },
    /// A step begins: a layer, a blob, a pack. `total_bytes` where it is known.
    Started {
        /// What is worked on, for people.
        item: &'a str,
        /// How many bytes the step will pass through, or nearly; if that is known.
        total_bytes: Option<u64>,
    },
    /// The step has passed `done_bytes` so far.
    Advanced {
        /// What is worked on, as [`Event::Started`] called it.
        item: &'a str,
        /// Bytes passed since the step began.
        done_bytes: u64,
        /// Bytes that were not in the store before, of a step that stores some.
        new_bytes: Option<u64>,
    },
    /// The step is over.
    Finished {
        /// What was worked on.
        item: &'a str,
        /// Bytes passed in all.
        bytes: u64,
        /// Bytes that were not in the store before, of a step that stores some.
        new_bytes: Option<u64>,
    },
    /// The step was not needed: the bytes are in the store.
    Skipped {
        /// What is there already.
        item: &'a str,
    },
    /// Something that a person should know and that is no failure, such as an
    /// index that was made again.
    Notice {
        /// The sentence, without a full stop.
        text: &'a str,
    },
}

/// Receives the news. Called from whatever thread has some; should be quick.
pub trait Progress: Send + Sync {
    /// Takes one piece of news.
    fn report(&self, event: &Event<'_>);
}

/// The work was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Cancelled;

/// What long work is given by its caller: a listener, and a way to be stopped.
///
/// Cheap to clone; clones share the listener and the stop.
#[derive(Clone, Default)]
pub struct Task {
    progress: Option<Arc<dyn Progress>>,
    stop: Arc<AtomicBool>,
}

impl Task {
    /// Work that nobody listens to.
    pub fn silent() -> Self {
        Self::default()
    }

    /// Work that tells `progress` what it does.
    pub fn with_progress(progress: Arc<dyn Progress>) -> Self {
        Self { progress: Some(progress), ..Self::default() }
    }

    /// The flag that stops the work when it is set: safe to set from a signal
    /// handler, and looked at between any two blocks of data.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// Tells the work to stop. It ends with [`Cancelled`], having changed nothing that
    /// has a name; chunks that were read stay as garbage, for the next try.
    pub fn cancel(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// [`Cancelled`] once the work was told to stop.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.stop.load(Ordering::Relaxed) { Err(Cancelled) } else { Ok(()) }
    }

    /// Passes on a piece of news.
    pub fn report(&self, event: &Event<'_>) {
        if let Some(progress) = &self.progress {
            progress.report(event);
        }
    }
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task").field("stopped", &self.check().is_err()).finish_non_exhaustive()
    }
}
