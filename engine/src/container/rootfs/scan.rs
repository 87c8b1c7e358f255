//! Reading the entries of a layer, and no more of it than that.

use std::io::{self, BufWriter, Read, Write};

use super::{BUFFER_BYTES, Error, Result};
use crate::chunk;
use crate::container::view::View;
use crate::container::{Carried, carried};
use crate::disk::Scratch;
use crate::image::DiffId;
use crate::tar::{Entries, Entry, EntryError, Source};
use crate::task::Task;

/// The reading of one layer.
pub struct Scan<'s> {
    pub layer: DiffId,
    pub view: &'s mut View,
    pub carried: &'s mut Option<Carried>,
    pub task: &'s Task,
    pub watch: &'s mut dyn FnMut(&Entry),
}

/// Between two looks at whether to stop.
const CHECK_ENTRIES: u32 = 4096;

impl Scan<'_> {
    /// Applies the entries of a layer.
    pub fn read(&mut self, source: impl Source) -> Result<()> {
        let layer = self.layer;
        *self.carried = None;
        let mut entries = Entries::new(source);
        let mut count = 0_u32;
        loop {
            let found = entries.next().map_err(|error| told(error, layer))?;
            // It may stand before no entry at all.
            if let Some(records) = entries.take_global() {
                *self.carried = self.carried.take().or_else(|| carried::decode(&records));
            }
            let Some(found) = found else { return Ok(()) };
            (self.watch)(&found.entry);
            self.view.apply(found).map_err(|error| Error::Apply { layer, source: Box::new(error) })?;
            count = count.wrapping_add(1);
            if count.is_multiple_of(CHECK_ENTRIES) {
                self.task.check()?;
            }
        }
    }
}

/// An error of the store below or of the passing file is that, and not one of the tar.
pub fn told(error: EntryError, layer: DiffId) -> Error {
    let EntryError::Read { offset, source } = error else { return Error::Tar { layer, source: error } };
    let source = match source.downcast::<chunk::Error>() {
        Ok(error) => return Error::Chunk(error),
        Err(source) => source,
    };
    match source.downcast::<NotKept>() {
        Ok(NotKept(error)) => Error::Scratch(error),
        Err(source) => Error::Tar { layer, source: EntryError::Read { offset, source } },
    }
}

/// The passing file failed while the tar was read.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct NotKept(pub io::Error);

/// A reader whose bytes are also kept.
pub struct Copying<R> {
    inner: R,
    copy: BufWriter<Scratch>,
}

impl<R: Read> Copying<R> {
    /// What `inner` gives is kept in `scratch` too.
    pub fn new(inner: R, scratch: Scratch) -> Self {
        Self { inner, copy: BufWriter::with_capacity(BUFFER_BYTES, scratch) }
    }

    /// What was kept.
    pub fn finish(self) -> Result<Scratch> {
        self.copy.into_inner().map_err(|error| Error::Scratch(error.into_error()))
    }
}

impl<R: Read> Read for Copying<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(buffer)?;
        let kept = self.copy.write_all(buffer.get(..len).unwrap_or_default());
        kept.map_err(|error| io::Error::other(NotKept(error)))?;
        Ok(len)
    }
}
