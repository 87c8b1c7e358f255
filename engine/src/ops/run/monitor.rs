//! What a monitor does, from its first line to its last.

use std::path::Path;

use crate::Result;
use crate::runtime::{self, Monitor, come_in};
use crate::store::Store;
use crate::task::threads;

/// Is the monitor of the container `id` of the store at `path`, for as long as it runs.
///
/// A program that is a container's monitor calls this before anything else, and ends when
/// it returns; what it is to do comes by its standard input, from [`Store::start`].
///
/// # Errors
/// If the container could not be started; who started it was told.
pub fn monitor(path: &Path, id: &str) -> Result<()> {
    let told = |error: runtime::Error| {
        runtime::tell_failure(&error);
        crate::Error::from(error)
    };
    let stage = come_in(None, None).map_err(told)?;
    // What it does at the end takes memory too, and then there would be nobody to tell.
    let memory = threads::check_memory();
    memory.map_err(|source| told(runtime::Error::System { verb: "find enough memory", source }))?;
    let store = Store::open(path)?;
    let dir = format!("{}/{id}", crate::store::CONTAINERS);
    let mut monitor = Monitor::begin(store.disk().clone(), &dir, stage)?;
    let ran = monitor.run();
    if monitor.removes_container() {
        // Another process may have removed it.
        let removed = store.remove_ended(id);
        if removed.is_ok_and(|removed| removed.leaves_garbage) {
            let _ = store.reclaim_in_passing(&crate::Task::silent());
        }
    }
    monitor.finish();
    Ok(ran?)
}
