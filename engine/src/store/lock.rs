//! Waiting for a lock, ready to stop.

use std::thread::sleep;
use std::time::Duration;

use crate::Result;
use crate::disk::{Disk, Guard, Mode};
use crate::task::{Event, Task};

/// Between two tries. Commits hold the journal for milliseconds, so the first
/// waits are short; a load may hold off `gc` for minutes.
const FIRST_WAIT: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = Duration::from_millis(50);

/// A waiting of this length is worth a word.
const LONG: Duration = Duration::from_secs(2);

/// The lock `name`, once nobody stands against it.
pub fn wait(disk: &dyn Disk, name: &str, mode: Mode, task: &Task) -> Result<Box<dyn Guard>> {
    let mut pause = FIRST_WAIT;
    let mut waited = Duration::ZERO;
    loop {
        task.check()?;
        if let Some(guard) = attempt(disk, name, mode)? {
            return Ok(guard);
        }
        sleep(pause);
        if waited < LONG && waited + pause >= LONG {
            task.report(&Event::Notice { text: "waiting for another larder that uses the store" });
        }
        waited += pause;
        pause = (pause * 2).min(LONGEST_WAIT);
    }
}

/// The lock `name`, if nobody stands against it just now.
pub fn attempt(disk: &dyn Disk, name: &str, mode: Mode) -> Result<Option<Box<dyn Guard>>> {
    match disk.try_lock(name, mode) {
        // There is nothing in it; one that was lost is made again.
        Err(error) if error.is_absent() && name == super::LOCK => match disk.create(name) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error.into()),
            _ => Ok(disk.try_lock(name, mode)?),
        },
        tried => Ok(tried?),
    }
}
