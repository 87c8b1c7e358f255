//! The members of an archive, one after another, from a stream or a file.

use std::borrow::Cow;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use super::error::WHOLE;
use super::{Error, LimitError, Limits, MemberName, NameProblem, name, sniff};
use crate::tar::{
    BLOCK_BYTES, Extension, Extent, Header, HeaderError, Holes, Kind, MAX_EXTENSION_BYTES, MapError,
    SparseFile, padding_bytes, read_map,
};

/// One member of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: MemberName,
    /// What it is.
    pub kind: MemberKind,
    /// How many bytes it has, holes included; zero for all but files.
    pub size: u64,
    /// Where its payload starts in the (expanded) archive.
    pub offset: u64,
}

/// What a member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberKind {
    /// A regular file.
    File,
    /// A regular file that is stored without its holes, and where the archive has its bytes.
    Sparse(Arc<[Extent]>),
    /// A directory.
    Directory,
    /// A symbolic link, and the member it points to.
    Symlink(MemberName),
    /// Another name for a member before it.
    Hardlink(MemberName),
    /// A link of either kind that leads nowhere in the archive. Harmless until a
    /// document names it; file systems, taken for images, are full of them.
    BadLink {
        /// What it points to, or the start of it.
        target: String,
        /// What is wrong with it.
        problem: NameProblem,
    },
    /// Something that no image archive has, such as a device.
    Other,
}

/// A member that is stored without its holes, and where the archive has its bytes.
type WithHoles = (SparseFile, Arc<[Extent]>);

impl Member {
    /// Whether it is a regular file, however it is stored.
    pub fn is_file(&self) -> bool {
        matches!(self.kind, MemberKind::File | MemberKind::Sparse(_))
    }
}

/// Walks an archive.
///
/// ```
/// use larder_engine::archive::{Limits, Members};
///
/// let tar = [0; 1024]; // an archive of nothing but its end
/// let mut members = Members::streamed(&tar[..], &Limits::default());
/// assert!(members.next()?.is_none());
/// # Ok::<(), larder_engine::archive::Error>(())
/// ```
#[derive(Debug)]
pub struct Members<R> {
    inner: R,
    limits: Limits,
    skip: fn(&mut R, u64) -> io::Result<u64>,
    /// The length of the archive, where it can be known beforehand.
    len: Option<u64>,
    /// How much was read or skipped.
    offset: u64,
    /// Of the current member: payload not yet read, and padding after it.
    left: u64,
    padding: u64,
    /// The current member, if it is stored without its holes.
    file: Option<Holes>,
    /// The bytes of all holes so far.
    holes: u64,
    count: u64,
    /// The current member, for errors to name.
    current: String,
    ended: bool,
}

/// The extended headers before a member: where the first of them started, and the bytes of all.
#[derive(Debug, Default)]
struct Extensions {
    offset: u64,
    bytes: u64,
}

impl<R: Read> Members<R> {
    /// Walks a stream: what is not wanted is read and dropped.
    pub fn streamed(inner: R, limits: &Limits) -> Self {
        let skip = |inner: &mut R, bytes| io::copy(&mut inner.take(bytes), &mut io::sink());
        Self::new(inner, limits, skip, None)
    }

    fn new(inner: R, limits: &Limits, skip: fn(&mut R, u64) -> io::Result<u64>, len: Option<u64>) -> Self {
        Self {
            inner,
            limits: *limits,
            skip,
            len,
            offset: 0,
            left: 0,
            padding: 0,
            file: None,
            holes: 0,
            count: 0,
            current: String::new(),
            ended: false,
        }
    }

    /// The next member; `None` at the end of the archive.
    ///
    /// # Errors
    /// When the archive is damaged, truncated or no tar, when the member has a
    /// name that leads elsewhere, or when a limit is passed.
    #[expect(clippy::should_implement_trait, reason = "an iterator could not lend the body")]
    pub fn next(&mut self) -> Result<Option<Member>, Error> {
        let (mut extension, mut seen) = (Extension::default(), Extensions::default());
        while !self.ended {
            self.skip_rest()?;
            let start = self.offset;
            let Some(header) = self.read_header(seen.bytes > 0)? else {
                self.ended = true;
                break;
            };
            if !header.kind().is_extension() {
                return self.member(&header, &extension).map(Some);
            }
            if seen.bytes == 0 {
                seen.offset = start;
            }
            seen.bytes = seen.bytes.saturating_add(BLOCK_BYTES as u64 + header.size());
            if seen.bytes > self.limits.max_header_bytes {
                let (limit, offset) = (self.limits.max_header_bytes, seen.offset);
                return Err(LimitError::HeaderBytes { limit, offset }.into());
            }
            self.left = header.size();
            self.padding = padding_bytes(header.size());
            self.current = "an extended header".into();
            let body = larder_memory::read_up_to(&mut self.body(), usize::MAX);
            let body = body.map_err(|source| self.reading(source))?;
            // Global records change no member: none that matters here may be among them.
            extension.take(header.kind(), &body).map_err(|source| Error::Pax { offset: start, source })?;
        }
        Ok(None)
    }

