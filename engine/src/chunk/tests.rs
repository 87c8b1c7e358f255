//! The room as a whole: what goes in comes out, once, whatever becomes of the index.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::disk::{Disk, SimulatedDisk};

/// What a caller says of the next bytes of a blob.
#[derive(Debug, Clone)]
enum Said {
    Skeleton(Vec<u8>),
    Payload(Vec<u8>, bool),
    Opaque(Vec<u8>),
}

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

fn said() -> impl Strategy<Value = Said> {
    let len = prop_oneof![0..2000_usize, 0..700_000_usize];
    let bytes = (0..4_u64, len, prop::bool::weighted(0.2))
        .prop_map(|(seed, len, zero)| if zero { vec![0; len] } else { noise(seed, len) });
    (bytes, 0..4).prop_map(|(bytes, kind)| match kind {
        0 => Said::Skeleton(bytes),
        1 => Said::Payload(bytes, true),
        2 => Said::Payload(bytes, false),
        _ => Said::Opaque(bytes),
    })
}

fn write(disk: &Arc<dyn Disk>, said: &[Said]) -> (Body, Vec<u8>, Written) {
    let mut writer = Writer::new(Index::open(Arc::clone(disk)).unwrap(), Coding::as_they_come(1), 2);
    let mut whole = Vec::new();
    let mut blob = writer.blob();
    for said in said {
        let (Said::Skeleton(bytes) | Said::Payload(bytes, _) | Said::Opaque(bytes)) = said;
        whole.extend(bytes);
        match said {
            Said::Skeleton(bytes) => blob.skeleton(bytes).unwrap(),
            Said::Payload(bytes, ends) => blob.payload(bytes, *ends).unwrap(),
            Said::Opaque(bytes) => blob.opaque(bytes).unwrap(),
        }
    }
    let body = blob.finish().unwrap();
    let written = writer.finish().unwrap().written;
    (body, whole, written)
}

fn read(disk: &Arc<dyn Disk>, body: &Body) -> Result<Vec<u8>> {
    Reader::new(Index::open(Arc::clone(disk))?, 2).bytes(body, usize::MAX)
}

fn memory() -> Arc<dyn Disk> {
    Arc::new(SimulatedDisk::new())
}

fn files(disk: &Arc<dyn Disk>, dir: &str) -> Vec<String> {
    disk.list(dir).unwrap().into_iter().map(|entry| format!("{dir}/{}", entry.name)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_blob_comes_back_whatever_was_said_of_it(said in vec(said(), 0..12)) {
        let disk = memory();
        let (body, whole, _) = write(&disk, &said);
        prop_assert_eq!(body.len, whole.len() as u64);
        prop_assert!(read(&disk, &body).unwrap() == whole);
        let (again, _, written) = write(&disk, &said);
        prop_assert_eq!((again, written.new_bytes), (body, 0));
    }

    #[test]
    fn any_part_of_a_blob_is_what_the_blob_has_there(
        said in vec(said(), 0..8),
        parts in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..6),
    ) {
        let disk = memory();
        let (body, whole, _) = write(&disk, &said);
        let mut reader = Reader::new(Index::open(Arc::clone(&disk)).unwrap(), 2);
        let mut outline = Outline::of(&body, &mut reader).unwrap();
        for (from, to) in parts {
            let (from, to) = (from.index(whole.len() + 1), to.index(whole.len() + 1));
            let (from, to) = (from.min(to), from.max(to));
            let mut got = Vec::new();
            let mut asked = false;
            reader.copy_pieces(
                &mut |reader, pieces| {
                    if std::mem::replace(&mut asked, true) {
                        return Ok(false);
                    }
                    pieces.push_back(Piece::Bytes(b"head".to_vec()));
                    outline.pieces(from as u64, (to - from) as u64, reader, pieces)?;
                    Ok(true)
                },
                &mut |bytes| {
                    got.extend_from_slice(bytes);
                    Ok(())
                },
            ).unwrap();
            prop_assert!(got.strip_prefix(b"head").unwrap() == &whole[from..to]);
        }
        prop_assert!(outline.pieces(whole.len() as u64, 1, &mut reader, &mut Vec::new()).is_err());
    }

    #[test]
    fn a_cursor_reads_what_was_not_passed_over(said in vec(said(), 0..8), steps in vec((0..300_000_u64, 0..3000_usize), 0..20)) {
        let disk = memory();
        let (body, whole, _) = write(&disk, &said);
        let mut reader = Reader::new(Index::open(Arc::clone(&disk)).unwrap(), 2);
        let mut cursor = Cursor::new(&body, &mut reader).unwrap();
        let mut rest = &whole[..];
        for (skip, read) in steps {
            cursor.skip(skip);
            rest = &rest[rest.len().min(skip as usize)..];
            let mut buffer = vec![0; read];
            let got = cursor.read(&mut buffer).unwrap();
            prop_assert!(got > 0 || read == 0 || rest.is_empty());
            let (now, later) = rest.split_at(got);
            prop_assert!(buffer[..got] == *now);
            rest = later;
        }
    }
}

