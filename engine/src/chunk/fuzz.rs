//! Any bytes as packs, index runs, frames and recipes.

use std::sync::Arc;

use super::damage::Damage;
use super::frame::{self, Coding, Compressor, Decompressor, Header};
use super::pack;
use super::recipe::{self, Op, Segment};
use super::run::{self, Entry, Run};
use super::trailer::Trailer;
use super::{
    Body, ChunkName, Error, Index, Lane, MAX_CHUNK_BYTES, Pack, PackId, Reader, Result, Shape, Writer,
};
use crate::disk::{Disk, SimulatedDisk, checksum};
use crate::task::Task;

/// No blob that a recipe is made up for is longer, so that none takes long.
const MAX_BLOB_BYTES: u64 = 4 << 20;

/// Any bytes as a pack under its own name, as it is and sealed.
///
/// 1. Its frames lie end to end from the header to the trailer.
/// 2. A chunk is in the frame that is said to hold it.
/// 3. Where all frames are sound, the trailer made of them is the pack's.
/// 4. A frame that verifies gives every chunk of it by its name.
pub fn pack(data: &[u8]) {
    check_pack(data);
    let mut sealed = data.to_vec();
    if seal_pack(&mut sealed).is_some() {
        check_pack(&sealed);
    }
}

fn seal_pack(bytes: &mut [u8]) -> Option<()> {
    let (header, rest) = bytes.split_first_chunk_mut::<{ pack::HEADER_BYTES }>()?;
    let (body, footer) = rest.split_last_chunk_mut::<32>()?;
    *header = pack::encode_header();
    let (len, rest) = footer.split_first_chunk_mut::<8>()?;
    let (sum, magic) = rest.split_first_chunk_mut::<16>()?;
    let start = body.len().checked_sub(usize::try_from(u64::from_le_bytes(*len)).ok()?)?;
    *sum = checksum(&[header, &body[start..], len]);
    magic.copy_from_slice(b"LARDPEND");
    Some(())
}

fn check_pack(bytes: &[u8]) {
    let id = bytes.len().checked_sub(24).and_then(|at| bytes[at..].first_chunk());
    let Some(id) = id.map(|id| PackId(*id)) else { return };
    let Ok(pack) = Pack::open(&SimulatedDisk::holding(&id.file(), bytes), id) else { return };
    let mut trailer = Trailer::default();
    let mut decompressor = Decompressor::new().expect("memory for zstd");
    let mut sound = true;
    for number in 0..pack.frames() {
        for chunk in pack.chunks_in(number) {
            assert_eq!(pack.frame_of(chunk), number);
        }
        match pack.copy_frame(number) {
            Ok(coded) => {
                assert_eq!(coded.bytes.len() as u64, pack.stored_bytes(number));
                trailer.push(coded.header, &coded.chunks);
            }
            Err(_) => sound = false,
        }
        let (damaged, _) = pack.verify_frame(number, &mut decompressor).expect("it is in memory");
        let frame = pack.read_frame(number, &mut decompressor).expect("it is in memory");
        for chunk in pack.chunks_in(number) {
            let is_damaged = damaged.iter().any(|(other, _)| *other == chunk);
            let bytes = pack.slice(&frame, chunk);
            assert_eq!(bytes.is_err(), is_damaged);
            if let Ok(bytes) = bytes {
                assert_eq!(bytes.len(), pack.chunk_len(chunk) as usize);
                assert_eq!(ChunkName::of(bytes), pack.names()[chunk as usize]);
            }
        }
    }
    let frames: u64 = (0..pack.frames()).map(|frame| pack.stored_bytes(frame)).sum();
    if sound {
        assert_eq!(trailer.end(), pack::HEADER_BYTES as u64 + frames);
        let (end, again) = trailer.encode().expect("there is memory");
        assert_eq!((again, &end[..]), (id, &bytes[trailer.end() as usize..]));
    }
}

/// Any bytes as a pack whose structure is damaged, with the rows of its own trailer
/// only.
///
/// 1. Whatever is saved out of it can be read under its name.
/// 2. Of a pack that is sound nothing is missing afterwards.
pub fn salvage(data: &[u8]) {
    let id = data.len().checked_sub(24).and_then(|at| data[at..].first_chunk());
    let id = PackId(id.copied().unwrap_or_default());
    let holding = SimulatedDisk::holding(&id.file(), data);
    let disk: Arc<dyn Disk> = Arc::new(SimulatedDisk::new());
    let index = Index::open(Arc::clone(&disk)).expect("it is in memory");
    let mut writer = Writer::new(index, Coding::as_they_come(1), 1);
    let saved = super::salvage(&holding, id, &[], &mut writer, &Task::silent()).expect("it is in memory");
    let index = writer.finish().expect("it is in memory").index;
    let mut reader = Reader::new(index, 1);
    let packs: Vec<_> = reader.index().packs().map(|(number, _)| number).collect();
    let mut found = 0;
    for number in packs {
        let pack = reader.index().pack(number).expect("it was just written");
        for name in pack.names() {
            assert_eq!(ChunkName::of(&reader.chunk(name).expect("it was just written")), *name);
            found += 1;
        }
    }
    assert_eq!(found, saved);
    let Ok(pack) = Pack::open(&holding, id) else { return };
    let is_sound = pack.damaged(&|_| true).is_ok_and(|damaged| damaged.is_empty())
        && (0..pack.frames()).all(|frame| pack.copy_frame(frame).is_ok());
    for (number, name) in (0..).zip(pack.names()) {
        assert!(!is_sound || pack.chunk_len(number) == 0 || reader.chunk(name).is_ok());
    }
}

