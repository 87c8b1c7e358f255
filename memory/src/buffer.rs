//! Buffers that can fail.

use std::collections::{HashMap, HashSet, TryReserveError, VecDeque};
use std::hash::{BuildHasher, Hash};
use std::io::{self, Read};

use super::OutOfMemory;
use super::allocator::fallible;

/// How much memory [`read_up_to`] takes for what it has not read yet, at first.
const FIRST_BYTES: usize = 64 << 10;

/// A collection that can be asked for room.
pub trait Growable {
    /// The bytes that an element takes, at least.
    const ELEMENT_BYTES: usize;

    /// Makes room for `more` elements.
    ///
    /// # Errors
    /// If there is not enough memory.
    fn try_grow(&mut self, more: usize) -> Result<(), TryReserveError>;
}

impl<T> Growable for Vec<T> {
    const ELEMENT_BYTES: usize = size_of::<T>();

    fn try_grow(&mut self, more: usize) -> Result<(), TryReserveError> {
        self.try_reserve(more)
    }
}

impl<T> Growable for VecDeque<T> {
    const ELEMENT_BYTES: usize = size_of::<T>();

    fn try_grow(&mut self, more: usize) -> Result<(), TryReserveError> {
        self.try_reserve(more)
    }
}

impl<T: Eq + Hash, S: BuildHasher> Growable for HashSet<T, S> {
    const ELEMENT_BYTES: usize = size_of::<T>();

    fn try_grow(&mut self, more: usize) -> Result<(), TryReserveError> {
        self.try_reserve(more)
    }
}

impl<K: Eq + Hash, V, S: BuildHasher> Growable for HashMap<K, V, S> {
    const ELEMENT_BYTES: usize = size_of::<(K, V)>();

    fn try_grow(&mut self, more: usize) -> Result<(), TryReserveError> {
        self.try_reserve(more)
    }
}

/// Makes room for `more` elements, and for some beyond them where the collection grows.
///
/// # Errors
/// If there is not enough memory; the collection is as it was.
pub fn reserve<C: Growable>(collection: &mut C, more: usize) -> Result<(), OutOfMemory> {
    let wanted = more.saturating_mul(C::ELEMENT_BYTES);
    fallible(|| collection.try_grow(more)).map_err(|_| OutOfMemory { wanted })
}

/// An empty vector with room for exactly `len` elements.
///
/// # Errors
/// If there is not enough memory.
pub fn with_capacity<T>(len: usize) -> Result<Vec<T>, OutOfMemory> {
    let mut vec = Vec::new();
    let wanted = len.saturating_mul(size_of::<T>());
    fallible(|| vec.try_reserve_exact(len)).map_err(|_| OutOfMemory { wanted })?;
    Ok(vec)
}

/// A vector of `len` default values: a buffer of zeros.
///
/// # Errors
/// If there is not enough memory.
pub fn zeroed<T: Clone + Default>(len: usize) -> Result<Vec<T>, OutOfMemory> {
    let mut vec = with_capacity(len)?;
    vec.resize(len, T::default());
    Ok(vec)
}

/// A copy of `values`.
///
/// # Errors
/// If there is not enough memory.
pub fn copy<T: Copy>(values: &[T]) -> Result<Vec<T>, OutOfMemory> {
    let mut vec = with_capacity(values.len())?;
    vec.extend_from_slice(values);
    Ok(vec)
}

/// Makes sure that `len` bytes can be had, for an allocation that follows at once and cannot
/// report a failure itself.
///
/// # Errors
/// If there is not enough memory.
pub fn check(len: usize) -> Result<(), OutOfMemory> {
    with_capacity::<u8>(len).map(drop)
}

/// Reads `source` to its end, or up to `max` bytes of it. The memory grows with what was read,
/// so that a source that promises much and has little takes little.
///
/// # Errors
/// If `source` fails, or there is not enough memory.
pub fn read_up_to(source: &mut (impl Read + ?Sized), max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = with_capacity(max.min(FIRST_BYTES))?;
    let mut source = source.take(max as u64);
    loop {
        let room = bytes.capacity() - bytes.len();
        // Up to the capacity, reading allocates nothing.
        let read = source.by_ref().take(room as u64).read_to_end(&mut bytes)?;
        if read < room || bytes.len() >= max {
            return Ok(bytes);
        }
        let more = bytes.len().min(max - bytes.len());
        fallible(|| bytes.try_reserve_exact(more)).map_err(|_| OutOfMemory { wanted: bytes.len() + more })?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_had_is_an_error_with_its_size() {
        let wanted = isize::MAX as usize;
        let error = zeroed::<u8>(wanted).unwrap_err();
        assert_eq!(error, OutOfMemory { wanted });
        assert_eq!(error.to_string(), format!("out of memory: {wanted} bytes wanted"));
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::OutOfMemory);
        assert!(check(wanted).is_err() && check(1 << 20).is_ok());
        let mut held = vec![7_u64];
        assert_eq!(reserve(&mut held, 1 << 60), Err(OutOfMemory { wanted: 1 << 63 }));
        assert_eq!(held, [7]);
    }

    #[test]
    fn a_source_is_read_to_its_end_or_to_the_limit() {
        for len in [0, 1, FIRST_BYTES - 1, FIRST_BYTES, FIRST_BYTES + 1, 5 * FIRST_BYTES] {
            let bytes: Vec<u8> = (0..len).map(|at| at as u8).collect();
            for max in [0, 1, len.saturating_sub(1), len, len + 1, usize::MAX] {
                let read = read_up_to(&mut &bytes[..], max).unwrap();
                assert!(read == bytes[..len.min(max)], "{len} bytes, {max} at most");
                assert!(read.capacity() <= (2 * len).max(FIRST_BYTES), "{} for {len}", read.capacity());
            }
        }
    }
}
