//! Plain tars out of the store, compressed ones unwrapped on the way.

use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use super::{BUFFER_BYTES, Error, Result};
use crate::archive::{Decoder, Nesting};
use crate::chunk::{self, Body, Cursor, Reader};
use crate::disk::Scratch;
use crate::image::DiffId;
use crate::tar::Source;

/// A plain tar in the store.
pub struct Stored<'r>(pub Cursor<'r>);

impl Read for Stored<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(io::Error::other)
    }
}

impl Source for Stored<'_> {
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        if self.0.skip(bytes) { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

pub type Plain<'r> = Decoder<BufReader<Stored<'r>>>;

/// The plain tar of a compressed layer.
pub fn unwrapped<'r>(body: &Body, reader: &'r mut Reader, layer: DiffId) -> Result<Plain<'r>> {
    let stored = Stored(Cursor::new(body, reader)?);
    let buffered = BufReader::with_capacity(BUFFER_BYTES, stored);
    // How much it may take was looked at when it was loaded.
    Decoder::new(buffered, Nesting::Inner).map_err(|error| not_unwrapped(error, layer))
}

/// The plain tar of a compressed layer, as a passing file.
pub fn unwrap_whole(body: &Body, reader: &mut Reader, layer: DiffId, dir: Option<&Path>) -> Result<Scratch> {
    let mut scratch = Scratch::create(dir).map_err(Error::Scratch)?;
    let mut plain = unwrapped(body, reader, layer)?;
    let mut buffer = larder_memory::zeroed(BUFFER_BYTES)?;
    loop {
        let len = match plain.read(&mut buffer) {
            Ok(0) => return Ok(scratch),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            len => len.map_err(|error| not_unwrapped(error, layer))?,
        };
        scratch.write_all(buffer.get(..len).unwrap_or_default()).map_err(Error::Scratch)?;
    }
}

/// An error of the store below is that, and not one of the compression.
pub fn not_unwrapped(source: io::Error, layer: DiffId) -> Error {
    match source.downcast::<chunk::Error>() {
        Ok(error) => Error::Chunk(error),
        Err(source) => Error::Unwrap { layer, source },
    }
}
