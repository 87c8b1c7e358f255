//! Which member is which, once names repeat and links lead on.

use std::collections::HashMap;

use super::{Error, LimitError, Limits, Member, MemberKind, MemberName};

/// The most links to follow from one name, as many as Linux follows in a path.
const MAX_LINKS: usize = 40;

/// What a member takes in memory beside the text of its name: its place in a
/// map that may be less than half full, and the allocations of name and link.
const MEMBER_BYTES: usize = 256;

/// The members of an archive by name.
///
/// Of members with the same name the last one counts, as it would if the
/// archive were unpacked.
#[derive(Debug)]
pub struct Table {
    members: HashMap<MemberName, Member>,
    bytes: u64,
    limits: Limits,
}

impl Table {
    /// A table of nothing.
    pub fn new(limits: &Limits) -> Self {
        Self { members: HashMap::new(), bytes: 0, limits: *limits }
    }

    /// Takes in the next member, and gives back the one that it replaces.
    ///
    /// # Errors
    /// When the members take too much memory together.
    pub fn insert(&mut self, member: Member) -> Result<Option<Member>, LimitError> {
        let link = match &member.kind {
            MemberKind::Symlink(target) | MemberKind::Hardlink(target) => target.as_str().len(),
            MemberKind::BadLink { target, .. } => target.len(),
            MemberKind::Sparse(extents) => size_of_val(&**extents),
            _ => 0,
        };
        self.charge((member.name.as_str().len() + link + MEMBER_BYTES) as u64)?;
        Ok(self.members.insert(member.name.clone(), member))
    }

    /// Counts `bytes` more that somebody remembers of a member.
    ///
    /// # Errors
    /// When that is too much together.
    pub fn charge(&mut self, bytes: u64) -> Result<(), LimitError> {
        self.bytes = self.bytes.saturating_add(bytes);
        let limit = self.limits.max_members_bytes;
        if self.bytes > limit { Err(LimitError::MembersBytes { limit }) } else { Ok(()) }
    }

    /// How much memory the members take; those that were replaced count too.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The member of that name, as it stands.
    pub fn get(&self, name: &MemberName) -> Option<&Member> {
        self.members.get(name)
    }

    /// The member that the name leads to, behind any links.
    ///
    /// # Errors
    /// [`Error::LinkCycle`], and [`Error::Link`] for one that leads out of the archive.
    pub fn resolve(&self, name: &MemberName) -> Result<Option<&Member>, Error> {
        let mut at = name;
        for _ in 0..=MAX_LINKS {
            match self.members.get(at) {
                Some(Member { kind: MemberKind::Symlink(next) | MemberKind::Hardlink(next), .. }) => {
                    at = next
                }
                Some(Member { kind: MemberKind::BadLink { target, problem }, .. }) => {
                    let (member, target) = (at.to_string(), target.clone());
                    return Err(Error::Link { member, target, problem: *problem });
                }
                None if at != name => {
                    return Err(Error::LinkNowhere { member: name.to_string(), target: at.to_string() });
                }
                found => return Ok(found),
            }
        }
        Err(Error::LinkCycle { member: name.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> MemberName {
        MemberName::parse(text.as_bytes()).unwrap()
    }

    fn table(members: &[(&str, MemberKind)]) -> Table {
        let mut table = Table::new(&Limits::default());
        for (offset, (text, kind)) in members.iter().enumerate() {
            let member = Member { name: name(text), kind: kind.clone(), size: 1, offset: offset as u64 };
            table.insert(member).unwrap();
        }
        table
    }

    fn symlink(to: &str) -> MemberKind {
        MemberKind::Symlink(name(to))
    }

    #[test]
    fn links_lead_on_to_a_file() {
        let table = table(&[
            ("a", symlink("b")),
            ("b", MemberKind::Hardlink(name("c"))),
            ("c", MemberKind::File),
            ("lost", symlink("nothing")),
        ]);
        assert_eq!(table.resolve(&name("a")).unwrap().unwrap().name, name("c"));
        assert_eq!(table.resolve(&name("c")).unwrap().unwrap().name, name("c"));
        let lost = table.resolve(&name("lost")).unwrap_err().to_string();
        assert_eq!(lost, "the link lost leads to nothing, which is not in the archive");
        assert!(table.resolve(&name("nothing")).unwrap().is_none());
    }

    #[test]
    fn links_that_go_round_are_refused() {
        let table = table(&[("a", symlink("b")), ("b", symlink("a")), ("self", symlink("self"))]);
        for text in ["a", "b", "self"] {
            let error = table.resolve(&name(text)).unwrap_err();
            assert_eq!(error.to_string(), format!("the link {text} leads to itself"));
        }
    }

    #[test]
    fn the_last_of_a_name_counts() {
        let table = table(&[("a", symlink("b")), ("a", MemberKind::File)]);
        assert_eq!(table.resolve(&name("a")).unwrap().unwrap().offset, 1);
    }

    #[test]
    fn a_member_is_counted_with_more_than_its_name() {
        let slot = size_of::<(MemberName, Member)>() + 1;
        // 7 of 8 slots are used before a map doubles; each text has two counters and a header.
        assert!(slot * 16 / 7 + 2 * 32 <= MEMBER_BYTES, "{slot}");
        let mut table = Table::new(&Limits::default());
        let member =
            |n: u32| Member { name: name(&n.to_string()), kind: MemberKind::File, size: 0, offset: 0 };
        let refused = (0..).map_while(|n| table.insert(member(n)).ok()).count();
        assert!(refused * MEMBER_BYTES <= 64 << 20, "{refused}");
    }

    #[test]
    fn names_are_limited_together() {
        let limits = Limits { max_members_bytes: 2 * MEMBER_BYTES as u64 + 5, ..Limits::default() };
        let mut table = Table::new(&limits);
        let member = |text| Member { name: name(text), kind: MemberKind::File, size: 0, offset: 0 };
        table.insert(member("abc")).unwrap();
        assert_eq!(
            table.insert(member("def")),
            Err(LimitError::MembersBytes { limit: limits.max_members_bytes })
        );
    }
}
