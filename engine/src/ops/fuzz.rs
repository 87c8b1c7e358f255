//! Any bytes as an archive that is loaded, as a layer in one, and as what is done
//! to a store.

mod found;
mod model;
mod operations;
mod script;

use std::collections::BTreeSet;
use std::io::{Cursor, Read};

use super::{Compressed, LoadOptions, Loaded, SaveOptions};
use crate::archive::fuzz::{archives_of, limits, tar_of};
use crate::archive::{Bounded, Budget, Format, Members, Nesting};
use crate::disk::Input;
use crate::disk::fuzz::file_of;
use crate::image::{Digest, ImageId};
use crate::ops::{FsckLevel, FsckOptions};
use crate::store::Store;
use crate::store::fuzz::in_memory;
use crate::task::Task;
use crate::{ErrorKind, Result};

pub use operations::operations;

fn load(store: &Store, input: Input, compressed: Compressed) -> Result<Loaded> {
    let options = LoadOptions { compressed, limits: limits(), ..LoadOptions::default() };
    let loaded = store.load(input, &options, &Task::silent());
    if let Err(error) = &loaded {
        // Everything else would be the store's fault, which is new and in memory.
        let theirs =
            [ErrorKind::InvalidArchive, ErrorKind::BadName, ErrorKind::LimitExceeded, ErrorKind::Unsupported];
        assert!(theirs.contains(&error.kind()), "{:?}: {error}", error.kind());
    }
    loaded
}

fn stream(archive: &[u8]) -> Input {
    Input::Stream(Box::new(Cursor::new(archive.to_vec())))
}

fn assert_clean(store: &Store) {
    let checked = store.fsck(&FsckOptions::at(FsckLevel::Exact), &Task::silent()).expect("a journal");
    assert_eq!(checked.faults, []);
}

/// The images of a store: ID, target and names of each.
fn images(store: &Store) -> BTreeSet<(ImageId, Digest, Vec<String>)> {
    let images = store.images().expect("a sound store");
    let names = |references: Vec<_>| references.iter().map(ToString::to_string).collect();
    images.into_iter().map(|image| (image.id, image.target, names(image.references))).collect()
}

fn save(store: &Store, format: Format) -> Vec<u8> {
    let images = images(store);
    let names: Vec<String> = images
        .iter()
        .flat_map(
            |(_, target, names)| if names.is_empty() { vec![target.to_string()] } else { names.clone() },
        )
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut archive = Vec::new();
    let options = SaveOptions { format, ..SaveOptions::default() };
    store.save(&names, &mut archive, &options, &Task::silent()).expect("a sound store");
    archive
}

/// What a store holds comes back from its own archives.
fn assert_saves(store: &Store) {
    let there = images(store);
    if there
        .iter()
        .any(|(_, target, _)| there.iter().any(|(id, other, _)| id.0 == *target && other != target))
    {
        // By that digest the image is meant that has it as its ID; the other cannot be named.
        return;
    }
    for format in [Format::Docker, Format::Oci] {
        let saved = save(store, format);
        assert!(saved == save(store, format), "saving again gives the same bytes");
        let other = in_memory();
        load(&other, stream(&saved), Compressed::Keep).expect("an archive that was made here");
        assert_eq!(images(&other), images(store), "{format:?}");
        assert!(save(&other, format) == saved, "another store gives the same bytes");
        assert_clean(&other);
    }
}

/// The digests of all that is in `archive`, as it lies there and unwrapped; and
/// whether it may be so old that its configs had to be made.
fn digests_in(archive: &[u8]) -> (BTreeSet<Digest>, bool) {
    let budget = Budget::new(limits());
    let unwrapped = Bounded::new(archive, &budget, Nesting::Outer).expect("it was loaded");
    let mut members = Members::streamed(unwrapped, &limits());
    let (mut digests, mut is_old) = (BTreeSet::new(), false);
    while let Some(member) = members.next().expect("it was loaded") {
        is_old |= member.name.as_str().ends_with("json") && member.name.as_str() != "manifest.json";
        let (mut bytes, mut plain) = (Vec::new(), Vec::new());
        members.body().read_to_end(&mut bytes).expect("it was loaded");
        let unwrapped = Bounded::new(&bytes[..], &Budget::new(limits()), Nesting::Inner);
        if unwrapped.and_then(|mut unwrapped| unwrapped.read_to_end(&mut plain)).is_ok() {
            digests.insert(Digest::of(&plain));
        }
        digests.insert(Digest::of(&bytes));
    }
    (digests, is_old)
}

