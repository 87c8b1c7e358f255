//! Any bytes as an archive, and what its members say of one another.
//!
//! A fuzzer cannot guess a digest, and the archives that matter are full of
//! them. So what begins with `--- ` is a **script** that an archive is made of:
//!
//! ```text
//! --- layer
//! any bytes
//! --- config | gzip
//! {"rootfs":{"diff_ids":["sha256:@0"]}}
//! --- latest -> config
//! ```
//!
//! A line `--- NAME` begins a member; what follows up to the next such line is
//! its payload, without the line end. `| gzip` and `| zstd` compress it, `->`
//! makes a symbolic link instead. In names and payloads `@N` stands for the
//! SHA-256 of the member that is the N-th (one digit or small letter), `$N` for
//! that of its payload before it was compressed, and `#N` for its length; `%` in
//! a name stands for the SHA-256 of the member itself.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, Write};

use flate2::write::GzEncoder;

use super::*;
use crate::image::{Digest, Platform, Reference};
use crate::tar::fuzz::both;
use crate::tar::{BLOCK_BYTES, END, EntryHeader};

const SCRIPT: &[u8] = b"--- ";

/// What streams may expand to here, so that no input takes long.
const MAX_EXPANDED_BYTES: u64 = 4 << 20;

/// The limits for archives of fuzzers.
pub fn limits() -> Limits {
    Limits { max_expanded_bytes: MAX_EXPANDED_BYTES, max_members: 1000, ..Limits::default() }
}

/// The archives that `data` stands for: that of a script; or itself, as it is
/// and sealed.
pub fn archives_of(data: &[u8]) -> Vec<Vec<u8>> {
    if !data.starts_with(SCRIPT) {
        let [plain, sealed] = both(data);
        return if plain == sealed { vec![plain] } else { vec![plain, sealed] };
    }
    let mut made: Vec<(Digest, Digest, usize)> = Vec::new();
    let mut tar = Vec::new();
    for member in members_of(data) {
        let end = member.iter().position(|byte| *byte == b'\n').unwrap_or(member.len());
        let (line, payload) = member.split_at(end);
        let line = String::from_utf8_lossy(&filled(line, &made)).into_owned();
        let payload = filled(payload.strip_prefix(b"\n").unwrap_or_default(), &made);
        if let Some((name, target)) = line.split_once(" -> ") {
            tar.extend_from_slice(&symlink(name, target));
            continue;
        }
        let (name, codec) = line.split_once(" | ").unwrap_or((&line, ""));
        let stored = compressed(codec, &payload);
        let name = &name.replace('%', &Digest::of(&stored).hex());
        made.push((Digest::of(&stored), Digest::of(&payload), stored.len()));
        push(&mut tar, name, &stored);
    }
    tar.extend(END);
    vec![tar]
}

/// An archive of `members`, each a name and what it holds.
pub fn tar_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (name, bytes) in members {
        push(&mut tar, name, bytes);
    }
    tar.extend(END);
    tar
}

fn push(tar: &mut Vec<u8>, name: &str, bytes: &[u8]) {
    tar.extend(EntryHeader { name, mode: 0o644, size: Some(bytes.len() as u64) }.encode());
    tar.extend_from_slice(bytes);
    tar.resize(tar.len().next_multiple_of(BLOCK_BYTES), 0);
}

fn members_of(script: &[u8]) -> Vec<&[u8]> {
    let mut starts: Vec<_> = (0..script.len())
        .filter(|at| script[*at..].starts_with(SCRIPT) && (*at == 0 || script[at - 1] == b'\n'))
        .collect();
    starts.push(script.len() + 1);
    let member = |pair: &[usize]| &script[pair[0] + SCRIPT.len()..(pair[1] - 1).max(pair[0] + SCRIPT.len())];
    starts.windows(2).map(member).collect()
}

fn filled<'t>(text: &'t [u8], made: &[(Digest, Digest, usize)]) -> Cow<'t, [u8]> {
    if !text.iter().any(|byte| b"@$#".contains(byte)) {
        return text.into();
    }
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let number = text.get(at + 1).and_then(|digit| char::from(*digit).to_digit(36));
        match (byte, number.and_then(|number| made.get(number as usize))) {
            (b'@', Some((stored, _, _))) => out.extend(stored.hex().bytes()),
            (b'$', Some((_, plain, _))) => out.extend(plain.hex().bytes()),
            (b'#', Some((_, _, len))) => out.extend(len.to_string().bytes()),
            _ => {
                out.push(*byte);
                at += 1;
                continue;
            }
        }
        at += 2;
    }
    out.into()
}

