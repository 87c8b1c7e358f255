//! A reader that stops a bomb: compressed bytes in, expanded bytes out, both counted.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Compression, Decoder, LimitError, Limits, Nesting, sniff};

/// What all streams of one archive may expand to together.
///
/// Clones share what is left, so layers may be read side by side.
#[derive(Debug, Clone)]
pub struct Budget {
    limits: Limits,
    expanded: Arc<AtomicU64>,
}

impl Budget {
    /// All that `limits` allow.
    pub fn new(limits: Limits) -> Self {
        Self { limits, expanded: Arc::default() }
    }

    /// The limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    fn spend(&self, bytes: u64) -> Result<(), LimitError> {
        let limit = self.limits.max_expanded_bytes;
        let before = self.expanded.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > limit { Err(LimitError::ExpandedBytes { limit }) } else { Ok(()) }
    }
}

/// Counts what is taken from a reader, for somebody who no longer holds it.
#[derive(Debug)]
pub struct Counted<R> {
    inner: R,
    taken: Arc<AtomicU64>,
}

impl<R: BufRead> Counted<R> {
    /// Counts from here on; the counter goes on after the reader is given away.
    pub fn new(inner: R) -> (Self, Arc<AtomicU64>) {
        let taken = Arc::<AtomicU64>::default();
        (Self { inner, taken: Arc::clone(&taken) }, taken)
    }
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(buf)?;
        self.taken.fetch_add(len as u64, Ordering::Relaxed);
        Ok(len)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, len: usize) {
        self.taken.fetch_add(len as u64, Ordering::Relaxed);
        self.inner.consume(len);
    }
}

/// A stream is compressed, and what is in it is too.
#[derive(Debug, thiserror::Error)]
#[error("compressed twice, with {inner} inside")]
pub struct CompressedTwice {
    /// What it is under the first compression.
    pub inner: Compression,
}

/// How much of what a stream expands to tells whether it is compressed again.
const HEAD_BYTES: usize = 6;

/// Takes off a stream's compression, within a [`Budget`].
///
/// An [`io::Error`] that it gives may hold a [`LimitError`] or [`CompressedTwice`].
#[derive(Debug)]
pub struct Bounded<R: BufRead> {
    decoder: Decoder<Counted<R>>,
    /// The first bytes that it expands to, if it is compressed.
    head: Vec<u8>,
    consumed: Arc<AtomicU64>,
    expanded: u64,
    budget: Budget,
}

impl<R: BufRead> Bounded<R> {
    /// Looks at the first bytes of `inner` and chooses a decoder.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn new(inner: R, budget: &Budget, nesting: Nesting) -> io::Result<Self> {
        let (counted, consumed) = Counted::new(inner);
        let decoder = Decoder::new(counted, nesting)?;
        Ok(Self { decoder, head: Vec::new(), consumed, expanded: 0, budget: budget.clone() })
    }

    /// How the stream is compressed.
    pub fn compression(&self) -> Compression {
        self.decoder.compression()
    }

    /// Bytes given so far.
    pub fn expanded_bytes(&self) -> u64 {
        self.expanded
    }

    /// Bytes taken from the reader below so far.
    pub fn consumed_bytes(&self) -> u64 {
        self.consumed.load(Ordering::Relaxed)
    }

    fn check_ratio(&self) -> Result<(), LimitError> {
        let (limit, expanded) = (self.budget.limits.max_ratio, self.expanded);
        let consumed = self.consumed_bytes();
        if expanded > Limits::RATIO_GRACE_BYTES && expanded / limit.max(1) > consumed {
            return Err(LimitError::Ratio { limit, consumed, expanded });
        }
        Ok(())
    }
}

impl<R: BufRead> Bounded<R> {
    fn check_inner(&mut self, read: &[u8]) -> Result<(), CompressedTwice> {
        if self.compression() == Compression::None || self.head.len() >= HEAD_BYTES {
            return Ok(());
        }
        self.head.extend(read.iter().take(HEAD_BYTES - self.head.len()));
        match sniff(&self.head) {
            Compression::None => Ok(()),
            inner => Err(CompressedTwice { inner }),
        }
    }
}

impl<R: BufRead> Read for Bounded<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.decoder.read(buf)?;
        let twice = |twice| io::Error::new(io::ErrorKind::InvalidData, twice);
        self.check_inner(buf.get(..len).unwrap_or(buf)).map_err(twice)?;
        self.expanded += len as u64;
        self.budget.spend(len as u64).and_then(|()| self.check_ratio()).map_err(io::Error::other)?;
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::super::compression::tests::compress;
    use super::*;

    fn limit_of(error: &io::Error) -> &LimitError {
        error.get_ref().and_then(|inner| inner.downcast_ref()).expect("a limit was passed")
    }

    #[test]
    fn streams_share_what_an_archive_may_expand_to() {
        let limits = Limits { max_expanded_bytes: 1500, ..Limits::default() };
        let budget = Budget::new(limits);
        let stream = compress(Compression::Gzip, &[7; 1000]);
        let read =
            || io::copy(&mut Bounded::new(&stream[..], &budget, Nesting::Outer).unwrap(), &mut io::sink());
        assert_eq!(read().unwrap(), 1000);
        assert_eq!(*limit_of(&read().unwrap_err()), LimitError::ExpandedBytes { limit: 1500 });
    }

    #[test]
    fn a_bomb_is_stopped_by_its_ratio() {
        let zeros = io::Read::take(io::repeat(0), 300 << 20);
        let bomb = zstd::encode_all(zeros, 1).unwrap();
        let mut bounded = Bounded::new(&bomb[..], &Budget::new(Limits::default()), Nesting::Outer).unwrap();
        let error = io::copy(&mut bounded, &mut io::sink()).unwrap_err();
        assert!(matches!(limit_of(&error), LimitError::Ratio { limit: 1100, .. }), "{error}");
        assert!(bounded.expanded_bytes() < 100 << 20);
    }

    #[test]
    fn what_is_compressed_twice_is_refused_however_it_is_read() {
        let twice = compress(Compression::Gzip, &compress(Compression::Zstd, b"larder"));
        let mut bounded = Bounded::new(&twice[..], &Budget::new(Limits::default()), Nesting::Inner).unwrap();
        let error = io::copy(&mut bounded, &mut io::sink()).unwrap_err();
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        assert!(matches!(inner, Some(CompressedTwice { inner: Compression::Zstd })), "{error}");
        let error = super::super::Error::reading("layer.tar", error).to_string();
        assert_eq!(error, "layer.tar is compressed twice, with zstd inside");
    }

    #[test]
    fn zeros_in_gzip_pass() {
        let stream = compress(Compression::Gzip, &vec![0; 80 << 20]);
        let mut bounded = Bounded::new(&stream[..], &Budget::new(Limits::default()), Nesting::Outer).unwrap();
        assert_eq!(io::copy(&mut bounded, &mut io::sink()).unwrap(), 80 << 20);
        assert_eq!(bounded.consumed_bytes(), stream.len() as u64);
    }
}
