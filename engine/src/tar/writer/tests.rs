use proptest::prelude::*;

use super::super::entry::Device;
use super::super::{Data, Entries, Found, Header, Kind, records};
use super::*;

fn encode(name: &str, mode: u32, size: Option<u64>) -> Vec<u8> {
    let header = EntryHeader { name, mode, size };
    let bytes = header.encode();
    let size = size.unwrap_or(0);
    assert_eq!(header.total_bytes(), bytes.len() as u64 + size + padding_bytes(size));
    bytes
}

fn decode(bytes: &[u8]) -> Header {
    Header::decode(bytes.try_into().unwrap()).unwrap().unwrap()
}

#[test]
fn a_header_reads_back() {
    let file = decode(&encode("blobs/sha256/00", 0o644, Some(1234)));
    assert_eq!((file.kind(), file.size()), (Kind::File, 1234));
    assert_eq!(file.name(), b"blobs/sha256/00".as_slice());
    let directory = decode(&encode("blobs", 0o755, None));
    assert_eq!((directory.kind(), directory.name().as_ref()), (Kind::Directory, &b"blobs/"[..]));
}

#[test]
fn a_header_never_changes() {
    let bytes = encode("index.json", 0o644, Some(7));
    let golden: [&[u8]; 6] = [
        b"index.json",
        &[0; 90],
        b"0000644\x000000000\x000000000\x0000000000007\x0000000000000\x000007744\x000",
        &[0; 100],
        b"ustar\x0000",
        &[0; 247],
    ];
    assert_eq!(bytes.escape_ascii().to_string(), golden.concat().escape_ascii().to_string());
}

#[test]
fn a_large_file_and_a_long_name_are_said_otherwise() {
    assert_eq!(decode(&encode("f", 0o644, Some(MAX_OCTAL + 1))).size(), MAX_OCTAL + 1);
    let long = "n".repeat(300);
    let bytes = encode(&long, 0o644, Some(0));
    assert_eq!(bytes.len(), 3 * BLOCK_BYTES);
    let mut archive = tar::Archive::new(&bytes[..]);
    let entry = archive.entries().unwrap().next().unwrap().unwrap();
    assert_eq!(entry.path_bytes(), long.as_bytes());
}

fn entry(kind: EntryKind) -> Entry {
    let name = b"a".to_vec();
    Entry { name, kind, mode: 0, uid: 0, gid: 0, mtime: Mtime::default(), size: 0, xattrs: Vec::new() }
}

/// The bytes with runs of more than eight zeros as their number.
fn shape(bytes: &[u8]) -> String {
    let run = |run: &[u8]| match run {
        [0, ..] if run.len() > 8 => format!("<{}>", run.len()),
        _ => run.escape_ascii().to_string(),
    };
    bytes.chunk_by(|a, b| (*a == 0) == (*b == 0)).map(run).collect()
}

#[test]
fn an_entry_that_ustar_can_say_never_changes() {
    let mut file = entry(EntryKind::File);
    (file.name, file.mode, file.uid, file.gid) = (b"\xff/b".to_vec(), 0o4755, 0o777_7777, 1000);
    (file.size, file.mtime.seconds) = (MAX_OCTAL, 1_700_000_000);
    let device = entry(EntryKind::BlockDevice(Device { major: 8, minor: 0xf_ffff }));
    let link = entry(EntryKind::Hardlink(b"b\xfe".to_vec()));
    let golden = [
        r"\xff/b<97>0004755\x007777777\x000001750\x0077777777777\x0014524770400\x000007041\x000<100>ustar\x0000<247>",
        r"a<99>0000000\x000000000\x000000000\x0000000000000\x0000000000000\x000007402\x004<100>ustar\x0000<64>0000010\x003777777<168>",
        r"a<99>0000000\x000000000\x000000000\x0000000000000\x0000000000000\x000006621\x001b\xfe<98>ustar\x0000<247>",
    ];
    for (entry, golden) in [file, device, link].iter().zip(golden) {
        assert_eq!(shape(&entry.encode()), golden);
    }
}

#[test]
fn what_ustar_cannot_say_is_said_by_exactly_the_records_needed() {
    let mut entry = entry(EntryKind::Symlink([b"\xff".to_vec(), vec![b't'; 100]].concat()));
    (entry.name, entry.uid, entry.gid) = (vec![b'n'; 101], 0o1000_0000, u32::MAX - 1);
    entry.mtime = Mtime { seconds: -1, nanoseconds: 500_000_000 };
    entry.xattrs = vec![(b"security.capability".to_vec(), b"\0\n".to_vec()), (b"user.a=b".to_vec(), vec![])];
    let blocks = entry.encode();
    assert!(
        shape(&blocks).starts_with(
            r"PaxHeaders/name<85>0000644\x000000000\x000000000\x0000000000551\x0000000000000\x00"
        )
    );
    assert_eq!((blocks.len(), blocks[156], blocks[1024 + 156]), (3 * BLOCK_BYTES, b'x', b'2'));
    let said = records(&blocks[512..512 + 361]).map(|record| record.unwrap());
    let said: Vec<_> = said.map(|record| (record.key.to_vec(), record.value.to_vec())).collect();
    let EntryKind::Symlink(target) = entry.kind else { unreachable!() };
    let wanted: [(&[u8], &[u8]); 8] = [
        (b"hdrcharset", b"BINARY"),
        (b"path", &entry.name),
        (b"linkpath", &target),
        (b"uid", b"2097152"),
        (b"gid", b"4294967294"),
        (b"mtime", b"-0.5"),
        (b"SCHILY.xattr.security.capability", b"\0\n"),
        (b"SCHILY.xattr.user.a%3Db", b""),
    ];
    assert_eq!(said, wanted.map(|(key, value)| (key.to_vec(), value.to_vec())));
}