/// Any bytes as what was noted of damage: they are what would be written, or nothing
/// is known but that there was something.
pub fn damage(data: &[u8]) {
    for data in [data.to_vec(), [data, &checksum(&[data])].concat()] {
        let disk: Arc<dyn Disk> = Arc::new(SimulatedDisk::holding("damage", &data));
        let read = Damage::read(&*disk).expect("it is in memory").expect("it is there");
        read.write(&disk).expect("it is in memory");
        assert_eq!(Damage::read(&*disk).expect("it is in memory"), Some(read));
    }
}

/// Any bytes as a frame, and as what a frame holds.
///
/// 1. A header that is read encodes to the bytes it came from.
/// 2. What decompresses is as long as its header says.
/// 3. Whatever is compressed takes no more than its own length and a header,
///    is intact, and comes back.
pub fn frame(data: &[u8]) {
    let mut decompressor = Decompressor::new().expect("memory for zstd");
    if let Some((front, _)) = data.split_first_chunk()
        && let Some(header) = Header::decode(front)
    {
        assert_eq!(header.encode(), *front);
        let stored = data.get(frame::HEADER_BYTES..).unwrap_or_default().to_vec();
        if let Ok((raw, None)) = decompressor.beginning(&header, stored) {
            assert_eq!(raw.len(), header.raw as usize);
        }
    }
    let _ = frame::is_intact(data);
    if data.len() <= frame::MAX_RAW_BYTES {
        let mut compressor = Compressor::new(Coding::as_they_come(3)).expect("memory for zstd");
        let (header, bytes) = compressor.frame(Lane::Data, data).expect("a length that fits");
        assert!(bytes.len() <= frame::HEADER_BYTES + data.len() && frame::is_intact(&bytes));
        assert_eq!(bytes.first_chunk().and_then(Header::decode), Some(header));
        let stored = bytes[frame::HEADER_BYTES..].to_vec();
        let (raw, failure) = decompressor.beginning(&header, stored).expect("there is memory");
        assert!(raw == data && failure.is_none());
    }
}

/// Any bytes as an index run, as it is and sealed; and as entries of one.
///
/// 1. A run that opens gives as many entries as it says, if its blocks are sound.
/// 2. A run that was written gives back its entries, and finds for each prefix
///    all that have it and nothing else.
pub fn run(data: &[u8]) {
    check_run(data);
    let mut sealed = data.to_vec();
    if seal_run(&mut sealed).is_some() {
        check_run(&sealed);
    }
    write_run(data);
}

fn check_run(bytes: &[u8]) {
    const NAME: &str = "index/any.run";
    let Ok(run) = Run::open(&SimulatedDisk::holding(NAME, bytes), NAME) else { return };
    let blocks: Result<Vec<_>> = (0..run.blocks()).map(|number| run.block(number)).collect();
    let Ok(entries) = blocks.map(|blocks| blocks.concat()) else { return };
    assert_eq!(entries.len() as u64, run.entries());
    for entry in &entries {
        let found = run.find(entry.prefix).expect("its blocks are sound");
        assert!(found.iter().all(|found| found.prefix == entry.prefix));
    }
}

/// Puts right the checksums of the blocks and tables that the counts tell of.
fn seal_run(bytes: &mut [u8]) -> Option<()> {
    const BLOCK: usize = 4096;
    let (front, rest) = bytes.split_first_chunk_mut::<16>()?;
    let (body, footer) = rest.split_last_chunk_mut::<48>()?;
    front.copy_from_slice(b"LARDIRUN\x01\0\0\0\0\0\0\0");
    footer[40..].copy_from_slice(b"LARDREND");
    let blocks = u32::from_le_bytes(*footer[12..].first_chunk()?) as usize;
    let (blocks, tables) = body.split_at_mut_checked(blocks.checked_mul(BLOCK)?)?;
    for block in blocks.chunks_exact_mut(BLOCK) {
        let (entries, sum) = block.split_last_chunk_mut::<16>()?;
        *sum = checksum(&[entries]);
    }
    let sum = checksum(&[front, tables, &footer[..24]]);
    footer[24..40].copy_from_slice(&sum);
    Some(())
}