fn symlink(name: &str, target: &str) -> [u8; BLOCK_BYTES] {
    let mut header = ::tar::Header::new_ustar();
    let old = header.as_old_mut();
    old.name.iter_mut().zip(name.bytes()).for_each(|(field, byte)| *field = byte);
    old.linkname.iter_mut().zip(target.bytes()).for_each(|(field, byte)| *field = byte);
    header.set_entry_type(::tar::EntryType::Symlink);
    header.set_size(0);
    header.set_cksum();
    *header.as_bytes()
}

fn compressed(codec: &str, payload: &[u8]) -> Vec<u8> {
    match codec {
        "gzip" => {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(payload).and_then(|()| encoder.finish()).expect("memory does not fail")
        }
        "zstd" => zstd::encode_all(payload, 1).expect("memory does not fail"),
        _ => payload.to_vec(),
    }
}

/// A member, where it lies, and the part of its payload that can be read.
type Walked = Result<Vec<(Member, Vec<u8>)>, String>;

fn walk<R: Read>(mut members: Members<R>, read_every: usize) -> Walked {
    let mut found = Vec::new();
    while let Some(member) = members.next().map_err(|error| error.to_string())? {
        let mut bytes = Vec::new();
        if found.len() % read_every == 0 {
            members.body().read_to_end(&mut bytes).map_err(|error| error.to_string())?;
            assert_eq!(bytes.len() as u64, member.size);
        }
        found.push((member, bytes));
    }
    Ok(found)
}

/// Any bytes as an archive, walked as a stream and as a file.
///
/// 1. Both ways give the same members, or neither gives all.
/// 2. A payload lies where it is said to.
/// 3. A name leads nowhere else, and is read again as itself; so does what a
///    link points to.
/// 4. What is no file has no payload.
pub fn members(data: &[u8]) {
    let limits = limits();
    for tar in archives_of(data) {
        let streamed = walk(Members::streamed(&tar[..], &limits), 1);
        let seeking = || Members::seeking(Cursor::new(&tar), &limits).expect("memory does not fail");
        assert_eq!(streamed.is_ok(), walk(seeking(), 1).is_ok());
        let skipping = walk(seeking(), 2);
        assert_eq!(streamed.is_ok(), skipping.is_ok(), "{streamed:?} {skipping:?}");
        let (Ok(streamed), Ok(skipping)) = (streamed, skipping) else { continue };
        let names = |walked: &[(Member, Vec<u8>)]| walked.iter().map(|(m, _)| m.clone()).collect::<Vec<_>>();
        assert_eq!(names(&streamed), names(&skipping));
        for (member, bytes) in &streamed {
            let start = member.offset as usize;
            assert_eq!(tar.get(start..start + bytes.len()), Some(&bytes[..]));
            let target = match &member.kind {
                MemberKind::Symlink(target) | MemberKind::Hardlink(target) => Some(target),
                _ => None,
            };
            for name in target.into_iter().chain([&member.name]).filter(|name| !name.is_root()) {
                assert!(name.as_str().split('/').all(|part| !matches!(part, "" | "." | "..")));
                assert_eq!(MemberName::parse(name.as_str().as_bytes()).as_ref(), Ok(name));
            }
            assert!(member.size == 0 || member.is_file() || member.kind == MemberKind::Other);
        }
        let mut file = seeking().finish().expect("it was walked before");
        assert!(file.stream_position().is_ok());
    }
}

/// Gives what it reads one byte at a time.
struct Dripping<'b>(&'b [u8]);

impl Read for Dripping<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len().min(1);
        self.0.read(&mut buffer[..len])
    }
}

fn expanded(source: impl BufRead) -> (Vec<u8>, io::Result<()>) {
    let mut bytes = Vec::new();
    let read = Bounded::new(source, &Budget::new(limits()), super::Nesting::Inner);
    let read = read.and_then(|mut reader| reader.read_to_end(&mut bytes));
    (bytes, read.map(drop))
}

