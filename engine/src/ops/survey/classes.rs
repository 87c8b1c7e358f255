//! Which blobs need which chunks, for any number of both.
//!
//! Chunks that the same blobs need make a **class**. A layer is some thousand chunks
//! and a store some million, but the classes are few: they are counted, and not the
//! chunks. They are found by refinement: all chunks begin in one class, of those that
//! nothing needs, and each blob splits every class of which it needs a part. So there
//! are never more classes than in the end, and each recipe is read once.

use std::collections::HashMap;

use crate::chunk::Place;

/// The class of chunks that nothing needs.
pub const GARBAGE: u32 = 0;

/// Chunks of a pack that lie one behind the other.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    pack: u32,
    first: u32,
    chunks: u32,
}

/// Chunks, sorted into classes.
#[derive(Debug, Default)]
pub struct Classes {
    /// The class of each chunk of each pack.
    of: Vec<Vec<u32>>,
    /// How many chunks each class has; the first is not counted.
    sizes: Vec<u64>,
    /// The blob that made each class, counted from 1.
    born: Vec<u32>,
    /// Numbers of classes that have no chunk any more.
    free: Vec<u32>,
    /// What each blob needs, one behind the other.
    stretches: Vec<Stretch>,
    /// Where each blob's begin in `stretches`.
    starts: Vec<usize>,
    /// For the blob under way: what becomes of the part that it needs of a class.
    split: HashMap<u32, u32>,
}

impl Classes {
    /// Begins the next blob. Gives its number.
    pub fn begin(&mut self) -> u32 {
        self.end();
        self.starts.push(self.stretches.len());
        self.starts.len() as u32 - 1
    }

    /// Classes that the blob under way needed as a whole are no more.
    fn end(&mut self) {
        for old in self.split.drain().map(|(old, _)| old) {
            if old != GARBAGE && self.sizes.get(old as usize) == Some(&0) {
                self.free.push(old);
            }
        }
    }

    /// The blob under way needs the chunk at `place`.
    pub fn add(&mut self, place: Place) {
        let blob = self.starts.len() as u32;
        let old = self.class_of(place);
        if old != GARBAGE && self.born.get(old as usize) == Some(&blob) {
            return;
        }
        let new = match self.split.get(&old) {
            Some(new) => *new,
            None => self.make(old, blob),
        };
        if let Some(size) = self.sizes.get_mut(old as usize).filter(|_| old != GARBAGE) {
            *size -= 1;
        }
        if let Some(size) = self.sizes.get_mut(new as usize) {
            *size += 1;
        }
        self.put(place, new);
        let begin = self.starts.last().copied().unwrap_or_default();
        match self.stretches.get_mut(begin..).and_then(<[_]>::last_mut) {
            Some(last) if last.pack == place.pack && last.first + last.chunks == place.chunk => {
                last.chunks += 1
            }
            _ => self.stretches.push(Stretch { pack: place.pack, first: place.chunk, chunks: 1 }),
        }
    }

    fn make(&mut self, old: u32, blob: u32) -> u32 {
        if self.sizes.is_empty() {
            (self.sizes, self.born) = (vec![0], vec![0]);
        }
        let new = self.free.pop().unwrap_or_else(|| {
            self.sizes.push(0);
            self.born.push(0);
            self.sizes.len() as u32 - 1
        });
        if let Some(born) = self.born.get_mut(new as usize) {
            *born = blob;
        }
        self.split.insert(old, new);
        new
    }

    /// The class of the chunk at `place`.
    pub fn class_of(&self, place: Place) -> u32 {
        let classes = self.of.get(place.pack as usize);
        classes.and_then(|classes| classes.get(place.chunk as usize)).copied().unwrap_or(GARBAGE)
    }

    /// Puts the chunk at `place` into `class`.
    pub fn put(&mut self, place: Place, class: u32) {
        let (pack, chunk) = (place.pack as usize, place.chunk as usize);
        if self.of.len() <= pack {
            self.of.resize_with(pack + 1, Vec::new);
        }
        if let Some(classes) = self.of.get_mut(pack) {
            if classes.len() <= chunk {
                classes.resize(chunk + 1, GARBAGE);
            }
            if let Some(of) = classes.get_mut(chunk) {
                *of = class;
            }
        }
    }

    /// How many classes there are, the first among them.
    pub fn len(&self) -> usize {
        self.sizes.len().max(1)
    }

    /// The classes that each blob needs, by its number, each once.
    pub fn by_blob(&self) -> Needs {
        let mut needs = Needs::default();
        let mut seen = vec![0_u32; self.len()];
        let ends = self.starts.iter().skip(1).copied().chain([self.stretches.len()]);
        for (blob, (start, end)) in (1..).zip(self.starts.iter().copied().zip(ends)) {
            needs.starts.push(needs.classes.len());
            for stretch in self.stretches.get(start..end).unwrap_or_default() {
                for chunk in stretch.first..stretch.first + stretch.chunks {
                    let class = self.class_of(Place { pack: stretch.pack, chunk });
                    if let Some(last) = seen.get_mut(class as usize)
                        && *last != blob
                    {
                        *last = blob;
                        needs.classes.push(class);
                    }
                }
            }
        }
        needs
    }
}

/// Which classes each blob needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    classes: Vec<u32>,
    starts: Vec<usize>,
}

impl Needs {
    /// The classes that the blob with this number needs.
    pub fn of(&self, blob: u32) -> &[u32] {
        let start = self.starts.get(blob as usize).copied().unwrap_or(self.classes.len());
        let end = self.starts.get(blob as usize + 1).copied().unwrap_or(self.classes.len());
        self.classes.get(start..end).unwrap_or_default()
    }

    /// All blobs, each with the classes that it needs.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[u32])> {
        (0..self.starts.len() as u32).map(|blob| (blob, self.of(blob)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Two chunks are in one class if and only if the same blobs need them.
        #[test]
        fn a_class_is_what_the_same_blobs_need(blobs in vec(vec((0..3_u32, 0..20_u32), 0..40), 0..12)) {
            let mut classes = Classes::default();
            let mut needed: BTreeMap<Place, BTreeSet<u32>> = BTreeMap::new();
            for blob in &blobs {
                let number = classes.begin();
                for &(pack, chunk) in blob {
                    classes.add(Place { pack, chunk });
                    needed.entry(Place { pack, chunk }).or_default().insert(number);
                }
            }
            let needs = classes.by_blob();
            let mut by_class: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
            for (place, blobs) in &needed {
                let class = classes.class_of(*place);
                prop_assert_ne!(class, GARBAGE);
                prop_assert_eq!(by_class.entry(class).or_insert_with(|| blobs.clone()), blobs);
            }
            let sets: BTreeSet<_> = by_class.values().collect();
            prop_assert_eq!(sets.len(), by_class.len(), "two classes of the same blobs");
            for (class, blobs) in &by_class {
                let having: BTreeSet<u32> =
                    needs.iter().filter(|(_, needed)| needed.contains(class)).map(|(blob, _)| blob).collect();
                prop_assert_eq!(&having, blobs);
            }
            prop_assert!(classes.len() <= 2 * by_class.len() + 1);
        }
    }
}
