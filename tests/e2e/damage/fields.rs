//! Where the files of a store have their fields, by the offset tables of the format modules,
//! told once more: these are the tests' own eyes.

use std::path::Path;

/// A field: what the offset table calls it, and where it begins in the file.
pub type Field = (&'static str, u64);

/// The fields of the file `path` of a store; none for what larder gives no form.
pub fn of(path: &Path, bytes: &[u8]) -> Vec<Field> {
    match path.iter().next().and_then(|top| top.to_str()) {
        Some("format") => format(),
        Some("journal") => journal(bytes),
        Some("packs") => pack(bytes),
        Some("index") => run(bytes),
        Some("containers") if path.ends_with("kept") => kept(),
        _ => Vec::new(),
    }
}

/// `engine/src/store/format.rs`.
fn format() -> Vec<Field> {
    let features = [("compatible", 16), ("read-only", 24), ("incompatible", 32)];
    let rest = [("magic", 0), ("version", 8), ("zero", 12), ("identity", 40), ("checksum", 56)];
    [&rest[..], &features].concat()
}

/// `engine/src/journal/header.rs`, and of `record.rs` the first, the middle and the last record.
fn journal(bytes: &[u8]) -> Vec<Field> {
    let mut fields =
        vec![("magic", 0), ("version", 8), ("zero", 12), ("identity", 16), ("checksum of the header", 32)];
    let mut records = vec![48];
    while let Some(end) = records.last().map(|at| at + 28 + u64::from(number(bytes, *at)))
        && end < bytes.len() as u64
    {
        records.push(end);
    }
    let mut some = vec![records[0], records[records.len() / 2], records[records.len() - 1]];
    some.dedup();
    for at in some {
        fields.extend([("len", at), ("sum", at + 4), ("before", at + 12), ("txn", at + 20)]);
        fields.push(("payload", at + 28));
    }
    fields
}

/// `engine/src/chunk/pack.rs`, and of `frame.rs` the first frame.
fn pack(bytes: &[u8]) -> Vec<Field> {
    let end = bytes.len() as u64;
    let trailer = end - 32 - u64::from(number(bytes, end - 32));
    let row = trailer + 8;
    let chunk = row + 16 * u64::from(number(bytes, trailer));
    vec![
        ("magic", 0),
        ("version", 8),
        ("zero", 12),
        ("magic of a frame", 16),
        ("lane", 20),
        ("codec", 21),
        ("mark", 22),
        ("zero of a frame", 23),
        ("stored", 24),
        ("raw", 28),
        ("checksum of a frame", 32),
        ("coded bytes", 48),
        ("frames", trailer),
        ("chunks", trailer + 4),
        ("stored, in the trailer", row),
        ("raw, in the trailer", row + 4),
        ("chunks of a frame", row + 8),
        ("lane, in the trailer", row + 12),
        ("codec, in the trailer", row + 13),
        ("mark, in the trailer", row + 14),
        ("zero, in the trailer", row + 15),
        ("name of a chunk", chunk),
        ("length of a chunk", chunk + 32),
        ("length of the trailer", end - 32),
        ("id", end - 24),
        ("magic at the end", end - 8),
    ]
}

/// `engine/src/chunk/run.rs`, of which every run here has one block at least.
fn run(bytes: &[u8]) -> Vec<Field> {
    let end = bytes.len() as u64;
    let packs = 16 + 4096 * u64::from(number(bytes, end - 36));
    let blocks = packs + 16 * u64::from(number(bytes, end - 40));
    vec![
        ("magic", 0),
        ("version", 8),
        ("zero", 12),
        ("prefix", 16),
        ("ordinal of the pack", 24),
        ("number of the chunk", 28),
        ("checksum of a block", 16 + 4080),
        ("pack table", packs),
        ("block table", blocks),
        ("entries", end - 48),
        ("packs", end - 40),
        ("blocks", end - 36),
        ("zero at the end", end - 32),
        ("checksum", end - 24),
        ("magic at the end", end - 8),
    ]
}

/// `engine/src/container/upper/kept.rs`.
fn kept() -> Vec<Field> {
    let record = [("path", 34), ("inode", 50), ("on disk", 58), ("meant", 89)];
    [
        &[("magic", 0), ("version", 8), ("records", 12), ("checksum", 16), ("length of a path", 32)][..],
        &record,
    ]
    .concat()
}

/// The little-endian number of four bytes at `at`.
fn number(bytes: &[u8], at: u64) -> u32 {
    let at = usize::try_from(at).expect("a small file");
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}
