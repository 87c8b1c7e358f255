//! Stores of many images, for benchmarks.
#![expect(clippy::expect_used, reason = "a benchmark that fails has measured nothing")]

use std::path::Path;

use super::Store;
use crate::catalog::{Blob, Change, Image, Kind, Named, StoredLayer, Time, Variant};
use crate::chunk::Writer;
use crate::image::{DiffId, Digest, ImageId, Platform};
use crate::task::Task;

const TIME: Time = Time { seconds: 1_700_000_000, nanoseconds: 0 };

/// How many layers an image has. All but the last are those of its repository.
const LAYERS: u64 = 6;

/// How many images a repository has, and a commit brings.
const TAGS: u64 = 100;

/// Makes a store of `images` images at `path`. Their documents are there, of
/// their layers only what the catalog says: they can be listed, inspected and
/// made containers of, not saved.
///
/// They are called `image-0:0` to `image-0:99`, `image-1:0` and so on.
pub fn store_of(path: &Path, images: u64) {
    let store = Store::create(path).expect("an empty directory");
    let task = Task::silent();
    let access = store.share(&task).expect("a store");
    let mut writer = store.writer(&access, &task).expect("a store");
    let changes: Vec<_> = (0..images).map(|number| changes_of(number, &mut writer)).collect();
    writer.finish().expect("a disk that works");
    let mut ledger = store.ledger(&task).expect("a store");
    for some in changes.chunks(TAGS as usize) {
        ledger.commit("load", some.concat()).expect("a disk that works");
    }
}

/// Opens the journal and the catalog, as every command does that asks for something.
pub fn open_ledger(store: &Store) {
    std::hint::black_box(store.ledger(&Task::silent()).expect("a store"));
}

fn changes_of(number: u64, writer: &mut Writer) -> Vec<Change> {
    let mut put = |text: String, kind| {
        let body = writer.document(text.as_bytes()).expect("a disk that works");
        Blob { digest: Digest::of(text), body, kind }
    };
    let repository = number / TAGS;
    let mut blobs = Vec::new();
    for layer in 1..=LAYERS {
        let text = if layer < LAYERS { format!("{repository} {layer}") } else { format!("top {number}") };
        let diff_id = DiffId(Digest::of(&text));
        blobs.push(put(text, Kind::Layer { diff_id, diff_bytes: 1_200_000, content_bytes: 1_000_000 }));
    }
    let layers: Vec<_> = blobs
        .iter()
        .map(|blob| StoredLayer { blob: blob.digest, diff_id: DiffId(blob.digest), content_bytes: 1_000_000 })
        .collect();
    let ids: Vec<_> = layers.iter().map(|layer| format!("{:?}", layer.blob.to_string())).collect();
    let config = put(
        format!(
            r#"{{"architecture":"amd64","os":"linux","created":"2023-11-14T22:13:20Z","config":{{"Env":["NUMBER={number}"],"Cmd":["/bin/app"]}},"rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
            ids.join(",")
        ),
        Kind::Document,
    );
    let (id, size) = (ImageId(config.digest), config.body.len);
    let lines: Vec<_> = layers
        .iter()
        .map(|layer| format!(r#"{{"mediaType":"{TAR}","digest":"{}","size":1200000}}"#, layer.blob))
        .collect();
    let manifest = put(
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{"mediaType":"{CONFIG}","digest":"{}","size":{size}}},"layers":[{}]}}"#,
            id.0,
            lines.join(",")
        ),
        Kind::Document,
    );
    let (target, size) = (manifest.digest, manifest.body.len);
    let platform = Platform { os: "linux".into(), architecture: "amd64".into(), variant: String::new() };
    let created = Some(TIME);
    let labels = Some(std::collections::BTreeMap::new());
    let image = Image {
        target,
        media_type: MANIFEST.into(),
        size,
        generated: true,
        entry: None,
        variants: vec![Variant { manifest: target, id, platform, layers, created, labels }],
        main: 0,
        documents: Vec::new(),
        lines: std::collections::BTreeSet::new(),
        added: TIME,
    };
    let name = format!("docker.io/library/image-{repository}:{}", number % TAGS);
    blobs.extend([config, manifest]);
    // The layers of a repository come with its first image.
    let known = if number.is_multiple_of(TAGS) { 0 } else { LAYERS as usize - 1 };
    let mut changes: Vec<_> = blobs.split_off(known).into_iter().map(Change::PutBlob).collect();
    changes.push(Change::PutImage(image));
    changes.push(Change::SetReference(Named { name, target, entry: None, tagged: TIME }));
    changes
}

const TAR: &str = "application/vnd.oci.image.layer.v1.tar";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
