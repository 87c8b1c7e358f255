//! Sets of extended attributes, each kept once.

use std::collections::HashMap;
use std::sync::Arc;

use super::limits::MAX_XATTR_BYTES;
use crate::container::Error;

type Set = Vec<(Vec<u8>, Vec<u8>)>;

/// Sets of extended attributes, each kept once.
#[derive(Debug, Clone, Default)]
pub struct Sets {
    sets: Arc<Vec<Arc<Set>>>,
    numbers: Arc<HashMap<Arc<Set>, u32>>,
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
        // Each attribute takes two allocations.
        self.bytes += set.iter().map(|(name, value)| name.len() + value.len() + 96).sum::<usize>() + 96;
        if self.bytes > MAX_XATTR_BYTES {
            return Err(Error::XattrBytes { entry: entry.into(), limit: MAX_XATTR_BYTES });
        }
        let (number, set) = (self.sets.len() as u32, Arc::new(set));
        Arc::make_mut(&mut self.sets).push(Arc::clone(&set));
        Arc::make_mut(&mut self.numbers).insert(set, number);
        Ok(number)
    }

    /// The bytes of memory that they take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// A set by its number.
    pub fn get(&self, number: u32) -> &[(Vec<u8>, Vec<u8>)] {
        self.sets.get(number as usize).map(|set| set.as_slice()).unwrap_or_default()
    }
}
