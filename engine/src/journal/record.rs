//! Records of the journal.
//!
//! | offset | size | field (integers little-endian)                             |
//! |-------:|-----:|-------------------------------------------------------------|
//! |      0 |    4 | `len`: bytes of payload, 1..=[`MAX_PAYLOAD_BYTES`]           |
//! |      4 |    8 | `sum`: start of the checksum of the store's identity, `len` and all that follows |
//! |     12 |    8 | `before`: `sum` of the record before; of the header, for the first |
//! |     20 |    8 | `txn`: one more than the record before; the first has 1      |
//! |     28 |  len | payload                                                     |
//!
//! A length of zero is illegal because a tail of zeros is what a crash leaves
//! on most file systems: it must read as the end, never as a record. `before`
//! chains the records, so that none can be left out or moved, and a position in
//! the journal names all that came before. The store's identity, which no
//! payload can know beforehand, keeps bytes inside a payload from passing for a
//! record, and records from being taken from another journal.

use super::StoreId;
use crate::disk::checksum;

/// No record is longer: what a reader may be made to allocate, and far more
/// than a load of ten thousand images at once comes to.
pub const MAX_PAYLOAD_BYTES: usize = 256 << 20;

/// What stands in front of a payload.
pub const HEADER_BYTES: usize = 28;

/// A record's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub len: u32,
    pub sum: u64,
    pub before: u64,
    pub txn: u64,
}

impl Header {
    /// The header of `payload`; `None` if its length is illegal.
    pub fn of(store: StoreId, before: u64, txn: u64, payload: &[u8]) -> Option<Self> {
        let len = u32::try_from(payload.len()).ok().filter(|_| is_legal(payload.len()))?;
        let mut header = Self { len, sum: 0, before, txn };
        header.sum = header.sum_with(store, payload);
        Some(header)
    }

    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let fields = self.len.to_le_bytes().into_iter();
        let fields = fields.chain([self.sum, self.before, self.txn].into_iter().flat_map(u64::to_le_bytes));
        for (place, byte) in bytes.iter_mut().zip(fields) {
            *place = byte;
        }
        bytes
    }

    /// `None` if the length is illegal; nothing else can be told without the payload.
    pub fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let (len, rest) = bytes.split_first_chunk::<4>()?;
        let len = u32::from_le_bytes(*len);
        let ([sum, before, txn], []) = rest.as_chunks::<8>() else { return None };
        let header = Self {
            len,
            sum: u64::from_le_bytes(*sum),
            before: u64::from_le_bytes(*before),
            txn: u64::from_le_bytes(*txn),
        };
        is_legal(len as usize).then_some(header)
    }

    /// Whether this is the header of `payload`.
    pub fn fits(&self, store: StoreId, payload: &[u8]) -> bool {
        payload.len() == self.len as usize && self.sum == self.sum_with(store, payload)
    }

    fn sum_with(&self, store: StoreId, payload: &[u8]) -> u64 {
        let fields = [
            &store.0[..],
            &self.len.to_le_bytes(),
            &self.before.to_le_bytes(),
            &self.txn.to_le_bytes(),
            payload,
        ];
        let [a, b, c, d, e, f, g, h, ..] = checksum(&fields);
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

fn is_legal(len: usize) -> bool {
    (1..=MAX_PAYLOAD_BYTES).contains(&len)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORE: StoreId = StoreId([9; 16]);

    #[test]
    fn the_layout_of_a_record_never_changes() {
        let header = Header::of(STORE, 0x0102, 3, b"payload").unwrap();
        let sum = header.sum.to_le_bytes();
        let want = [&[7, 0, 0, 0][..], &sum, &[2, 1, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]].concat();
        assert_eq!(header.encode(), *want);
        assert_eq!(header.sum, 0x734a_052d_e762_aa7c);
    }

    #[test]
    fn zeros_are_no_record() {
        assert_eq!(Header::decode(&[0; HEADER_BYTES]), None);
        assert_eq!(Header::of(STORE, 0, 1, b""), None);
    }

    #[test]
    fn every_field_is_under_the_checksum() {
        let header = Header::of(STORE, 1, 2, b"payload").unwrap();
        assert!(
            header.fits(STORE, b"payload")
                && !header.fits(STORE, b"Payload")
                && !header.fits(STORE, b"payloa")
        );
        let others = [
            Header { len: 6, ..header },
            Header { sum: 0, ..header },
            Header { before: 0, ..header },
            Header { txn: 0, ..header },
        ];
        assert!(others.iter().all(|other| !other.fits(STORE, b"payload")));
    }
}
