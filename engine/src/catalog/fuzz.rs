//! Any bytes as a commit.

use super::{Catalog, Change, Commit};
use crate::journal::{Position, StoreId};

/// Any bytes, decoded as the payload of a journal's record.
///
/// 1. What is decoded encodes to what decodes to the same, and is no longer
///    than what it came from.
/// 2. A catalog takes it in, however little sense it makes, and then holds the
///    last that it says of each blob, image and reference.
/// 3. Taking it in again changes nothing.
pub fn commit(data: &[u8]) {
    let Ok(commit) = Commit::decode(data) else { return };
    let encoded = commit.encode().expect("it is no longer than it was");
    assert!(encoded.len() <= data.len());
    assert_eq!(Commit::decode(&encoded).ok().as_ref(), Some(&commit));

    let catalog = Catalog::open(None, StoreId([1; 16])).expect("an empty database");
    let mut before = None;
    for txn in 1..=2 {
        let position = Position { offset: 100 * txn, txn, sum: txn, last_bytes: 100 };
        catalog.apply(&commit, position).expect("a commit that was decoded");
        let now = holdings(&catalog);
        if let Some(before) = before.replace(now.clone()) {
            assert_eq!(now, before);
        }
    }
    for (number, change) in commit.changes.iter().enumerate() {
        let later = &commit.changes[number + 1..];
        match change {
            Change::PutBlob(blob) if !later.iter().any(|change| about_blob(change) == Some(blob.digest)) => {
                assert_eq!(catalog.blob(&blob.digest).expect("sound").as_ref(), Some(blob));
            }
            Change::SetReference(named)
                if !later.iter().any(|change| about_name(change) == Some(&named.name)) =>
            {
                assert_eq!(catalog.reference(&named.name).expect("sound").as_ref(), Some(named));
            }
            _ => {}
        }
    }
}

fn about_blob(change: &Change) -> Option<crate::image::Digest> {
    match change {
        Change::PutBlob(blob) => Some(blob.digest),
        Change::ForgetBlob(digest) => Some(*digest),
        _ => None,
    }
}

fn about_name(change: &Change) -> Option<&str> {
    match change {
        Change::SetReference(named) => Some(&named.name),
        Change::RemoveReference(name) => Some(name),
        _ => None,
    }
}

/// All that the catalog answers, as text.
fn holdings(catalog: &Catalog) -> Vec<String> {
    let mut all = Vec::new();
    for image in catalog.images() {
        let image = image.expect("a record that was just written");
        all.push(format!("{:?} {image:?}", catalog.names_of(&image.target)));
        all.extend(image.blobs().iter().map(|blob| format!("{blob} {:?}", catalog.users_of(blob))));
    }
    for container in catalog.containers() {
        let container = container.expect("a record that was just written");
        all.push(format!("{:?} {container:?}", catalog.container_by_name(&container.name)));
        all.extend(container.blobs().iter().map(|blob| format!("{blob} {:?}", catalog.holders_of(blob))));
    }
    all.extend(catalog.references().map(|named| format!("{named:?}")));
    all.extend(catalog.blobs().map(|blob| format!("{blob:?}")));
    all.extend(catalog.targets_by_id(&[]).map(|id| format!("{id:?}")));
    all
}
