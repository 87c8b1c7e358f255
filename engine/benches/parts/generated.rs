//! What is measured on: the same bytes in every run.

use larder_engine::Digest;
use larder_engine::tar::{END, Entry, EntryKind, Mtime, padding_bytes};

/// Numbers that look random: SplitMix64.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// Bytes that no codec makes smaller.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// Bytes that zstd makes some 2.5 times smaller, as it does the files of an
/// image: words of one vocabulary, strewn with numbers that are never the same.
pub fn prose(seed: u64, len: usize) -> Vec<u8> {
    let mut numbers = Numbers::new(seed);
    let mut vocabulary = Numbers::new(0);
    let words: Vec<Vec<u8>> = (0..4096)
        .map(|_| (0..3 + vocabulary.below(9)).map(|_| b'a' + vocabulary.below(26) as u8).collect())
        .collect();
    let mut bytes = Vec::with_capacity(len + 16);
    while bytes.len() < len {
        match numbers.below(10) {
            0 => bytes.extend_from_slice(&numbers.next().to_le_bytes()),
            // Few words make most of a text.
            _ => bytes.extend_from_slice(&words[(numbers.below(64) * numbers.below(64)) as usize]),
        }
        bytes.push(b' ');
    }
    bytes.truncate(len);
    bytes
}

/// The files number `files` of a made-up system as a layer: lengths from 100 bytes
/// to 256 KiB, each order of magnitude as likely as another, and every
/// fiftieth between 1 and 4 MiB; a tenth of them noise.
pub fn layer(files: std::ops::Range<u64>) -> Vec<u8> {
    let mut tar = Vec::new();
    for file in files {
        let mut numbers = Numbers::new(file);
        let size = match file % 50 {
            0 => (1 << 20) + numbers.below(3 << 20),
            _ => 100 << numbers.below(12),
        };
        let size = size + numbers.below(size / 2);
        let name = format!("usr/lib/part-{}/file-{file}", file / 100).into_bytes();
        let mtime = Mtime { seconds: 1_700_000_000, nanoseconds: 0 };
        let kind = EntryKind::File;
        let entry = Entry { name, kind, mode: 0o644, uid: 0, gid: 0, mtime, size, xattrs: Vec::new() };
        tar.extend(entry.encode());
        tar.extend(if file % 10 == 3 { noise(file, size as usize) } else { prose(file, size as usize) });
        tar.resize(tar.len() + padding_bytes(size) as usize, 0);
    }
    tar.extend(END);
    tar
}

/// Files at 64 KiB on average: how many make `mebibytes`, about.
pub fn files_of(mebibytes: u64) -> u64 {
    mebibytes * 11
}

/// What `docker save` writes of an image `name` with these layers.
pub fn archive(name: &str, layers: &[Vec<u8>]) -> Vec<u8> {
    let mut tar = Vec::new();
    let mut member = |name: &str, bytes: &[u8]| {
        let header = larder_engine::tar::EntryHeader { name, mode: 0o644, size: Some(bytes.len() as u64) };
        tar.extend(header.encode());
        tar.extend_from_slice(bytes);
        tar.resize(tar.len() + padding_bytes(bytes.len() as u64) as usize, 0);
    };
    let digests: Vec<_> = layers.iter().map(Digest::of).collect();
    let ids: Vec<_> = digests.iter().map(|digest| format!("\"{digest}\"")).collect();
    let files: Vec<_> = digests.iter().map(|digest| format!("\"{}.tar\"", digest.hex())).collect();
    for (digest, layer) in digests.iter().zip(layers) {
        member(&format!("{}.tar", digest.hex()), layer);
    }
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
        ids.join(",")
    );
    member("config.json", config.as_bytes());
    let manifest =
        format!(r#"[{{"Config":"config.json","RepoTags":["{name}"],"Layers":[{}]}}]"#, files.join(","));
    member("manifest.json", manifest.as_bytes());
    tar.extend(END);
    tar
}
