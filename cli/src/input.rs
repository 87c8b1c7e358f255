//! Standard input as an archive.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use larder_engine::Input;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How long a signal may go unnoticed while nothing comes in.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Standard input, or nothing if someone sits at it.
///
/// A file that stands at its beginning is handed on as a file: the engine can
/// then skip what it has.
///
/// # Errors
/// What the system says.
pub fn standard(stop: Arc<AtomicBool>) -> io::Result<Option<Input>> {
    if io::stdin().is_terminal() {
        return Ok(None);
    }
    let file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    Ok(Some(match Input::of(file.try_clone()?)? {
        Input::Stream(_) => Input::Stream(Box::new(Patient { file, stop })),
        file => file,
    }))
}

/// Waits for data only as long as nobody wants to stop.
struct Patient {
    file: File,
    stop: Arc<AtomicBool>,
}

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(io::Error::other("interrupted"));
            }
            let mut waiting = [PollFd::new(&self.file, PollFlags::IN)];
            match poll(&mut waiting, Some(&PATIENCE)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return self.file.read(buffer),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
