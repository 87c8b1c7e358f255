//! Any bytes as a journal.

use std::sync::Arc;

use super::header::FileHeader;
use super::record::{HEADER_BYTES, Header};
use super::{Error, FILE, Journal, StoreId};
use crate::disk::{Disk, SimulatedDisk};

const STORE: StoreId = StoreId([9; 16]);

/// Any bytes: as a journal; as what follows the beginning of one, compacted or not; and as
/// records in a row of which only the lengths count, the rest made right.
///
/// 1. Reading goes forward and comes to an end, or to a broken record that
///    whole ones follow.
/// 2. Each record that is read encodes to the bytes that it came from.
/// 3. Sealed records are all read, and what comes behind them is none.
/// 4. Every position on the way is known again.
/// 5. What is appended at the end is read there.
/// 6. Sealed records are all found if the first bytes are damaged, and put in the place of the
///    journal they make the same.
pub fn journal(data: &[u8]) {
    read(data);
    let base = data.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    for header in [FileHeader::new(STORE), FileHeader::compacted(STORE, base)] {
        let front = header.encode();
        assert_eq!(FileHeader::decode(&front).ok(), Some(header));
        read(&[&front, data].concat());
        let (records, sealed) = seal(data, header);
        let bytes = [&front, &sealed[..]].concat();
        assert_eq!(read(&bytes), Some(records));
        if records > 0 {
            check_remade(&bytes, header, records);
        }
    }
}

fn check_remade(bytes: &[u8], header: FileHeader, records: u64) {
    let mut damaged = bytes.to_vec();
    damaged[7] ^= 1;
    let disk: Arc<dyn Disk> = Arc::new(SimulatedDisk::holding(FILE, &damaged));
    assert!(Journal::open(&disk, STORE, false).is_err());
    let journal = Journal::open_headless(&disk, STORE).expect("memory does not fail");
    assert_eq!(journal.header(), header);
    let whole = journal.whole().expect("memory does not fail");
    assert_eq!((whole.payloads.len() as u64, whole.missing()), (records, 0));
    Journal::replace(&disk, header, &whole.payloads).expect("memory does not fail");
    let mut remade = vec![0; disk.open(FILE).and_then(|file| file.len()).expect("it is there") as usize];
    disk.open(FILE).and_then(|file| file.read_exact_at(&mut remade, 0)).expect("it is there");
    // All but the torn record at the end.
    assert!(bytes.starts_with(&remade) && bytes.len() - remade.len() < HEADER_BYTES);
}

/// The bytes with all that a record's header says made right, but for the
/// lengths; and how many records they are. What is left over is no record.
fn seal(data: &[u8], header: FileHeader) -> (u64, Vec<u8>) {
    let mut sealed = Vec::new();
    let mut rest = data;
    let start = header.end();
    let (mut before, mut txn) = (start.sum, start.txn);
    while let Some((front, behind)) = rest.split_first_chunk::<HEADER_BYTES>() {
        let [a, b, ..] = *front;
        let len = usize::from(u16::from_le_bytes([a, b]));
        let Some((payload, behind)) = behind.split_at_checked(len) else { break };
        let Some(header) = Header::of(STORE, before, txn + 1, payload) else { break };
        sealed.extend(header.encode());
        sealed.extend(payload);
        (before, txn, rest) = (header.sum, txn + 1, behind);
    }
    // A torn record: what a crash leaves.
    sealed.extend(rest.iter().take(HEADER_BYTES - 1));
    (txn - start.txn, sealed)
}

/// How many records are read; `None` if it is no journal or a broken one.
fn read(bytes: &[u8]) -> Option<u64> {
    let disk: Arc<dyn Disk> = Arc::new(SimulatedDisk::holding(FILE, bytes));
    let journal = Journal::open(&disk, STORE, true).ok()?;
    let mut at = journal.start();
    loop {
        assert!(journal.has(at).expect("memory does not fail"), "{at:?}");
        match journal.next(at) {
            Ok(Some((next, payload))) => {
                assert_eq!((next.offset - at.offset, next.txn), (next.last_bytes, at.txn + 1));
                let header = Header::of(STORE, at.sum, next.txn, &payload).expect("a length that was read");
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
    Some(at.txn - journal.start().txn)
}
