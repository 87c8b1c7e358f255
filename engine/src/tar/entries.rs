//! Reads a tar entry by entry, with everything that it says of each.
//!
//! What is not understood is an error, never a guess: two readers that take a
//! tar differently are two file systems. The rules are those of Go's
//! `archive/tar`; where this reader knows better, the place says so.

use std::io::{self, Read};

use super::entry::{Device, Entry, EntryKind, Mtime};
use super::error::shown;
use super::extension::{Extension, Pax};
use super::header::{BLOCK_BYTES, Header, Kind, map_goes_on, padding_bytes};
use super::sparse::{Map, MapPlace, PayloadMap, extents, push_old, push_old_block};
use super::{EntryError, Extent, MAX_EXTENSION_BYTES, Source};

/// An entry, and where its bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The entry.
    pub entry: Entry,
    /// Where the bytes of a file lie in the tar.
    pub data: Data,
}

/// Where the bytes of a file lie in the tar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// It is no file.
    None,
    /// All of them from here on.
    Plain {
        /// In bytes from the start of the tar.
        offset: u64,
    },
    /// In these places, in the order of the file and of the tar; the rest of
    /// the file is holes.
    Sparse(Vec<Extent>),
}

/// Walks the entries of a tar.
///
/// ```
/// use larder_engine::tar::{Entries, Streamed};
///
/// let tar = [0; 1024]; // nothing but its end
/// let mut entries = Entries::new(Streamed(&tar[..]));
/// assert!(entries.next()?.is_none());
/// # Ok::<(), larder_engine::tar::EntryError>(())
/// ```
#[derive(Debug)]
pub struct Entries<S> {
    source: S,
    /// How much was read or passed over.
    offset: u64,
    current: Current,
    global: Option<Vec<(Vec<u8>, Vec<u8>)>>,
    ended: bool,
}

/// The payload that the source stands in.
#[derive(Debug, Default)]
struct Current {
    /// The length of the file, and how much of it was read.
    size: u64,
    at: u64,
    /// What of it is in the tar, and which of these is next to be read.
    extents: Vec<Extent>,
    next: usize,
    /// In the tar: bytes of payload not yet read, and of padding after them.
    left: u64,
    padding: u64,
}

impl<S: Source> Entries<S> {
    /// Starts at the start of a tar, where `source` stands.
    pub fn new(source: S) -> Self {
        Self { source, offset: 0, current: Current::default(), global: None, ended: false }
    }

    /// The next entry; what was not read of the payload before it is passed over.
    /// `None` after two blocks of zeros, or where the source ends between entries.
    ///
    /// # Errors
    /// When the tar is damaged, or has an entry that no Linux can have. There
    /// is no going on after that.
    #[expect(clippy::should_implement_trait, reason = "an iterator could not lend the payload")]
    pub fn next(&mut self) -> Result<Option<Found>, EntryError> {
        let mut extension = Extension::default();
        while !self.ended {
            self.pass_over_rest()?;
            let offset = self.offset;
            let Some(header) = self.read_header()? else {
                self.ended = true;
                break;
            };
            let kind = header.kind();
            if !kind.is_extension() {
                return self.entry(&header, extension).map(Some);
            }
            let body = self.read_extension(header.size(), offset)?;
            let records = extension.take(kind, &body);
            if let Some(records) = records.map_err(|source| EntryError::Pax { offset, source })? {
                self.global = Some(records);
            }
        }
        Ok(None)
    }

