//! Any bytes as a journal.

use std::sync::Arc;

use super::record::{HEADER_BYTES, Header};
use super::{Error, FILE, Journal, StoreId};
use crate::disk::{Disk, MemoryDisk};

const STORE: StoreId = StoreId([9; 16]);

/// What a journal begins with, before its first record.
const FRONT_BYTES: usize = 48;

/// Any bytes: as a journal; as what follows the beginning of one; and as
/// records in a row of which only the lengths count, the rest made right.
///
/// 1. Reading goes forward and comes to an end, or to a broken record that
///    whole ones follow.
/// 2. Each record that is read encodes to the bytes that it came from.
/// 3. Sealed records are all read, and what comes behind them is none.
/// 4. Every position on the way is known again.
/// 5. What is appended at the end is read there.
pub fn journal(data: &[u8]) {
    read(data);
    let disk = MemoryDisk::new();
    Journal::create(&disk, STORE).expect("memory does not fail");
    let mut front = [0; FRONT_BYTES];
    disk.open(FILE).and_then(|file| file.read_exact_at(&mut front, 0)).expect("it was just written");
    read(&[&front, data].concat());
    let sum = u64::from_le_bytes(*front[32..].first_chunk().expect("eight bytes"));
    let (records, sealed) = seal(data, sum);
    assert_eq!(read(&[&front, &sealed[..]].concat()), Some(records));
}

/// The bytes with all that a record's header says made right, but for the
/// lengths; and how many records they are. What is left over is no record.
fn seal(data: &[u8], mut before: u64) -> (u64, Vec<u8>) {
    let mut sealed = Vec::new();
    let mut rest = data;
    let mut txn = 0;
    while let Some((front, behind)) = rest.split_first_chunk::<HEADER_BYTES>() {
        let [a, b, ..] = *front;
        let len = usize::from(u16::from_le_bytes([a, b]));
        let Some((payload, behind)) = behind.split_at_checked(len) else { break };
        let Some(header) = Header::of(before, txn + 1, payload) else { break };
        sealed.extend(header.encode());
        sealed.extend(payload);
        (before, txn, rest) = (header.sum, txn + 1, behind);
    }
    // A torn record: what a crash leaves.
    sealed.extend(rest.iter().take(HEADER_BYTES - 1));
    (txn, sealed)
}

/// How many records are read; `None` if it is no journal or a broken one.
fn read(bytes: &[u8]) -> Option<u64> {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::holding(FILE, bytes));
    let journal = Journal::open(&disk, STORE, true).ok()?;
    let mut at = journal.start();
    loop {
        assert!(journal.has(at).expect("memory does not fail"), "{at:?}");
        match journal.next(at) {
            Ok(Some((next, payload))) => {
                assert_eq!((next.offset - at.offset, next.txn), (next.last_bytes, at.txn + 1));
                let header = Header::of(at.sum, next.txn, &payload).expect("a length that was read");
                let record = [&header.encode()[..], &payload].concat();
                assert_eq!(bytes[at.offset as usize..next.offset as usize], record);
                at = next;
            }
            Ok(None) => break,
            Err(Error::Broken { offset, next }) => {
                assert!(offset == at.offset && next > offset && next < bytes.len() as u64);
                return None;
            }
            Err(other) => panic!("{other}"),
        }
    }
    let end = journal.append(at, b"one more").expect("memory does not fail");
    let (found, payload) = journal.next(at).expect("it is whole").expect("it is there");
    assert_eq!((found, &payload[..]), (end, &b"one more"[..]));
    assert_eq!(journal.next(end).expect("it is whole"), None);
    Some(at.txn)
}
