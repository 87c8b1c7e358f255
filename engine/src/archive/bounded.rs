//! A reader that stops a bomb: compressed bytes in, expanded bytes out, both counted.

use std::io::{self, BufRead, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use std::time::Duration;

use super::{Compression, Decoder, LimitError, Limits, Nesting, sniff};

/// What all streams of one archive may expand to together, and how much work they may be.
///
/// Both are measured against the bytes of the outermost input: of streams inside a compressed
/// stream each by itself may look harmless. Clones share what is left, so layers may be read
/// side by side.
#[derive(Debug, Clone)]
pub struct Budget {
    limits: Limits,
    expanded: Arc<AtomicU64>,
    /// Bytes that all streams took from their inputs.
    consumed: Arc<AtomicU64>,
    /// Bytes that the stream around all others took from its input, once it is known to be
    /// compressed. Otherwise the others take theirs from the input itself.
    outermost: Arc<OnceLock<Arc<AtomicU64>>>,
    /// The processor time of this process when the archive was opened.
    begun: Duration,
}

impl Budget {
    /// All that `limits` allow.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            expanded: Arc::default(),
            consumed: Arc::default(),
            outermost: Arc::default(),
            begun: processor_time(),
        }
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

    /// Checks the work so far against the bytes of the input: a stream can be small, stay
    /// small, and keep its decoder busy for hours.
    fn check_work(&self) -> Result<(), LimitError> {
        let input = self.outermost.get().unwrap_or(&self.consumed).load(Ordering::Relaxed);
        check_work(input, processor_time().saturating_sub(self.begun))
    }
}

/// Checks the processor time that reading `consumed` bytes of input took.
fn check_work(consumed: u64, spent: Duration) -> Result<(), LimitError> {
    let megabytes = u32::try_from(consumed >> 20).unwrap_or(u32::MAX).saturating_add(1);
    let limit = Limits::WORK_PER_MEGABYTE.saturating_mul(megabytes);
    if spent > limit { Err(LimitError::Work { consumed, spent }) } else { Ok(()) }
}

/// The processor time that this process has used.
fn processor_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.try_into().unwrap_or_default())
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
        budget.consumed.fetch_add(consumed.load(Ordering::Relaxed), Ordering::Relaxed);
        if nesting == Nesting::Outer && decoder.compression() != Compression::None {
            // A second one, of a test or of another archive, has a budget of its own.
            let _ = budget.outermost.set(Arc::clone(&consumed));
        }
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
        let limit = self.budget.limits.max_ratio;
        let (consumed, expanded) = match self.budget.outermost.get() {
            Some(outermost) => {
                (outermost.load(Ordering::Relaxed), self.budget.expanded.load(Ordering::Relaxed))
            }
            None => (self.consumed_bytes(), self.expanded),
        };
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
        let before = self.consumed_bytes();
        let len = self.decoder.read(buf)?;
        self.budget.consumed.fetch_add(self.consumed_bytes() - before, Ordering::Relaxed);
        let twice = |twice| io::Error::new(io::ErrorKind::InvalidData, twice);
        self.check_inner(buf.get(..len).unwrap_or(buf)).map_err(twice)?;
        self.expanded += len as u64;
        let spent = self.budget.spend(len as u64);
        spent
            .and_then(|()| self.check_ratio())
            .and_then(|()| self.budget.check_work())
            .map_err(io::Error::other)?;
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

    /// 2.8 KB that became a gigabyte: neither stream alone passes the ratio.
    #[test]
    fn streams_in_a_compressed_stream_count_against_its_bytes() {
        let inner = compress(Compression::Gzip, &vec![0; 200 << 20]);
        let outer = compress(Compression::Gzip, &inner);
        assert!(outer.len() < 100 << 10, "{}", outer.len());
        let budget = Budget::new(Limits::default());
        let mut around = Bounded::new(&outer[..], &budget, Nesting::Outer).unwrap();
        let mut member = Vec::new();
        // Not read through it here: that the content is compressed again is another error.
        around.decoder.read_to_end(&mut member).unwrap();
        let mut layer = Bounded::new(&member[..], &budget, Nesting::Inner).unwrap();
        let error = io::copy(&mut layer, &mut io::sink()).unwrap_err();
        assert!(matches!(limit_of(&error), LimitError::Ratio { limit: 1100, .. }), "{error}");
        assert!(layer.expanded_bytes() < 100 << 20);
    }

    #[test]
    fn work_is_counted_against_the_bytes_that_were_read() {
        for (consumed, seconds, is_allowed) in [
            (0, 59, true),
            (0, 61, false),
            (1 << 20, 119, true),
            (1 << 20, 121, false),
            (100 << 20, 6000, true),
        ] {
            let checked = check_work(consumed, Duration::from_secs(seconds));
            assert_eq!(checked.is_ok(), is_allowed, "{consumed} bytes in {seconds} s");
        }
        let budget = Budget::new(Limits::default());
        let stream = compress(Compression::Gzip, &compress(Compression::None, &[7; 1000]));
        io::copy(&mut Bounded::new(&stream[..], &budget, Nesting::Inner).unwrap(), &mut io::sink()).unwrap();
        assert_eq!(budget.consumed.load(Ordering::Relaxed), stream.len() as u64, "the input is counted");
    }

    #[test]
    fn zeros_in_gzip_pass() {
        let stream = compress(Compression::Gzip, &vec![0; 80 << 20]);
        let mut bounded = Bounded::new(&stream[..], &Budget::new(Limits::default()), Nesting::Outer).unwrap();
        assert_eq!(io::copy(&mut bounded, &mut io::sink()).unwrap(), 80 << 20);
        assert_eq!(bounded.consumed_bytes(), stream.len() as u64);
    }
}
