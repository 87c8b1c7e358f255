use std::io::Cursor;

use proptest::prelude::*;
use tar::{Builder, EntryType, Header as TarHeader};

use super::*;
use crate::archive::NameProblem;

/// An archive in the making.
pub(in crate::archive) struct Tar(Builder<Vec<u8>>);

impl Tar {
    pub(in crate::archive) fn new() -> Self {
        Self(Builder::new(Vec::new()))
    }

    pub(in crate::archive) fn file(mut self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        let header = &mut TarHeader::new_ustar();
        header.set_size(bytes.len() as u64);
        self.0.append_data(header, name, bytes).unwrap();
        self
    }

    pub(in crate::archive) fn link(mut self, kind: EntryType, name: &str, target: &str) -> Self {
        let header = &mut TarHeader::new_ustar();
        header.set_entry_type(kind);
        header.set_size(0);
        self.0.append_link(header, name, target).unwrap();
        self
    }

    /// A header whose name the tar crate would refuse to write.
    fn raw(mut self, kind: u8, name: &[u8], target: &[u8], bytes: &[u8]) -> Self {
        let mut header = TarHeader::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name);
        header.as_mut_bytes()[157..157 + target.len()].copy_from_slice(target);
        header.set_entry_type(EntryType::new(kind));
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        self.0.append(&header, bytes).unwrap();
        self
    }

    fn pax(mut self, records: &[(&str, &[u8])]) -> Self {
        self.0.append_pax_extensions(records.iter().copied()).unwrap();
        self
    }

    pub(in crate::archive) fn finish(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

/// Name, kind and payload of each member; the same from a stream and a file.
fn walk(tar: &[u8]) -> Result<Vec<(String, MemberKind, Vec<u8>)>, Error> {
    walk_within(tar, &Limits::default())
}

fn walk_within(tar: &[u8], limits: &Limits) -> Result<Vec<(String, MemberKind, Vec<u8>)>, Error> {
    let streamed = {
        let mut members = Members::streamed(tar, limits);
        let mut all = Vec::new();
        loop {
            match members.next() {
                Ok(Some(member)) => {
                    let mut body = Vec::new();
                    if let Err(error) = members.body().read_to_end(&mut body) {
                        break Err(Error::reading(member.name.to_string(), error));
                    }
                    all.push((member.name.to_string(), plain(member.kind), body));
                }
                Ok(None) => break Ok(all),
                Err(error) => break Err(error),
            }
        }
    };
    let mut seeking = Members::seeking(Cursor::new(tar), limits)?;
    let mut sought = Vec::new();
    let by_file = loop {
        match seeking.next() {
            Ok(Some(member)) => sought.push(member),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    match (&streamed, by_file) {
        (Ok(all), Ok(())) => {
            let bodies = sought.iter().map(|m| {
                let mut body = vec![0; usize::try_from(m.size).unwrap()];
                let whole = [Extent { at: 0, offset: m.offset, len: m.size }];
                let stored = match &m.kind {
                    MemberKind::Sparse(extents) => extents,
                    _ => &whole[..],
                };
                for extent in stored {
                    let [at, offset, len] =
                        [extent.at, extent.offset, extent.len].map(|n| usize::try_from(n).unwrap());
                    body[at..at + len].copy_from_slice(&tar[offset..offset + len]);
                }
                (m.name.to_string(), plain(m.kind.clone()), body)
            });
            assert_eq!(bodies.collect::<Vec<_>>(), *all, "the two walks differ");
        }
        (Err(one), Err(other)) => assert_eq!(one.to_string(), other.to_string()),
        (one, other) => panic!("the two walks differ: {one:?} {other:?}"),
    }
    streamed
}

/// Its bytes tell how it was stored.
fn plain(kind: MemberKind) -> MemberKind {
    if matches!(kind, MemberKind::Sparse(_)) { MemberKind::File } else { kind }
}

fn refused(tar: Tar) -> String {
    walk(&tar.finish()).unwrap_err().to_string()
}

fn name(text: &str) -> MemberName {
    MemberName::parse(text.as_bytes()).unwrap()
}

#[test]
fn members_come_out_as_they_went_in() {
    let long = format!("{}/layer.tar", "long".repeat(40));
    let tar = Tar::new()
        .file("manifest.json", "[]")
        .raw(b'5', b"./dir/", b"", b"")
        .file(&long, vec![7; 1000])
        .raw(b'0', b"./dir/./file", b"", b"x")
        .link(EntryType::Symlink, "a/layer.tar", &format!("../{long}"))
        .link(EntryType::Link, "hard", "manifest.json")
        .raw(b'6', b"fifo", b"", b"")
        .finish();
    let members = walk(&tar).unwrap();
    let shape: Vec<_> = members.iter().map(|(n, k, b)| (n.as_str(), k.clone(), b.len())).collect();
    assert_eq!(
        shape,
        [
            ("manifest.json", MemberKind::File, 2),
            ("dir", MemberKind::Directory, 0),
            (long.as_str(), MemberKind::File, 1000),
            ("dir/file", MemberKind::File, 1),
            ("a/layer.tar", MemberKind::Symlink(name(&long)), 0),
            ("hard", MemberKind::Hardlink(name("manifest.json")), 0),
            ("fifo", MemberKind::Other, 0),
        ]
    );
}

#[test]
fn pax_says_it_better_than_the_header() {
    let long = "p/".repeat(300) + "x";
    let tar = Tar::new()
        .pax(&[("path", long.as_bytes()), ("mtime", b"1.5")])
        .file("short", "1")
        .pax(&[("linkpath", b"../elsewhere")])
        .raw(b'2', b"d/link", b"cut", b"")
        .file("plain", "2");
    let members = walk(&tar.finish()).unwrap();
    assert_eq!(members[0].0, long);
    assert_eq!(members[1].1, MemberKind::Symlink(name("elsewhere")));
    assert_eq!(members[2].0, "plain", "records are for one member only");

    let mut sized = Tar::new().pax(&[("size", b"3")]).raw(b'0', b"f", b"", b"").finish();
    sized.splice(1536..1536, *b"abc");
    sized.splice(1539..1539, [0; 509]);
    assert_eq!(walk(&sized).unwrap()[0].2, b"abc");
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let bad = |raw: &[u8]| refused(Tar::new().raw(b'0', raw, b"", b""));
    assert_eq!(bad(b"../x"), r#"bad member name "../x": it leads out of the archive"#);
    assert_eq!(bad(b"a/../../x"), r#"bad member name "a/../../x": it leads out of the archive"#);
    assert_eq!(bad(b"/../x"), r#"bad member name "/../x": it leads out of the archive"#);
    assert_eq!(bad(b""), r#"bad member name "": it is empty"#);
    assert_eq!(bad(b"./"), r#"bad member name "./": it is empty"#);
    let nul = Tar::new().pax(&[("path", b"a\0b")]).file("x", "");
    assert_eq!(refused(nul), "damaged archive: bad pax header at byte 0", "as for Go's reader");
    let long = Tar::new().pax(&[("path", &[b'a'; 5000])]).file("x", "");
    assert!(refused(long).ends_with("it is longer than 4096 bytes"));
}

#[test]
fn links_that_lead_elsewhere_are_told_apart() {
    let problem = |kind, target: &[u8]| {
        let tar = Tar::new().raw(kind, b"x/layer.tar", target, b"").finish();
        let MemberKind::BadLink { target: shown, problem } = walk(&tar).unwrap().remove(0).1 else {
            panic!()
        };
        assert_eq!(shown.as_bytes(), target);
        problem
    };
    assert_eq!(problem(b'2', b"../../../etc/passwd"), NameProblem::Outside);
    assert_eq!(problem(b'2', b"/../etc/passwd"), NameProblem::Outside);
    assert_eq!(problem(b'1', b"../x"), NameProblem::Outside);
    assert_eq!(problem(b'2', b""), NameProblem::Empty);
    assert_eq!(problem(b'2', b".."), NameProblem::Outside);
}

#[test]
fn what_is_no_tar_is_told_from_a_damaged_one() {
    let error = |bytes: &[u8]| walk(bytes).unwrap_err();
    assert_eq!(error(b"").to_string(), "the archive is empty");
    assert_eq!(error(b"hello").to_string(), "not a tar archive");
    assert_eq!(error(&[b'x'; 2048]).to_string(), "not a tar archive");
    let twice = crate::archive::compression::tests::compress(super::super::Compression::Gzip, b"x");
    assert_eq!(error(&twice).to_string(), "not a tar archive: it is compressed twice, with gzip inside");
    let mut damaged = Tar::new().file("a", "1").file("b", "2").finish();
    damaged[1024] ^= 1;
    assert_eq!(error(&damaged).to_string(), "damaged archive: no header at byte 1024, after a");
    assert_eq!(walk(&[0; 1024]).unwrap(), []);
    assert_eq!(walk(&[0; 512]).unwrap(), []);
}

#[test]
fn a_truncated_archive_names_the_member() {
    let tar = Tar::new().file("a", "1").file("blobs/b", vec![1; 2000]).finish();
    let error = |len: usize| walk(&tar[..len]).unwrap_err().to_string();
    assert_eq!(error(100), "not a tar archive");
    assert_eq!(error(512), "the archive is truncated: it ends inside a");
    assert_eq!(error(1200), "the archive is truncated: it ends inside a header, after a");
    assert_eq!(error(3000), "the archive is truncated: it ends inside blobs/b");
    assert_eq!(walk(&tar[..1024]).unwrap().len(), 1, "no end marker is needed");
    let extended = Tar::new().pax(&[("path", b"x")]).finish();
    assert_eq!(
        walk(&extended[..1024]).unwrap_err().to_string(),
        "the archive is truncated: it ends inside a header, after an extended header"
    );
    assert!(matches!(walk(&extended), Err(Error::Truncated { .. })));
}

#[test]
fn extended_headers_count_as_for_go() {
    let names =
        |tar: Tar| walk(&tar.finish()).unwrap().into_iter().map(|(name, ..)| name).collect::<Vec<_>>();
    let twice = Tar::new().pax(&[("path", b"first")]).pax(&[("comment", b"x")]).file("own", "");
    assert_eq!(names(twice), ["own"], "the second takes the place of the first");
    let long = Tar::new().raw(b'L', b"long", b"", b"gnu\0").pax(&[("path", b"pax")]).file("own", "");
    assert_eq!(names(long), ["gnu"], "GNU's names go before those of pax");
    let global = Tar::new().pax(&[("path", b"pax")]).raw(b'g', b"global", b"", b"");
    assert_eq!(names(global.file("own", "")), ["own"], "a global header takes back what was said");
}

/// As bsdtar and `tar --sparse` store a file with holes, in each of the forms with pax records.
fn sparse(map: &[(u64, u64)], size: u64, stored: &[u8], in_payload: bool) -> Tar {
    let size = size.to_string();
    let numbers = map.iter().flat_map(|(at, len)| [at.to_string(), len.to_string()]).collect::<Vec<_>>();
    let blocks = map.len().to_string();
    if !in_payload {
        return Tar::new()
            .pax(&[
                ("GNU.sparse.numblocks", blocks.as_bytes()),
                ("GNU.sparse.map", numbers.join(",").as_bytes()),
                ("GNU.sparse.name", b"layer.tar"),
                ("GNU.sparse.size", size.as_bytes()),
            ])
            .file("GNUSparseFile.0/layer.tar", stored);
    }
    let mut body = format!("{blocks}\n{}\n", numbers.join("\n")).into_bytes();
    body.resize(body.len().next_multiple_of(512), 0);
    body.extend_from_slice(stored);
    Tar::new()
        .pax(&[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.name", b"layer.tar"),
            ("GNU.sparse.realsize", size.as_bytes()),
        ])
        .file("GNUSparseFile.0/layer.tar", body)
}

#[test]
fn a_member_that_is_stored_without_its_holes_is_read_with_them() {
    for in_payload in [false, true] {
        let tar = sparse(&[(3, 2), (1000, 1), (2000, 0)], 2000, b"abc", in_payload).file("next", "n");
        let walked = walk(&tar.finish()).unwrap();
        let mut wanted = vec![0; 2000];
        wanted[3..5].copy_from_slice(b"ab");
        wanted[1000] = b'c';
        let next = ("next".to_owned(), MemberKind::File, b"n".to_vec());
        assert_eq!(walked, [("layer.tar".to_owned(), MemberKind::File, wanted), next]);
    }
}

#[test]
fn a_map_that_is_none_is_refused() {
    let invalid = "layer.tar is a sparse file with an invalid map";
    for in_payload in [false, true] {
        assert_eq!(refused(sparse(&[(0, 4)], 2000, b"abc", in_payload)), invalid, "more than there is");
        assert_eq!(refused(sparse(&[(5, 2), (0, 1)], 2000, b"abc", in_payload)), invalid, "out of order");
        assert_eq!(refused(sparse(&[(1999, 3)], 2000, b"abc", in_payload)), invalid, "behind the end");
    }
    let pax = Tar::new().pax(&[("GNU.sparse.major", b"1"), ("GNU.sparse.minor", b"0")]).file("f", "");
    assert_eq!(refused(pax), "f is a sparse file with an invalid map");
}

#[test]
fn holes_expand_no_further_than_compressed_bytes_may() {
    for size in [1 << 40, 68 << 20] {
        let error = walk(&sparse(&[(0, 3)], size, b"abc", true).finish()).unwrap_err();
        let Error::MemberLimit { source: LimitError::Ratio { limit: 1100, .. }, .. } = error else {
            panic!("{error}")
        };
    }
}

#[test]
fn headers_and_members_are_limited() {
    let limits = Limits { max_members: 2, max_header_bytes: 2000, ..Limits::default() };
    let three = Tar::new().file("a", "").file("b", "").file("c", "").finish();
    assert_eq!(walk_within(&three, &limits).unwrap_err().to_string(), "the archive has more than 2 members");
    let long = Tar::new().file("a", "").pax(&[("comment", &[b'x'; 1500])]).file("b", "").finish();
    assert_eq!(
        walk_within(&long, &limits).unwrap_err().to_string(),
        "the extended headers at byte 512 of the archive are longer than 2000 bytes"
    );
    // Empty headers without end are headers too.
    let mut many = Tar::new();
    for _ in 0..4 {
        many = many.raw(b'L', b"x", b"", b"");
    }
    assert!(matches!(
        walk_within(&many.finish(), &limits),
        Err(Error::Limit(LimitError::HeaderBytes { offset: 0, .. }))
    ));
    let huge = {
        let mut header = TarHeader::new_gnu();
        header.set_entry_type(EntryType::XHeader);
        header.set_size(u64::MAX >> 1);
        header.set_cksum();
        header.as_bytes().to_vec()
    };
    assert!(matches!(walk(&huge), Err(Error::Limit(LimitError::HeaderBytes { .. }))));
}

#[test]
fn finishing_reads_to_the_end() {
    let tar = [Tar::new().file("a", "1").finish(), vec![0; 100_000]].concat();
    let mut members = Members::streamed(&tar[..], &Limits::default());
    members.next().unwrap();
    assert!(members.finish().unwrap().is_empty());
}

proptest! {
    /// Any damage to an archive is an answer, the same from a stream and a file.
    #[test]
    fn damage_is_an_answer(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut tar = Tar::new()
            .file("manifest.json", "[]")
            .pax(&[("path", b"some/name")])
            .file("x", "12345")
            .link(EntryType::Symlink, "l", "x")
            .file(&"n".repeat(150), "")
            .finish();
        let at = at.index(tar.len());
        tar[at] = byte;
        tar.truncate(cut.index(tar.len() * 3).max(1));
        let _ = walk(&tar);
    }
}

#[test]
fn a_bad_size_record_is_told_where_it_lies() {
    let tar = Tar::new().file("a", "").pax(&[("path", b"name"), ("size", b"-1")]).raw(b'0', b"f", b"", b"");
    let error = walk(&tar.finish()).unwrap_err();
    assert_eq!(error.to_string(), "damaged archive: bad pax header at byte 512");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "invalid pax record 13 bytes into its header");
}
