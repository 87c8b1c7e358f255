//! Signals: the first one asks the work to stop, the second one ends it.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// Remembers which signal came, if one did.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    received: Arc<AtomicUsize>,
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
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(stop))?;
            flag::register(signal, Arc::clone(stop))?;
            let number = usize::try_from(signal).unwrap_or_default();
            flag::register_usize(signal, Arc::clone(&self.received), number)?;
        }
        Ok(())
    }

    /// 128 and the number of the signal that came.
    pub fn exit_code(&self) -> Option<u8> {
        match self.received.load(Ordering::Relaxed) {
            0 => None,
            signal => u8::try_from(128 + signal).ok(),
        }
    }
}

/// The mask of signals that this process was started to ignore.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0)
}
