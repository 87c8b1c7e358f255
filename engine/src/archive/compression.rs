//! Compression, told by its first bytes and taken off.

use std::fmt;
use std::io::{self, BufRead, Chain, Cursor, Read};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};
use zstd::zstd_safe;

use super::LimitError;

/// How a stream is compressed, if at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not in a way that is known here.
    None,
    /// RFC 1952.
    Gzip,
    /// bzip2.
    Bzip2,
    /// xz; not the older lzma.
    Xz,
    /// RFC 8878.
    Zstd,
}

/// What libzstd returns for a window beyond the limit: the error's number, negated.
const ZSTD_WINDOW_TOO_LARGE: usize =
    (zstd_safe::zstd_sys::ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge as usize).wrapping_neg();

/// The longest magic, xz's.
const HEAD_BYTES: u64 = 6;

/// Where a compressed stream lies. One of each may be open at once, and a
/// decoder remembers as much as the stream asks for: what both may have
/// together leaves a third of the 256 MiB that all of larder promises to stay in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Nesting {
    /// Around the whole archive, by whoever saved it.
    Outer,
    /// Around one layer, by the tool that made the image.
    Inner,
}

impl Nesting {
    /// The largest zstd window, as its logarithm.
    ///
    /// Outside 128 MiB: what `zstd --long` makes, and what the `zstd` program
    /// itself opens without being told to. Inside 32 MiB: the largest that the
    /// encoder of buildx, podman and containerd makes, at its best level.
    const fn zstd_window_log(self) -> u32 {
        match self {
            Self::Outer => 27,
            Self::Inner => 25,
        }
    }

    /// The most memory that decoding xz may take.
    ///
    /// Outside what `xz -9` needs, 65 MiB, and some; inside what `xz -8` needs,
    /// 33 MiB, and some: no tool makes such layers, but Docker reads them.
    const fn xz_memory_bytes(self) -> u64 {
        match self {
            Self::Outer => 80 << 20,
            Self::Inner => 40 << 20,
        }
    }
}

/// The compression of a stream that starts with `head`.
pub fn sniff(head: &[u8]) -> Compression {
    match head {
        [0x1f, 0x8b, 0x08, ..] => Compression::Gzip,
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Compression::Bzip2,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Compression::Xz,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
        // A skippable frame, with which pzstd and seekable files may start.
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
        _ => Compression::None,
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "uncompressed",
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        })
    }
}

/// Compressed data that is damaged, or goes on after its end.
///
/// Found inside the [`io::Error`] that reading gave; of kind
/// [`io::ErrorKind::UnexpectedEof`] if the data only stops too early.
#[derive(Debug, thiserror::Error)]
#[error("corrupt {compression} data")]
pub struct Corrupt {
    /// What it should have been.
    pub compression: Compression,
    source: io::Error,
}

type Source<R> = Chain<Cursor<Vec<u8>>, Below<R>>;

/// The reader under a decoder. It wraps its errors, so that they can be told
/// from the decoder's own and given on as they were: a limit, a truncated
/// member or an interruption below is no corruption here.
struct Below<R>(R);

#[derive(Debug, thiserror::Error)]
#[error("the reader below failed")]
struct BelowError(io::Error);

impl<R: BufRead> Read for Below<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf).map_err(|error| io::Error::new(error.kind(), BelowError(error)))
    }
}

impl<R: BufRead> BufRead for Below<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.fill_buf().map_err(|error| io::Error::new(error.kind(), BelowError(error)))
    }

    fn consume(&mut self, len: usize) {
        self.0.consume(len);
    }
}

/// Reads what a compressed stream expands to; any other stream as it is.
///
/// A stream may be several, one after another: gzip members, bzip2 and xz
/// streams, zstd frames. Zeros after the last gzip member are passed over, as
/// by `gzip`, since tapes and block devices leave them; anything else behind
/// the end is an error.
pub struct Decoder<R: BufRead> {
    compression: Compression,
    nesting: Nesting,
    inner: Inner<R>,
}

enum Inner<R: BufRead> {
    Plain(Source<R>),
    Gzip(Box<GzDecoder<Source<R>>>),
    Bzip2(Box<MultiBzDecoder<Source<R>>>),
    Xz(Box<XzDecoder<Source<R>>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, Source<R>>>),
    Ended,
}

