//! A check under way.

use std::collections::HashSet;
use std::time::Instant;

use super::bookmark::Bookmark;
use super::structure::Structure;
use super::{Checked, Fault, FsckLevel, told};
use crate::Result;
use crate::catalog::{Blob, Kind};
use crate::chunk::{self, Lost, PackId, Reader};
use crate::container::{Affected, Layer, Upper, affected};
use crate::image::{Digest, Sha256};
use crate::store::{Access, Store};
use crate::task::{Passing, Task};

/// A check under way.
pub(in crate::ops) struct Check<'c> {
    pub(super) store: &'c Store,
    pub(super) reader: Reader,
    pub(super) level: FsckLevel,
    pub(super) mark: Bookmark,
    pub(super) checked: Checked,
    /// Packs to write anew though nothing in them is lost.
    pub rewrite: HashSet<PackId>,
    /// What could not be read, so that nothing is known of it.
    pub unread: Vec<Fault>,
    pub(super) task: &'c Task,
    structure: Structure,
    end: Option<Instant>,
    broken: Vec<Blob>,
}

impl<'c> Check<'c> {
    /// A check that goes on where the last one of this level was stopped, until `end`.
    pub fn begin(
        store: &'c Store,
        access: &Access,
        level: FsckLevel,
        end: Option<Instant>,
        task: &'c Task,
    ) -> Result<Self> {
        let mark = match level {
            FsckLevel::Quick => Bookmark::start(level),
            _ => Bookmark::read(&**store.disk(), level)?,
        };
        Self::open(store, access, mark, level >= FsckLevel::Data, end, task)
    }

    /// A check of everything but whether the catalog says what the journal says.
    pub fn anew(store: &'c Store, access: &Access, level: FsckLevel, task: &'c Task) -> Result<Self> {
        Self::open(store, access, Bookmark::start(level), false, None, task)
    }

    /// Opens all that is to be looked at.
    fn open(
        store: &'c Store,
        access: &Access,
        mark: Bookmark,
        compares: bool,
        end: Option<Instant>,
        task: &'c Task,
    ) -> Result<Self> {
        let mut checked = Checked { is_resumed: !mark.is_start(), ..Checked::default() };
        let structure = Structure::read(store, compares, &mut checked.faults, task)?;
        let reader = store.reader(access, task)?;
        let level = mark.level;
        checked.images = structure.images.len() as u64;
        checked.containers = structure.containers.len() as u64;
        let (rewrite, unread, broken) = (HashSet::new(), Vec::new(), Vec::new());
        Ok(Self { store, reader, level, mark, checked, rewrite, unread, task, structure, end, broken })
    }

    /// Looks at everything, or until the time is over.
    pub fn run(&mut self) -> Result<()> {
        let faults = self.structure.faults();
        self.checked.faults.extend(faults);
        self.containers();
        let looked = self.packs().and_then(|()| self.blobs());
        if looked.is_ok() && self.checked.faults.is_empty() && self.store.is_writable() {
            // A note that cannot be taken away is a hint too many.
            let _ = self.reader.index().settle_notes();
        }
        if self.level == FsckLevel::Quick {
            return looked;
        }
        let is_stopped = self.checked.is_unfinished || looked.is_err();
        if self.store.is_writable() {
            // If it cannot be written, the next check begins anew.
            let _ = match is_stopped {
                true => self.mark.write(self.store.disk()),
                false => Bookmark::remove(&**self.store.disk()),
            };
        }
        looked
    }

    /// What was found, and the blobs that cannot be given back.
    pub fn finish(self) -> (Checked, Vec<Blob>) {
        (self.checked, self.broken)
    }

    /// Whether the time is over.
    pub(super) fn is_over(&mut self) -> bool {
        let is_over = self.end.is_some_and(|end| Instant::now() >= end);
        self.checked.is_unfinished |= is_over;
        is_over
    }

    pub(super) fn add(&mut self, fault: Fault) {
        self.checked.faults.push(fault);
    }

    /// What is kept beside the files of each container can be read. The files
    /// themselves are what somebody has written there last: nothing tells whether
    /// they are as they were.
    fn containers(&mut self) {
        for container in std::mem::take(&mut self.structure.containers) {
            let name = format!("container {}", container.name);
            if let Err(error) = Upper::open(self.store.disk(), &Store::container_dir(&container.id)) {
                self.add(Fault { images: vec![name.clone()], ..Fault::of(name, &error) });
            }
        }
    }

