//! Which chunks are alike: versions of one file, mostly.
//!
//! What zstd finds in a frame it writes once, so a chunk costs little where it
//! lies beside one that is nearly the same. Whether two are is told from their
//! **features**: of a sample of all windows of a chunk's bytes, chosen by the
//! bytes themselves, the greatest under some hash. Chunks that share most of
//! their windows share a feature with that likelihood; several features taken
//! together make one that only near copies share. (Zou et al., "Odess", ICDE
//! 2021, after Broder's min-hashing.)
//!
//! Nothing of this is on the disk: another way to tell costs space, never bytes.

use std::collections::HashMap;

use super::Lane;

/// How many features a chunk has; one in common makes two chunks alike.
const FEATURES: usize = 3;

/// How many hashes make one feature. More, and only nearer copies are alike.
/// Measured: with one or two chunks are pulled together that have little in
/// common, and a `save` reads twice as many frames for 2 % of the bytes.
const HASHES_PER_FEATURE: usize = 4;

/// One window in so many is in the sample, as a power of two.
const SAMPLE_BITS: u32 = 7;

/// Windows are this long: the rolling hash has forgotten a byte after 64.
const WARM_UP: usize = 16;

/// How many chunks may follow one. Each of them is read along with it by a
/// `save` that needs only the one. Measured on four versions of an image: with two
/// a store takes 3 % less space, and a `save` takes up to 30 % longer instead of 7 %.
const MAX_FOLLOWERS: u8 = 1;

/// What a chunk looks like; nothing, if it is too short for a sample.
type Features = Option<[u64; FEATURES]>;

/// The chunks seen so far, by what they look like.
#[derive(Debug, Default)]
pub struct Similar {
    /// Who had a feature first, by lane.
    firsts: HashMap<(Lane, u64), u32>,
    followers: HashMap<u32, u8>,
}

impl Similar {
    /// The earlier chunk that the chunk `number`, of these bytes, should follow;
    /// `None` if it is like none, and others may follow it.
    pub fn leader_of(&mut self, number: u32, lane: Lane, bytes: &[u8]) -> Option<u32> {
        let features = features(bytes)?;
        let leaders = features.map(|feature| self.firsts.get(&(lane, feature)).copied());
        let is_free = |leader: &u32| self.followers.get(leader).is_none_or(|count| *count < MAX_FOLLOWERS);
        let votes = |leader: u32| leaders.iter().filter(|other| **other == Some(leader)).count();
        // The first of those that have most in common.
        let leader = leaders.iter().flatten().copied().filter(is_free);
        let leader = leader.min_by_key(|leader| (std::cmp::Reverse(votes(*leader)), *leader));
        match leader {
            Some(leader) => *self.followers.entry(leader).or_default() += 1,
            None => self.firsts.extend(features.map(|feature| ((lane, feature), number))),
        }
        leader
    }
}

fn features(bytes: &[u8]) -> Features {
    let mut greatest = [0_u64; FEATURES * HASHES_PER_FEATURE];
    let mut rolling = 0_u64;
    let mut is_empty = true;
    for (at, byte) in bytes.iter().enumerate() {
        rolling = (rolling << 1).wrapping_add(GEAR.get(usize::from(*byte)).copied().unwrap_or_default());
        if rolling >> (u64::BITS - SAMPLE_BITS) != 0 || at < WARM_UP {
            continue;
        }
        is_empty = false;
        let mut hash = rolling;
        for greatest in &mut greatest {
            hash = scrambled(hash);
            *greatest = hash.max(*greatest);
        }
    }
    let (groups, _) = greatest.as_chunks::<HASHES_PER_FEATURE>();
    let mut features = [0; FEATURES];
    for (feature, group) in features.iter_mut().zip(groups) {
        *feature = group.iter().fold(0, |sum, hash| scrambled(sum ^ hash));
    }
    (!is_empty).then_some(features)
}

/// A number that looks random, for each byte.
#[cfg_attr(
    not(any(test, fuzzing)),
    expect(clippy::indexing_slicing, reason = "made by the compiler, which would refuse it")
)]
const GEAR: [u64; 256] = {
    let mut gear = [0; 256];
    let mut at = 0;
    while at < gear.len() {
        gear[at] = scrambled(at as u64);
        at += 1;
    }
    gear
};

/// One step of SplitMix64.
const fn scrambled(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes
    }

    #[test]
    fn a_version_follows_what_it_is_a_version_of() {
        let mut similar = Similar::default();
        for number in 0..10 {
            assert_eq!(similar.leader_of(number, Lane::Data, &noise(number.into(), 50_000)), None);
        }
        for number in 0..10 {
            let mut version = noise(number.into(), 50_000);
            version.splice(20_000..20_010, [7; 300]);
            assert_eq!(similar.leader_of(10 + number, Lane::Data, &version), Some(number));
            assert_eq!(similar.leader_of(100, Lane::Meta, &version[..1]), None);
        }
    }

    #[test]
    fn nobody_has_more_followers_than_a_save_bears() {
        let mut similar = Similar::default();
        let led = (0..100).filter_map(|number| similar.leader_of(number, Lane::Data, &noise(1, 9000)));
        let mut counts = HashMap::<u32, u8>::new();
        led.for_each(|leader| *counts.entry(leader).or_default() += 1);
        assert!(counts.values().all(|count| *count == MAX_FOLLOWERS), "{counts:?}");
        assert_eq!(counts.values().map(|count| u32::from(*count)).sum::<u32>(), 50);
    }

    #[test]
    fn what_is_too_short_to_tell_is_like_nothing() {
        let mut similar = Similar::default();
        for number in 0..3 {
            assert_eq!(similar.leader_of(number, Lane::Data, b""), None);
            assert_eq!(similar.leader_of(number, Lane::Data, b"short"), None);
        }
    }
}
