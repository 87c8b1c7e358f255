//! Maps of sparse files: where in a file the data lie, all else being holes.
//!
//! GNU tar has told them in four ways, and Go's reader understands them all:
//! - *old*: in the header and blocks after it, kind `S`;
//! - *pax 0.0*: one record for each number, `GNU.sparse.offset` and `numbytes` in turn;
//! - *pax 0.1*: one record `GNU.sparse.map`, all numbers with commas between;
//! - *pax 1.0*: at the start of the payload, a number a line, the first telling
//!   how many pairs there are, then zeros to the end of the block.

use super::extension::Pax;
use super::header::{BLOCK_BYTES, Header, Kind, map_goes_on};
use super::pax::Record;
use super::{MAX_EXTENSION_BYTES, number};

/// A piece of data of a sparse file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Where in the file it lies.
    pub at: u64,
    /// Where in the tar it lies.
    pub offset: u64,
    /// How many bytes it has: never zero.
    pub len: u64,
}

/// Offset in the file and length, one pair after the other.
pub(super) type Map = Vec<(u64, u64)>;

/// A sparse file: what its header, records and map say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SparseFile {
    /// Its length with the holes.
    pub size: u64,
    /// Bytes of payload that are left behind the map.
    pub stored: u64,
    map: Map,
}

/// Why a map was not read.
#[derive(Debug)]
pub enum MapError<E> {
    /// It is none.
    Invalid,
    /// It is longer than [`MAX_EXTENSION_BYTES`].
    Long,
    /// Reading failed.
    Read(E),
}

impl SparseFile {
    /// Where its data lie, which are in the tar from `offset` on; `None` if the map does not fit them.
    pub fn extents(&self, offset: u64) -> Option<Vec<Extent>> {
        extents(&self.map, self.size, offset, self.stored)
    }
}

/// Reads the map of the entry that `header` begins, whose payload has `payload` bytes; `None` if it
/// is no sparse file. `block` gives the next block after the header.
///
/// # Errors
/// See [`MapError`].
pub fn read_map<E>(
    header: &Header,
    kind: Kind,
    extension: &Pax,
    payload: u64,
    mut block: impl FnMut() -> Result<[u8; BLOCK_BYTES], E>,
) -> Result<Option<SparseFile>, MapError<E>> {
    let mut left = MAX_EXTENSION_BYTES / BLOCK_BYTES as u64;
    let mut block = || {
        left = left.checked_sub(1).ok_or(MapError::Long)?;
        block().map_err(MapError::Read)
    };
    if kind == Kind::Sparse {
        let size = header.real_size().ok_or(MapError::Invalid)?;
        let mut map = Map::new();
        push_old(header.map(), &mut map).ok_or(MapError::Invalid)?;
        let mut goes_on = header.map_goes_on();
        while goes_on {
            let next = block()?;
            push_old_block(&next, &mut map).ok_or(MapError::Invalid)?;
            goes_on = map_goes_on(&next);
        }
        return Ok(Some(SparseFile { size, stored: payload, map }));
    }
    let records = &extension.sparse;
    let Some(place) = records.place() else { return Ok(None) };
    if kind != Kind::File {
        return Err(MapError::Invalid);
    }
    let mut stored = payload;
    let map = match place {
        MapPlace::Records => records.map().ok_or(MapError::Invalid)?,
        MapPlace::Payload => {
            let mut map = PayloadMap::default();
            loop {
                stored = stored.checked_sub(BLOCK_BYTES as u64).ok_or(MapError::Invalid)?;
                if map.push(&block()?).ok_or(MapError::Invalid)? {
                    break map.map();
                }
            }
        }
    };
    // Without a record it is what is stored behind the map, as in Go's reader.
    let size = records.size().unwrap_or(Some(payload)).ok_or(MapError::Invalid)?;
    Ok(Some(SparseFile { size, stored, map }))
}

/// What pax records say of a sparse file.
#[derive(Debug, Default)]
pub(super) struct Records {
    major: Vec<u8>,
    minor: Vec<u8>,
    blocks: Vec<u8>,
    map: Vec<u8>,
    /// Version 0.0, brought into the form of 0.1.
    pairs: Vec<u8>,
    /// How many numbers there are in `pairs`.
    numbers: usize,
    name: Vec<u8>,
    size: Vec<u8>,
    real_size: Vec<u8>,
}

/// Where the map of a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MapPlace {
    Records,
    Payload,
}

impl Records {
    /// Takes a record, if it is about a map; `None` if it cannot be where it is.
    pub(super) fn take(&mut self, record: &Record<'_>) -> Option<()> {
        let field = match record.key {
            b"GNU.sparse.major" => &mut self.major,
            b"GNU.sparse.minor" => &mut self.minor,
            b"GNU.sparse.numblocks" => &mut self.blocks,
            b"GNU.sparse.map" => &mut self.map,
            b"GNU.sparse.name" => &mut self.name,
            b"GNU.sparse.size" => &mut self.size,
            b"GNU.sparse.realsize" => &mut self.real_size,
            b"GNU.sparse.offset" => return self.push(0, record.value),
            b"GNU.sparse.numbytes" => return self.push(1, record.value),
            _ => return Some(()),
        };
        record.value.clone_into(field);
        Some(())
    }

