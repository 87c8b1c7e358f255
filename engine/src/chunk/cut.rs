//! Where a long payload is cut: content-defined, so that an insertion moves
//! no cut but its neighbours.
//!
//! The cut points are part of what makes two stores' chunks alike. A change in
//! the algorithm loses no data, only the sharing with what was stored before;
//! the golden test below keeps it from happening unnoticed.

use fastcdc::v2020::FastCDC;

/// Payloads up to this length are one chunk: most files of an image, which
/// then share as wholes and need one name each.
pub const MAX_CHUNK_BYTES: usize = 256 * 1024;

/// Cuts keep this distance, so that names (some 80 bytes a chunk over all) stay
/// a small part of what they name.
const MIN_BYTES: usize = 16 * 1024;

/// The distance that cuts have on average.
const AVERAGE_BYTES: usize = 64 * 1024;

/// How much of `payload` the next chunk takes. Unless `payload` ends the
/// file, it must be at least [`MAX_CHUNK_BYTES`] long.
pub fn next_cut(payload: &[u8]) -> usize {
    if payload.len() <= MIN_BYTES {
        return payload.len();
    }
    let (_, end) = FastCDC::new(payload, MIN_BYTES, AVERAGE_BYTES, MAX_CHUNK_BYTES).cut(0, payload.len());
    end.clamp(1, payload.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that look random and are the same everywhere.
    fn noise(len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        blake3::Hasher::new().update(b"larder").finalize_xof().fill(&mut bytes);
        bytes
    }

    fn cuts(mut payload: &[u8]) -> Vec<usize> {
        let mut lens = Vec::new();
        while !payload.is_empty() {
            let cut = next_cut(payload);
            lens.push(cut);
            payload = &payload[cut..];
        }
        lens
    }

    #[test]
    fn the_cut_points_never_change() {
        assert_eq!(cuts(&noise(1_000_000)), GOLDEN);
    }
    const GOLDEN: [usize; 16] = [
        26677, 59943, 38227, 22656, 81144, 74673, 22690, 28044, 145276, 20269, 116190, 163326, 74613, 65181,
        34301, 26790,
    ];

    #[test]
    fn an_insertion_moves_only_the_cuts_around_it() {
        let before = noise(4_000_000);
        let mut after = before.clone();
        after.splice(1_000_000..1_000_000, *b"inserted");
        let chunks = |bytes: &[u8]| -> std::collections::HashSet<Vec<u8>> {
            let start = |at: &mut usize, len: usize| Some(std::mem::replace(at, *at + len));
            let lens = cuts(bytes);
            let starts = lens.iter().scan(0, |at, len| start(at, *len));
            starts.zip(&lens).map(|(at, len)| bytes[at..at + len].to_vec()).collect()
        };
        let (before, after) = (chunks(&before), chunks(&after));
        let lost = before.difference(&after).count();
        assert!(lost <= 2, "{lost} of {} chunks", before.len());
    }

    #[test]
    fn every_cut_keeps_the_bounds() {
        for len in [0, 1, MIN_BYTES, MIN_BYTES + 1, MAX_CHUNK_BYTES, 3 * MAX_CHUNK_BYTES] {
            let lens = cuts(&vec![7; len]);
            assert_eq!(lens.iter().sum::<usize>(), len);
            assert!(lens.iter().all(|len| (1..=MAX_CHUNK_BYTES).contains(len)), "{lens:?}");
        }
    }
}