    /// The payload of the member that [`Self::next`] gave last, or what is left of it.
    pub fn body(&mut self) -> Body<'_, R> {
        Body { members: self }
    }

    /// Reads on to the end of the stream, so that whoever writes into it is
    /// not cut off, and a decoder gets to see its checksum.
    ///
    /// What lies behind the end marker is not looked at: tars are padded with
    /// zeros, sometimes by the gigabyte.
    ///
    /// # Errors
    /// When reading fails.
    pub fn finish(mut self) -> Result<R, Error> {
        while self.next()?.is_some() {}
        if self.len.is_none() {
            io::copy(&mut self.inner, &mut io::sink()).map_err(|source| Error::reading(WHOLE, source))?;
        }
        Ok(self.inner)
    }

    fn skip_rest(&mut self) -> Result<(), Error> {
        self.file = None;
        let left = std::mem::take(&mut self.left);
        if self.len.is_some_and(|len| len.saturating_sub(self.offset) < left) {
            return Err(self.truncated());
        }
        if (self.skip)(&mut self.inner, left).map_err(|source| self.reading(source))? < left {
            return Err(self.truncated());
        }
        self.offset += left;
        // As in Go's reader, an archive may end where only padding is missing.
        let padding = std::mem::take(&mut self.padding);
        self.offset += (self.skip)(&mut self.inner, padding).map_err(|source| self.reading(source))?;
        Ok(())
    }

    /// `None` at the end: two zero blocks, or no more bytes between two members.
    fn read_header(&mut self, promised: bool) -> Result<Option<Header>, Error> {
        for after_zeros in [false, true] {
            let mut block = [0; BLOCK_BYTES];
            let offset = self.offset;
            match self.read_block(&mut block)? {
                0 if offset == 0 => return Err(Error::Empty),
                0 if !promised => return Ok(None),
                len if len < BLOCK_BYTES => return Err(self.not_a_block(&block, offset)),
                _ => {}
            }
            match Header::decode(&block) {
                // Go's reader refuses it, and others read on: they would see different images.
                Ok(Some(_)) if after_zeros => {
                    return Err(self.no_header(&block, offset, HeaderError::AfterZeros));
                }
                Ok(Some(header)) => return Ok(Some(header)),
                Ok(None) => {}
                Err(source) => return Err(self.no_header(&block, offset, source)),
            }
        }
        if promised { Err(Error::Truncated { place: "an extended header".into() }) } else { Ok(None) }
    }

    fn read_block(&mut self, block: &mut [u8; BLOCK_BYTES]) -> Result<usize, Error> {
        let mut have = 0;
        while let Some(room) = block.get_mut(have..).filter(|room| !room.is_empty()) {
            match self.inner.read(room) {
                Ok(0) => break,
                Ok(len) => have += len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(Error::reading(self.place(), source)),
            }
        }
        self.offset += have as u64;
        Ok(have)
    }

    fn not_a_block(&self, block: &[u8; BLOCK_BYTES], offset: u64) -> Error {
        match Header::decode(block) {
            Err(source) if offset == 0 => self.no_header(block, offset, source),
            _ => Error::Truncated { place: format!("a header, after {}", self.place()) },
        }
    }

    fn no_header(&self, block: &[u8; BLOCK_BYTES], offset: u64, source: HeaderError) -> Error {
        match sniff(block) {
            _ if offset > 0 => Error::Header { offset, after: self.place(), source },
            super::Compression::None => Error::NotTar { source },
            inner => Error::CompressedTwice { inner },
        }
    }

    fn member(&mut self, header: &Header, extension: &Extension) -> Result<Member, Error> {
        self.count += 1;
        if self.count > self.limits.max_members {
            return Err(LimitError::Members { limit: self.limits.max_members }.into());
        }
        let raw = extension.name().map_or_else(|| header.name(), Cow::Borrowed);
        let named =
            MemberName::parse(&raw).map_err(|problem| Error::Name { name: name::shown(&raw), problem })?;
        let member = named.to_string();
        let kind = header.kind_when_named(&raw);
        let size = if kind.has_payload() { extension.size().unwrap_or(header.size()) } else { 0 };
        let sparse = self.sparse(header, kind, extension, size, &member)?;
        let target = extension.link_name().map_or_else(|| header.link_name(), Cow::Borrowed);
        let bad_link = |problem| MemberKind::BadLink { target: name::shown(&target), problem };
        let kind = match kind {
            Kind::File | Kind::Sparse if named.is_root() => {
                return Err(Error::Name { name: name::shown(&raw), problem: NameProblem::Empty });
            }
            Kind::File | Kind::Sparse => MemberKind::File,
            Kind::Directory => MemberKind::Directory,
            Kind::Symlink => named.link(&target).map_or_else(bad_link, MemberKind::Symlink),
            Kind::Hardlink => MemberName::parse(&target).map_or_else(bad_link, MemberKind::Hardlink),
            _ => MemberKind::Other,
        };
        self.current = member;
        self.padding = padding_bytes(size);
        self.left = size;
        let (size, kind) = match sparse {
            Some((sparse, extents)) => {
                self.left = sparse.stored;
                self.file = Some(Holes::new(sparse.size, Arc::clone(&extents)));
                (sparse.size, MemberKind::Sparse(extents))
            }
            None => (size, kind),
        };
        Ok(Member { name: named, kind, size, offset: self.offset })
    }

    /// The map of a member that is stored without its holes, which lies before its bytes.
    fn sparse(
        &mut self,
        header: &Header,
        kind: Kind,
        extension: &Extension,
        payload: u64,
        member: &str,
    ) -> Result<Option<WithHoles>, Error> {
        let offset = self.offset;
        let block = || {
            let mut block = [0; BLOCK_BYTES];
            match self.read_block(&mut block)? {
                BLOCK_BYTES => Ok(block),
                _ => Err(Error::Truncated { place: format!("the map of {member}") }),
            }
        };
        let invalid = || Error::SparseMap { member: member.to_owned() };
        let sparse =
            read_map(header, kind, extension.pax(), payload, block).map_err(|error| match error {
                MapError::Invalid => invalid(),
                MapError::Long => LimitError::HeaderBytes { limit: MAX_EXTENSION_BYTES, offset }.into(),
                MapError::Read(error) => error,
            })?;
        let Some(sparse) = sparse else { return Ok(None) };
        let extents = sparse.extents(self.offset).ok_or_else(invalid)?;
        // Holes expand as bytes do that are compressed, and are bounded in the same way.
        self.holes = self.holes.saturating_add(sparse.size.saturating_sub(sparse.stored));
        let (limit, consumed, expanded) = (self.limits.max_ratio, self.offset, self.holes);
        if expanded > Limits::RATIO_GRACE_BYTES && expanded / limit.max(1) > consumed {
            let source = LimitError::Ratio { limit, consumed, expanded };
            return Err(Error::MemberLimit { member: member.to_owned(), source });
        }
        Ok(Some((sparse, extents.into())))
    }

    fn place(&self) -> String {
        if self.current.is_empty() { WHOLE.into() } else { self.current.clone() }
    }

    fn truncated(&self) -> Error {
        Error::Truncated { place: self.place() }
    }

    fn reading(&self, source: io::Error) -> Error {
        Error::reading(self.place(), source)
    }
}

