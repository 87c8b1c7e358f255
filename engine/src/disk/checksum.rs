//! What guards the structures on the disk against damage.

/// The first 16 bytes of a BLAKE3-256: one hash function for the whole store,
/// faster than the disk, and long enough to serve as an identity as well.
pub type Checksum = [u8; 16];

/// The checksum of `parts`, one after the other.
pub fn checksum(parts: &[&[u8]]) -> Checksum {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    let mut sum = [0; 16];
    hasher.finalize_xof().fill(&mut sum);
    sum
}
