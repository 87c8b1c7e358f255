//! Taking a layer in: unwrapped if need be, scanned, cut, stored and hashed in
//! one pass.
//!
//! A SHA-256 is one serial stream of work and takes longer than everything
//! else that is done to bytes that are known already, so it runs beside, on
//! blocks that both sides share.
//!
//! ```text
//!  plain       read ─ block ─┬─► scan, cut, name, store        (this thread)
//!                            └─► sha256                        (a second)
//!  keep        read ─ block ─┬─► cut, name, store              (this thread)
//!                            ├─► sha256 of the blob            (a second)
//!                            └─► inflate ─► scan, sha256       (a third)
//! ```

use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use larder_memory::read_up_to;

use crate::archive::{Bounded, Budget, Compression, Nesting, sniff};
use crate::chunk::{self, BlobWriter, Body, Writer};
use crate::image::{DiffId, Digest, Sha256};
use crate::tar::{Scanner, Span};
use crate::task::{Passing, Task, threads};

/// What is read at once. Large enough that handing a block over costs nothing
/// beside what is done to it.
const BLOCK_BYTES: usize = 1 << 20;

/// How many blocks the slower side may lag behind.
const BLOCKS_BEHIND: usize = 8;

/// What to do with a compressed layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// Store it as it is: its digest names the compressed bytes.
    Keep,
    /// Store what is in it: only its diff ID counts.
    Unwrap,
    /// Store it as it is, even if it looks compressed: what is no layer, or a
    /// layer whose compression was taken off already.
    AsIs,
}

/// Takes layers and other content in.
pub struct Ingest<'w> {
    /// Where the bytes go.
    pub writer: &'w mut Writer,
    /// What may be expanded.
    pub budget: Budget,
    /// Who may say stop.
    pub task: &'w Task,
}

/// What was taken in.
#[derive(Debug)]
pub struct Taken {
    /// The digest of the bytes as they came.
    pub digest: Digest,
    /// How they are compressed, as their first bytes tell.
    pub compression: Compression,
    /// The plain tar; why there is none, if what was kept as it came does not
    /// unwrap: that matters only if it turns out to be a layer.
    pub plain: Result<Plain, io::Error>,
    /// What is stored: what came, or the plain tar.
    pub body: Body,
    /// The digest of what is stored.
    pub stored: Digest,
    /// Which of the chunks are its that a [`Writer`] was given that only counts.
    pub given: Range<usize>,
}

/// A layer's plain tar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plain {
    /// Its digest.
    pub diff_id: DiffId,
    /// How long it is.
    pub bytes: u64,
    /// The bytes of the files in it.
    pub content_bytes: u64,
}

/// Why something could not be taken in: reading it failed, or storing it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The source failed, or what it gave does not decompress.
    #[error(transparent)]
    Read(io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] chunk::Error),
    /// The work was told to stop.
    #[error(transparent)]
    Cancelled(#[from] crate::task::Cancelled),
}

