//! Bringing the catalog up to date, one commit at a time.

use sled::Transactional;
use sled::transaction::{ConflictableTransactionError, TransactionError, TransactionalTree};

use super::tables::{bytes, value_of};
use super::{Catalog, Change, Commit, Container, ContainerId, Error, Image, Named, Result};
use crate::image::Digest;
use crate::journal::Position;

type Step<T> = Result<T, ConflictableTransactionError<Error>>;

/// The trees inside a transaction.
struct Trees<'t> {
    references: &'t TransactionalTree,
    images: &'t TransactionalTree,
    blobs: &'t TransactionalTree,
    ids: &'t TransactionalTree,
    names: &'t TransactionalTree,
    uses: &'t TransactionalTree,
    containers: &'t TransactionalTree,
    container_names: &'t TransactionalTree,
    holds: &'t TransactionalTree,
}

impl Catalog {
    /// Applies `commit`, behind which the journal is at `position`: all of it
    /// or nothing.
    ///
    /// # Errors
    /// If the database fails.
    pub fn apply(&self, commit: &Commit, position: Position) -> Result<()> {
        let (mark_key, mark) = self.mark(position)?;
        let trees = (
            &self.references,
            &self.images,
            &self.blobs,
            &self.ids,
            &self.names,
            &self.uses,
            &self.containers,
            &self.container_names,
            &self.holds,
            &self.meta,
        );
        let applied = trees.transaction(|trees| {
            let (references, images, blobs, ids, names, uses, containers, container_names, holds, meta) =
                trees;
            let trees =
                Trees { references, images, blobs, ids, names, uses, containers, container_names, holds };
            commit.changes.iter().try_for_each(|change| trees.apply(change))?;
            meta.insert(mark_key, mark.as_slice())?;
            Ok(())
        });
        applied.map_err(|error| match error {
            TransactionError::Abort(error) => error,
            TransactionError::Storage(error) => error.into(),
        })
    }
}

impl Trees<'_> {
    fn apply(&self, change: &Change) -> Step<()> {
        match change {
            Change::PutBlob(blob) => {
                self.blobs.insert(blob.digest.as_bytes(), checked(bytes(blob, "blobs"))?)?;
            }
            Change::ForgetBlob(digest) => {
                self.blobs.remove(digest.as_bytes())?;
            }
            Change::PutImage(image) => self.put_image(image)?,
            Change::ForgetImage(target) => self.forget_image(target)?,
            Change::SetReference(named) => {
                self.remove_reference(&named.name)?;
                self.references.insert(named.name.as_bytes(), checked(bytes(named, "references"))?)?;
                self.names.insert(pair(&named.target, named.name.as_bytes()), &[])?;
            }
            Change::RemoveReference(name) => self.remove_reference(name)?,
            Change::PutContainer(container) => self.put_container(container)?,
            Change::ForgetContainer(id) => self.forget_container(id)?,
        }
        Ok(())
    }

    fn put_image(&self, image: &Image) -> Step<()> {
        self.forget_image(&image.target)?;
        for variant in &image.variants {
            self.ids.insert(pair(&variant.id.0, image.target.as_bytes()), &[])?;
        }
        for blob in image.blobs() {
            self.uses.insert(pair(&blob, image.target.as_bytes()), &[])?;
        }
        self.images.insert(image.target.as_bytes(), checked(bytes(image, "images"))?)?;
        Ok(())
    }

    fn forget_image(&self, target: &Digest) -> Step<()> {
        let Some(old) = self.images.remove(target.as_bytes())? else { return Ok(()) };
        let old: Image = checked(value_of(&old, "images"))?;
        for variant in &old.variants {
            self.ids.remove(pair(&variant.id.0, target.as_bytes()))?;
        }
        for blob in old.blobs() {
            self.uses.remove(pair(&blob, target.as_bytes()))?;
        }
        Ok(())
    }

    fn put_container(&self, container: &Container) -> Step<()> {
        let id = &container.id.0;
        self.forget_container(&container.id)?;
        for blob in container.blobs() {
            self.holds.insert(pair(&blob, id), &[])?;
        }
        self.container_names.insert(container.name.as_bytes(), id)?;
        self.containers.insert(id, checked(bytes(container, "containers"))?)?;
        Ok(())
    }

    fn forget_container(&self, id: &ContainerId) -> Step<()> {
        let Some(old) = self.containers.remove(&id.0)? else { return Ok(()) };
        let old: Container = checked(value_of(&old, "containers"))?;
        for blob in old.blobs() {
            self.holds.remove(pair(&blob, &id.0))?;
        }
        // Another one may have got the name since.
        let name = old.name.as_bytes();
        if self.container_names.get(name)?.is_some_and(|owner| owner == id.0) {
            self.container_names.remove(name)?;
        }
        Ok(())
    }

    fn remove_reference(&self, name: &str) -> Step<()> {
        let Some(old) = self.references.remove(name.as_bytes())? else { return Ok(()) };
        let old: Named = checked(value_of(&old, "references"))?;
        self.names.remove(pair(&old.target, name.as_bytes()))?;
        Ok(())
    }
}

fn checked<T>(result: Result<T>) -> Step<T> {
    result.map_err(ConflictableTransactionError::Abort)
}

/// A key of two parts.
fn pair(digest: &Digest, second: &[u8]) -> Vec<u8> {
    [digest.as_bytes(), second].concat()
}
