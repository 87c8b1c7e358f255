//! Text that is kept close together: names, and sets of extended attributes.

use std::collections::HashMap;

use super::limits::MAX_XATTR_BYTES;
use crate::container::Error;

/// What is set aside at once for names.
const BLOCK_BYTES: usize = 1 << 18;

/// A name that [`Names`] keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    block: u32,
    offset: u32,
    len: u16,
}

impl Name {
    /// The root's.
    pub const EMPTY: Self = Self { block: 0, offset: 0, len: 0 };
}

/// Names, one after another in blocks that are never moved.
#[derive(Debug, Clone, Default)]
pub struct Names {
    blocks: Vec<Vec<u8>>,
    bytes: usize,
    forgotten: usize,
}

/// Names that nobody has any more are left where they are up to here.
const MAX_FORGOTTEN_BYTES: usize = 16 << 20;

impl Names {
    /// Keeps a name, which is no longer than a path may be.
    pub fn add(&mut self, name: &[u8]) -> Name {
        let has_room = |block: &Vec<u8>| block.len() + name.len() <= block.capacity();
        if !self.blocks.last().is_some_and(has_room) {
            self.blocks.push(Vec::with_capacity(BLOCK_BYTES.max(name.len())));
        }
        self.bytes += name.len();
        let block = (self.blocks.len() - 1) as u32;
        let offset = self.blocks.last_mut().map_or(0, |block| {
            let offset = block.len() as u32;
            block.extend_from_slice(name);
            offset
        });
        Name { block, offset, len: name.len() as u16 }
    }

    /// Counts a name as one that nobody has any more; `true` once those are so
    /// many that the others should be moved.
    pub fn forget(&mut self, name: Name) -> bool {
        self.forgotten += usize::from(name.len);
        self.forgotten > MAX_FORGOTTEN_BYTES && self.forgotten > self.bytes / 2
    }

    /// The bytes of a name.
    pub fn get(&self, name: Name) -> &[u8] {
        let block = self.blocks.get(name.block as usize).map(Vec::as_slice).unwrap_or_default();
        let start = name.offset as usize;
        block.get(start..start + usize::from(name.len)).unwrap_or_default()
    }
}

type Set = Vec<(Vec<u8>, Vec<u8>)>;

/// Sets of extended attributes, each kept once.
#[derive(Debug, Clone, Default)]
pub struct Sets {
    sets: Vec<Set>,
    numbers: HashMap<Set, u32>,
    bytes: usize,
}

impl Sets {
    /// The number of the set of none.
    pub const EMPTY: u32 = u32::MAX;

    /// The number of a set.
    ///
    /// # Errors
    /// If all sets together would be too long.
    pub fn add(&mut self, set: Set, entry: &[u8]) -> Result<u32, Error> {
        if set.is_empty() {
            return Ok(Self::EMPTY);
        }
        if let Some(number) = self.numbers.get(&set) {
            return Ok(*number);
        }
        // It is kept twice, and each attribute takes two allocations.
        self.bytes += set.iter().map(|(name, value)| 2 * (name.len() + value.len()) + 128).sum::<usize>();
        if self.bytes > MAX_XATTR_BYTES {
            return Err(Error::XattrBytes { entry: entry.into(), limit: MAX_XATTR_BYTES });
        }
        let number = self.sets.len() as u32;
        self.sets.push(set.clone());
        self.numbers.insert(set, number);
        Ok(number)
    }

    /// A set by its number.
    pub fn get(&self, number: u32) -> &[(Vec<u8>, Vec<u8>)] {
        self.sets.get(number as usize).map(Vec::as_slice).unwrap_or_default()
    }
}
