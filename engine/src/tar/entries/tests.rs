use super::super::fuzz::seal;
use super::super::header::tests::{block, forge};
use super::super::{END, Streamed, push_record};
use super::*;

/// A header of this kind, with `body`, padded.
fn entry(kind: u8, body: &[u8]) -> Vec<u8> {
    padded(block(kind, body.len() as u64).to_vec(), body)
}

fn padded(mut tar: Vec<u8>, body: &[u8]) -> Vec<u8> {
    tar.extend_from_slice(body);
    tar.resize(tar.len().next_multiple_of(512), 0);
    tar
}

fn records(records: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (key, value) in records {
        push_record(key.as_bytes(), value.as_bytes(), &mut body);
    }
    body
}

fn pax(pairs: &[(&str, &str)]) -> Vec<u8> {
    entry(b'x', &records(pairs))
}

/// All entries, with what their payloads hold.
fn read(tar: &[u8]) -> Result<Vec<(Found, Vec<u8>)>, EntryError> {
    let mut entries = Entries::new(Streamed(tar));
    let mut found = Vec::new();
    while let Some(one) = entries.next()? {
        let mut bytes = Vec::new();
        entries.payload().read_to_end(&mut bytes).unwrap();
        found.push((one, bytes));
    }
    Ok(found)
}

fn read_one(parts: &[&[u8]]) -> (Entry, Vec<u8>) {
    let (found, bytes) = read(&[&parts.concat()[..], &END].concat()).unwrap().remove(0);
    (found.entry, bytes)
}

fn refusal(parts: &[&[u8]]) -> String {
    let error = read(&[&parts.concat()[..], &END].concat()).unwrap_err();
    let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
    format!("{error}{}", source.unwrap_or_default())
}

#[test]
fn an_entry_says_all_that_its_header_says() {
    let header = forge(block(b'0', 5), |block| {
        block[100..108].copy_from_slice(b"0104755\0");
        block[108..116].copy_from_slice(b"0001750\0");
        block[116..124].copy_from_slice(&[0x80, 0, 0, 0, 0, 0x20, 0, 1]);
        block[136..148].copy_from_slice(&[0xff; 12]);
    });
    let (entry, bytes) = read_one(&[&padded(header.to_vec(), b"hello")]);
    let wanted = Entry {
        name: b"some/name".to_vec(),
        kind: EntryKind::File,
        mode: 0o4755,
        uid: 1000,
        gid: 0x20_0001,
        mtime: Mtime { seconds: -1, nanoseconds: 0 },
        size: 5,
        xattrs: Vec::new(),
    };
    assert_eq!((entry, &bytes[..]), (wanted, &b"hello"[..]));
}

#[test]
fn every_kind_is_known_for_what_it_is() {
    let device = |kind| {
        forge(block(kind, 0), |block| {
            block[329..337].copy_from_slice(b"0000010\0");
            block[337..345].copy_from_slice(b"0000003\0");
        })
    };
    let link = |kind| forge(block(kind, 700), |block| block[157..160].copy_from_slice(b"a/b"));
    let old = |name: &[u8; 5]| {
        forge(block(b'0', 0), |block| {
            block[156] = 0;
            block[..5].copy_from_slice(name);
        })
    };
    let slash = forge(block(b'0', 0), |block| block[..5].copy_from_slice(b"dir/\0"));
    let number = Device { major: 8, minor: 3 };
    let tar = [
        (block(b'0', 0), EntryKind::File),
        (old(b"file\0"), EntryKind::File),
        (block(b'7', 0), EntryKind::File),
        (old(b"dir/\0"), EntryKind::Directory),
        (slash, EntryKind::File),
        (block(b'5', 700), EntryKind::Directory),
        (link(b'1'), EntryKind::Hardlink(b"a/b".to_vec())),
        (link(b'2'), EntryKind::Symlink(b"a/b".to_vec())),
        (device(b'3'), EntryKind::CharDevice(number)),
        (device(b'4'), EntryKind::BlockDevice(number)),
        (block(b'6', 0), EntryKind::Fifo),
    ];
    let found = read(&tar.iter().flat_map(|(block, _)| *block).collect::<Vec<u8>>()).unwrap();
    let kinds: Vec<_> = found.iter().map(|(found, _)| (found.entry.kind.clone(), found.entry.size)).collect();
    assert_eq!(kinds, tar.map(|(_, kind)| (kind, 0)));
}

#[test]
fn an_unknown_kind_is_refused_by_name() {
    assert_eq!(refusal(&[&entry(b'Z', b"x")]), "entry \"some/name\" is of the unknown kind 'Z'");
}