impl<R: BufRead> Decoder<R> {
    /// Looks at the first bytes of `inner` and chooses.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn new(mut inner: R, nesting: Nesting) -> io::Result<Self> {
        let mut head = Vec::new();
        (&mut inner).take(HEAD_BYTES).read_to_end(&mut head)?;
        let compression = sniff(&head);
        let source = Cursor::new(head).chain(Below(inner));
        let inner = match compression {
            Compression::None => Inner::Plain(source),
            Compression::Gzip => Inner::Gzip(Box::new(GzDecoder::new(source))),
            Compression::Bzip2 => Inner::Bzip2(Box::new(MultiBzDecoder::new(source))),
            Compression::Xz => {
                let stream = Stream::new_stream_decoder(nesting.xz_memory_bytes(), CONCATENATED)?;
                Inner::Xz(Box::new(XzDecoder::new_stream(source, stream)))
            }
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(source)?;
                decoder.window_log_max(nesting.zstd_window_log())?;
                Inner::Zstd(Box::new(decoder))
            }
        };
        Ok(Self { compression, nesting, inner })
    }

    /// How the stream is compressed.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    fn read_some(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let len = match &mut self.inner {
                Inner::Plain(source) => return source.read(buf),
                Inner::Ended => return Ok(0),
                Inner::Gzip(decoder) => decoder.read(buf)?,
                Inner::Bzip2(decoder) => decoder.read(buf)?,
                Inner::Xz(decoder) => decoder.read(buf)?,
                Inner::Zstd(decoder) => decoder.read(buf)?,
            };
            if len > 0 {
                return Ok(len);
            }
            let more = match &mut self.inner {
                Inner::Gzip(decoder) => another_member(decoder.get_mut())?,
                _ => false,
            };
            // At its end a decoder gives its memory back, whoever still holds the reader.
            if let Inner::Gzip(ended) = std::mem::replace(&mut self.inner, Inner::Ended)
                && more
            {
                self.inner = Inner::Gzip(Box::new(GzDecoder::new(ended.into_inner())));
            }
        }
    }

    /// The limit that stopped the decoder, if one did.
    fn limit(&self, error: &io::Error) -> Option<LimitError> {
        let (compression, inner) = (self.compression, error.get_ref()?);
        let limit = match compression {
            Compression::Xz => {
                let is_limit = matches!(inner.downcast_ref(), Some(liblzma::stream::Error::MemLimit));
                is_limit.then_some(self.nesting.xz_memory_bytes())
            }
            // The zstd crate gives on no more of an error than its text.
            Compression::Zstd => {
                let is_limit = inner.to_string() == zstd_safe::get_error_name(ZSTD_WINDOW_TOO_LARGE);
                is_limit.then_some(1 << self.nesting.zstd_window_log())
            }
            _ => None,
        };
        limit.map(|limit| LimitError::DecoderMemory { compression, limit })
    }
}

impl<R: BufRead> Read for Decoder<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let compression = self.compression;
        self.read_some(buf).map_err(|error| match error.downcast::<BelowError>() {
            Ok(below) => below.0,
            Err(source) => {
                if let Some(limit) = self.limit(&source) {
                    return io::Error::other(limit);
                }
                let early = source.kind() == io::ErrorKind::UnexpectedEof;
                let kind = if early { source.kind() } else { io::ErrorKind::InvalidData };
                io::Error::new(kind, Corrupt { compression, source })
            }
        })
    }
}

/// Whether after a gzip member there is another; passes over zeros at the end.
fn another_member(source: &mut impl BufRead) -> io::Result<bool> {
    let mut zeros = false;
    loop {
        let buf = source.fill_buf()?;
        match buf.iter().position(|byte| *byte != 0) {
            _ if buf.is_empty() => return Ok(false),
            Some(0) if !zeros && buf.first() == Some(&0x1f) => return Ok(true),
            Some(_) => return Err(io::Error::new(io::ErrorKind::InvalidData, "trailing garbage")),
            None => {
                let len = buf.len();
                source.consume(len);
                zeros = true;
            }
        }
    }
}

impl<R: BufRead> fmt::Debug for Decoder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("compression", &self.compression).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(super) mod tests;
