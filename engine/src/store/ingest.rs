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
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::archive::{Bounded, Budget, Compression, sniff};
use crate::chunk::{self, BlobWriter, Body, Writer};
use crate::image::{DiffId, Digest, Sha256};
use crate::tar::{Scanner, Span};
use crate::task::Task;

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The digest of the bytes as they came.
    pub digest: Digest,
    /// How many came.
    pub bytes: u64,
    /// The digest of the plain tar.
    pub diff_id: DiffId,
    /// How long the plain tar is.
    pub diff_bytes: u64,
    /// The bytes of the files in it.
    pub content_bytes: u64,
    /// How the bytes that came were compressed.
    pub compression: Compression,
    /// What is stored: what came, or the plain tar.
    pub body: Body,
    /// Which of the two.
    pub treatment: Treatment,
}

impl Taken {
    /// The digest of what is stored.
    pub fn stored_digest(&self) -> Digest {
        match self.treatment {
            Treatment::Keep => self.digest,
            Treatment::Unwrap => self.diff_id.0,
        }
    }
}

/// Why something could not be taken in: reading it failed, or storing it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The source failed, or what it gave does not decompress.
    #[error(transparent)]
    Read(io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(chunk::Error),
    /// The work was told to stop.
    #[error(transparent)]
    Cancelled(#[from] crate::task::Cancelled),
}

impl Ingest<'_> {
    /// Takes in what `source` gives until its end.
    ///
    /// # Errors
    /// If reading or storing fails; what was stored until then is garbage.
    pub fn take(&mut self, source: &mut (dyn Read + Send), treatment: Treatment) -> Result<Taken, Error> {
        let mut first = Vec::new();
        source.take(BLOCK_BYTES as u64).read_to_end(&mut first).map_err(Error::Read)?;
        let compression = sniff(&first);
        if first.len() < BLOCK_BYTES && compression == Compression::None {
            return self.take_small(&first);
        }
        let source = io::Cursor::new(first).chain(source);
        match (compression, treatment) {
            (Compression::None, _) => self.take_plain(source),
            (_, Treatment::Unwrap) => self.take_unwrapped(source),
            (_, Treatment::Keep) => self.take_kept(source, compression),
        }
    }

    /// What fits into a block is not worth a thread.
    fn take_small(&mut self, bytes: &[u8]) -> Result<Taken, Error> {
        let mut layer = Layer::new(self.writer.blob());
        layer.push(bytes)?;
        let (body, content_bytes) = layer.finish()?;
        let (digest, bytes) = (Digest::of(bytes), bytes.len() as u64);
        Ok(Taken {
            digest,
            bytes,
            diff_id: DiffId(digest),
            diff_bytes: bytes,
            content_bytes,
            compression: Compression::None,
            body,
            treatment: Treatment::Keep,
        })
    }

    fn take_plain(&mut self, source: impl Read) -> Result<Taken, Error> {
        let mut layer = Layer::new(self.writer.blob());
        let digest = hashed_beside(source, self.task, |block| layer.push(block))?;
        let (body, content_bytes) = layer.finish()?;
        Ok(Taken {
            digest,
            bytes: body.len,
            diff_id: DiffId(digest),
            diff_bytes: body.len,
            content_bytes,
            compression: Compression::None,
            body,
            treatment: Treatment::Keep,
        })
    }

    fn take_unwrapped(&mut self, source: impl Read) -> Result<Taken, Error> {
        let mut hashed = Hashed::new(source);
        let buffered = BufReader::with_capacity(BLOCK_BYTES, &mut hashed);
        let mut plain = Bounded::new(buffered, &self.budget).map_err(Error::Read)?;
        let compression = plain.compression();
        let mut layer = Layer::new(self.writer.blob());
        let diff = hashed_beside(&mut plain, self.task, |block| layer.push(block))?;
        let (body, content_bytes) = layer.finish()?;
        drop(plain);
        let (digest, bytes) = hashed.finish();
        Ok(Taken {
            digest,
            bytes,
            diff_id: DiffId(diff),
            diff_bytes: body.len,
            content_bytes,
            compression,
            body,
            treatment: Treatment::Unwrap,
        })
    }

    fn take_kept(&mut self, source: impl Read, compression: Compression) -> Result<Taken, Error> {
        let (blocks, to_inflate) = bounded(BLOCKS_BEHIND);
        let budget = self.budget.clone();
        let mut blob = self.writer.blob();
        let task = self.task;
        let (digest, plain) = thread::scope(|scope| {
            let inflating = scope.spawn(move || inflate(to_inflate, &budget));
            let mut inflate_more = true;
            let digest = shared_blocks(source, task, |block| {
                blob.opaque(block).map_err(Error::Store)?;
                // A receiver that is gone has an error to tell, below.
                inflate_more = inflate_more && blocks.send(Arc::clone(block)).is_ok();
                Ok(())
            });
            drop(blocks);
            let plain = inflating.join().unwrap_or(Err(Error::Store(chunk::Error::Worker)));
            Ok::<_, Error>((digest?, plain?))
        })?;
        let body = blob.finish().map_err(Error::Store)?;
        Ok(Taken {
            digest,
            bytes: body.len,
            diff_id: plain.diff_id,
            diff_bytes: plain.bytes,
            content_bytes: plain.content_bytes,
            compression,
            body,
            treatment: Treatment::Keep,
        })
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
    source: impl Read,
    task: &Task,
    mut each: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<Digest, Error> {
    shared_blocks(source, task, |block| each(block))
}

fn shared_blocks(
    mut source: impl Read,
    task: &Task,
    mut each: impl FnMut(&Arc<Vec<u8>>) -> Result<(), Error>,
) -> Result<Digest, Error> {
    thread::scope(|scope| {
        let (blocks, to_hash): (Sender<Arc<Vec<u8>>>, _) = bounded(BLOCKS_BEHIND);
        let hashing = scope.spawn(move || {
            let mut sum = Sha256::default();
            to_hash.iter().for_each(|block| sum.update(&block));
            sum.finish()
        });
        loop {
            task.check()?;
            let mut block = Vec::with_capacity(BLOCK_BYTES);
            (&mut source).take(BLOCK_BYTES as u64).read_to_end(&mut block).map_err(Error::Read)?;
            if block.is_empty() {
                break;
            }
            let block = Arc::new(block);
            // Hashing cannot fail; a thread that is gone shows itself below.
            let _ = blocks.send(Arc::clone(&block));
            each(&block)?;
        }
        drop(blocks);
        hashing.join().map_err(|_| Error::Store(chunk::Error::Worker))
    })
}

struct Plain {
    diff_id: DiffId,
    bytes: u64,
    content_bytes: u64,
}

/// Unwraps blocks only to learn what is in them.
fn inflate(blocks: Receiver<Arc<Vec<u8>>>, budget: &Budget) -> Result<Plain, Error> {
    let mut plain =
        Bounded::new(Blocks { blocks, current: Arc::default(), at: 0 }, budget).map_err(Error::Read)?;
    let (mut sum, mut scanner, mut bytes) = (Sha256::default(), Scanner::new(), 0);
    let mut buffer = vec![0; BLOCK_BYTES / 4];
    loop {
        let len = plain.read(&mut buffer).map_err(Error::Read)?;
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
