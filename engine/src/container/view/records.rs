//! What is known of each path, packed: its name, and all else in as few bytes as it takes.
//!
//! A record is a sequence of LEB128 numbers and byte strings:
//!
//! ```text
//! length of the name, name, what follows
//!   0                        a directory that is only implied
//!   1, number                a file with several names: its number in the table of those
//!   2, class or 0 + fields   anything else: its class, then what differs from file to file
//! ```
//!
//! Files of an image have few owners and modes: together these are a *class*, kept once. A
//! hostile image may have any number of classes; beyond [`MAX_CLASSES`] a record carries its
//! own.

use std::collections::HashMap;
use std::sync::Arc;

use larder_memory::OutOfMemory;

use super::{Inode, Place};
use crate::tar::{Device, EntryKind, Mtime};

/// Bytes of a block. A record is never longer: a name has 4096 bytes at most, and a target
/// 4095.
const BLOCK_BYTES: usize = 1 << 18;

/// More than a record ever takes.
const MAX_RECORD_BYTES: usize = 16 << 10;

/// Classes that are kept once: 4 MiB.
const MAX_CLASSES: usize = 1 << 16;

/// What a class takes in memory, in the list and in the map.
const CLASS_BYTES: usize = 96;

/// Records and classes.
#[derive(Debug, Clone, Default)]
pub struct Records {
    blocks: Vec<Arc<Vec<u8>>>,
    /// Bytes of records, and those of records that nobody has any more.
    bytes: usize,
    forgotten: usize,
    classes: Arc<Classes>,
    /// Where a record is put together.
    buffer: Vec<u8>,
}

#[derive(Debug, Clone, Default)]
struct Classes {
    list: Vec<Class>,
    numbers: HashMap<Class, u32>,
}

/// What many files have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Class {
    shape: Shape,
    mode: u16,
    layer: u16,
    uid: u32,
    gid: u32,
    xattrs: u32,
    has_nanoseconds: bool,
}

/// The kind of a file and of its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
enum Shape {
    /// A file without bytes in a layer.
    Empty,
    Plain,
    Sparse,
    Directory,
    Symlink,
    CharDevice,
    BlockDevice,
    Fifo,
    Hardlink,
}

const SHAPES: [Shape; 9] = [
    Shape::Empty,
    Shape::Plain,
    Shape::Sparse,
    Shape::Directory,
    Shape::Symlink,
    Shape::CharDevice,
    Shape::BlockDevice,
    Shape::Fifo,
    Shape::Hardlink,
];

const IMPLIED: u64 = 0;
const SHARED: u64 = 1;
const OWN: u64 = 2;

/// What a record says behind its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A directory that no entry spoke of.
    Implied,
    /// The file with this number has other names too.
    Shared(u32),
    /// Everything that is known.
    Own(Inode),
}

/// Records that nobody has any more are left where they are up to here.
const MAX_FORGOTTEN_BYTES: usize = 8 << 20;

impl Records {
    /// The bytes of memory that they take.
    pub fn bytes(&self) -> usize {
        self.blocks.len() * BLOCK_BYTES + self.classes.list.len() * CLASS_BYTES
    }

    /// Makes sure that [`Records::add`] finds memory for another record.
    ///
    /// # Errors
    /// If there is not enough.
    pub fn reserve(&mut self) -> Result<(), OutOfMemory> {
        let is_nearly_full = |block: &Arc<Vec<u8>>| block.len() + MAX_RECORD_BYTES > BLOCK_BYTES;
        match self.blocks.last_mut() {
            Some(block) if !is_nearly_full(block) => match Arc::get_mut(block) {
                Some(_) => Ok(()),
                // It will be copied.
                None => larder_memory::check(BLOCK_BYTES),
            },
            _ => larder_memory::check(BLOCK_BYTES),
        }
    }