#[test]
fn pax_goes_before_the_header() {
    let before = pax(&[
        ("path", "p"),
        ("linkpath", "ignored"),
        ("size", "3"),
        ("uid", "4294967294"),
        ("gid", "7"),
        ("mtime", "12.000000345"),
        ("SCHILY.xattr.user.b", "2\n"),
        ("SCHILY.xattr.user.a", ""),
        ("LIBARCHIVE.xattr.user.c", "AA=="),
        ("comment", "x"),
    ]);
    let (entry, bytes) = read_one(&[&before, &padded(block(b'0', 0).to_vec(), b"abc")]);
    let wanted = Entry {
        name: b"p".to_vec(),
        kind: EntryKind::File,
        mode: entry.mode,
        uid: u32::MAX - 1,
        gid: 7,
        mtime: Mtime { seconds: 12, nanoseconds: 345 },
        size: 3,
        xattrs: vec![(b"user.a".to_vec(), Vec::new()), (b"user.b".to_vec(), b"2\n".to_vec())],
    };
    assert_eq!((entry, &bytes[..]), (wanted, &b"abc"[..]));
}

#[test]
fn only_the_next_entry_is_spoken_of() {
    let parts = [&pax(&[("path", "a"), ("uid", "9")])[..], &entry(b'0', b""), &entry(b'0', b""), &END];
    let found = read(&parts.concat()).unwrap();
    assert_eq!((found[0].0.entry.uid, found[1].0.entry.uid), (9, 0));
    assert_eq!(found[1].0.entry.name, b"some/name");
}

#[test]
fn of_two_pax_headers_the_second_counts() {
    let (entry, _) =
        read_one(&[&pax(&[("path", "a"), ("uid", "9")]), &pax(&[("path", "b")]), &entry(b'0', b"")]);
    assert_eq!((&entry.name[..], entry.uid), (&b"b"[..], 0));
}

#[test]
fn gnu_s_long_names_go_before_pax() {
    let (long, target) = ("n/".repeat(100), "t".repeat(300));
    let (entry, _) = read_one(&[
        &entry(b'L', format!("{long}\0").as_bytes()),
        &pax(&[("path", "a"), ("linkpath", "b")]),
        &entry(b'K', target.as_bytes()),
        &block(b'2', 0),
    ]);
    assert_eq!((entry.name, entry.kind), (long.into_bytes(), EntryKind::Symlink(target.into_bytes())));
}

#[test]
fn ustar_s_prefix_is_part_of_the_name() {
    let with = |magic: &[u8; 8], star: &[u8; 4]| {
        let header = forge(block(b'0', 0), |block| {
            block[257..265].copy_from_slice(magic);
            block[345..355].copy_from_slice(b"some\0junk\0");
            block[508..].copy_from_slice(star);
        });
        String::from_utf8(read_one(&[&header]).0.name).unwrap()
    };
    assert_eq!(with(b"ustar\x0000", &[0; 4]), "some/some/name");
    assert_eq!(with(b"ustar\0xx", &[0; 4]), "some/some/name");
    assert_eq!(with(b"ustar\x0000", b"tar\0"), "some/some/name");
    // GNU has times there; what is no time is a prefix for Go's reader.
    assert_eq!(with(b"ustar  \0", &[0; 4]), "some/some/name");
    assert_eq!(with(&[0; 8], &[0; 4]), "some/name");
}

#[test]
fn a_global_header_is_handed_out_and_changes_nothing() {
    let tar = [
        &pax(&[("path", "lost, as in Go's reader")])[..],
        &entry(b'g', &records(&[("uid", "7"), ("k", "v")])),
        &entry(b'0', b""),
        &END,
    ];
    let tar = tar.concat();
    let mut entries = Entries::new(&tar[..]);
    let found = entries.next().unwrap().unwrap();
    assert_eq!((&found.entry.name[..], found.entry.uid), (&b"some/name"[..], 0));
    let (uid, key) = ((b"uid".to_vec(), b"7".to_vec()), (b"k".to_vec(), b"v".to_vec()));
    assert_eq!(entries.take_global(), Some(vec![uid, key]));
    assert_eq!(entries.take_global(), None);
}

