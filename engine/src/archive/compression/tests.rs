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
    let mut decoder = Decoder::new(io::BufReader::with_capacity(1, bytes), Nesting::Outer)?;
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
        let error =
            io::copy(&mut Decoder::new(reader, Nesting::Outer).unwrap(), &mut io::sink()).unwrap_err();
        assert_eq!(error.kind(), kind, "{compression}");
        assert!(error.get_ref().unwrap().is::<crate::task::Cancelled>(), "{compression}");
    }
}

/// The start of a zstd frame with a window of that logarithm, and its end.
fn zstd_of_window(log: u32) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(log).unwrap();
    encoder.write_all(b"x").unwrap();
    // Without a flush the frame would be known to be small.
    encoder.flush().unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_window_larger_than_its_place_allows_is_refused_by_its_size() {
    let read = |log, nesting| {
        let stream = zstd_of_window(log);
        io::copy(&mut Decoder::new(&stream[..], nesting)?, &mut io::sink())
    };
    assert_eq!(read(27, Nesting::Outer).unwrap(), 1);
    assert_eq!(read(25, Nesting::Inner).unwrap(), 1);
    for (log, nesting, limit) in [(28, Nesting::Outer, 128 << 20), (26, Nesting::Inner, 32 << 20)] {
        let error = read(log, nesting).unwrap_err();
        let wanted = LimitError::DecoderMemory { compression: Compression::Zstd, limit };
        assert_eq!(error.get_ref().unwrap().downcast_ref(), Some(&wanted), "{nesting:?} {error}");
    }
}

#[test]
fn an_xz_dictionary_larger_than_its_place_allows_is_refused_by_its_size() {
    let stream = |preset| {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), preset);
        encoder.write_all(b"x").unwrap();
        encoder.finish().unwrap()
    };
    let read = |preset, nesting| io::copy(&mut Decoder::new(&stream(preset)[..], nesting)?, &mut io::sink());
    assert_eq!(read(9, Nesting::Outer).unwrap(), 1);
    assert_eq!(read(8, Nesting::Inner).unwrap(), 1);
    let error = read(9, Nesting::Inner).unwrap_err();
    let wanted = LimitError::DecoderMemory { compression: Compression::Xz, limit: 40 << 20 };
    assert_eq!(error.get_ref().unwrap().downcast_ref(), Some(&wanted), "{error}");
}

#[test]
fn a_decoder_at_its_end_gives_its_memory_back() {
    for compression in ALL {
        let stream = compress(compression, b"x");
        let mut decoder = Decoder::new(&stream[..], Nesting::Outer).unwrap();
        io::copy(&mut decoder, &mut io::sink()).unwrap();
        assert!(matches!(decoder.inner, Inner::Ended), "{compression}");
    }
}

#[test]
fn both_decoders_leave_room_for_the_rest() {
    let most = |nesting: Nesting| nesting.xz_memory_bytes().max(1 << nesting.zstd_window_log());
    assert!(most(Nesting::Outer) + most(Nesting::Inner) <= 168 << 20);
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
