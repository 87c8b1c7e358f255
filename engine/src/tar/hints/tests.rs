use proptest::prelude::*;

use super::super::header::tests::{block, forge};
use super::*;

/// What each byte is: `s`keleton, `t`ail, or payload with its place and length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Byte {
    Skeleton,
    Payload { at: u64, of: u64 },
    Tail,
}

/// Classifies `input`, pushed in pieces that end at `cuts`.
fn classify(input: &[u8], cuts: &[usize]) -> (Vec<Byte>, Scanner) {
    let mut scanner = Scanner::new();
    let mut bytes = Vec::new();
    let mut ends: Vec<_> = cuts.iter().map(|cut| cut % (input.len() + 1)).collect();
    ends.push(input.len());
    ends.sort_unstable();
    let mut start = 0;
    for end in ends {
        while start < end {
            let span = scanner.next(&input[start..end]);
            assert!(!span.is_empty() && span.len() <= end - start);
            let (of, before) = scanner.payload();
            bytes.extend((0..span.len() as u64).map(|at| match span {
                Span::Skeleton(_) => Byte::Skeleton,
                Span::Payload(_) => Byte::Payload { at: before + at, of },
                Span::Tail(_) => Byte::Tail,
            }));
            start += span.len();
        }
    }
    (bytes, scanner)
}

/// Lengths of the runs: `s512 p5/5 s507`, a payload with its whole length.
fn shape(input: &[u8]) -> String {
    let (bytes, _) = classify(input, &[]);
    let same = |a: &Byte, b: &Byte| match (a, b) {
        (Byte::Payload { at, of }, Byte::Payload { at: next, of: same }) => at + 1 == *next && of == same,
        _ => a == b,
    };
    let run = |run: &[Byte]| match run[0] {
        Byte::Skeleton => format!("s{}", run.len()),
        Byte::Payload { of, .. } => format!("p{}/{of}", run.len()),
        Byte::Tail => format!("t{}", run.len()),
    };
    bytes.chunk_by(same).map(run).collect::<Vec<_>>().join(" ")
}

fn entry(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut entry = block(kind, body.len() as u64).to_vec();
    entry.extend_from_slice(body);
    entry.resize(entry.len().next_multiple_of(512), 0);
    entry
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (key, value) in records {
        pax::push_record(key.as_bytes(), value.as_bytes(), &mut body);
    }
    entry(b'x', &body)
}

const END: [u8; 1024] = [0; 1024];

#[test]
fn a_plain_tar_is_headers_payloads_and_an_end() {
    let tar =
        [&entry(b'5', b"")[..], &entry(b'0', b"hello"), &entry(b'0', &[7; 512]), &END, &[0; 99]].concat();
    assert_eq!(shape(&tar), "s1024 p5/5 s1019 p512/512 s1024 t99");
    let (_, scanner) = classify(&tar, &[]);
    assert!(scanner.is_tar());
    assert_eq!(scanner.content_bytes(), 517);
}

#[test]
fn a_tar_made_by_the_tar_crate_is_understood() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(3);
    // Cut after a hundred bytes, this name ends in a slash, and its kind is the old one.
    builder.append_data(&mut header, "long/".repeat(60) + "f", &b"abc"[..]).unwrap();
    let tar = builder.into_inner().unwrap();
    let (bytes, scanner) = classify(&tar, &[]);
    assert_eq!(bytes.iter().filter(|byte| matches!(byte, Byte::Payload { .. })).count(), 3);
    assert!(scanner.is_tar());
    assert_eq!(scanner.content_bytes(), 3);
}

#[test]
fn links_may_have_a_size_but_no_payload() {
    let tar = [block(b'1', 700), block(b'2', 1), block(b'0', 2)].concat();
    assert_eq!(shape(&[&tar[..], b"ab"].concat()), "s1536 p2/2");
}

/// The figures of a private Docker 20.10: hard links count once, symbolic ones
/// by their target.
#[test]
fn content_is_counted_as_docker_counts_it() {
    let symlink =
        |target: &[u8]| forge(block(b'2', 0), |b| b[157..157 + target.len()].copy_from_slice(target));
    let long = "t".repeat(300);
    let tar = [
        &entry(b'0', b"hello")[..],
        &block(b'1', 700),
        &symlink(b"some/name"),
        &pax(&[("linkpath", &long)]),
        &symlink(b"cut"),
        &entry(b'K', long.as_bytes()),
        &symlink(b"cut"),
        &entry(b'5', b""),
    ];
    assert_eq!(classify(&tar.concat(), &[]).1.content_bytes(), 5 + 9 + 300 + 300);
}