#[test]
fn numbers_that_no_linux_has_are_refused() {
    let device = |at: usize, field: [u8; 8]| forge(block(b'3', 0), |b| b[at..at + 8].copy_from_slice(&field));
    let base = |number: u32| [[0x80, 0, 0, 0], number.to_be_bytes()].concat().try_into().unwrap();
    for (header, field) in [
        (device(329, base(1 << 12)), "device number"),
        (device(337, base(1 << 20)), "device number"),
        (device(108, [0x80, 0, 0, 1, 0, 0, 0, 0]), "owner"),
        (device(108, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]), "owner"),
        (device(116, [0x80, 0, 0, 1, 0, 0, 0, 0]), "group"),
    ] {
        assert_eq!(refusal(&[&header]), format!("entry \"some/name\" has an impossible {field}"));
    }
    for (at, field) in
        [(100, "mode"), (108, "owner"), (136, "time of the last change"), (329, "device's major number")]
    {
        let refused = refusal(&[&device(at, *b"nonsense")]);
        assert!(refused.ends_with(&format!("the {field} is not a number")), "{refused}");
    }
    let (highest, _) = read_one(&[&device(329, base((1 << 12) - 1))]);
    assert_eq!(highest.kind, EntryKind::CharDevice(Device { major: 4095, minor: 0 }));
    assert!(refusal(&[&pax(&[("uid", "4294967296")]), &entry(b'0', b"")]).contains("owner"));
    for nobody in ["4294967295", "-1"] {
        let (root, _) = read_one(&[&pax(&[("uid", nobody), ("gid", nobody)]), &entry(b'0', b"")]);
        assert_eq!((root.uid, root.gid), (0, 0), "{nobody}");
    }
    for (key, value) in [("uid", "x"), ("size", "-1"), ("mtime", "now"), ("path", "a\0b")] {
        let refused = refusal(&[&pax(&[(key, value)]), &entry(b'0', b"")]);
        assert!(refused.starts_with("invalid pax header 0 bytes into the tar: "), "{refused}");
    }
}

/// The file of all forms: 1000 bytes, `ab` at 10 and `cde` at its end.
fn sparse_file() -> Vec<u8> {
    let mut file = vec![0; 1000];
    file[10..12].copy_from_slice(b"ab");
    file[997..].copy_from_slice(b"cde");
    file
}

fn sparse_forms() -> Vec<(&'static str, Vec<u8>)> {
    let field = |block: &mut [u8], at: usize, number: u64| {
        block[at..at + 12].copy_from_slice(format!("{number:011o}\0").as_bytes());
    };
    let old = forge(block(b'S', 5), |block| {
        field(block, 386, 10);
        field(block, 398, 2);
        field(block, 483, 1000);
        block[482] = 1;
    });
    let mut more = [0; 512];
    for (at, number) in [(0, 997), (12, 3), (24, 1000), (36, 0)] {
        field(&mut more, at, number);
    }
    let pairs = [("offset", "10"), ("numbytes", "2"), ("offset", "997"), ("numbytes", "3")];
    let pairs = pairs.map(|(key, value)| (format!("GNU.sparse.{key}"), value));
    let mut zero = vec![("GNU.sparse.size", "1000"), ("GNU.sparse.numblocks", "2")];
    zero.extend(pairs.iter().map(|(key, value)| (key.as_str(), *value)));
    let one = pax(&[
        ("GNU.sparse.size", "1000"),
        ("GNU.sparse.numblocks", "2"),
        ("GNU.sparse.map", "10,2,997,3"),
        ("GNU.sparse.name", "real"),
    ]);
    let last = pax(&[
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.realsize", "1000"),
        ("GNU.sparse.name", "real"),
    ]);
    let mut in_payload = b"2\n10\n2\n997\n3\n".to_vec();
    in_payload.resize(512, 0);
    in_payload.extend_from_slice(b"abcde");
    vec![
        ("old", padded([old, more].concat(), b"abcde")),
        ("0.0", [pax(&zero), entry(b'0', b"abcde")].concat()),
        ("0.1", [one, entry(b'0', b"abcde")].concat()),
        ("1.0", [last, entry(b'0', &in_payload)].concat()),
    ]
}

#[test]
fn a_sparse_file_of_any_form_has_its_holes_back() {
    for (form, tar) in sparse_forms() {
        let (found, bytes) = read(&tar).unwrap_or_else(|error| panic!("{form}: {error}")).remove(0);
        assert_eq!(bytes, sparse_file(), "{form}");
        assert_eq!((found.entry.kind, found.entry.size), (EntryKind::File, 1000), "{form}");
        let Data::Sparse(extents) = found.data else { panic!("{form}: {:?}", found.data) };
        let from_tar: Vec<_> =
            extents.iter().map(|e| (e.at, &tar[e.offset as usize..(e.offset + e.len) as usize])).collect();
        assert_eq!(from_tar, [(10, &b"ab"[..]), (997, b"cde")], "{form}");
        let wanted = if form.ends_with(".1") || form == "1.0" { "real" } else { "some/name" };
        assert_eq!(String::from_utf8_lossy(&found.entry.name), wanted, "{form}");
    }
}

