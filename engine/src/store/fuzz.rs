//! Any bytes as the file `format`, and stores to do things to.

use std::path::Path;
use std::sync::Arc;

use super::Store;
use super::format::Format;
use crate::disk::{Disk, SimulatedDisk, checksum};

/// A new store in memory.
pub fn in_memory() -> Store {
    let store = Store::create_on(Arc::new(SimulatedDisk::new()), Path::new("memory"));
    on_one_thread(store.expect("memory does not fail"))
}

/// The same store, which does everything on one thread: to start others takes longer
/// than what fuzzers have for them to do.
pub fn on_one_thread(store: Store) -> Store {
    Store { threads: 1, ..store }
}

/// Any bytes, as they are and sealed.
///
/// 1. A format that is read and written again reads as the same.
/// 2. No store opens by a format that may not be read; every one does that may.
pub fn format(data: &[u8]) {
    check(data);
    let mut sealed = data.to_vec();
    if let Some((fields, rest)) = sealed.split_first_chunk_mut::<56>()
        && let Some((sum, _)) = rest.split_first_chunk_mut::<16>()
    {
        *sum = checksum(&[fields]);
        check(&sealed);
    }
}

fn check(bytes: &[u8]) {
    let disk: Arc<dyn Disk> = Arc::new(SimulatedDisk::holding("format", bytes));
    let read = Format::read(&*disk).ok().flatten();
    let opened = Store::open_on(Arc::clone(&disk));
    let Some(format) = read else {
        assert!(opened.is_err());
        return;
    };
    assert_eq!(opened.is_ok(), format.check().is_ok());
    if let Ok(Some(store)) = opened {
        assert_eq!((store.id(), store.is_writable()), (format.store, format.may_write()));
    }
    let again: Arc<dyn Disk> = Arc::new(SimulatedDisk::new());
    format.write(&again).expect("memory does not fail");
    assert_eq!(Format::read(&*again).ok().flatten(), Some(format));
}