impl<R: Read + Seek> Members<R> {
    /// Walks a file: what is not wanted is not read. The walk starts where the
    /// file stands, and that is offset zero.
    ///
    /// # Errors
    /// When the file cannot tell how long it is.
    pub fn seeking(mut inner: R, limits: &Limits) -> Result<Self, Error> {
        let len = rest_of(&mut inner).map_err(|source| Error::reading(WHOLE, source))?;
        let skip = |inner: &mut R, bytes: u64| {
            let step = i64::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
            inner.seek_relative(step).map(|()| bytes)
        };
        Ok(Self::new(inner, limits, skip, Some(len)))
    }
}

fn rest_of(inner: &mut impl Seek) -> io::Result<u64> {
    let start = inner.stream_position()?;
    let end = inner.seek(SeekFrom::End(0))?;
    inner.seek(SeekFrom::Start(start))?;
    Ok(end.saturating_sub(start))
}

/// Reads the payload of a member; fails if the archive ends before it does.
#[derive(Debug)]
pub struct Body<'a, R> {
    members: &'a mut Members<R>,
}

impl<R: Read> Read for Body<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let members = &mut *self.members;
        if let Some(mut file) = members.file.take() {
            let read = file.read(buf, |_, room| self.read_stored(room));
            self.members.file = Some(file);
            return read;
        }
        self.read_stored(buf)
    }
}

impl<R: Read> Body<'_, R> {
    /// Reads on in what the archive has of the member.
    fn read_stored(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let members = &mut *self.members;
        let want = usize::try_from(members.left).unwrap_or(usize::MAX).min(buf.len());
        let Some(room) = buf.get_mut(..want).filter(|room| !room.is_empty()) else { return Ok(0) };
        let len = members.inner.read(room)?;
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        members.left -= len as u64;
        members.offset += len as u64;
        Ok(len)
    }
}

#[cfg(test)]
pub(super) mod tests;
