//! Bringing what is missing from another store.

use std::io::{self, BufReader, Write};
use std::thread;

use super::Brought;
use crate::Result;
use crate::archive::{Budget, Limits};
use crate::catalog::{Blob, Catalog, Kind};
use crate::chunk::{self, Reader, Writer};
use crate::ops::load::failed;
use crate::store::{Access, Ingest, Store, Taken, Treatment};
use crate::task::{Task, threads};

impl Store {
    /// Stores again those of the `broken` blobs that the store `other` has.
    pub(super) fn bring_from_store(
        &self,
        access: &Access,
        other: &Store,
        broken: &[Blob],
        task: &Task,
    ) -> Result<Brought> {
        let their_access = other.share(task)?;
        let there = other.healing(task, || {
            let ledger = other.ledger(task)?;
            broken.iter().map(|blob| counterpart(ledger.catalog(), blob)).collect::<Result<Vec<_>>>()
        })?;
        let mut reader = other.reader(&their_access, task)?;
        let mut writer = self.writer(access, task)?;
        let mut brought = Brought::new();
        for (blob, theirs) in broken.iter().zip(there) {
            task.check()?;
            let Some(theirs) = theirs.filter(|theirs| reader.lost(&theirs.body).ranges.is_empty()) else {
                continue;
            };
            let taken = copy(blob, &theirs, &mut reader, &mut writer, task)?;
            if taken.stored == blob.digest {
                brought.insert(blob.digest, taken.body);
            }
        }
        writer.finish()?;
        Ok(brought)
    }
}

/// The same blob in another store, or one that holds the same layer compressed.
fn counterpart(catalog: &Catalog, blob: &Blob) -> Result<Option<Blob>> {
    if let Some(same) = catalog.blob(&blob.digest)? {
        return Ok(Some(same));
    }
    for other in catalog.blobs() {
        let other = other?;
        if matches!(other.kind, Kind::Layer { diff_id, .. } if diff_id.0 == blob.digest) {
            return Ok(Some(other));
        }
    }
    Ok(None)
}

/// Takes in what `theirs` holds. Its bytes pass from one thread to another.
fn copy(blob: &Blob, theirs: &Blob, reader: &mut Reader, writer: &mut Writer, task: &Task) -> Result<Taken> {
    let name = format!("blob {}", blob.digest.short());
    let treatment = match &blob.kind {
        Kind::Layer { .. } if theirs.digest == blob.digest => Treatment::Keep,
        Kind::Layer { .. } => Treatment::Unwrap,
        _ => Treatment::AsIs,
    };
    let (from, mut to) = io::pipe().map_err(chunk::Error::Output)?;
    thread::scope(|scope| {
        let writing = threads::start_scoped(scope, move || {
            reader.copy(&theirs.body, &mut |bytes| to.write_all(bytes).map_err(chunk::Error::Output))
        });
        let writing = writing.map_err(chunk::Error::Thread)?;
        let mut ingest = Ingest { writer, budget: Budget::new(Limits::default()), task };
        let mut from = BufReader::new(from);
        let taken = ingest.take(&name, Some(theirs.body.len), &mut from, treatment);
        drop(from);
        let written = writing.join().map_err(|_| chunk::Error::Worker)?;
        let taken = taken.map_err(|error| failed(error, &name))?;
        written?;
        Ok(taken)
    })
}
