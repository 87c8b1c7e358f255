//! Any bytes as a tar.

use std::ops::Range;

use super::{BLOCK_BYTES, Scanner, Span, push_record, records};

const CHECKSUM: Range<usize> = 148..156;
const MAGIC: Range<usize> = 257..262;

/// Puts right the checksum of every block that calls itself a header.
pub fn seal(tar: &mut [u8]) {
    for block in tar.as_chunks_mut::<BLOCK_BYTES>().0 {
        if block[MAGIC] == *b"ustar" {
            block[CHECKSUM].fill(b' ');
            let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
            block[CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
}

/// The tar as it is, and sealed.
pub fn both(tar: &[u8]) -> [Vec<u8>; 2] {
    let mut sealed = tar.to_vec();
    seal(&mut sealed);
    [tar.to_vec(), sealed]
}

/// Bytes of one sort in a row: of a payload, how long it is and where in it they lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    Skeleton { len: u64 },
    Payload { of: u64, at: u64, len: u64 },
    Tail { len: u64 },
}

/// What the scanner says of `tar`, pushed in pieces of `lens` over and over.
fn scan(tar: &[u8], lens: &[usize]) -> (Vec<Run>, u64, bool) {
    let mut scanner = Scanner::new();
    let mut runs = Vec::new();
    let mut rest = tar;
    for len in lens.iter().cycle() {
        let (mut piece, later) = rest.split_at(rest.len().min(*len));
        while !piece.is_empty() {
            let span = scanner.next(piece);
            assert!((1..=piece.len()).contains(&span.len()), "{span:?} of {} bytes", piece.len());
            piece = &piece[span.len()..];
            let len = span.len() as u64;
            let (of, at) = scanner.payload();
            match (runs.last_mut(), span) {
                (Some(Run::Skeleton { len: last }), Span::Skeleton(_))
                | (Some(Run::Tail { len: last }), Span::Tail(_)) => *last += len,
                (Some(Run::Payload { of: same, at: start, len: last }), Span::Payload(_)) => {
                    assert_eq!((of, at), (*same, *start + *last), "a payload goes on where it was");
                    *last += len;
                }
                (_, Span::Skeleton(_)) => runs.push(Run::Skeleton { len }),
                (_, Span::Payload(_)) => runs.push(Run::Payload { of, at, len }),
                (_, Span::Tail(_)) => runs.push(Run::Tail { len }),
            }
        }
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    (runs, scanner.content_bytes(), scanner.is_tar())
}

/// Any bytes, hinted at and read as pax records.
///
/// 1. Whatever the pieces, every byte is said to be the same.
/// 2. The spans add up to the bytes; none is empty or longer than was given.
/// 3. A payload begins at its beginning and is never longer than it says; it
///    is shorter only where the bytes end.
/// 4. Nothing comes after the tail.
/// 5. Pax records that are read are read again from what writing them gives.
pub fn hints(data: &[u8]) {
    for tar in both(data) {
        let whole = scan(&tar, &[usize::MAX]);
        let (runs, ..) = &whole;
        let mut sum = 0;
        for (number, run) in runs.iter().enumerate() {
            let is_last = number + 1 == runs.len();
            sum += match *run {
                Run::Skeleton { len } => len,
                Run::Payload { of, at, len } => {
                    assert!(at == 0 && len <= of && (len == of || is_last), "{run:?}");
                    len
                }
                Run::Tail { len } => {
                    assert!(is_last, "{runs:?}");
                    len
                }
            };
        }
        assert_eq!(sum, tar.len() as u64);
        for lens in [&[1][..], &[BLOCK_BYTES - 1], &[BLOCK_BYTES], &[1, 700, 3, 513]] {
            assert_eq!(scan(&tar, lens), whole, "in pieces of {lens:?}");
        }
    }
    let read: Vec<_> = records(data).map_while(Result::ok).collect();
    let mut written = Vec::new();
    for record in &read {
        push_record(record.key, record.value, &mut written);
    }
    assert_eq!(records(&written).collect::<Result<Vec<_>, _>>(), Ok(read));
}
