//! Signals: the first one asks the work to stop, the second one ends it.

use std::fs;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGPIPE, SIGTERM};
use signal_hook::{SigId, flag, low_level};

/// Remembers which signal came, if one did.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    received: Arc<AtomicUsize>,
    /// What they do now, to be taken back.
    actions: Arc<Mutex<Vec<SigId>>>,
    /// Each of them makes the next signal the last one.
    stops: Arc<Mutex<Vec<Arc<AtomicBool>>>>,
}

impl Signals {
    /// From here on the first signal sets `stop` and a second one kills.
    ///
    /// A signal that the parent chose to ignore, as `nohup` does, stays ignored.
    ///
    /// # Errors
    /// What the system says.
    pub fn stop_on_first(&self, stop: &Arc<AtomicBool>) -> io::Result<()> {
        let ignored = ignored();
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            if ignored >> (signal - 1) & 1 == 1 {
                continue;
            }
            // In this order: the flag is looked at before it is set.
            let shutdown = flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(stop))?;
            let flag = flag::register(signal, Arc::clone(stop))?;
            let number = usize::try_from(signal).unwrap_or_default();
            let number = flag::register_usize(signal, Arc::clone(&self.received), number)?;
            locked(&self.actions).extend([shutdown, flag, number]);
        }
        locked(&self.stops).push(Arc::clone(stop));
        Ok(())
    }

    /// From here on they are for somebody else: nothing here is to be stopped any more.
    pub fn hand_over(&self) {
        locked(&self.actions).drain(..).for_each(|action| _ = low_level::unregister(action));
    }

    /// From here on the first signal kills.
    pub fn end_at_once(&self) {
        locked(&self.stops).iter().for_each(|stop| stop.store(true, Ordering::Relaxed));
    }

    /// 128 and the number of the signal that came.
    pub fn exit_code(&self) -> Option<u8> {
        match self.received.load(Ordering::Relaxed) {
            0 => None,
            signal => u8::try_from(128 + signal).ok(),
        }
    }
}

/// Nobody panics while they hold it.
fn locked<T>(list: &Mutex<T>) -> MutexGuard<'_, T> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets programs that this one executes hear all signals, whatever this one was started to
/// ignore (HUP by `nohup`, INT behind a shell's `&`); and die of a pipe that nobody reads,
/// which the standard library ignores. What is ignored stays so in a program that is
/// executed; what is caught does not, and here it comes to nothing.
pub fn ignore_for_itself_alone() {
    let ignored = ignored() | 1 << (SIGPIPE - 1);
    for signal in (1..=64).filter(|signal| ignored >> (signal - 1) & 1 == 1) {
        // Not those few that the C library keeps for itself.
        let _ = flag::register(signal, Arc::default());
    }
}

/// Lets this program wait for those that it starts, even if whoever started it ignores their
/// ends: then the kernel would not keep how they ended.
pub fn hear_of_children() {
    if ignored() >> (SIGCHLD - 1) & 1 == 1 {
        // Where that is not possible it fails when it waits, and says so.
        let _ = flag::register(SIGCHLD, Arc::default());
    }
}

/// The mask of signals that this process was started to ignore.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0)
}
