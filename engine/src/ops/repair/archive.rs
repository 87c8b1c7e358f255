//! Bringing what is missing from an archive.

use std::collections::HashSet;

use super::Brought;
use crate::Result;
use crate::archive::{Budget, Limits};
use crate::catalog::{Blob, Kind};
use crate::disk::Input;
use crate::ops::load::bring;
use crate::ops::{Compressed, LoadOptions};
use crate::store::{Access, Ingest, Store};
use crate::task::Task;

impl Store {
    /// Stores again those of the `broken` blobs that the archive has.
    pub(super) fn bring_from_archive(
        &self,
        access: &Access,
        input: Input,
        broken: &[Blob],
        task: &Task,
    ) -> Result<Brought> {
        let mut writer = self.writer(access, task)?;
        let wanted: HashSet<_> = broken.iter().map(|blob| blob.digest).collect();
        let is_compressed =
            |blob: &Blob| matches!(blob.kind, Kind::Layer { diff_id, .. } if diff_id.0 != blob.digest);
        // A stream must be told beforehand what to do with compressed layers.
        let compressed = match broken.iter().any(is_compressed) {
            true => Compressed::Keep,
            false => Compressed::Unwrap,
        };
        let options = LoadOptions { compressed, ..LoadOptions::default() };
        let budget = Budget::new(Limits::default());
        let mut ingest = Ingest { writer: &mut writer, budget, task };
        let brought = bring(input, &options, &wanted, &mut ingest)?;
        writer.finish()?;
        Ok(brought)
    }
}