    /// Keeps a record, and returns where it is.
    pub fn add(&mut self, name: &[u8], body: &Body) -> u32 {
        let mut record = std::mem::take(&mut self.buffer);
        record.clear();
        push(name.len() as u64, &mut record);
        record.extend_from_slice(name);
        match body {
            Body::Implied => push(IMPLIED, &mut record),
            Body::Shared(number) => {
                push(SHARED, &mut record);
                push(u64::from(*number), &mut record);
            }
            Body::Own(inode) => {
                push(OWN, &mut record);
                self.push_inode(inode, &mut record);
            }
        }
        let place = self.keep(&record);
        self.buffer = record;
        place
    }

    /// Keeps the record at `place` in `old` once more: for moving all of them together.
    pub fn take_over(&mut self, old: &Self, place: u32) -> u32 {
        let record = old.at(place);
        let len = record.len() - old.rest(place).len();
        self.keep(record.get(..len).unwrap_or_default())
    }

    /// Records with the classes of `old` and without its records.
    pub fn emptied(old: &Self) -> Self {
        Self { classes: Arc::clone(&old.classes), ..Self::default() }
    }

    fn keep(&mut self, record: &[u8]) -> u32 {
        let has_room = |block: &Arc<Vec<u8>>| block.len() + record.len() <= BLOCK_BYTES;
        if !self.blocks.last().is_some_and(has_room) {
            self.blocks.push(Arc::new(Vec::with_capacity(BLOCK_BYTES)));
        }
        self.bytes += record.len();
        let number = self.blocks.len().saturating_sub(1);
        let Some(block) = self.blocks.last_mut() else { return 0 };
        if Arc::get_mut(block).is_none() {
            let mut copy = Vec::with_capacity(BLOCK_BYTES);
            copy.extend_from_slice(block);
            *block = Arc::new(copy);
        }
        let block = Arc::make_mut(block);
        let place = number * BLOCK_BYTES + block.len();
        block.extend_from_slice(record);
        place as u32
    }

    /// Whether no more records can be told apart by their place.
    pub fn is_full(&self) -> bool {
        self.blocks.len() >= (u32::MAX as usize) / BLOCK_BYTES
    }

    /// Counts a record as one that nobody has any more.
    pub fn forget(&mut self, place: u32) {
        self.forgotten += self.at(place).len() - self.rest(place).len();
    }

    /// Whether those that nobody has are so many that the others should be moved.
    pub fn is_worn(&self) -> bool {
        self.forgotten > MAX_FORGOTTEN_BYTES && self.forgotten > self.bytes / 3
    }

    /// The bytes of records that somebody has.
    pub fn live_bytes(&self) -> usize {
        self.bytes.saturating_sub(self.forgotten)
    }

    fn at(&self, place: u32) -> &[u8] {
        let (block, offset) = (place as usize / BLOCK_BYTES, place as usize % BLOCK_BYTES);
        self.blocks.get(block).and_then(|block| block.get(offset..)).unwrap_or_default()
    }

    /// What follows the record at `place`.
    fn rest(&self, place: u32) -> &[u8] {
        let mut left = self.after_name(place);
        match take(&mut left) {
            SHARED => _ = take(&mut left),
            OWN => _ = self.take_inode(&mut left),
            _ => {}
        }
        left
    }

    /// The name in the record at `place`.
    pub fn name(&self, place: u32) -> &[u8] {
        let mut left = self.at(place);
        let len = take(&mut left) as usize;
        left.get(..len).unwrap_or_default()
    }

    fn after_name(&self, place: u32) -> &[u8] {
        let mut left = self.at(place);
        let len = take(&mut left) as usize;
        left.get(len..).unwrap_or_default()
    }

    /// What the record at `place` says behind the name.
    pub fn body(&self, place: u32) -> Body {
        let mut left = self.after_name(place);
        match take(&mut left) {
            SHARED => Body::Shared(take(&mut left) as u32),
            OWN => Body::Own(self.take_inode(&mut left)),
            _ => Body::Implied,
        }
    }

    /// The number of the file with several names that the record at `place` is one of.
    pub fn shared(&self, place: u32) -> Option<u32> {
        let mut left = self.after_name(place);
        (take(&mut left) == SHARED).then(|| take(&mut left) as u32)
    }