impl Ingest<'_> {
    /// Takes in what `source` gives until its end; `item` is what it is called
    /// and `total` how long it is, for those who watch.
    ///
    /// # Errors
    /// If reading or storing fails; what was stored until then is garbage.
    pub fn take(
        &mut self,
        item: &str,
        total: Option<u64>,
        source: &mut (dyn Read + Send),
        treatment: Treatment,
    ) -> Result<Taken, Error> {
        let passing = Passing::start(item, total, self.task);
        let first = self.writer.given();
        let mut watched = Watched::new(source, passing, self.writer.new_bytes());
        let taken = self.take_watched(&mut watched, treatment)?;
        watched.finish();
        Ok(Taken { given: first..self.writer.given(), ..taken })
    }

    fn take_watched(
        &mut self,
        source: &mut (impl Read + Send),
        treatment: Treatment,
    ) -> Result<Taken, Error> {
        let first = read_up_to(source, BLOCK_BYTES).map_err(Error::Read)?;
        let is_plain = sniff(&first) == Compression::None || treatment == Treatment::AsIs;
        if first.len() < BLOCK_BYTES && is_plain {
            return self.take_small(&first);
        }
        let compression = sniff(&first);
        let source = io::Cursor::new(first).chain(source);
        let taken = match treatment {
            _ if is_plain => self.take_plain(source),
            Treatment::Unwrap => self.take_unwrapped(source),
            _ => self.take_kept(source),
        };
        taken.map(|taken| Taken { compression, ..taken })
    }

    /// What fits into a block is not worth a thread.
    fn take_small(&mut self, bytes: &[u8]) -> Result<Taken, Error> {
        let mut layer = Layer::new(self.writer.blob());
        layer.push(bytes)?;
        let (body, content_bytes) = layer.finish()?;
        Ok(taken_plain(Digest::of(bytes), body, content_bytes))
    }

    fn take_plain(&mut self, source: impl Read) -> Result<Taken, Error> {
        let mut layer = Layer::new(self.writer.blob());
        let digest = hashed_beside(source, self.task, |block| layer.push(block))?;
        let (body, content_bytes) = layer.finish()?;
        Ok(taken_plain(digest, body, content_bytes))
    }

    fn take_unwrapped(&mut self, source: impl Read) -> Result<Taken, Error> {
        let mut hashed = Hashed::new(source);
        let buffered = BufReader::with_capacity(BLOCK_BYTES, &mut hashed);
        let mut plain = Bounded::new(buffered, &self.budget, Nesting::Inner).map_err(Error::Read)?;
        let mut layer = Layer::new(self.writer.blob());
        let stored = hashed_beside(&mut plain, self.task, |block| layer.push(block))?;
        let (body, content_bytes) = layer.finish()?;
        drop(plain);
        let (digest, _) = hashed.finish();
        let plain = Ok(Plain { diff_id: DiffId(stored), bytes: body.len, content_bytes });
        Ok(Taken { digest, compression: Compression::None, plain, body, stored, given: 0..0 })
    }

    fn take_kept(&mut self, source: impl Read) -> Result<Taken, Error> {
        let (blocks, to_inflate) = bounded(BLOCKS_BEHIND);
        let budget = self.budget.clone();
        let mut blob = self.writer.blob();
        let task = self.task;
        let (digest, plain) = thread::scope(|scope| {
            let inflating = threads::start_scoped(scope, move || inflate(to_inflate, &budget))
                .map_err(|error| Error::Store(chunk::Error::Thread(error)))?;
            let mut inflate_more = true;
            let digest = hashed_beside(source, task, |block| {
                blob.opaque(block).map_err(Error::Store)?;
                // A receiver that is gone has an error to tell, below.
                inflate_more = inflate_more && blocks.send(Arc::clone(block)).is_ok();
                Ok(())
            });
            drop(blocks);
            let plain = inflating.join().map_err(|_| Error::Store(chunk::Error::Worker));
            Ok::<_, Error>((digest?, plain?))
        })?;
        let body = blob.finish().map_err(Error::Store)?;
        Ok(Taken { plain, ..taken_plain(digest, body, 0) })
    }
}

fn taken_plain(digest: Digest, body: Body, content_bytes: u64) -> Taken {
    let plain = Ok(Plain { diff_id: DiffId(digest), bytes: body.len, content_bytes });
    let (compression, given) = (Compression::None, 0..0);
    Taken { digest, compression, plain, body, stored: digest, given }
}

/// A reader that tells how far it is, now and then.
struct Watched<'t, R: ?Sized> {
    inner: &'t mut R,
    passing: Passing<'t>,
    /// New bytes in the store: all, and those before this.
    new_bytes: Arc<AtomicU64>,
    new_before: u64,
}

impl<'t, R: ?Sized> Watched<'t, R> {
    fn new(inner: &'t mut R, passing: Passing<'t>, new_bytes: Arc<AtomicU64>) -> Self {
        let new_before = new_bytes.load(Ordering::Relaxed);
        Self { inner, passing, new_bytes, new_before }
    }

    fn look(&mut self) {
        self.passing.set_new(self.new_bytes.load(Ordering::Relaxed) - self.new_before);
    }

    fn finish(mut self) {
        self.look();
        self.passing.finish();
    }
}

impl<R: Read + ?Sized> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(buffer)?;
        self.look();
        // Whoever reads looks whether to stop.
        let _ = self.passing.advance(len as u64);
        Ok(len)
    }
}

/// A layer on its way into the store: the scanner says what its bytes are.
struct Layer<'w> {
    blob: BlobWriter<'w>,
    scanner: Scanner,
}

impl<'w> Layer<'w> {
    fn new(blob: BlobWriter<'w>) -> Self {
        Self { blob, scanner: Scanner::new() }
    }

