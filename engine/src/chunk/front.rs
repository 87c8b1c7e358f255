//! What the files of this room begin with: magic 8, version 4, zero 4.

pub const FRONT_BYTES: usize = 16;

/// The first bytes of a file of this sort and version.
pub fn front(magic: [u8; 8], version: u32) -> [u8; FRONT_BYTES] {
    let mut bytes = [0; FRONT_BYTES];
    for (place, byte) in bytes.iter_mut().zip(magic.iter().chain(&version.to_le_bytes())) {
        *place = *byte;
    }
    bytes
}
