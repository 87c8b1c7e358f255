//! Compression, told by its first bytes and taken off.

use std::fmt;
use std::io::{self, BufRead, Chain, Cursor, Read};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};

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

/// The longest magic, xz's.
const HEAD_BYTES: u64 = 6;

/// The most memory that decoding xz may take: twice what `xz -9` needs.
const XZ_MEMORY_BYTES: u64 = 128 << 20;

/// The largest zstd window, 128 MiB: what `zstd --long` makes, and what the
/// `zstd` program itself opens without being told to.
const ZSTD_WINDOW_LOG: u32 = 27;

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
    pub fn new(mut inner: R) -> io::Result<Self> {
        let mut head = Vec::new();
        (&mut inner).take(HEAD_BYTES).read_to_end(&mut head)?;
        let compression = sniff(&head);
        let source = Cursor::new(head).chain(Below(inner));
        let inner = match compression {
            Compression::None => Inner::Plain(source),
            Compression::Gzip => Inner::Gzip(Box::new(GzDecoder::new(source))),
            Compression::Bzip2 => Inner::Bzip2(Box::new(MultiBzDecoder::new(source))),
            Compression::Xz => {
                let stream = Stream::new_stream_decoder(XZ_MEMORY_BYTES, CONCATENATED)?;
                Inner::Xz(Box::new(XzDecoder::new_stream(source, stream)))
            }
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(source)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Inner::Zstd(Box::new(decoder))
            }
        };
        Ok(Self { compression, inner })
    }

    /// How the stream is compressed.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    fn read_some(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let decoder = match &mut self.inner {
                Inner::Plain(source) => return source.read(buf),
                Inner::Bzip2(decoder) => return decoder.read(buf),
                Inner::Xz(decoder) => return decoder.read(buf),
                Inner::Zstd(decoder) => return decoder.read(buf),
                Inner::Ended => return Ok(0),
                Inner::Gzip(decoder) => decoder,
            };
            let len = decoder.read(buf)?;
            if len > 0 {
                return Ok(len);
            }
            let more = another_member(decoder.get_mut())?;
            if let Inner::Gzip(ended) = std::mem::replace(&mut self.inner, Inner::Ended)
                && more
            {
                self.inner = Inner::Gzip(Box::new(GzDecoder::new(ended.into_inner())));
            }
        }
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
pub(super) mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    pub(in crate::archive) const ALL: [Compression; 4] =
        [Compression::Gzip, Compression::Bzip2, Compression::Xz, Compression::Zstd];

    pub(in crate::archive) fn compress(compression: Compression, bytes: &[u8]) -> Vec<u8> {
        match compression {
            Compression::None => bytes.to_vec(),
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Bzip2 => {
                let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Xz => {
                let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Compression::Zstd => zstd::encode_all(bytes, 1).unwrap(),
        }
    }

    fn expand(bytes: &[u8]) -> io::Result<Vec<u8>> {
        // A reader that gives one byte at a time hides nothing behind its buffer.
        let mut decoder = Decoder::new(io::BufReader::with_capacity(1, bytes))?;
        let mut out = Vec::new();
        decoder.read_to_end(&mut out).map(|_| out)
    }

    #[test]
    fn several_streams_read_as_one() {
        for compression in ALL {
            let stream = [&b"one, "[..], b"", b"two"].map(|part| compress(compression, part)).concat();
            assert_eq!(sniff(&stream), compression);
            assert_eq!(expand(&stream).unwrap(), b"one, two", "{compression}");
        }
    }

    #[test]
    fn a_stream_of_an_unknown_kind_is_left_alone() {
        for bytes in [&b""[..], b"x", b"\x1f\x8b", b"plain text", b"BZh", b"BZh0"] {
            assert_eq!(expand(bytes).unwrap(), bytes);
        }
    }

    #[test]
    fn a_skippable_frame_goes_before_zstd() {
        let stream = [&b"\x50\x2a\x4d\x18\x03\0\0\0abc"[..], &compress(Compression::Zstd, b"x")].concat();
        assert_eq!(expand(&stream).unwrap(), b"x");
    }

    #[test]
    fn zeros_may_follow_gzip() {
        let stream = [&compress(Compression::Gzip, b"x")[..], &[0; 100_000]].concat();
        assert_eq!(expand(&stream).unwrap(), b"x");
    }

    #[test]
    fn garbage_after_the_end_is_an_error() {
        for compression in ALL {
            for garbage in [&b"garbage!"[..], b"\0\0\x1f\x8b", b"\x1f\x8b"] {
                let stream = [&compress(compression, b"x")[..], garbage].concat();
                assert!(expand(&stream).is_err(), "{compression} {garbage:?}");
            }
        }
    }

    #[test]
    fn a_cut_anywhere_is_an_error() {
        let text: Vec<u8> = (0..3000_u32).flat_map(|n| (n * n).to_le_bytes()).collect();
        for compression in ALL {
            let stream = compress(compression, &text);
            for len in (6..stream.len()).step_by(7).chain([stream.len() - 1]) {
                let error = expand(&stream[..len]).expect_err("cut short");
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{compression} {len} {error:?}");
                assert_eq!(error.to_string(), format!("corrupt {compression} data"));
            }
        }
    }

    #[test]
    fn an_error_below_is_no_corruption() {
        struct Failing(io::ErrorKind);
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::new(self.0, crate::task::Cancelled))
            }
        }
        let all = ALL.into_iter().chain([Compression::None]);
        for (compression, kind) in
            all.flat_map(|one| [(one, io::ErrorKind::Other), (one, io::ErrorKind::UnexpectedEof)])
        {
            let head = compress(compression, b"some text");
            let reader = io::BufReader::new(head[..8].chain(Failing(kind)));
            let error = io::copy(&mut Decoder::new(reader).unwrap(), &mut io::sink()).unwrap_err();
            assert_eq!(error.kind(), kind, "{compression}");
            assert!(error.get_ref().unwrap().is::<crate::task::Cancelled>(), "{compression}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..5000), which in 0_usize..4) {
            prop_assert_eq!(expand(&compress(ALL[which], &bytes)).unwrap(), bytes);
        }

        /// Damage gives the same bytes or an error, and always an end.
        #[test]
        fn damage_is_an_answer(at in any::<prop::sample::Index>(), flip in 1_u8.., which in 0_usize..4) {
            let mut stream = compress(ALL[which], &b"some text that repeats, ".repeat(50));
            let at = at.index(stream.len());
            stream[at] ^= flip;
            let _ = expand(&stream);
        }
    }
}
