//! Nodes by parent and name.
//!
//! A hash table that grows by one bucket at a time (linear hashing): it is never made anew,
//! so growing takes no more memory than the table does. The nodes of a bucket are a chain
//! through [`Node::chain`](super::Node), and of two nodes a bucket is the average.

use larder_memory::OutOfMemory;

use super::arena::Arena;
use super::{NONE, View};

/// Buckets of an empty table: a power of two.
const FIRST_BUCKETS: u32 = 256;

/// Nodes for each bucket, on average.
const LOAD: usize = 2;

#[derive(Debug, Clone)]
pub(super) struct Buckets {
    heads: Arena<u32>,
    /// The power of two of buckets there were before some were split, and how many were.
    level: u32,
    split: u32,
}

impl Buckets {
    pub fn new() -> Result<Self, OutOfMemory> {
        let mut heads = Arena::default();
        heads.reserve()?;
        (0..FIRST_BUCKETS).for_each(|_| _ = heads.push(NONE));
        Ok(Self { heads, level: FIRST_BUCKETS, split: 0 })
    }

    pub fn bytes(&self) -> usize {
        self.heads.bytes()
    }

    /// Makes sure that there is memory for another bucket.
    pub fn reserve(&mut self) -> Result<(), OutOfMemory> {
        self.heads.reserve()
    }

    fn bucket(&self, hash: u64) -> u32 {
        let bucket = hash as u32 & (self.level - 1);
        if bucket < self.split { hash as u32 & (2 * self.level - 1) } else { bucket }
    }

    fn head(&self, bucket: u32) -> u32 {
        self.heads.get(bucket).unwrap_or(NONE)
    }
}

impl View {
    /// The node `name` of the directory `parent`.
    pub(super) fn child(&self, parent: u32, name: &[u8]) -> Option<u32> {
        let mut at = self.buckets.head(self.buckets.bucket(self.hash(parent, name)));
        while at != NONE {
            let node = self.node(at);
            if node.parent == parent && self.records.name(node.record) == name {
                return Some(at);
            }
            at = node.chain;
        }
        None
    }

    /// Puts `number`, the node `name` of `parent`, into the table.
    pub(super) fn enter(&mut self, number: u32, parent: u32, name: &[u8]) {
        let bucket = self.buckets.bucket(self.hash(parent, name));
        self.put_first(number, bucket);
        if self.paths() > LOAD * self.buckets.heads.len() {
            self.split_bucket();
        }
    }

    /// Takes `number` out of the table.
    pub(super) fn leave(&mut self, number: u32) {
        let node = self.node(number);
        let bucket = self.buckets.bucket(self.hash(node.parent, self.records.name(node.record)));
        let mut at = self.buckets.head(bucket);
        if at == number {
            return self.buckets.heads.change(bucket, |head| *head = node.chain);
        }
        while at != NONE {
            let next = self.node(at).chain;
            if next == number {
                return self.nodes.change(at, |before| before.chain = node.chain);
            }
            at = next;
        }
    }

    fn put_first(&mut self, number: u32, bucket: u32) {
        let head = self.buckets.head(bucket);
        self.nodes.change(number, |node| node.chain = head);
        self.buckets.heads.change(bucket, |head| *head = number);
    }

    /// Makes one more bucket, out of half of another.
    fn split_bucket(&mut self) {
        let old = self.buckets.split;
        let mut at = self.buckets.head(old);
        self.buckets.heads.push(NONE);
        self.buckets.split += 1;
        if self.buckets.split == self.buckets.level {
            self.buckets.level *= 2;
            self.buckets.split = 0;
        }
        self.buckets.heads.change(old, |head| *head = NONE);
        while at != NONE {
            let node = self.node(at);
            let bucket = self.buckets.bucket(self.hash(node.parent, self.records.name(node.record)));
            self.put_first(at, bucket);
            at = node.chain;
        }
    }
}
