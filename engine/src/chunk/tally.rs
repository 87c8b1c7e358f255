//! Taking chunks in without storing them, to learn what storing them would come to.

use std::collections::HashMap;
use std::ops::Range;

use super::ChunkName;

/// The chunks that a [`Writer`](super::Writer) was given and the store does not have:
/// some eighty bytes of memory for each, and four each time that it comes again.
#[derive(Debug, Default)]
pub struct Tally {
    numbers: HashMap<ChunkName, u32>,
    /// By number.
    lens: Vec<u32>,
    /// The numbers in the order in which chunks came.
    given: Vec<u32>,
}

impl Tally {
    /// Notes a chunk; gives whether it is the first of its name.
    pub(super) fn add(&mut self, name: ChunkName, len: u32) -> bool {
        let next = self.lens.len() as u32;
        let number = *self.numbers.entry(name).or_insert(next);
        if number == next {
            self.lens.push(len);
        }
        self.given.push(number);
        number == next
    }

    /// How many chunks were given so far: what comes between two of these numbers
    /// belongs to whatever was taken in between.
    pub(super) fn given(&self) -> usize {
        self.given.len()
    }

    /// Counts anew, part by part.
    pub fn counting(&self) -> Counting<'_> {
        Counting { tally: self, seen: vec![false; self.lens.len()] }
    }
}

/// Counts the bytes of chunks, each chunk once.
#[derive(Debug)]
pub struct Counting<'r> {
    tally: &'r Tally,
    seen: Vec<bool>,
}

impl Counting<'_> {
    /// The bytes of what was given in `part` and has not been counted yet.
    pub fn new_bytes(&mut self, part: Range<usize>) -> u64 {
        let mut bytes = 0;
        for number in self.tally.given.get(part).unwrap_or_default() {
            let (seen, len) = (self.seen.get_mut(*number as usize), self.tally.lens.get(*number as usize));
            if let (Some(seen @ false), Some(len)) = (seen, len) {
                *seen = true;
                bytes += u64::from(*len);
            }
        }
        bytes
    }

    /// The bytes of what has not been counted yet, but for what was given in these parts
    /// alone, which are in the order of their beginnings.
    pub fn rest(&mut self, but: &[Range<usize>]) -> u64 {
        let mut at = 0;
        let mut bytes = 0;
        for part in but {
            bytes += self.new_bytes(at..part.start);
            // Of what was there already nothing was given: such a part is empty.
            at = at.max(part.end);
        }
        bytes + self.new_bytes(at..self.tally.given.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_counts_once_and_not_for_what_is_left_out() {
        let name = |number: u8| ChunkName([number; 32]);
        let mut tally = Tally::default();
        for (number, is_new) in [(1, true), (2, true), (1, false), (3, true), (2, false)] {
            assert_eq!(tally.add(name(number), 10), is_new);
        }
        let mut counting = tally.counting();
        // 1 came in what is left out, but not only there.
        assert_eq!(counting.new_bytes(2..3), 10);
        assert_eq!(counting.new_bytes(2..3), 0);
        assert_eq!(counting.rest(std::slice::from_ref(&(0..2))), 20);
        assert_eq!(tally.counting().rest(&[1..2, 3..5]), 10);
        assert_eq!(tally.counting().rest(&[0..3, 0..0]), 20);
    }
}