    fn push_inode(&mut self, inode: &Inode, out: &mut Vec<u8>) {
        let class = Class {
            shape: shape(inode),
            mode: inode.mode,
            layer: inode.layer,
            uid: inode.uid,
            gid: inode.gid,
            xattrs: inode.xattrs,
            has_nanoseconds: inode.mtime.nanoseconds != 0,
        };
        match self.class(class) {
            Some(number) => push(u64::from(number) + 1, out),
            None => {
                push(0, out);
                out.extend_from_slice(&[class.shape as u8, u8::from(class.has_nanoseconds)]);
                push(u64::from(class.mode), out);
                push(u64::from(class.layer), out);
                push(u64::from(class.uid), out);
                push(u64::from(class.gid), out);
                push(u64::from(class.xattrs), out);
            }
        }
        push(zigzag(inode.mtime.seconds), out);
        if class.has_nanoseconds {
            push(u64::from(inode.mtime.nanoseconds), out);
        }
        match &inode.kind {
            EntryKind::File => push(inode.size, out),
            EntryKind::Symlink(target) | EntryKind::Hardlink(target) => {
                push(target.len() as u64, out);
                out.extend_from_slice(target);
            }
            EntryKind::CharDevice(device) | EntryKind::BlockDevice(device) => {
                push(u64::from(device.major), out);
                push(u64::from(device.minor), out);
            }
            EntryKind::Directory | EntryKind::Fifo => {}
        }
        match inode.data {
            Place::Nowhere => {}
            // Nobody asks where no bytes lie.
            Place::At(offset) => push(if inode.size > 0 { offset } else { 0 }, out),
            Place::Sparse { first, count } => {
                push(u64::from(first), out);
                push(u64::from(count), out);
            }
        }
    }

    fn take_inode(&self, left: &mut &[u8]) -> Inode {
        let class = match take(left) {
            0 => {
                let shape = SHAPES.get(usize::from(take_byte(left))).copied().unwrap_or(Shape::Empty);
                let has_nanoseconds = take_byte(left) != 0;
                let (mode, layer) = (take(left) as u16, take(left) as u16);
                let (uid, gid, xattrs) = (take(left) as u32, take(left) as u32, take(left) as u32);
                Class { shape, mode, layer, uid, gid, xattrs, has_nanoseconds }
            }
            number => match self.classes.list.get(number as usize - 1) {
                Some(class) => *class,
                None => return Inode::directory(),
            },
        };
        let seconds = unzigzag(take(left));
        let nanoseconds = if class.has_nanoseconds { take(left) as u32 } else { 0 };
        let (mut size, mut data) = (0, Place::Nowhere);
        let kind = match class.shape {
            Shape::Empty | Shape::Plain | Shape::Sparse => {
                size = take(left);
                EntryKind::File
            }
            Shape::Directory => EntryKind::Directory,
            Shape::Symlink => EntryKind::Symlink(take_bytes(left)),
            Shape::Hardlink => EntryKind::Hardlink(take_bytes(left)),
            Shape::CharDevice => EntryKind::CharDevice(take_device(left)),
            Shape::BlockDevice => EntryKind::BlockDevice(take_device(left)),
            Shape::Fifo => EntryKind::Fifo,
        };
        match class.shape {
            Shape::Plain => data = Place::At(take(left)),
            Shape::Sparse => data = Place::Sparse { first: take(left) as u32, count: take(left) as u32 },
            _ => {}
        }
        Inode {
            kind,
            mode: class.mode,
            is_told: true,
            layer: class.layer,
            uid: class.uid,
            gid: class.gid,
            xattrs: class.xattrs,
            mtime: Mtime { seconds, nanoseconds },
            size,
            data,
        }
    }

    fn class(&mut self, class: Class) -> Option<u32> {
        if let Some(number) = self.classes.numbers.get(&class) {
            return Some(*number);
        }
        let number = self.classes.list.len();
        if number >= MAX_CLASSES {
            return None;
        }
        let classes = Arc::make_mut(&mut self.classes);
        classes.list.push(class);
        classes.numbers.insert(class, number as u32);
        Some(number as u32)
    }
}

