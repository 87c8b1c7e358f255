//! What one catalog knows beyond another.

use super::pages::Table;
use super::tables::{BLOBS, CONTAINERS, IMAGES, REFERENCES, record};
use super::{Catalog, Change, ContainerId, Result};
use crate::image::Digest;

impl Catalog {
    /// The changes that make this catalog say what `other` says.
    ///
    /// # Errors
    /// If a database fails.
    pub fn changes_to(&self, other: &Self) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        for value in other.beyond(self, BLOBS) {
            changes.push(Change::PutBlob(record(&value?, BLOBS)?));
        }
        for value in other.beyond(self, IMAGES) {
            changes.push(Change::PutImage(record(&value?, IMAGES)?));
        }
        for value in other.beyond(self, REFERENCES) {
            changes.push(Change::SetReference(record(&value?, REFERENCES)?));
        }
        // The dead first: the living may have their names.
        for key in self.without(other, CONTAINERS) {
            changes.extend(key?.first_chunk().copied().map(ContainerId).map(Change::ForgetContainer));
        }
        for value in other.beyond(self, CONTAINERS) {
            changes.push(Change::PutContainer(record(&value?, CONTAINERS)?));
        }
        for key in self.without(other, REFERENCES) {
            changes.push(Change::RemoveReference(String::from_utf8_lossy(&key?).into_owned()));
        }
        for key in self.without(other, IMAGES) {
            changes.extend(digest(&key?).map(Change::ForgetImage));
        }
        for key in self.without(other, BLOBS) {
            changes.extend(digest(&key?).map(Change::ForgetBlob));
        }
        Ok(changes)
    }

    /// Every value that `other` does not have under the same key.
    fn beyond<'c>(&'c self, other: &'c Self, table: Table) -> impl Iterator<Item = Result<Vec<u8>>> + 'c {
        self.pages.scan(table, &[]).filter_map(move |row| {
            row.and_then(|(key, value)| {
                let there = other.pages.get(table, &key)?;
                Ok((there.as_ref() != Some(&value)).then_some(value))
            })
            .transpose()
        })
    }

    /// Every key that `other` does not have.
    fn without<'c>(&'c self, other: &'c Self, table: Table) -> impl Iterator<Item = Result<Vec<u8>>> + 'c {
        self.keys(table, &[]).filter_map(move |key| {
            key.and_then(|key| Ok(other.pages.get(table, &key)?.is_none().then_some(key))).transpose()
        })
    }
}

fn digest(key: &[u8]) -> Option<Digest> {
    key.first_chunk::<32>().copied().map(Digest::from_bytes)
}