    fn push(&mut self, turn: usize, value: &[u8]) -> Option<()> {
        if self.numbers % 2 != turn || value.contains(&b',') {
            return None;
        }
        if self.numbers > 0 {
            self.pairs.push(b',');
        }
        self.pairs.extend_from_slice(value);
        self.numbers += 1;
        Some(())
    }

    /// Where the map is; `None` if the file is not sparse, or sparse in a way
    /// not known, when it is taken as it is.
    pub(super) fn place(&self) -> Option<MapPlace> {
        match (&self.major[..], &self.minor[..]) {
            (b"0", b"0" | b"1") => Some(MapPlace::Records),
            (b"1", b"0") => Some(MapPlace::Payload),
            (b"", b"") if !self.text().is_empty() => Some(MapPlace::Records),
            _ => None,
        }
    }

    fn text(&self) -> &[u8] {
        if self.numbers > 0 { &self.pairs } else { &self.map }
    }

    /// The name that the file has; its header may have one that was made up.
    pub(super) fn name(&self) -> Option<&[u8]> {
        Some(&self.name[..]).filter(|name| !name.is_empty())
    }

    /// The size of the file with its holes, if there is a record: `Some(None)` if
    /// it is no size.
    pub(super) fn size(&self) -> Option<Option<u64>> {
        let value = if self.size.is_empty() { &self.real_size } else { &self.size };
        (!value.is_empty()).then(|| decimal(value))
    }

    /// The map, when it is in the records.
    pub(super) fn map(&self) -> Option<Map> {
        let count = decimal(&self.blocks)?;
        let text = self.text();
        let numbers = match text {
            b"" => Vec::new(),
            text => text.split(|byte| *byte == b',').map(decimal).collect::<Option<Vec<_>>>()?,
        };
        if numbers.len() as u64 != count.checked_mul(2)? {
            return None;
        }
        Some(pairs(&numbers))
    }
}

fn decimal(value: &[u8]) -> Option<u64> {
    Record { offset: 0, key: b"", value }.number()
}

fn pairs(numbers: &[u64]) -> Map {
    numbers.as_chunks().0.iter().map(|[at, len]| (*at, *len)).collect()
}

/// Reads a map in the payload, block by block.
#[derive(Debug, Default)]
pub(super) struct PayloadMap {
    numbers: Vec<u64>,
    line: Vec<u8>,
}

impl PayloadMap {
    /// Takes a block. `Some(true)` when it was the last, `None` if it is no map.
    pub(super) fn push(&mut self, block: &[u8; BLOCK_BYTES]) -> Option<bool> {
        for byte in block {
            if *byte != b'\n' {
                // More digits than a number has.
                if self.line.len() >= 20 {
                    return None;
                }
                self.line.push(*byte);
                continue;
            }
            self.numbers.push(decimal(&self.line)?);
            self.line.clear();
            if self.is_whole()? {
                return Some(true);
            }
        }
        Some(false)
    }

    fn is_whole(&self) -> Option<bool> {
        let Some((count, numbers)) = self.numbers.split_first() else { return Some(false) };
        Some(numbers.len() as u64 >= count.checked_mul(2)?)
    }

    /// The map, once it is whole.
    pub(super) fn map(&self) -> Map {
        pairs(self.numbers.get(1..).unwrap_or_default())
    }
}

/// Adds to `map` what `fields` of an old map say; `None` if a number is none.
pub(super) fn push_old(fields: &[tar::GnuSparseHeader], map: &mut Map) -> Option<()> {
    for field in fields.iter().take_while(|field| field.offset.first() != Some(&0)) {
        let at = u64::try_from(number::parse(&field.offset)?).ok()?;
        let len = u64::try_from(number::parse(&field.numbytes)?).ok()?;
        map.push((at, len));
    }
    Some(())
}

/// The same of a block of map after the header.
pub(super) fn push_old_block(block: &[u8; BLOCK_BYTES], map: &mut Map) -> Option<()> {
    let mut fields = tar::GnuExtSparseHeader::new();
    fields.as_mut_bytes().copy_from_slice(block);
    push_old(fields.sparse(), map)
}

/// Where the data of a file of `size` bytes lie, of which `data_bytes` are in
/// the tar from `offset` on. `None` unless the map is in order, within the file,
/// and of exactly the data that there are.
pub(super) fn extents(map: &Map, size: u64, offset: u64, data_bytes: u64) -> Option<Vec<Extent>> {
    let mut found = Vec::new();
    let (mut end, mut used) = (0, 0u64);
    for &(at, len) in map {
        if at < end {
            return None;
        }
        end = at.checked_add(len).filter(|end| *end <= size)?;
        if len > 0 {
            found.push(Extent { at, offset: offset.checked_add(used)?, len });
        }
        used = used.checked_add(len)?;
    }
    (used == data_bytes).then_some(found)
}