/// All that was in `archive` and is now in the store is in the store's own archives.
fn assert_exact(archive: &[u8], store: &Store) {
    let (came, is_old) = digests_in(archive);
    for format in [Format::Docker, Format::Oci] {
        let (saved, _) = digests_in(&save(store, format));
        let ledger = store.ledger(&Task::silent()).expect("a sound store");
        for image in ledger.catalog().images() {
            let image = image.expect("a sound store");
            for variant in &image.variants {
                let diff_ids = variant.layers.iter().map(|layer| layer.diff_id.0);
                let manifest = (!image.generated).then_some(variant.manifest);
                for digest in diff_ids.chain(manifest).chain([variant.id.0]) {
                    assert!(saved.contains(&digest), "{digest} is not saved");
                    let is_made = image.generated && is_old && digest == variant.id.0;
                    assert!(is_made || came.contains(&digest), "{digest} did not come");
                }
            }
        }
    }
}

/// Any bytes, or the archive that a script stands for, loaded into a new store:
/// as a stream, as a file, and with its layers unwrapped.
///
/// 1. It is refused as an archive, or loaded; nothing else comes of it.
/// 2. Either way the store is clean, every digest verified; refused, empty.
/// 3. What was loaded is listed, and saves to the same bytes every time, from
///    which another store gets the same IDs, digests and names.
/// 4. Where stream and file are both loaded, they make images of the same IDs
///    and names. Not always of the same digests: a stream must be told by the
///    names of its members what to keep compressed.
/// 5. What is saved are the bytes that came: of every manifest and config, and of
///    every layer, unwrapped.
/// 6. Loading again what is there changes nothing, and from a file brings nothing new.
pub fn load_any(data: &[u8]) {
    for archive in archives_of(data) {
        let streamed = load_one(|| stream(&archive), Compressed::Keep);
        let seeking = load_one(|| file_of(&archive), Compressed::Keep);
        if let (Some(streamed), Some(seeking)) = (&streamed, &seeking) {
            let without_target = |store: &Store| -> BTreeSet<_> {
                images(store).into_iter().map(|(id, _, names)| (id, names)).collect()
            };
            assert_eq!(without_target(streamed), without_target(seeking));
        }
        let unwrapped = load_one(|| file_of(&archive), Compressed::Unwrap);
        for store in [streamed, seeking, unwrapped].iter().flatten() {
            assert_saves(store);
            assert_exact(&archive, store);
        }
    }
}

fn load_one(input: impl Fn() -> Input, compressed: Compressed) -> Option<Store> {
    let store = in_memory();
    let loaded = load(&store, input(), compressed);
    assert_clean(&store);
    let there = images(&store);
    let Ok(loaded) = loaded else {
        assert_eq!(there, BTreeSet::new());
        return None;
    };
    for image in &loaded.images {
        assert!(there.iter().any(|(_, target, _)| *target == image.target));
        for name in &image.references {
            assert!(
                there.iter().any(|(_, target, names)| {
                    *target == image.target && names.contains(&name.to_string())
                })
            );
        }
    }
    let again = load(&store, input(), compressed).expect("it was loaded before");
    assert_eq!(again.images.len(), loaded.images.len());
    // What no manifest claims of a stream is removed at once, and comes anew.
    assert!(again.new_bytes == 0 || matches!(input(), Input::Stream(_)));
    assert_eq!(images(&store), there);
    Some(store)
}

/// Any bytes as the only layer of an image.
///
/// 1. What is not compressed is loaded, whatever it is; what is compressed and
///    sound too.
/// 2. It is listed and saved as [`load_any`] has it: the layer, which the diff
///    ID names, comes back bit for bit.
pub fn layer(data: &[u8]) {
    let mut plain = Vec::new();
    let budget = Budget::new(limits());
    let sound = Bounded::new(data, &budget, Nesting::Inner)
        .and_then(|mut bounded| bounded.read_to_end(&mut plain))
        .is_ok();
    let script = |payload: &[u8], diff_id: Digest| {
        let config = format!(r#"{{"os":"linux","rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}}}}"#);
        let manifest = r#"[{"Config":"config","RepoTags":["any:1"],"Layers":["layer.tar"]}]"#;
        tar_of(&[
            ("layer.tar", payload),
            ("config", config.as_bytes()),
            ("manifest.json", manifest.as_bytes()),
        ])
    };
    let archive = script(data, Digest::of(&plain));
    let store = load_one(|| stream(&archive), Compressed::Keep);
    assert_eq!(store.is_some(), sound);
    let Some(store) = store else { return };
    assert_saves(&store);
    let saved = save(&store, Format::Oci);
    let mut blocks = (0..saved.len()).step_by(512);
    assert!(blocks.any(|at| saved[at..].starts_with(&plain)));
}