#[test]
fn a_pax_size_goes_before_the_header_s() {
    let header = block(b'0', 1);
    let tar =
        [&pax(&[("path", "x"), ("size", "600")])[..], &header, &[1; 600], &[0; 424], &block(b'0', 2), b"ab"];
    assert_eq!(shape(&tar.concat()), "s1536 p600/600 s936 p2/2");
}

#[test]
fn a_pax_header_that_is_none_ends_the_understanding() {
    for bad in [entry(b'x', b"nonsense"), pax(&[("size", "-1")]), pax(&[("size", "many")])] {
        let tar = [&bad[..], &block(b'0', 2), b"ab"].concat();
        let (bytes, scanner) = classify(&tar, &[]);
        assert!(!scanner.is_tar());
        assert_eq!(bytes.last(), Some(&Byte::Tail));
    }
}

#[test]
fn an_extension_too_large_to_keep_is_tail() {
    for kind in *b"xgLK" {
        let header = block(kind, MAX_EXTENSION_BYTES + 1);
        assert_eq!(shape(&[&header[..], &[0; 600]].concat()), "s512 t600");
    }
}

#[test]
fn a_sparse_file_has_its_map_in_the_skeleton() {
    let header = forge(block(b'S', 100), |block| {
        block[482] = 1;
        block[483..495].copy_from_slice(b"00000010000\0");
    });
    let mut more = [0; 512];
    more[504] = 1;
    let tar = [&header[..], &more, &[0; 512], &[5; 100], &[0; 412], &END].concat();
    assert_eq!(shape(&tar), "s1536 p100/100 s1436");
    assert_eq!(classify(&tar, &[]).1.content_bytes(), 0o10000);
}

#[test]
fn a_pax_sparse_file_counts_with_its_holes() {
    let tar = [&pax(&[("GNU.sparse.major", "1"), ("GNU.sparse.realsize", "9000")])[..], &entry(b'0', b"map")];
    assert_eq!(classify(&tar.concat(), &[]).1.content_bytes(), 9000);
}

#[test]
fn what_is_no_tar_is_tail_after_its_first_block() {
    assert_eq!(shape(&[b'x'; 2000]), "s512 t1488");
    assert_eq!(shape(b""), "");
    assert_eq!(shape(b"short"), "s5");
    assert!(!classify(b"", &[]).1.is_tar());
    let (_, scanner) = classify(&[&END[..512], &block(b'0', 0)].concat(), &[]);
    assert!(!scanner.is_tar(), "one zero block in the middle is no end");
}

#[test]
fn a_size_at_the_limit_does_not_overflow() {
    let tar = [&block(b'0', i64::MAX as u64)[..], &[1; 100]].concat();
    assert_eq!(shape(&tar), format!("s512 p100/{}", i64::MAX));
}

/// Tars with damage: entries of all kinds and junk, in any order.
fn tarlike() -> impl Strategy<Value = Vec<u8>> {
    let junk = prop::collection::vec(any::<u8>(), 0..700);
    let piece = prop_oneof![
        6 => (prop::sample::select(b"0007125xgLKSZ".to_vec()), junk.clone()).prop_map(|(kind, body)| entry(kind, &body)),
        2 => (0u64..2000).prop_map(|size| pax(&[("size", &size.to_string())])),
        2 => any::<u64>().prop_map(|size| block(b'0', size).to_vec()),
        1 => Just(forge(block(b'S', 9), |block| block[482] = 1).to_vec()),
        1 => junk,
        1 => Just(vec![0; 512]),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// However the input is cut, each byte is called the same, and none is left out.
    #[test]
    fn the_cuts_of_the_input_do_not_matter(input in tarlike(), cuts in prop::collection::vec(any::<usize>(), 0..40)) {
        let (whole, one) = classify(&input, &[]);
        let (pieces, other) = classify(&input, &cuts);
        prop_assert_eq!(whole.len(), input.len());
        prop_assert_eq!(whole, pieces);
        prop_assert_eq!(one.content_bytes(), other.content_bytes());
        prop_assert_eq!(one.is_tar(), other.is_tar());
    }

    #[test]
    fn any_bytes_are_classified(input in prop::collection::vec(any::<u8>(), 0..3000), cuts in prop::collection::vec(any::<usize>(), 0..9)) {
        prop_assert_eq!(classify(&input, &cuts).0.len(), input.len());
    }
}
