//! What one catalog knows beyond another.

use super::tables::value_of;
use super::{Blob, Catalog, Change, Container, ContainerId, Image, Named, Result};
use crate::image::Digest;

impl Catalog {
    /// The changes that make this catalog say what `other` says.
    ///
    /// # Errors
    /// If a database fails.
    pub fn changes_to(&self, other: &Self) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        each_new(&other.blobs, &self.blobs, |value| {
            changes.push(Change::PutBlob(value_of::<Blob>(value, "blobs")?));
            Ok(())
        })?;
        each_new(&other.images, &self.images, |value| {
            changes.push(Change::PutImage(value_of::<Image>(value, "images")?));
            Ok(())
        })?;
        each_new(&other.references, &self.references, |value| {
            changes.push(Change::SetReference(value_of::<Named>(value, "references")?));
            Ok(())
        })?;
        // The dead first: the living may have their names.
        for key in gone(&self.containers, &other.containers) {
            changes.extend(key?.first_chunk().copied().map(ContainerId).map(Change::ForgetContainer));
        }
        each_new(&other.containers, &self.containers, |value| {
            changes.push(Change::PutContainer(value_of::<Container>(value, "containers")?));
            Ok(())
        })?;
        for key in gone(&self.references, &other.references) {
            changes.push(Change::RemoveReference(String::from_utf8_lossy(&key?).into_owned()));
        }
        for key in gone(&self.images, &other.images) {
            changes.extend(digest(&key?).map(Change::ForgetImage));
        }
        for key in gone(&self.blobs, &other.blobs) {
            changes.extend(digest(&key?).map(Change::ForgetBlob));
        }
        Ok(changes)
    }
}

/// Every value of `new` that `old` does not have under the same key.
fn each_new(new: &sled::Tree, old: &sled::Tree, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    for pair in new.iter() {
        let (key, value) = pair?;
        if old.get(key)?.as_ref() != Some(&value) {
            each(&value)?;
        }
    }
    Ok(())
}

/// Every key of `old` that `new` does not have.
fn gone<'t>(old: &'t sled::Tree, new: &'t sled::Tree) -> impl Iterator<Item = Result<sled::IVec>> + 't {
    old.iter().keys().filter_map(|key| match key {
        Ok(key) => match new.contains_key(&key) {
            Ok(true) => None,
            Ok(false) => Some(Ok(key)),
            Err(error) => Some(Err(error.into())),
        },
        Err(error) => Some(Err(error.into())),
    })
}

fn digest(key: &[u8]) -> Option<Digest> {
    key.first_chunk::<32>().copied().map(Digest::from_bytes)
}
