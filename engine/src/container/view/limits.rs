//! What a view of hostile layers may grow to.

/// The longest path, as on Linux: no tool could unpack a longer one.
pub const MAX_PATH_BYTES: usize = 4096;

/// The longest target of a symbolic link, as on Linux.
pub const MAX_TARGET_BYTES: usize = 4095;

/// How many symbolic links one path may lead over, as on Linux.
pub const MAX_LINKS_FOLLOWED: usize = 40;

/// How many parts of paths the symbolic links of all entries may lead over
/// together. In real images one entry in ten lies behind a link, of two or three
/// parts; a hostile one may have each of a million lead over a hundred thousand.
pub const MAX_PARTS_FOLLOWED: u64 = 1 << 24;

/// How many layers a stack may have; Docker stops at 127.
pub const MAX_LAYERS: usize = u16::MAX as usize - 1;

/// What a path may take of memory, on average, with its name and all else: so a view takes
/// 200 MiB at most, if no more paths are allowed. A real path takes 50, a hostile one any
/// number.
pub const PATH_BYTES: usize = 50;

/// What a view may take of memory however few paths are allowed: blocks are set aside whole.
pub const MIN_BYTES: usize = 16 << 20;

/// What all different sets of extended attributes may take together. Real
/// images have a few dozen sets of some bytes.
pub const MAX_XATTR_BYTES: usize = 32 << 20;

/// How many pieces the sparse files of all layers may have together: 24 MiB.
pub const MAX_EXTENTS: usize = 1 << 20;