#[test]
fn the_same_file_is_stored_once_wherever_it_lies() {
    let disk = memory();
    let file = noise(1, 3_000_000);
    let (_, _, first) = write(&disk, &[Said::Skeleton(vec![1; 512]), Said::Payload(file.clone(), true)]);
    let moved =
        [Said::Skeleton(noise(2, 1536)), Said::Payload(noise(3, 700), true), Said::Payload(file, true)];
    let (body, whole, second) = write(&disk, &moved);
    assert!(first.new_bytes > 3_000_000 && second.new_bytes < 10_000, "{second:?}");
    assert_eq!(read(&disk, &body).unwrap(), whole);
}

#[test]
fn gigabytes_of_zeros_take_a_few_bytes() {
    let disk = memory();
    let mut writer = Writer::new(Index::open(Arc::clone(&disk)).unwrap(), Coding::as_they_come(1), 1);
    let mut blob = writer.blob();
    let zeros = vec![0; 1 << 20];
    for _ in 0..512 {
        blob.opaque(&zeros).unwrap();
    }
    let body = blob.finish().unwrap();
    let Finished { written, index, .. } = writer.finish().unwrap();
    assert!(written.new_bytes < 100, "{written:?}");
    let mut sum = 0;
    let count = &mut |bytes: &[u8]| {
        sum += bytes.len();
        Ok(())
    };
    Reader::new(index, 1).copy(&body, count).unwrap();
    assert_eq!(sum, 512 << 20);
}

#[test]
fn lost_and_damaged_index_runs_are_made_again() {
    let disk = memory();
    let blobs: Vec<_> = (0..5).map(|seed| write(&disk, &[Said::Opaque(noise(seed, 200_000))])).collect();
    let all_there = || blobs.iter().all(|(body, whole, _)| read(&disk, body).unwrap() == *whole);
    assert!(all_there());
    for damage in ["remove", "cut", "flip a block", "flip a table"] {
        for run in files(&disk, "index") {
            let file = disk.open_writable(&run).unwrap();
            match damage {
                "remove" => disk.remove(&run).unwrap(),
                "cut" => file.truncate(100).unwrap(),
                "flip a block" => file.write_all_at(&[0xff; 8], 100).unwrap(),
                _ => file.write_all_at(&[0xff; 8], file.len().unwrap() - 60).unwrap(),
            }
        }
        assert!(all_there(), "{damage}");
        // The next writer leaves sound runs behind.
        write(&disk, &[Said::Opaque(noise(damage.len() as u64, 1000))]);
        let index = Index::open(Arc::clone(&disk)).unwrap();
        assert!(index.is_settled(), "{damage}: {index:?}");
    }
}

#[test]
fn runs_are_merged_so_that_there_are_few() {
    let disk = memory();
    let blobs: Vec<_> = (0..40).map(|seed| write(&disk, &[Said::Opaque(noise(seed, 5000))])).collect();
    assert!(files(&disk, "index").len() <= 6, "{:?}", files(&disk, "index"));
    for (body, whole, _) in &blobs {
        assert_eq!(read(&disk, body).unwrap(), *whole);
    }
}

#[test]
fn a_damaged_byte_is_never_handed_out() {
    let disk = memory();
    let (body, whole, _) = write(&disk, &[Said::Opaque(noise(1, 300_000))]);
    for pack in files(&disk, "packs") {
        let file = disk.open_writable(&pack).unwrap();
        for at in (16..file.len().unwrap()).step_by(4999) {
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[byte[0] ^ 1], at).unwrap();
            // Not every byte matters to a reader: frames have headers for those who repair.
            assert!(read(&disk, &body).is_ok_and(|got| got == whole) == (at < 48), "byte {at} of {pack}");
            file.write_all_at(&byte, at).unwrap();
        }
    }
    assert_eq!(read(&disk, &body).unwrap(), whole);
}

#[test]
fn an_abandoned_writer_leaves_nothing() {
    let disk = memory();
    let mut writer = Writer::new(Index::open(Arc::clone(&disk)).unwrap(), Coding::as_they_come(1), 2);
    writer.blob().opaque(&noise(1, 5_000_000)).unwrap();
    drop(writer);
    for dir in ["packs", "index", "tmp"] {
        assert_eq!(files(&disk, dir), Vec::<String>::new());
    }
}
