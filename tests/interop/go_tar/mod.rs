//! What larder sees in a tar is what Docker sees, which reads with Go's `archive/tar`: the same
//! entries with the same content, or larder refuses the tar. Otherwise an image could show its
//! inspector one file and its user another.

mod generator;

use std::collections::BTreeMap;
use std::io::Read;

use larder_engine::tar::{Entries, EntryKind, Found, Streamed};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::harness::child::{self, Feed};
use crate::harness::sandbox::Sandbox;
use crate::harness::{tests_dir, tools};
use generator::Random;

/// How many tars are generated; `LARDER_TARS` says otherwise.
const TARS: u64 = 2000;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    name: String,
    link: String,
    content: String,
    kind: String,
    mode: i64,
    uid: i64,
    gid: i64,
    seconds: i64,
    nanoseconds: u32,
    size: i64,
    major: i64,
    minor: i64,
    xattrs: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Seen {
    entries: Vec<Entry>,
    error: String,
}

fn by_larder(tar: &[u8]) -> Result<Vec<Entry>, String> {
    let mut entries = Entries::new(Streamed(tar));
    let mut seen = Vec::new();
    while let Some(Found { entry, .. }) = entries.next().map_err(|error| error.to_string())? {
        let mut content = Vec::new();
        entries.payload().read_to_end(&mut content).map_err(|error| error.to_string())?;
        let (kind, link, device) = match &entry.kind {
            EntryKind::File => ("0", &[][..], None),
            EntryKind::Hardlink(target) => ("1", &target[..], None),
            EntryKind::Symlink(target) => ("2", &target[..], None),
            EntryKind::CharDevice(device) => ("3", &[][..], Some(device)),
            EntryKind::BlockDevice(device) => ("4", &[][..], Some(device)),
            EntryKind::Directory => ("5", &[][..], None),
            EntryKind::Fifo => ("6", &[][..], None),
        };
        seen.push(Entry {
            name: hex::encode(&entry.name),
            link: hex::encode(link),
            content: hex::encode(Sha256::digest(&content)),
            kind: kind.into(),
            mode: entry.mode.into(),
            uid: entry.uid.into(),
            gid: entry.gid.into(),
            seconds: entry.mtime.seconds,
            nanoseconds: entry.mtime.nanoseconds,
            size: content.len() as i64,
            major: device.map_or(0, |device| device.major.into()),
            minor: device.map_or(0, |device| device.minor.into()),
            xattrs: entry.xattrs.iter().map(|(key, value)| (hex::encode(key), hex::encode(value))).collect(),
        });
    }
    Ok(seen)
}

/// What counts of what Go sees: fields that say nothing about an entry of its kind do not, nor
/// does an empty attribute, which Go passes on only when other records come with it.
fn meaningful(mut entry: Entry) -> Entry {
    entry.xattrs.retain(|_, value| !value.is_empty());
    for owner in [&mut entry.uid, &mut entry.gid] {
        // The kernel takes it for "as it is", and what Docker unpacks is root's.
        if matches!(*owner, -1 | 0xffff_ffff) {
            *owner = 0;
        }
    }
    if matches!(entry.kind.as_str(), "\0" | "7" | "S") {
        entry.kind = "0".into();
    }
    if !matches!(entry.kind.as_str(), "1" | "2") {
        entry.link.clear();
    }
    if !matches!(entry.kind.as_str(), "3" | "4") {
        (entry.major, entry.minor) = (0, 0);
    }
    entry
}

#[test]
fn larder_sees_in_a_tar_what_go_sees_or_refuses_it() {
    let test = "larder_sees_in_a_tar_what_go_sees_or_refuses_it";
    if !tools::are_here(test, &["go"]) {
        return;
    }
    let count = std::env::var("LARDER_TARS").ok().map_or(TARS, |text| text.parse().expect("a number"));
    let tars: Vec<_> = (0..count).map(|seed| generator::tar(&mut Random::new(seed))).collect();

    let sandbox = Sandbox::new();
    let mut go = tools::tool("go");
    go.args(["run"]).arg(tests_dir("interop/go_tar/reader.go")).env("GOCACHE", sandbox.path("cache"));
    go.env("GO111MODULE", "off").current_dir(sandbox.path(""));
    let input = tars.iter().flat_map(|tar| [&(tar.len() as u64).to_be_bytes()[..], tar].concat()).collect();
    let ran = child::run(go, Feed::Bytes(input)).ok();
    let seen: Vec<Seen> = ran.out().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(seen.len(), tars.len());

    let (mut taken, mut refused, mut wrong) = (0, 0, Vec::new());
    for (seed, (tar, go)) in tars.iter().zip(seen).enumerate() {
        let Ok(larder) = by_larder(tar) else {
            refused += u32::from(go.error.is_empty());
            continue;
        };
        taken += 1;
        let go_entries: Vec<_> = go.entries.into_iter().map(meaningful).collect();
        let larder: Vec<_> = larder.into_iter().map(meaningful).collect();
        if !go.error.is_empty() || larder != go_entries {
            let all = go_entries.iter().map(Some).chain([None]).zip(larder.iter().map(Some).chain([None]));
            let differing = all.into_iter().find(|(go, larder)| go != larder);
            wrong.push(format!("seed {seed}: Go says {:?}; Go and larder see {differing:#?}", go.error));
        }
    }
    assert!(wrong.is_empty(), "{} of {taken}:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
    // The generator must not only make what nobody takes.
    assert!(taken > count / 4, "{taken} of {count} were taken, {refused} refused that Go takes");
}