fn write_run(data: &[u8]) {
    let disk: Arc<dyn Disk> = Arc::new(SimulatedDisk::new());
    disk.create_dir("index").expect("memory does not fail");
    let entry = |bytes: &[u8; 8]| {
        let [prefix, same, pack, chunk @ ..] = *bytes;
        // Few prefixes, so that many entries share one.
        let prefix = u64::from(prefix) << 56 | u64::from(same & 3);
        let chunk = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
        Entry { prefix, pack: u32::from(pack & 1), chunk }
    };
    let mut entries: Vec<_> = data.as_chunks::<8>().0.iter().map(entry).collect();
    entries.sort_unstable();
    let packs = [PackId([1; 16]), PackId([2; 16])];
    let name = run::write(&disk, &packs, entries.iter().copied().map(Ok)).expect("memory does not fail");
    let run = Run::open(&*disk, &name).expect("it was just written");
    assert_eq!(run.packs(), packs);
    let read: Vec<_> = (0..run.blocks()).flat_map(|number| run.block(number).expect("sound")).collect();
    assert_eq!(read, entries);
    for same in entries.chunk_by(|a, b| a.prefix == b.prefix) {
        let prefix = same[0].prefix;
        assert_eq!(run.find(prefix).expect("sound"), same);
        if !entries.iter().any(|entry| entry.prefix == prefix + 1) {
            assert_eq!(run.find(prefix + 1).expect("sound"), []);
        }
    }
}

/// Any bytes as a segment of a recipe, and as a list of segments.
///
/// 1. A segment that is read encodes to one that reads as the same, and is no
///    longer than what it came from.
/// 2. A list that is read encodes to the bytes it came from.
/// 3. A blob by such a recipe, of chunks that are there, comes out as long as
///    it should or not at all, and never longer.
pub fn recipe(data: &[u8]) {
    let name = ChunkName::of(data);
    if let Ok(rows) = recipe::decode_list(data, name) {
        assert_eq!(recipe::encode_list(&rows), data);
    }
    let Ok(segment) = Segment::decode(data, name) else { return };
    let encoded = segment.encode();
    assert!(encoded.len() <= data.len());
    assert_eq!(Segment::decode(&encoded, name).ok().as_ref(), Some(&segment));
    follow(segment).expect("memory does not fail");
}

/// Puts chunks that are there in the place of those that `segment` names, and
/// reads what it describes.
fn follow(mut segment: Segment) -> Result<()> {
    let disk: Arc<dyn Disk> = Arc::new(SimulatedDisk::new());
    let mut writer = Writer::new(Index::open(disk)?, Coding::as_they_come(1), 1);
    let there = [vec![], vec![1; 10], vec![2; 700], vec![3; 100_000]];
    let names = there.iter().map(|bytes| writer.put(Lane::Data, bytes)).collect::<Result<Vec<_>>>()?;
    for (name, len) in segment.skeleton.iter_mut().chain(&mut segment.data) {
        // The shortest that is long enough, or else one that is too short.
        let fits = there.iter().position(|bytes| bytes.len() >= *len as usize);
        *name = names[fits.unwrap_or_default()];
    }
    let encoded = segment.encode();
    if encoded.len() > MAX_CHUNK_BYTES {
        return Ok(());
    }
    let root = writer.put(Lane::Meta, &encoded)?;
    let list = recipe::encode_list(&[(root, encoded.len() as u32)]);
    let list = writer.put(Lane::Meta, &list)?;
    let index = writer.finish()?.index;
    let data = segment.data.iter().map(|(_, len)| u64::from(*len));
    let ops = segment.ops().iter().map(|op| match op {
        Op::Skeleton(len) | Op::Zeros(len) => *len,
        Op::Data(_) => 0,
    });
    let len = data.chain(ops).fold(0, u64::saturating_add).min(MAX_BLOB_BYTES);
    let mut reader = Reader::new(index, 1);
    for (shape, root) in [
        (Shape::Recipe { depth: 0 }, root),
        (Shape::Recipe { depth: 1 }, list),
        (Shape::Recipe { depth: 1 }, root),
        (Shape::Recipe { depth: 200 }, root),
        (Shape::Whole, root),
    ] {
        let mut out = 0;
        let copied = reader.copy(&Body { shape, root, len }, &mut |bytes| {
            out += bytes.len() as u64;
            assert!(out <= len);
            Ok(())
        });
        match copied {
            Ok(()) => assert_eq!(out, len),
            Err(Error::Recipe { .. } | Error::NotFound(_)) => {}
            Err(other) => return Err(other),
        }
        let _ = reader.chunks(&Body { shape, root, len }, &mut |_, _| Ok(()));
    }
    Ok(())
}
