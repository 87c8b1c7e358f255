//! Any bytes as a tar.

use std::io::{self, Read};
use std::ops::Range;

use super::{
    BLOCK_BYTES, Data, Entries, EntryError, EntryKind, Found, MAX_EXTENSION_BYTES, Scanner, Source, Span,
    Streamed, push_record, records,
};

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

/// The most of a payload that is read; a hole may be as large as it likes.
const MAX_READ_BYTES: u64 = 1 << 16;

/// Gives what it reads a few bytes at a time.
struct Dripping<'b>(&'b [u8]);

impl Read for Dripping<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len().min(7);
        self.0.read(&mut buffer[..len])
    }
}

/// All entries; of their payloads the first `most` bytes are read, and of those
/// what is there comes back.
fn walk(source: impl Source, most: u64) -> Result<Vec<(Found, Vec<u8>)>, EntryError> {
    let mut entries = Entries::new(source);
    let mut found = Vec::new();
    while let Some(one) = entries.next()? {
        let mut bytes = Vec::new();
        // Where the tar ends within a payload, the next entry tells.
        let _ = entries.payload().take(most).read_to_end(&mut bytes);
        found.push((one, bytes));
    }
    Ok(found)
}

/// Any bytes, read as entries.
///
/// 1. Every way to read them gives the same entries, or the same error; only how
///    far reading came differs, where the tar ends within a payload.
/// 2. There are no more entries than blocks.
/// 3. A payload lies where it is said to, and all else of a file is zeros.
/// 4. What is no file has no payload; extended attributes are in order.
/// 5. An entry that is written is read again as itself.
pub fn entries(data: &[u8]) {
    for tar in both(data) {
        let read = walk(Streamed(Dripping(&tar)), MAX_READ_BYTES);
        let (found, passed) = match (read, walk(&tar[..], 0)) {
            (Ok(found), Ok(passed)) => (found, passed),
            (Err(read), Err(passed)) => {
                assert_eq!(told(&read), told(&passed));
                continue;
            }
            (read, passed) => panic!("{read:?} but {passed:?}"),
        };
        assert!(found.len() <= tar.len() / BLOCK_BYTES);
        assert!(found.iter().map(|(one, _)| one).eq(passed.iter().map(|(one, _)| one)));
        for (one, bytes) in found {
            check(&tar, &one, &bytes);
        }
    }
}

fn told(error: &EntryError) -> String {
    match error {
        EntryError::Read { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

fn check(tar: &[u8], Found { entry, data }: &Found, bytes: &[u8]) {
    assert_eq!(bytes.len() as u64, entry.size.min(MAX_READ_BYTES));
    let mut file = vec![0; bytes.len()];
    let mut put = |at: u64, offset: u64, len: u64| {
        let (offset, len) = (offset as usize, len as usize);
        let data = tar.get(offset..offset + len).expect("an extent in the tar");
        let room = file.get_mut(at.min(MAX_READ_BYTES) as usize..).unwrap_or_default();
        room.iter_mut().zip(data).for_each(|(room, byte)| *room = *byte);
    };
    match data {
        Data::None => assert_eq!(entry.size, 0),
        Data::Plain { offset } => put(0, *offset, entry.size),
        Data::Sparse(extents) => extents.iter().for_each(|extent| put(extent.at, extent.offset, extent.len)),
    }
    assert_eq!(bytes, file);
    assert_eq!(matches!(data, Data::None), entry.kind != EntryKind::File);
    assert!(entry.xattrs.is_sorted_by(|(a, _), (b, _)| a < b));

    let blocks = entry.encode();
    if blocks.len() as u64 > MAX_EXTENSION_BYTES {
        return;
    }
    let mut again = entry.clone();
    if again.kind == EntryKind::Directory && !again.name.ends_with(b"/") {
        again.name.push(b'/');
    }
    let read = Entries::new(&blocks[..]).next().expect("it was written by us").expect("an entry");
    assert_eq!(read.entry, again);
    assert_eq!(again.encode(), blocks);
}
