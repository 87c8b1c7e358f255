//! Where the members of an archive are read from.

use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Result;
use crate::archive::{
    Bounded, Budget, Compression, Documents, Error, Found, Limits, Member, MemberKind, MemberName, Members,
    NameProblem, Nesting, Table, sniff,
};
use crate::disk::{Input, InputFile, Tree, TreeFileKind};
use crate::tar::Holes;

/// How much is read at once from a stream.
const BUFFER_BYTES: usize = 1 << 20;

/// An archive, opened.
pub enum Source {
    /// Members can be read in any order.
    Random(Random),
    /// Members come once.
    Stream(Stream),
}

/// A stream of members, its compression taken off.
pub struct Stream {
    /// The plain archive.
    pub plain: Bounded<BufReader<Box<dyn Read + Send>>>,
}

/// An archive that can be read in any order.
pub struct Random {
    place: Place,
    table: Table,
    limits: Limits,
    read: Arc<AtomicU64>,
}

enum Place {
    File(InputFile),
    Directory(Tree),
}

/// Opens an archive: a plain tar in a file and a directory can be read in any order.
pub fn open(input: Input, budget: &Budget) -> Result<Source> {
    let limits = budget.limits();
    let reading = |source| super::super::Error::Archive(Error::reading("the archive", source));
    let stream: Box<dyn Read + Send> = match input {
        Input::Directory(tree) => return Ok(Source::Random(Random::directory(tree, limits)?)),
        Input::Stream(stream) => stream,
        Input::File(file) => {
            let mut head = Vec::new();
            file.part(0, 16).read_to_end(&mut head).map_err(reading)?;
            if sniff(&head) == Compression::None {
                return Ok(Source::Random(Random::file(file, limits)?));
            }
            Box::new(file)
        }
    };
    let buffered = BufReader::with_capacity(BUFFER_BYTES, stream);
    let plain = Bounded::new(buffered, budget, Nesting::Outer).map_err(reading)?;
    Ok(Source::Stream(Stream { plain }))
}

impl Source {
    /// How many bytes were read of the archive itself.
    pub fn bytes_read(&self) -> u64 {
        match self {
            Self::Random(random) => random.read.load(Ordering::Relaxed),
            Self::Stream(stream) => stream.plain.consumed_bytes(),
        }
    }
}

impl Random {
    /// Walks a tar by its headers.
    fn file(file: InputFile, limits: &Limits) -> Result<Self> {
        let archive = |error| super::super::Error::Archive(error);
        let mut table = Table::new(limits);
        let mut members = Members::seeking(file.clone(), limits).map_err(archive)?;
        while let Some(member) = members.next().map_err(archive)? {
            table.insert(member).map_err(|error| archive(error.into()))?;
        }
        Ok(Self { place: Place::File(file), table, limits: *limits, read: Arc::default() })
    }

    /// Lists a directory.
    fn directory(tree: Tree, limits: &Limits) -> Result<Self> {
        let mut table = Table::new(limits);
        for file in tree.files(limits.max_members)? {
            let archive = |error| super::super::Error::Archive(error);
            let name = MemberName::parse(file.name.as_bytes())
                .map_err(|problem| archive(Error::Name { name: file.name.clone(), problem }))?;
            let (kind, size) = match file.kind {
                TreeFileKind::File(len) => (MemberKind::File, len),
                TreeFileKind::Outside(target) => {
                    (MemberKind::BadLink { target, problem: NameProblem::Outside }, 0)
                }
            };
            let member = Member { name, kind, size, offset: 0 };
            table.insert(member).map_err(|error| archive(error.into()))?;
        }
        Ok(Self { place: Place::Directory(tree), table, limits: *limits, read: Arc::default() })
    }

    /// How many bytes the member of that name has; none if there is no such file.
    pub fn size(&self, name: &MemberName) -> u64 {
        self.table.resolve(name).ok().flatten().map_or(0, |member| member.size)
    }

    /// The member of that name, behind links, to be read.
    pub fn body(&self, name: &MemberName) -> Result<Option<(u64, Counting)>, Error> {
        let Some(member) = self.table.resolve(name)?.filter(|member| member.is_file()) else {
            return Ok(None);
        };
        let inner = match &self.place {
            Place::File(file) => match &member.kind {
                MemberKind::Sparse(extents) => {
                    Body::Sparse(file.clone(), Holes::new(member.size, Arc::clone(extents)))
                }
                _ => Body::Whole(file.part(member.offset, member.size)),
            },
            Place::Directory(tree) => tree
                .open_file(member.name.as_str())
                .map(Body::Whole)
                .map_err(|error| Error::reading(member.name.as_str(), error.source))?,
        };
        Ok(Some((member.size, Counting { inner, read: Arc::clone(&self.read) })))
    }
}

impl Documents for Random {
    fn find(&self, name: &MemberName) -> Result<Option<Found>, Error> {
        let found = self.table.resolve(name)?;
        Ok(found
            .map(|member| Found { name: member.name.clone(), size: member.is_file().then_some(member.size) }))
    }

    fn read(&mut self, name: &MemberName, max: u64) -> Result<Option<Arc<[u8]>>, Error> {
        let Some((size, mut body)) = self.body(name)? else { return Ok(None) };
        if size > max {
            let (member, limit) = (name.to_string(), max);
            return Err(crate::archive::LimitError::DocumentBytes { member, limit, got: size }.into());
        }
        let reading = |error| Error::reading(name.as_str(), error);
        let bytes = larder_memory::read_up_to(&mut body, usize::MAX).map_err(reading)?;
        // The copy that is kept.
        larder_memory::check(bytes.len()).map_err(|error| reading(error.into()))?;
        if bytes.len() as u64 == size {
            Ok(Some(bytes.into()))
        } else {
            Err(Error::Truncated { place: name.to_string() })
        }
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// The bytes of a member.
enum Body {
    Whole(InputFile),
    /// Stored in the archive without its holes.
    Sparse(InputFile, Holes),
}

/// Counts what is read of the archive.
pub struct Counting {
    inner: Body,
    read: Arc<AtomicU64>,
}

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = match &mut self.inner {
            Body::Whole(file) => file.read(buffer)?,
            Body::Sparse(file, holes) => {
                holes.read(buffer, |place, room| file.part(place, room.len() as u64).read(room))?
            }
        };
        self.read.fetch_add(len as u64, Ordering::Relaxed);
        Ok(len)
    }
}
