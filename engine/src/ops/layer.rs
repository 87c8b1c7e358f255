//! Making a layer of a file system, or of a part of one.

use std::io;
use std::thread;

use super::load::failed;
use crate::Result;
use crate::archive::{Budget, Limits};
use crate::catalog::{Blob, Kind};
use crate::chunk::Writer;
use crate::container::{RootFs, Telling};
use crate::store::{Ingest, IngestError, Plain, Treatment};
use crate::task::{Passing, Task, threads};

/// Writes `rootfs`, as `telling` tells it, into the store as a layer. Its bytes
/// pass from one thread to another and are nowhere as a whole.
pub(super) fn make(
    rootfs: &mut RootFs,
    telling: &mut (dyn Telling + Send),
    writer: &mut Writer,
    task: &Task,
) -> Result<Blob> {
    let (mut from, mut to) = io::pipe().map_err(|error| failed(IngestError::Read(error), "the new layer"))?;
    let root = rootfs.view().root();
    let taken = thread::scope(|scope| {
        let write = move || rootfs.export(root, &[], telling, &mut to, &mut Passing::untold(task));
        let writing = threads::start_scoped(scope, write).map_err(crate::chunk::Error::Thread)?;
        // What larder writes itself needs no limits.
        let mut ingest = Ingest { writer, budget: Budget::new(Limits::default()), task };
        let taken = ingest.take("layer", None, &mut from, Treatment::AsIs);
        // Whoever writes on must not wait for nobody.
        drop(from);
        let written = writing.join().map_err(|_| crate::chunk::Error::Worker)?;
        match (taken, written) {
            // A pipe that broke tells less than what broke it.
            (Err(error), Err(crate::container::Error::Output(_)) | Ok(_)) => {
                Err(failed(error, "the new layer"))
            }
            (_, Err(error)) => Err(error.into()),
            (Ok(taken), Ok(_)) => Ok(taken),
        }
    })?;
    let plain = taken.plain.map_err(|error| failed(IngestError::Read(error), "the new layer"))?;
    let Plain { diff_id, bytes, content_bytes } = plain;
    let kind = Kind::Layer { diff_id, diff_bytes: bytes, content_bytes };
    Ok(Blob { digest: diff_id.0, body: taken.body, kind })
}
