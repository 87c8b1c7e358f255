//! Any bytes as the file `format`, and stores to do things to.

use std::path::Path;
use std::sync::Arc;

use super::Store;
use super::format::Format;
use crate::disk::{Disk, MemoryDisk, checksum};

/// A new store in memory.
pub fn in_memory() -> Store {
    Store::create_on(Arc::new(MemoryDisk::new()), Path::new("memory")).expect("memory does not fail")
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
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::holding("format", bytes));
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
    let again: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    format.write(&again).expect("memory does not fail");
    assert_eq!(Format::read(&*again).ok().flatten(), Some(format));
}