#[test]
fn times_are_written_as_pax_wants_them() {
    for (seconds, nanoseconds, text) in [
        (12, 0, "12"),
        (12, 5, "12.000000005"),
        (12, 500_000_000, "12.5"),
        (10, 100_000_000, "10.1"),
        (0, 1, "0.000000001"),
        (-1, 999_999_999, "-0.000000001"),
        (-2, 750_000_000, "-1.25"),
        (-10, 0, "-10"),
        (i64::MIN, 1, "-9223372036854775807.999999999"),
    ] {
        assert_eq!(Mtime { seconds, nanoseconds }.to_pax(), text);
    }
}

#[test]
fn a_global_header_belongs_to_no_entry() {
    let header = global_header(&[(b"LARDER.config", b"{\n}")]);
    assert_eq!((header.len(), header[156]), (1024, b'g'));
    assert!(header.starts_with(b"pax_global_header\0"));
    let tar = [&header[..], &entry(EntryKind::Fifo).encode(), &END].concat();
    let mut entries = Entries::new(&tar[..]);
    assert_eq!(entries.next().unwrap().unwrap().entry, entry(EntryKind::Fifo));
    assert_eq!(entries.take_global(), Some(vec![(b"LARDER.config".to_vec(), b"{\n}".to_vec())]));
}

fn bytes(least: usize, most: usize) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => 1..=u8::MAX, 2 => Just(b'a'), 1 => Just(b'/')];
    prop::collection::vec(byte, least..=most)
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![3 => bytes(1, 12), 2 => bytes(98, 102), 1 => bytes(103, 600)]
}

fn kinds() -> impl Strategy<Value = EntryKind> {
    let device = (0u32..1 << 12, 0u32..1 << 20).prop_map(|(major, minor)| Device { major, minor });
    prop_oneof![
        4 => Just(EntryKind::File),
        1 => Just(EntryKind::Directory),
        1 => text().prop_map(EntryKind::Symlink),
        1 => text().prop_map(EntryKind::Hardlink),
        1 => device.clone().prop_map(EntryKind::CharDevice),
        1 => device.prop_map(EntryKind::BlockDevice),
        1 => Just(EntryKind::Fifo),
    ]
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let id = || prop_oneof![0u32..70_000, 0o777_7770u32..0o1000_0010, 0..u32::MAX];
    let seconds = prop_oneof![-3i64..3, 0o777_7777_7770i64..0o1_0000_0000_0010, any::<i64>()];
    let nanoseconds = prop_oneof![Just(0), 0u32..1_000_000_000];
    let mtime = (seconds, nanoseconds).prop_map(|(seconds, nanoseconds)| Mtime { seconds, nanoseconds });
    let size = prop_oneof![0u64..2000, MAX_OCTAL - 2..MAX_OCTAL + 3, 0..=i64::MAX as u64];
    let key = bytes(1, 20).prop_filter("no name of an attribute", |key| !key.contains(&b'='));
    let xattrs = prop::collection::btree_map(key, prop::collection::vec(any::<u8>(), 0..40), 0..4);
    (text(), kinds(), 0u32..0o1_0000, id(), id(), mtime, size, xattrs).prop_map(
        |(mut name, kind, mode, uid, gid, mtime, size, xattrs)| {
            if kind == EntryKind::Directory && !name.ends_with(b"/") {
                name.push(b'/');
            }
            let size = if kind == EntryKind::File { size } else { 0 };
            Entry { name, kind, mode, uid, gid, mtime, size, xattrs: xattrs.into_iter().collect() }
        },
    )
}

proptest! {
    /// Whatever an entry says, reading gives it back.
    #[test]
    fn an_entry_reads_back_as_written(entry in any_entry()) {
        let blocks = entry.encode();
        prop_assert_eq!(blocks.len() % BLOCK_BYTES, 0);
        let Found { entry: read, data } = Entries::new(&blocks[..]).next().unwrap().unwrap();
        let is_file = read.kind == EntryKind::File;
        prop_assert_eq!(read, entry);
        prop_assert_eq!(data, if is_file { Data::Plain { offset: blocks.len() as u64 } } else { Data::None });
    }
}