    /// Every blob can be given back, as far as is known; deepest, it is.
    fn blobs(&mut self) -> Result<()> {
        let blobs = std::mem::take(&mut self.structure.blobs);
        let all_bytes = blobs.iter().map(|blob| blob.body.len).sum();
        let mut passing =
            (self.level == FsckLevel::Exact).then(|| Passing::start("blobs", Some(all_bytes), self.task));
        for blob in &blobs {
            self.task.check()?;
            self.checked.blobs += 1;
            let lost = self.reader.lost(&blob.body);
            if !lost.ranges.is_empty() {
                self.add_lost(blob, &lost);
                self.broken.push(blob.clone());
            } else if let Some(passing) = &mut passing
                && blob.digest > self.mark.blob
                && !self.is_over()
            {
                self.make_again(blob, passing)?;
                self.mark.blob = blob.digest;
            }
        }
        if let Some(passing) = passing {
            self.checked.bytes = passing.done_bytes();
            passing.finish();
        }
        Ok(())
    }

    fn make_again(&mut self, blob: &Blob, passing: &mut Passing<'_>) -> Result<()> {
        let digest = digest_of(blob, &mut self.reader, &mut |bytes| Ok(passing.advance(bytes)?));
        let problem = match digest {
            Err(chunk::Error::Cancelled(cancelled)) => return Err(cancelled.into()),
            Err(error) => {
                let lost = self.reader.lost(&blob.body);
                self.broken.push(blob.clone());
                if !lost.ranges.is_empty() {
                    self.add_lost(blob, &lost);
                    return Ok(());
                }
                told(&error)
            }
            Ok(got) if got == blob.digest => return Ok(()),
            Ok(got) => {
                self.broken.push(blob.clone());
                format!("its bytes hash to {got}")
            }
        };
        let images = self.structure.users_of(&blob.digest);
        self.add(Fault { images, ..Fault::harmless(place_of(blob), problem) });
        Ok(())
    }

    fn add_lost(&mut self, blob: &Blob, lost: &Lost) {
        let files = match blob.kind {
            Kind::Layer { diff_id, .. } => affected(&Layer::new(blob, diff_id), lost, &mut self.reader),
            _ => Affected::default(),
        };
        let why = lost.why.as_ref().map(|why| told(why)).unwrap_or_default();
        let bytes = lost.bytes();
        let count = files.files.len() as u64 + files.more;
        let of_files = match (count, files.unknown_from) {
            (0, None) => String::new(),
            (1, None) => ", of one file".into(),
            (count, None) => format!(", of {count} files"),
            (0, Some(from)) => format!(", and with them what it holds from byte {from} on"),
            (count, Some(from)) => format!(", of {count} files and of what it holds from byte {from} on"),
        };
        let fault = Fault {
            place: place_of(blob),
            problem: format!("{bytes} of {} bytes are lost{of_files}: {why}", blob.body.len),
            images: self.structure.users_of(&blob.digest),
            files: files.files,
            more_files: files.more,
        };
        self.add(fault);
    }
}

/// Makes the blob again, and gives what its bytes hash to. `advance` is told how many
/// there are each time that there are some.
pub(in crate::ops) fn digest_of(
    blob: &Blob,
    reader: &mut Reader,
    advance: &mut dyn FnMut(u64) -> chunk::Result<()>,
) -> chunk::Result<Digest> {
    let mut sum = Sha256::default();
    reader.copy(&blob.body, &mut |bytes| {
        sum.update(bytes);
        advance(bytes.len() as u64)
    })?;
    Ok(sum.finish())
}

/// What a blob is called before people.
fn place_of(blob: &Blob) -> String {
    let told = |what: &str, digest: &Digest| format!("{what} {digest}");
    match &blob.kind {
        Kind::Layer { diff_id, .. } if diff_id.0 != blob.digest => {
            format!("compressed layer {}", blob.digest)
        }
        Kind::Layer { .. } => told("layer", &blob.digest),
        Kind::Document => told("document", &blob.digest),
        Kind::Other => told("content", &blob.digest),
    }
}