/// Any bytes as a compressed stream, at once and in single bytes.
///
/// 1. Both give the same bytes, or both fail.
/// 2. What is in no compression is given as it is.
/// 3. No more is given than the budget has.
pub fn compression(data: &[u8]) {
    let (whole, ended) = expanded(data);
    let (slow, slowly_ended) = expanded(BufReader::with_capacity(1, Dripping(data)));
    assert_eq!(ended.is_ok(), slowly_ended.is_ok(), "{ended:?} {slowly_ended:?}");
    match ended {
        Ok(()) => {
            assert!(whole == slow && whole.len() as u64 <= MAX_EXPANDED_BYTES);
            assert!(sniff(data) != Compression::None || whole == data);
        }
        Err(_) => assert!(whole.starts_with(&slow) || slow.starts_with(&whole)),
    }
}

fn kept(tar: &[u8]) -> Result<Kept, Error> {
    let limits = limits();
    let mut kept = Kept::new(&limits);
    let mut members = Members::streamed(tar, &limits);
    while let Some(member) = members.next()? {
        let mut bytes = Vec::new();
        members
            .body()
            .read_to_end(&mut bytes)
            .map_err(|source| Error::reading(member.name.as_str(), source))?;
        let wanted = kept.wants(member.size, &bytes);
        kept.insert(member, wanted.then_some(bytes))?;
    }
    Ok(kept)
}

/// Any bytes as an archive, planned from its documents.
///
/// 1. Every document has the digest and size by which it is named.
/// 2. Root and manifests are among the documents; a root that is none is carried.
/// 3. Every carried blob is a file that is there, of the size that is said, and so
///    is every layer that the archive has; its diff ID is known unless the config has yet to be made.
/// 4. No name is given twice, and each has a tag or a digest.
/// 5. Planning again gives the same; asking for a platform gives no other.
pub fn plan(data: &[u8]) {
    for tar in archives_of(data) {
        let Ok(mut kept) = kept(&tar) else { continue };
        let arm: Platform = "linux/arm64".parse().expect("a platform");
        if let Ok(plan) = Plan::of(&mut kept, Some(&arm)) {
            check_plan(&plan, &kept);
            let variants = plan.images.iter().flat_map(|image| &image.variants);
            assert!(variants.map(|variant| &variant.platform).all(|platform| arm.accepts(platform)));
        }
        if let Ok(plan) = Plan::of(&mut kept, None) {
            check_plan(&plan, &kept);
            let again = Plan::of(&mut kept, None).expect("it was planned before");
            assert_eq!(format!("{plan:?}"), format!("{again:?}"));
        }
    }
}

fn check_plan(plan: &Plan, kept: &Kept) {
    let mut names: HashSet<&Reference> = HashSet::new();
    for image in plan.images.iter().filter(|image| image.refusal.is_none()) {
        for name in image.references() {
            assert!(names.insert(name), "{name} twice");
            assert!(name.tag().is_some() || name.digest().is_some(), "{name}");
        }
        let mut there = HashSet::new();
        for document in &image.documents {
            assert_eq!(Digest::of(&document.bytes), document.descriptor.digest);
            assert_eq!(document.bytes.len() as u64, document.descriptor.size);
            there.insert(document.descriptor.digest);
        }
        let size = |name| kept.find(name).ok().flatten().and_then(|found| found.size);
        for blob in &image.carried {
            assert_eq!(size(&blob.member), Some(blob.descriptor.size));
        }
        let carried = image.carried.iter().map(|blob| blob.descriptor.digest);
        let roots: HashSet<_> = carried.chain(there.iter().copied()).collect();
        assert!(image.target.as_ref().is_none_or(|target| roots.contains(&target.digest)));
        for variant in &image.variants {
            assert!(variant.manifest.as_ref().is_none_or(|manifest| there.contains(&manifest.digest)));
            let config = variant.config.as_document();
            assert!(config.is_none_or(|config| there.contains(&config.descriptor.digest)));
            for layer in &variant.layers {
                assert_eq!(layer.diff_id.is_some(), config.is_some());
                let Some(size) = size(&layer.member) else {
                    assert!(layer.absent.is_some(), "a layer is a file, or may be left out");
                    continue;
                };
                assert!(layer.absent.is_none());
                assert!(layer.blob.as_ref().is_none_or(|blob| blob.size == size));
            }
        }
    }
}