    /// The payload of the entry that [`Self::next`] gave last, or what is left
    /// of it: `entry.size` bytes, holes as zeros.
    pub fn payload(&mut self) -> Payload<'_, S> {
        Payload { entries: self }
    }

    /// The records of the last global pax header since this was asked last.
    /// They change no entry.
    pub fn take_global(&mut self) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
        self.global.take()
    }

    /// The source, which stands where reading has come to: at the end of the tar
    /// behind the two blocks of zeros, with whatever comes after them unread.
    pub fn into_source(self) -> S {
        self.source
    }

    fn pass_over_rest(&mut self) -> Result<(), EntryError> {
        let Current { left, padding, .. } = std::mem::take(&mut self.current);
        if left > 0 {
            self.source.skip(left).map_err(|source| self.reading(source))?;
            self.offset = self.offset.saturating_add(left);
        }
        // Tars may lack the last padding.
        let mut zeros = [0; BLOCK_BYTES];
        let room = usize::try_from(padding).ok().and_then(|padding| zeros.get_mut(..padding));
        self.read_full(room.unwrap_or_default())?;
        Ok(())
    }

    /// `None` at the end: two zero blocks, or no more bytes.
    fn read_header(&mut self) -> Result<Option<Header>, EntryError> {
        let mut block = [0; BLOCK_BYTES];
        for after_zeros in [false, true] {
            let offset = self.offset;
            match self.read_full(&mut block)? {
                0 => return Ok(None),
                BLOCK_BYTES => {}
                _ => return Err(self.reading(io::ErrorKind::UnexpectedEof.into())),
            }
            let decoded = Header::decode(&block).map_err(|source| EntryError::Header { offset, source })?;
            match decoded {
                None => {}
                Some(_) if after_zeros => {
                    let source = super::HeaderError::AfterZeros;
                    return Err(EntryError::Header { offset, source });
                }
                Some(header) => return Ok(Some(header)),
            }
        }
        Ok(None)
    }

    fn read_extension(&mut self, size: u64, offset: u64) -> Result<Vec<u8>, EntryError> {
        if size > MAX_EXTENSION_BYTES {
            return Err(EntryError::Extension { offset, limit: MAX_EXTENSION_BYTES });
        }
        let mut body = vec![0; usize::try_from(size).unwrap_or(0)];
        self.read_exact(&mut body)?;
        self.current = Current { padding: padding_bytes(size), ..Current::default() };
        Ok(body)
    }

    fn entry(&mut self, header: &Header, extension: Extension) -> Result<Found, EntryError> {
        let Extension { long_name, long_link, mut pax } = extension;
        let named = long_name.or_else(|| pax.path.take());
        let mut name = named.unwrap_or_else(|| header.name().into_owned());
        let link = long_link.or_else(|| pax.link.take());
        let link = link.unwrap_or_else(|| header.link_name().into_owned());
        let kind = header.kind_when_named(&name);
        let payload = if kind.has_payload() { pax.size.unwrap_or(header.size()) } else { 0 };
        self.current = Current { left: payload, padding: padding_bytes(payload), ..Current::default() };

        let sparse = self.sparse_map(header, kind, &pax, &mut name)?;
        let data_bytes = self.current.left;
        let (size, data) = match sparse {
            Some((size, map)) => {
                let extents = extents(&map, size, self.offset, data_bytes);
                (size, Data::Sparse(extents.ok_or_else(|| EntryError::Sparse { name: shown(&name) })?))
            }
            None if kind == Kind::File => (data_bytes, Data::Plain { offset: self.offset }),
            None => (0, Data::None),
        };
        let entry = Entry {
            kind: entry_kind(header, kind, link, &name)?,
            mode: header.mode().ok_or_else(|| impossible(&name, "mode"))?,
            uid: owner(pax.uid.or_else(|| header.uid())).ok_or_else(|| impossible(&name, "owner"))?,
            gid: owner(pax.gid.or_else(|| header.gid())).ok_or_else(|| impossible(&name, "group"))?,
            mtime: pax.mtime.or_else(|| mtime(header)).ok_or_else(|| impossible(&name, "time"))?,
            size,
            xattrs: pax.xattrs.into_iter().collect(),
            name,
        };
        self.current.size = size;
        self.current.extents = match &data {
            Data::None => Vec::new(),
            Data::Plain { offset } => vec![Extent { at: 0, offset: *offset, len: size }],
            Data::Sparse(extents) => extents.clone(),
        };
        Ok(Found { entry, data })
    }

    /// The size with holes and the map of a sparse file, whose name may have been
    /// made up; `None` if the entry is none.
    fn sparse_map(
        &mut self,
        header: &Header,
        kind: Kind,
        pax: &Pax,
        name: &mut Vec<u8>,
    ) -> Result<Option<(u64, Map)>, EntryError> {
        if kind == Kind::Sparse {
            return self.read_old_map(header, name).map(Some);
        }
        let Some(place) = pax.sparse.place() else { return Ok(None) };
        if let Some(real) = pax.sparse.name() {
            *name = real.to_vec();
        }
        let invalid = || EntryError::Sparse { name: shown(name) };
        if kind != Kind::File {
            return Err(invalid());
        }
        let size = pax.sparse.size().unwrap_or(Some(self.current.left)).ok_or_else(invalid)?;
        let map = match place {
            MapPlace::Records => pax.sparse.map().ok_or_else(invalid)?,
            MapPlace::Payload => self.read_payload_map(name)?,
        };
        Ok(Some((size, map)))
    }

    fn read_old_map(&mut self, header: &Header, name: &[u8]) -> Result<(u64, Map), EntryError> {
        let invalid = || EntryError::Sparse { name: shown(name) };
        let size = header.real_size().ok_or_else(invalid)?;
        let mut map = Map::new();
        push_old(header.map(), &mut map).ok_or_else(invalid)?;
        let (start, mut goes_on) = (self.offset, header.map_goes_on());
        while goes_on {
            let block = self.read_map_block(start)?;
            push_old_block(&block, &mut map).ok_or_else(invalid)?;
            goes_on = map_goes_on(&block);
        }
        Ok((size, map))
    }

    fn read_payload_map(&mut self, name: &[u8]) -> Result<Map, EntryError> {
        let invalid = || EntryError::Sparse { name: shown(name) };
        let start = self.offset;
        let mut map = PayloadMap::default();
        loop {
            self.current.left = self.current.left.checked_sub(BLOCK_BYTES as u64).ok_or_else(invalid)?;
            let block = self.read_map_block(start)?;
            if map.push(&block).ok_or_else(invalid)? {
                return Ok(map.map());
            }
        }
    }

    /// The next block of a map that starts at `start`.
    fn read_map_block(&mut self, start: u64) -> Result<[u8; BLOCK_BYTES], EntryError> {
        if self.offset - start >= MAX_EXTENSION_BYTES {
            return Err(EntryError::Extension { offset: start, limit: MAX_EXTENSION_BYTES });
        }
        let mut block = [0; BLOCK_BYTES];
        self.read_exact(&mut block)?;
        Ok(block)
    }

    fn read_exact(&mut self, buffer: &mut [u8]) -> Result<(), EntryError> {
        match self.read_full(buffer)? {
            len if len < buffer.len() => Err(self.reading(io::ErrorKind::UnexpectedEof.into())),
            _ => Ok(()),
        }
    }

    /// Fills `buffer` as far as there are bytes for it.
    fn read_full(&mut self, buffer: &mut [u8]) -> Result<usize, EntryError> {
        let mut have = 0;
        while let Some(room) = buffer.get_mut(have..).filter(|room| !room.is_empty()) {
            match self.source.read(room) {
                Ok(0) => break,
                Ok(len) => have += len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(self.reading(source)),
            }
        }
        self.offset = self.offset.saturating_add(have as u64);
        Ok(have)
    }

    fn reading(&self, source: io::Error) -> EntryError {
        EntryError::Read { offset: self.offset, source }
    }
}

