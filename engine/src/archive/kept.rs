//! The small members of an archive, which say what the others are.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Error, LimitError, Limits, Member, MemberName, Table};

/// Members up to this size are kept whatever they hold, so that a document
/// that is no JSON can be refused for what it is. Shorter than any tar: an
/// archive may have small layers by the thousand.
const ALWAYS_KEPT_BYTES: u64 = 512;

/// What a document takes in memory beside its bytes: its place in a map that
/// may be less than half full, and its allocation.
const KEPT_BYTES: u64 = 128;

/// A member that a name leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its own name, behind all links.
    pub name: MemberName,
    /// Its size; `None` for what is no file.
    pub size: Option<u64>,
}

/// An archive as its documents are read from it: a stream that has passed, a
/// file that is read here and there, or a directory.
pub trait Documents {
    /// The member that `name` leads to, links followed.
    ///
    /// # Errors
    /// When the links go round.
    fn find(&self, name: &MemberName) -> Result<Option<Found>, Error>;

    /// The bytes of the file that `name` leads to; `None` if there is none.
    ///
    /// # Errors
    /// When it has more than `max` bytes, which are then not read, or when
    /// reading fails.
    fn read(&mut self, name: &MemberName, max: u64) -> Result<Option<Arc<[u8]>>, Error>;

    /// The limits that hold for this archive.
    fn limits(&self) -> &Limits;
}

/// The documents of a stream that has passed.
#[derive(Debug)]
pub struct Kept {
    table: Table,
    bytes: HashMap<MemberName, Arc<[u8]>>,
    total: u64,
    limits: Limits,
}

impl Kept {
    /// Before the first member.
    pub fn new(limits: &Limits) -> Self {
        Self { table: Table::new(limits), bytes: HashMap::new(), total: 0, limits: *limits }
    }

    /// Whether a file of that size, starting with `head`, is to be kept: it is
    /// tiny, or begins as JSON does and is not too large for it.
    ///
    /// What is kept may be a layer or a carried blob all the same; no name can
    /// tell before the plan is made.
    pub fn wants(&self, size: u64, head: &[u8]) -> bool {
        let first = head.iter().find(|byte| !byte.is_ascii_whitespace());
        size <= ALWAYS_KEPT_BYTES
            || size <= self.limits.max_document_bytes && matches!(first, Some(b'{' | b'['))
    }

    /// Takes in the next member, and what it holds if that is wanted. A member
    /// of the same name is forgotten.
    ///
    /// # Errors
    /// When the names or documents become too long together.
    pub fn insert(&mut self, member: Member, bytes: Option<Vec<u8>>) -> Result<(), LimitError> {
        let name = member.name.clone();
        self.table.insert(member)?;
        let taken = |bytes: usize| bytes as u64 + KEPT_BYTES;
        let replaced = self.bytes.remove(&name).map_or(0, |bytes| taken(bytes.len()));
        self.total -= replaced.min(self.total);
        self.total += bytes.as_ref().map_or(0, |bytes| taken(bytes.len()));
        self.check(&name)?;
        if let Some(bytes) = bytes {
            self.bytes.insert(name, bytes.into());
        }
        Ok(())
    }

    /// Counts `bytes` that somebody else keeps for the member of that name.
    ///
    /// # Errors
    /// When that is too much, with all that is kept here.
    pub fn charge(&mut self, name: &MemberName, bytes: u64) -> Result<(), LimitError> {
        self.table.charge(bytes)?;
        self.check(name)
    }

    fn check(&self, name: &MemberName) -> Result<(), LimitError> {
        let limit = self.limits.max_documents_bytes;
        if self.total + self.table.bytes() <= limit {
            return Ok(());
        }
        Err(LimitError::DocumentsBytes { member: name.to_string(), limit })
    }

    /// The members.
    pub fn table(&self) -> &Table {
        &self.table
    }
}

/// What a member is to those who look for documents.
pub(super) fn found(member: &Member) -> Found {
    let size = member.is_file().then_some(member.size);
    Found { name: member.name.clone(), size }
}