    fn push(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let span = self.scanner.next(bytes);
            let Some((now, later)) = bytes.split_at_checked(span.len()) else { break };
            match span {
                Span::Skeleton(_) => self.blob.skeleton(now),
                Span::Payload(_) => {
                    let (len, before) = self.scanner.payload();
                    self.blob.payload(now, before + now.len() as u64 == len)
                }
                Span::Tail(_) => self.blob.opaque(now),
            }
            .map_err(Error::Store)?;
            bytes = later;
        }
        Ok(())
    }

    fn finish(self) -> Result<(Body, u64), Error> {
        let content_bytes = self.scanner.content_bytes();
        Ok((self.blob.finish().map_err(Error::Store)?, content_bytes))
    }
}

/// Reads `source` to its end in blocks; `each` gets them while their SHA-256 is
/// made beside.
fn hashed_beside(
    mut source: impl Read,
    task: &Task,
    mut each: impl FnMut(&Arc<Vec<u8>>) -> Result<(), Error>,
) -> Result<Digest, Error> {
    thread::scope(|scope| {
        let (blocks, to_hash): (Sender<Arc<Vec<u8>>>, _) = bounded(BLOCKS_BEHIND);
        let hashing = threads::start_scoped(scope, move || {
            let mut sum = Sha256::default();
            to_hash.iter().for_each(|block| sum.update(&block));
            sum.finish()
        });
        // Where there is no thread for it, it is made here.
        let mut own_sum = Sha256::default();
        loop {
            task.check()?;
            let mut block = larder_memory::with_capacity(BLOCK_BYTES).map_err(chunk::Error::from)?;
            (&mut source).take(BLOCK_BYTES as u64).read_to_end(&mut block).map_err(Error::Read)?;
            if block.is_empty() {
                break;
            }
            let block = Arc::new(block);
            // Hashing cannot fail; a thread that is gone shows itself below.
            match hashing {
                Ok(_) => _ = blocks.send(Arc::clone(&block)),
                Err(_) => own_sum.update(&block),
            }
            each(&block)?;
        }
        drop(blocks);
        match hashing {
            Ok(hashing) => hashing.join().map_err(|_| Error::Store(chunk::Error::Worker)),
            Err(_) => Ok(own_sum.finish()),
        }
    })
}

/// Unwraps blocks only to learn what is in them.
fn inflate(blocks: Receiver<Arc<Vec<u8>>>, budget: &Budget) -> io::Result<Plain> {
    let mut plain = Bounded::new(Blocks { blocks, current: Arc::default(), at: 0 }, budget, Nesting::Inner)?;
    let (mut sum, mut scanner, mut bytes) = (Sha256::default(), Scanner::new(), 0);
    let mut buffer = larder_memory::zeroed(BLOCK_BYTES / 4)?;
    loop {
        let len = plain.read(&mut buffer)?;
        let Some(mut read) = buffer.get(..len).filter(|read| !read.is_empty()) else { break };
        bytes += len as u64;
        sum.update(read);
        while !read.is_empty() {
            read = read.get(scanner.next(read).len()..).unwrap_or_default();
        }
    }
    Ok(Plain { diff_id: DiffId(sum.finish()), bytes, content_bytes: scanner.content_bytes() })
}

/// Blocks from another thread, as a reader.
struct Blocks {
    blocks: Receiver<Arc<Vec<u8>>>,
    current: Arc<Vec<u8>>,
    at: usize,
}

impl io::BufRead for Blocks {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at >= self.current.len() {
            // The sender gone is the end.
            self.current = self.blocks.recv().unwrap_or_default();
            self.at = 0;
        }
        Ok(self.current.get(self.at..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount;
    }
}

impl Read for Blocks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = io::Read::read(&mut io::BufRead::fill_buf(self)?, buffer)?;
        io::BufRead::consume(self, len);
        Ok(len)
    }
}

/// A reader that hashes and counts what passes.
struct Hashed<R> {
    inner: R,
    sum: Sha256,
    bytes: u64,
}

impl<R: Read> Hashed<R> {
    fn new(inner: R) -> Self {
        Self { inner, sum: Sha256::default(), bytes: 0 }
    }

    fn finish(self) -> (Digest, u64) {
        (self.sum.finish(), self.bytes)
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(buffer)?;
        self.sum.update(buffer.get(..len).unwrap_or_default());
        self.bytes += len as u64;
        Ok(len)
    }
}

impl std::fmt::Debug for Ingest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ingest").field("budget", &self.budget).finish_non_exhaustive()
    }
}
