//! The one place where threads are made.
//!
//! A thread can be refused: by a limit on processes (`ulimit -u`, a cgroup's `pids.max`), or
//! because there is no room for its stack. Those who only save time by one do the work
//! themselves then. Where the address space is limited (`ulimit -v`) none is even tried
//! without room to spare: a thread that starts and then finds no memory takes the whole
//! process with it.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, Scope, ScopedJoinHandle};

use rustix::process::{Resource, getrlimit};

/// What must be left of a limited address space before a thread is made: its stack, and what
/// it and all else may still need.
const ROOM_FOR_THREAD: usize = 128 << 20;

/// What a command needs of a limited address space, its threads aside. The database takes
/// memory where it cannot say that there is none.
const ROOM_FOR_WORK: usize = 320 << 20;

/// Starts a thread.
///
/// # Errors
/// If the system has none, or too little room for it.
pub fn start<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<JoinHandle<T>> {
    check_room(ROOM_FOR_THREAD)?;
    thread::Builder::new().spawn(work)
}

/// Starts a thread that ends within `scope`.
///
/// # Errors
/// As [`start`].
pub fn start_scoped<'scope, 'env, T: Send + 'scope>(
    scope: &'scope Scope<'scope, 'env>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> io::Result<ScopedJoinHandle<'scope, T>> {
    check_room(ROOM_FOR_THREAD)?;
    thread::Builder::new().spawn_scoped(scope, work)
}

/// Makes sure that threads can be started, for what waits for its own without end.
///
/// # Errors
/// If not even one can.
pub fn check() -> io::Result<()> {
    let thread = thread::Builder::new().spawn(|| ())?;
    thread.join().map_err(|_| io::Error::other("a thread came to no end"))
}

/// Makes sure that a limited address space has room to work in. Only the first time: what the
/// process has set aside since is what it works in, and a command that has done half of its work
/// is not to be refused the other half.
///
/// # Errors
/// If it has not: memory that runs out in the middle of the work would end the process.
pub fn check_memory() -> io::Result<()> {
    static HAS_ROOM: AtomicBool = AtomicBool::new(false);
    if !HAS_ROOM.load(Ordering::Relaxed) {
        check_room(ROOM_FOR_WORK)?;
        HAS_ROOM.store(true, Ordering::Relaxed);
    }
    Ok(())
}

fn check_room(needed: usize) -> io::Result<()> {
    let Some(limit) = getrlimit(Resource::As).current else { return Ok(()) };
    // Set aside and given back, never touched.
    if larder_memory::check(needed).is_ok() {
        return Ok(());
    }
    let [limit, needed] = [limit, needed as u64].map(|bytes| bytes >> 20);
    let text =
        format!("the address space is limited to {limit} MiB (ulimit -v), of which {needed} are not left");
    Err(io::Error::new(io::ErrorKind::OutOfMemory, text))
}
