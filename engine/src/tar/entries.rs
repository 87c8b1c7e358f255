//! Reads a tar entry by entry, with everything that it says of each.
//!
//! What is not understood is an error, never a guess: two readers that take a
//! tar differently are two file systems. The rules are those of Go's
//! `archive/tar`; where this reader knows better, the place says so.

use std::io::{self, Read};
use std::sync::Arc;

use super::entry::{Device, Entry, EntryKind, Mtime};
use super::error::shown;
use super::extension::{Extension, Pax};
use super::header::{BLOCK_BYTES, Header, Kind, padding_bytes};
use super::sparse::{MapError, SparseFile, read_map};
use super::{EntryError, Extent, Holes, MAX_EXTENSION_BYTES, Source};

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
    /// The file, holes and all.
    file: Holes,
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
        let body = larder_memory::zeroed(usize::try_from(size).unwrap_or(0));
        let mut body = body.map_err(|error| EntryError::Read { offset, source: error.into() })?;
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

        if let Some(real) = pax.sparse_name() {
            name = real.to_vec();
        }
        let (size, data) = match self.read_map(header, kind, &pax, &name)? {
            Some(sparse) => {
                self.current.left = sparse.stored;
                let extents = sparse.extents(self.offset);
                let extents = extents.ok_or_else(|| EntryError::Sparse { name: shown(&name) })?;
                (sparse.size, Data::Sparse(extents))
            }
            None if kind == Kind::File => (payload, Data::Plain { offset: self.offset }),
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
        let extents = match &data {
            Data::None => Arc::default(),
            Data::Plain { offset } => [Extent { at: 0, offset: *offset, len: size }].into(),
            Data::Sparse(extents) => extents.as_slice().into(),
        };
        self.current.file = Holes::new(size, extents);
        Ok(Found { entry, data })
    }

    fn read_map(
        &mut self,
        header: &Header,
        kind: Kind,
        pax: &Pax,
        name: &[u8],
    ) -> Result<Option<SparseFile>, EntryError> {
        let (start, payload) = (self.offset, self.current.left);
        let block = || {
            let mut block = [0; BLOCK_BYTES];
            self.read_exact(&mut block).map(|()| block)
        };
        read_map(header, kind, pax, payload, block).map_err(|error| match error {
            MapError::Invalid => EntryError::Sparse { name: shown(name) },
            MapError::Long => EntryError::Extension { offset: start, limit: MAX_EXTENSION_BYTES },
            MapError::Read(error) => error,
        })
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

/// An owner or group. -1 means "as it is" to the kernel, which is root of what Docker unpacks; so does
/// the highest number, which is the same to it.
fn owner(id: Option<i64>) -> Option<u32> {
    match id? {
        -1 | 0xffff_ffff => Some(0),
        id => u32::try_from(id).ok(),
    }
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
        let Entries { source, offset, current, .. } = &mut *self.entries;
        let Current { file, left, .. } = current;
        file.read(buffer, |_, room| {
            let len = source.read(room)?;
            *left = left.saturating_sub(len as u64);
            *offset = offset.saturating_add(len as u64);
            Ok(len)
        })
    }
}

#[cfg(test)]
mod tests;
