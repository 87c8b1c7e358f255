//! What entries are read from.

use std::io::{self, Read};

/// Where entries come from: read in order, with a cheap way to pass over payloads.
pub trait Source: Read {
    /// Passes over `bytes`.
    ///
    /// # Errors
    /// If that cannot be done; [`io::ErrorKind::UnexpectedEof`] if there are not
    /// so many.
    fn skip(&mut self, bytes: u64) -> io::Result<()>;
}

/// A stream as a source: what is passed over is read and dropped.
#[derive(Debug)]
pub struct Streamed<R>(pub R);

impl<R: Read> Read for Streamed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R: Read> Source for Streamed<R> {
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let passed = io::copy(&mut (&mut self.0).take(bytes), &mut io::sink())?;
        if passed == bytes { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

impl<S: Source + ?Sized> Source for &mut S {
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        (**self).skip(bytes)
    }
}

impl<S: Source + ?Sized> Source for Box<S> {
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        (**self).skip(bytes)
    }
}

impl Source for &[u8] {
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        *self = self.get(bytes..).ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(())
    }
}