fn shape(inode: &Inode) -> Shape {
    match (&inode.kind, inode.data) {
        (EntryKind::File, Place::Nowhere) => Shape::Empty,
        (EntryKind::File, Place::At(_)) => Shape::Plain,
        (EntryKind::File, Place::Sparse { .. }) => Shape::Sparse,
        (EntryKind::Directory, _) => Shape::Directory,
        (EntryKind::Symlink(_), _) => Shape::Symlink,
        (EntryKind::CharDevice(_), _) => Shape::CharDevice,
        (EntryKind::BlockDevice(_), _) => Shape::BlockDevice,
        (EntryKind::Fifo, _) => Shape::Fifo,
        (EntryKind::Hardlink(_), _) => Shape::Hardlink,
    }
}

fn push(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take(left: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0_u64, 0);
    while let Some((byte, rest)) = left.split_first() {
        *left = rest;
        number |= u64::from(byte & 0x7f) << (shift & 63);
        if byte & 0x80 == 0 {
            break;
        }
        shift += 7;
    }
    number
}

fn take_byte(left: &mut &[u8]) -> u8 {
    let Some((byte, rest)) = left.split_first() else { return 0 };
    *left = rest;
    *byte
}

fn take_bytes(left: &mut &[u8]) -> Vec<u8> {
    let len = take(left) as usize;
    let (bytes, rest) = left.split_at_checked(len).unwrap_or_default();
    *left = rest;
    bytes.to_vec()
}

fn take_device(left: &mut &[u8]) -> Device {
    Device { major: take(left) as u32, minor: take(left) as u32 }
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn inode() -> impl Strategy<Value = Inode> {
        let kind = prop_oneof![
            Just(EntryKind::File),
            Just(EntryKind::Directory),
            Just(EntryKind::Fifo),
            any::<Vec<u8>>().prop_map(EntryKind::Symlink),
            any::<(u32, u32)>().prop_map(|(major, minor)| EntryKind::CharDevice(Device { major, minor })),
            any::<(u32, u32)>().prop_map(|(major, minor)| EntryKind::BlockDevice(Device { major, minor })),
        ];
        let data = prop_oneof![
            Just(Place::Nowhere),
            any::<u64>().prop_map(Place::At),
            any::<(u32, u32)>().prop_map(|(first, count)| Place::Sparse { first, count }),
        ];
        let numbers = any::<(u16, u16, u32, u32, u32, i64, u32, u64)>();
        (kind, data, numbers).prop_map(|(kind, data, numbers)| {
            let (mode, layer, uid, gid, xattrs, seconds, nanoseconds, size) = numbers;
            let is_file = kind == EntryKind::File;
            let data = if is_file { data } else { Place::Nowhere };
            let size = if is_file { size.max(1) } else { 0 };
            let mtime = Mtime { seconds, nanoseconds };
            Inode { kind, mode, is_told: true, layer, uid, gid, xattrs, mtime, size, data }
        })
    }

    proptest! {
        #[test]
        fn a_record_comes_back_as_it_was(
            all in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..300), inode()), 1..50),
        ) {
            let mut records = Records::default();
            let add = |(name, inode): &(Vec<u8>, Inode)| records.add(name, &Body::Own(inode.clone()));
            let places: Vec<_> = all.iter().map(add).collect();
            let mut moved = Records::emptied(&records);
            for (place, (name, inode)) in places.iter().zip(&all) {
                prop_assert_eq!((records.name(*place), records.body(*place)), (&name[..], Body::Own(inode.clone())));
                let place = moved.take_over(&records, *place);
                prop_assert_eq!((moved.name(place), moved.body(place)), (&name[..], Body::Own(inode.clone())));
            }
        }
    }

    #[test]
    fn a_class_too_many_is_carried_by_the_record() {
        let mut records = Records::default();
        let inode = |uid| Inode { uid, is_told: true, ..Inode::directory() };
        let uids = [0, 70_000, 3, 69_999];
        (0..70_000).for_each(|uid| _ = records.add(b"", &Body::Own(inode(uid))));
        for uid in uids {
            let place = records.add(b"x", &Body::Own(inode(uid)));
            assert_eq!(records.body(place), Body::Own(inode(uid)));
        }
        assert_eq!(records.classes.list.len(), MAX_CLASSES);
    }
}
