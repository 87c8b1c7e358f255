//! A journal to replay, for benchmarks.
#![expect(clippy::expect_used, reason = "a benchmark that fails has measured nothing")]

use std::path::Path;
use std::sync::Arc;

use super::log::FILE;
use super::record::Header;
use super::{Journal, StoreId};
use crate::disk::{Disk, RealDisk};

const STORE: StoreId = StoreId([7; 16]);

fn disk(dir: &Path) -> Arc<dyn Disk> {
    Arc::new(RealDisk::create(dir).expect("a directory"))
}

/// Writes a journal of `commits` records of `payload_bytes` each into `dir`,
/// without making each durable.
pub fn write_journal(dir: &Path, commits: u64, payload_bytes: usize) {
    let disk = disk(dir);
    disk.create_dir("tmp").expect("a directory");
    Journal::create(&disk, STORE).expect("a disk that works");
    let journal = Journal::open(&disk, STORE, true).expect("a journal");
    let mut sum = journal.start().sum;
    let mut records = Vec::new();
    for txn in 1..=commits {
        let mut payload = vec![0x5a; payload_bytes];
        payload.iter_mut().zip(txn.to_le_bytes()).for_each(|(place, byte)| *place = byte);
        let header = Header::of(STORE, sum, txn, &payload).expect("a length that fits");
        records.extend_from_slice(&header.encode());
        records.extend_from_slice(&payload);
        sum = header.sum;
    }
    let file = disk.open_writable(FILE).expect("a journal");
    file.write_all_at(&records, journal.start().offset).expect("a disk that works");
}

/// Reads the journal in `dir` from its beginning to its end: how many commits it has.
pub fn replay(dir: &Path) -> u64 {
    let journal = Journal::open(&disk(dir), STORE, false).expect("a journal");
    let mut position = journal.start();
    while let Some((next, payload)) = journal.next(position).expect("a sound journal") {
        std::hint::black_box(payload);
        position = next;
    }
    position.txn
}
