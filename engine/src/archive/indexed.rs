//! An archive in a file that can be read here and there.

use std::io::{self, Read, Seek, SeekFrom, Take};
use std::sync::Arc;

use super::kept::{check_size, found};
use super::{Documents, Error, Found, Limits, MemberKind, MemberName, Members, Table};

/// The members of an uncompressed archive, to be read in any order.
///
/// Only headers are read to make it: a member that nobody asks for costs a seek.
#[derive(Debug)]
pub struct Indexed<R> {
    inner: R,
    /// Where in the file the archive starts.
    start: u64,
    table: Table,
    limits: Limits,
}

impl<R: Read + Seek> Indexed<R> {
    /// Walks the archive that starts where `inner` stands.
    ///
    /// # Errors
    /// Those of [`Members::next`].
    pub fn new(mut inner: R, limits: &Limits) -> Result<Self, Error> {
        let start = inner.stream_position().map_err(|source| Error::reading("the archive", source))?;
        let mut members = Members::seeking(&mut inner, limits)?;
        let mut table = Table::new(limits);
        while let Some(member) = members.next()? {
            table.insert(member)?;
        }
        Ok(Self { inner, start, table, limits: *limits })
    }

    /// The members.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The payload of the file that `name` leads to; `None` if there is none.
    ///
    /// # Errors
    /// When seeking fails, or links go round.
    pub fn open(&mut self, name: &MemberName) -> Result<Option<Take<&mut R>>, Error> {
        let Some(member) = self.table.resolve(name)?.filter(|member| member.kind == MemberKind::File) else {
            return Ok(None);
        };
        let (offset, size) = (self.start.saturating_add(member.offset), member.size);
        self.inner
            .seek(SeekFrom::Start(offset))
            .map_err(|source| Error::reading(member.name.to_string(), source))?;
        Ok(Some((&mut self.inner).take(size)))
    }
}

impl<R: Read + Seek> Documents for Indexed<R> {
    fn find(&self, name: &MemberName) -> Result<Option<Found>, Error> {
        Ok(self.table.resolve(name)?.map(found))
    }

    fn read(&mut self, name: &MemberName, max: u64) -> Result<Option<Arc<[u8]>>, Error> {
        let reading = |source: io::Error| Error::reading(name.to_string(), source);
        let Some(mut body) = self.open(name)? else { return Ok(None) };
        let size = body.limit();
        check_size(name, size, max)?;
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes).map_err(reading)?;
        if bytes.len() as u64 != size {
            return Err(reading(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(Some(bytes.into()))
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::members::tests::Tar;
    use super::*;

    #[test]
    fn members_are_read_in_any_order() {
        let tar = Tar::new().file("a", "first").file("b", "second").link(tar::EntryType::Symlink, "l", "a");
        let mut file = Cursor::new([b"before".to_vec(), tar.finish()].concat());
        file.set_position(6);
        let mut archive = Indexed::new(file, &Limits::default()).unwrap();
        let name = |text: &str| MemberName::parse(text.as_bytes()).unwrap();
        assert_eq!(archive.read(&name("b"), 10).unwrap().unwrap()[..], *b"second");
        assert_eq!(archive.read(&name("l"), 10).unwrap().unwrap()[..], *b"first");
        assert!(archive.read(&name("c"), 10).unwrap().is_none());
        let error = archive.read(&name("b"), 5).unwrap_err();
        assert_eq!(error.to_string(), "b has 6 bytes, more than the 5 that a document may have");
    }
}