fn entry_kind(header: &Header, kind: Kind, link: Vec<u8>, name: &[u8]) -> Result<EntryKind, EntryError> {
    let device = || device(header).ok_or_else(|| impossible(name, "device number"));
    Ok(match kind {
        Kind::File | Kind::Sparse => EntryKind::File,
        Kind::Directory => EntryKind::Directory,
        Kind::Symlink => EntryKind::Symlink(link),
        Kind::Hardlink => EntryKind::Hardlink(link),
        Kind::CharDevice => EntryKind::CharDevice(device()?),
        Kind::BlockDevice => EntryKind::BlockDevice(device()?),
        Kind::Fifo => EntryKind::Fifo,
        // Extensions do not come here.
        _ => return Err(EntryError::Kind { name: shown(name), kind: header.kind_byte() }),
    })
}

fn impossible(name: &[u8], field: &'static str) -> EntryError {
    EntryError::Number { name: shown(name), field }
}

/// An owner or group; the highest number means none at all to the kernel.
fn owner(id: Option<i64>) -> Option<u32> {
    u32::try_from(id?).ok().filter(|id| *id != u32::MAX)
}

fn mtime(header: &Header) -> Option<Mtime> {
    Some(Mtime { seconds: header.mtime()?, nanoseconds: 0 })
}

/// Linux has 12 bits for the major number and 20 for the minor.
fn device(header: &Header) -> Option<Device> {
    let (major, minor) = header.device()?;
    let major = u32::try_from(major).ok().filter(|major| *major < 1 << 12)?;
    let minor = u32::try_from(minor).ok().filter(|minor| *minor < 1 << 20)?;
    Some(Device { major, minor })
}

/// Reads the payload of an entry; fails if the tar ends before it does.
#[derive(Debug)]
pub struct Payload<'a, S> {
    entries: &'a mut Entries<S>,
}

impl<S: Source> Read for Payload<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let entries = &mut *self.entries;
        let now = &mut entries.current;
        while now.extents.get(now.next).is_some_and(|extent| now.at >= extent.at + extent.len) {
            now.next += 1;
        }
        let (is_data, end) = match now.extents.get(now.next) {
            Some(extent) if now.at >= extent.at => (true, extent.at + extent.len),
            Some(extent) => (false, extent.at),
            None => (false, now.size),
        };
        let want = usize::try_from(end.saturating_sub(now.at)).unwrap_or(usize::MAX).min(buffer.len());
        let Some(room) = buffer.get_mut(..want).filter(|room| !room.is_empty()) else { return Ok(0) };
        let len = if is_data { entries.source.read(room)? } else { room.len() };
        if is_data {
            if len == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            now.left = now.left.saturating_sub(len as u64);
            entries.offset = entries.offset.saturating_add(len as u64);
        } else {
            room.fill(0);
        }
        now.at += len as u64;
        Ok(len)
    }
}

#[cfg(test)]
mod tests;
