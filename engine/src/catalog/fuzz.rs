//! Any bytes as a commit, and as what the database has.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::page::{self, Rows};
use super::pages::{Pages, Row, Table};
use super::tables::{BLOBS, CONTAINERS, IMAGES, REFERENCES, record, value};
use super::{Blob, Catalog, Change, Commit, Container, Image, Named, Result, Snapshot};
use crate::journal::{Position, StoreId};

/// Any bytes, decoded as the payload of a journal's record.
///
/// 1. What is decoded encodes to what decodes to the same, and is no longer
///    than what it came from.
/// 2. A catalog takes it in, however little sense it makes, and then holds the
///    last that it says of each blob, image and reference.
/// 3. Taking it in again changes nothing.
/// 4. A catalog that takes in what a snapshot leaves of it holds the same.
pub fn commit(data: &[u8]) {
    let Ok(commit) = Commit::decode(data) else { return };
    let encoded = commit.encode().expect("it is no longer than it was");
    assert!(encoded.len() <= data.len());
    assert_eq!(Commit::decode(&encoded).ok().as_ref(), Some(&commit));

    let catalog = Catalog::passing(None, StoreId([1; 16])).expect("an empty database");
    let mut before = None;
    for txn in 1..=2 {
        let position = Position { offset: 100 * txn, txn, sum: txn, last_bytes: 100 };
        catalog.apply(&commit, position).expect("a commit that was decoded");
        let now = holdings(&catalog);
        if let Some(before) = before.replace(now.clone()) {
            assert_eq!(now, before);
        }
    }
    let mut snapshot = Snapshot::default();
    snapshot.add(1, &commit).expect("a commit that was decoded");
    let fresh = Catalog::passing(None, StoreId([1; 16])).expect("an empty database");
    let left = snapshot.left_of(1, commit.clone());
    assert_eq!(left.is_some(), snapshot.commits() == 1);
    if let Some(left) = left {
        fresh.apply(&left, Position { offset: 100, txn: 1, sum: 1, last_bytes: 100 }).expect("sound changes");
    }
    assert_eq!(fresh.changes_to(&catalog).expect("sound catalogs"), []);
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

/// Any bytes as a record, and as a page of which a few rows are changed.
///
/// 1. A record that is read is written as one that is read as the same.
/// 2. Rows that are read fill pages that have the same rows; those in order, which
///    fit into one page, fill that very page.
/// 3. Whatever the page, a table on it answers or refuses to.
/// 4. Where its rows are in order, it has after a change what a map has.
pub fn pages(data: &[u8]) {
    check_record::<Blob>(data, BLOBS);
    check_record::<Image>(data, IMAGES);
    check_record::<Named>(data, REFERENCES);
    check_record::<Container>(data, CONTAINERS);
    let read: Result<Vec<_>> = page::rows(data).collect();
    let of_table = |rows: &[(&[u8], &[u8])]| rows.iter().all(|(key, _)| key.first() == Some(&TABLE.number));
    match read {
        Ok(rows) if rows.is_sorted_by(|(a, _), (b, _)| a < b) && of_table(&rows) => {
            let rows = rows.iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
            check_encoding(data, &rows);
            check_change(data, rows);
        }
        _ => ask(data),
    }
}

/// A table like any other.
const TABLE: Table = REFERENCES;

fn check_record<T: Serialize + DeserializeOwned + PartialEq + Debug>(data: &[u8], table: Table) {
    let Ok(read) = record::<T>(data, table) else { return };
    let written = value(&read, table).expect("it is no longer than it was");
    assert_eq!(record::<T>(&written, table).ok(), Some(read));
}

fn check_encoding(data: &[u8], rows: &Rows) {
    let pages = page::encode(rows).expect("rows that were read");
    let again: Vec<_> =
        pages.iter().flat_map(|(_, page)| page::rows(page)).map(|row| row.expect("sound")).collect();
    assert!(again.iter().copied().eq(rows.iter().map(|(key, value)| (&key[..], &value[..]))));
    if data.len() <= page::MAX_BYTES && !data.is_empty() {
        assert!(matches!(&pages[..], [(_, page)] if page == data));
    }
}

/// A database with the page `data`.
fn database(data: &[u8]) -> sled::Db {
    let database = sled::Config::new().temporary(true).open().expect("an empty database");
    database.insert([TABLE.number], data).expect("memory does not fail");
    database
}

fn ask(data: &[u8]) {
    let database = database(data);
    let pages = Pages::new((*database).clone());
    let scanned = pages.scan(TABLE, &[]).collect::<Result<Vec<_>>>();
    let first = scanned.iter().flatten().next().map_or(&b"key"[..], |(key, _)| key);
    let _ = pages.get(TABLE, first);
    let mut draft = pages.draft();
    let changed = draft.remove(TABLE, first).and_then(|_| draft.insert(TABLE, b"key", b"value".to_vec()));
    if changed.and_then(|()| draft.apply()).is_ok() {
        assert_eq!(pages.get(TABLE, b"key").ok().flatten().as_deref(), Some(&b"value"[..]));
    }
}

/// Takes every other row away, and makes some of the rest longer and some shorter.
fn check_change(data: &[u8], mut rows: Rows) {
    let database = database(data);
    let pages = Pages::new((*database).clone());
    let keys: Vec<Vec<u8>> = rows.keys().cloned().collect();
    let mut draft = pages.draft();
    for (number, key) in keys.iter().enumerate() {
        let there = rows.remove(key);
        let name = &key[1..];
        if number % 2 == 0 {
            assert_eq!(draft.remove(TABLE, name).expect("a sound page"), there);
            continue;
        }
        let mut value = there.unwrap_or_default();
        value.resize(if number % 4 == 1 { 2 * value.len() + 500 } else { value.len() / 2 }, 7);
        draft.insert(TABLE, name, value.clone()).expect("a sound page");
        assert_eq!(draft.get(TABLE, name).expect("a sound page").as_ref(), Some(&value));
        rows.insert(key.clone(), value);
    }
    draft.apply().expect("a sound page");
    let scanned = pages.scan(TABLE, &[]).collect::<Result<Vec<Row>>>().expect("sound pages");
    assert!(
        scanned
            .iter()
            .map(|(key, value)| (&key[..], value))
            .eq(rows.iter().map(|(key, value)| (&key[1..], value)))
    );
    for key in &keys {
        assert_eq!(pages.get(TABLE, &key[1..]).expect("sound pages"), rows.get(key).cloned());
    }
}