#[test]
fn a_sparse_file_is_passed_over_like_any_other() {
    for (form, tar) in sparse_forms() {
        let tar = [&tar[..], &entry(b'5', b"")].concat();
        for read_first in [0, 5, 11, 998, 1000] {
            let mut entries = Entries::new(&tar[..]);
            entries.next().unwrap();
            let mut start = vec![1; read_first];
            entries.payload().read_exact(&mut start).unwrap();
            assert_eq!(start, sparse_file()[..read_first], "{form}");
            assert_eq!(entries.next().unwrap().unwrap().entry.kind, EntryKind::Directory, "{form}");
            assert!(entries.next().unwrap().is_none());
        }
    }
}

#[test]
fn a_map_that_is_none_is_refused() {
    let file = |map: &str, blocks: &str| {
        let pax =
            pax(&[("GNU.sparse.size", "10"), ("GNU.sparse.numblocks", blocks), ("GNU.sparse.map", map)]);
        refusal(&[&pax, &entry(b'0', b"abcde")])
    };
    for (map, blocks) in [
        ("0,2,1,3", "2"),
        ("0,2,8,3", "2"),
        ("0,2", "1"),
        ("0,5", "2"),
        ("0,5,9", "1"),
        ("0,6", "1"),
        ("0,-5", "1"),
        ("0,x", "1"),
        ("9223372036854775807,9223372036854775807", "1"),
    ] {
        assert_eq!(file(map, blocks), "entry \"some/name\" is a sparse file with an invalid map", "{map}");
    }
    let version = [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "10")];
    for body in ["", "1\n0\n", &"1".repeat(600), &"9\n".repeat(300), &"x\n".repeat(300)] {
        let refused = refusal(&[&pax(&version), &entry(b'0', body.as_bytes())]);
        assert!(refused.ends_with("invalid map"), "{body:?}: {refused}");
    }
    assert!(refusal(&[&pax(&version), &entry(b'5', b"")]).ends_with("invalid map"));
    let mut long = b"1000000\n".to_vec();
    long.extend(b"1\n".repeat((1 << 19) + 512));
    assert!(refusal(&[&pax(&version), &entry(b'0', &long)]).starts_with("extended header larger"));
}

#[test]
fn a_tar_may_end_without_its_end_but_not_within_an_entry() {
    let whole = [&entry(b'0', b"hello")[..], &entry(b'5', b""), &END].concat();
    for cut in 0..=whole.len() {
        let read = read_headers(&whole[..cut]);
        let wanted = match cut {
            0 => Some(0),
            517..=1024 => Some(1),
            1536 | 2048 | 2560 => Some(2),
            _ => None,
        };
        match (read, wanted) {
            (Ok(count), Some(wanted)) => assert_eq!(count, wanted, "{cut}"),
            (Err(EntryError::Read { source, .. }), None) => {
                assert_eq!(source.kind(), io::ErrorKind::UnexpectedEof, "{cut}");
            }
            (read, _) => panic!("{cut}: {read:?}"),
        }
    }
}

/// How many entries there are, their payloads passed over.
fn read_headers(tar: &[u8]) -> Result<u32, EntryError> {
    let mut entries = Entries::new(tar);
    let mut count = 0;
    while entries.next()?.is_some() {
        count += 1;
    }
    Ok(count)
}

#[test]
fn a_single_block_of_zeros_is_no_end() {
    let tar = [&entry(b'0', b"")[..], &[0; 512], &entry(b'0', b"")].concat();
    assert!(matches!(read_headers(&tar), Err(EntryError::Header { offset: 1024, .. })));
    assert!(matches!(read_headers(&[1; 512]), Err(EntryError::Header { offset: 0, .. })));
}

#[test]
fn an_extension_beyond_all_reason_is_refused_unread() {
    for kind in *b"xgLK" {
        let header = block(kind, MAX_EXTENSION_BYTES + 1);
        let error = read_headers(&header).unwrap_err();
        assert!(matches!(error, EntryError::Extension { offset: 0, .. }), "{error}");
    }
}

#[test]
fn what_comes_after_the_end_is_left_in_the_source() {
    let mut tar = [&entry(b'0', b"hello")[..], &END, b"rest"].concat();
    seal(&mut tar);
    let mut entries = Entries::new(&tar[..]);
    while entries.next().unwrap().is_some() {}
    assert_eq!(entries.into_source(), b"rest");
}
