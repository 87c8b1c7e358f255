//! Files and standard input as archives.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use larder_engine::{Input, Task};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::failure::{Failure, os_text, system_cause};

/// How long a signal may go unnoticed while nothing comes in.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Standard input; the failure that `empty` tells if someone sits at it.
///
/// A file that stands at its beginning is handed on as a file: the engine can
/// then skip what it has.
///
/// # Errors
/// That one, or what the system says.
pub fn standard(task: &Task, empty: impl FnOnce() -> Failure) -> Result<Input, Failure> {
    if io::stdin().is_terminal() {
        return Err(empty());
    }
    open_standard(task.stop_flag())
        .map_err(|error| Failure::error(format!("read standard input: {}", os_text(&error))))
}

fn open_standard(stop: Arc<AtomicBool>) -> io::Result<Input> {
    let file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    Ok(match Input::of(file.try_clone()?)? {
        Input::Stream(_) => Input::Stream(Box::new(Patient { file, stop })),
        file => file,
    })
}

/// The file or directory at `path`.
///
/// # Errors
/// If it cannot be opened, in Docker's words.
pub fn open(path: &Path) -> Result<Input, Failure> {
    Input::open(path)
        .map_err(|error| Failure::plain(format!("open {}: {}", path.display(), system_cause(&error))))
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