/// [`LimitError::DocumentBytes`] if a document of `got` bytes is too large.
pub(super) fn check_size(member: &MemberName, got: u64, limit: u64) -> Result<(), LimitError> {
    if got <= limit {
        return Ok(());
    }
    Err(LimitError::DocumentBytes { member: member.to_string(), limit, got })
}

impl Documents for Kept {
    fn find(&self, name: &MemberName) -> Result<Option<Found>, Error> {
        Ok(self.table.resolve(name)?.map(found))
    }

    fn read(&mut self, name: &MemberName, max: u64) -> Result<Option<Arc<[u8]>>, Error> {
        let Some(member) = self.table.resolve(name)?.filter(|member| member.is_file()) else {
            return Ok(None);
        };
        check_size(&member.name, member.size, max)?;
        match self.bytes.get(&member.name) {
            Some(bytes) => Ok(Some(Arc::clone(bytes))),
            // It was not kept because it does not begin as JSON does.
            None => Err(Error::NotADocument { member: member.name.to_string() }),
        }
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }
}

#[cfg(test)]
mod tests {
    use super::super::MemberKind;
    use super::*;

    fn file(text: &str, size: u64) -> Member {
        Member { name: MemberName::parse(text.as_bytes()).unwrap(), kind: MemberKind::File, size, offset: 0 }
    }

    #[test]
    fn json_and_small_files_are_kept() {
        let kept = Kept::new(&Limits::default());
        assert!(kept.wants(3, b"1.0") && kept.wants(512, b"null"));
        assert!(kept.wants(1 << 20, b" \n[") && kept.wants(20 << 20, b"{"));
        assert!(!kept.wants(1024, &[0; 512]) && !kept.wants(1 << 20, b""));
        assert!(!kept.wants((20 << 20) + 1, b"{"));
    }

    #[test]
    fn a_document_too_large_is_named() {
        let mut kept = Kept::new(&Limits::default());
        let large = file("manifest.json", 21 << 20);
        kept.insert(large.clone(), None).unwrap();
        let error = kept.read(&large.name, 20 << 20).unwrap_err();
        let text = "manifest.json has 22020096 bytes, more than the 20971520 that a document may have";
        assert_eq!(error.to_string(), text);
        let binary = file("config", 1 << 20);
        kept.insert(binary.clone(), None).unwrap();
        assert_eq!(
            kept.read(&binary.name, 20 << 20).unwrap_err().to_string(),
            "config is not a JSON document"
        );
    }

    #[test]
    fn documents_are_limited_together_and_replace_one_another() {
        let mut kept = Kept::new(&Limits { max_documents_bytes: 1000, ..Limits::default() });
        kept.insert(file("a", 3), Some(b"abc".to_vec())).unwrap();
        kept.insert(file("a", 4), Some(b"abcd".to_vec())).unwrap();
        assert_eq!(kept.read(&file("a", 0).name, 9).unwrap().unwrap()[..], *b"abcd");
        let error = kept.insert(file("b", 300), Some(vec![b'1'; 300])).unwrap_err();
        assert!(matches!(error, LimitError::DocumentsBytes { limit: 1000, .. }));
    }

    #[test]
    fn members_and_documents_share_what_a_pipe_may_take() {
        let mut kept = Kept::new(&Limits::default());
        let mut members = 0_u64;
        let error = loop {
            let name = format!("{members:064}");
            let inserted = match members % 2 {
                0 => kept.insert(file(&name, 100), Some(vec![b' '; 100])),
                _ => {
                    kept.insert(file(&name, 1000), None).and_then(|()| kept.charge(&file(&name, 0).name, 512))
                }
            };
            match inserted {
                Ok(()) => members += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, LimitError::DocumentsBytes { .. }), "{error}");
        assert!((80_000..200_000).contains(&members), "{members}");
        let kept_bytes: u64 = kept.bytes.values().map(|bytes| bytes.len() as u64 + KEPT_BYTES).sum();
        assert!(kept_bytes + kept.table.bytes() <= (64 << 20) + 1000, "{kept_bytes}");
    }
}
