//! What extended headers say of the entry to come.

use std::collections::BTreeMap;

use super::entry::Mtime;
use super::header::{Kind, text};
use super::pax::{PaxError, Record, records};
use super::sparse::Records;

/// The key of an extended attribute is this and its name.
pub(super) const XATTR: &[u8] = b"SCHILY.xattr.";

/// What extended headers said of the entry to come: GNU's long names and the last pax header.
///
/// As in Go's reader a second pax header takes the place of the first, and
/// GNU's names go before those of pax.
#[derive(Debug, Default)]
pub struct Extension {
    pub(super) long_name: Option<Vec<u8>>,
    pub(super) long_link: Option<Vec<u8>>,
    pub(super) pax: Pax,
}

/// What the records of a pax header say. A later record goes before an earlier
/// one; an empty one takes back what was said.
#[derive(Debug, Default)]
pub struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<i64>,
    pub(super) gid: Option<i64>,
    pub(super) mtime: Option<Mtime>,
    /// Here an empty value is one: unlike Go's reader, and like those of GNU tar
    /// and libarchive, which is how such attributes are carried at all.
    pub(super) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) sparse: Records,
}

impl Extension {
    /// Takes the body of an extended header. Returns the records of a global one.
    ///
    /// # Errors
    /// When it is a pax header that Go's reader refuses.
    pub fn take(&mut self, kind: Kind, body: &[u8]) -> Result<Option<Pairs>, PaxError> {
        match kind {
            Kind::LongName => self.long_name = some(text(body)),
            Kind::LongLink => self.long_link = some(text(body)),
            Kind::Pax => self.pax = Pax::decode(body)?,
            // To Go's reader this is an entry, and what was said for the next was for it.
            _ => {
                let records = decode_global(body)?;
                *self = Self::default();
                return Ok(Some(records));
            }
        }
        Ok(None)
    }

    /// The name that takes the place of the header's.
    pub fn name(&self) -> Option<&[u8]> {
        self.pax.sparse_name().or(self.long_name.as_deref()).or(self.pax.path.as_deref())
    }

    /// The link target that takes the place of the header's.
    pub fn link_name(&self) -> Option<&[u8]> {
        self.long_link.as_deref().or(self.pax.link.as_deref())
    }

    /// The size that takes the place of the header's.
    pub fn size(&self) -> Option<u64> {
        self.pax.size
    }

    /// What pax records say.
    pub fn pax(&self) -> &Pax {
        &self.pax
    }
}

impl Pax {
    /// The name of a sparse file, in place of one that was made up for those who cannot read it.
    pub(super) fn sparse_name(&self) -> Option<&[u8]> {
        self.sparse.place().and(self.sparse.name())
    }

    /// Reads the body of a pax header.
    pub(super) fn decode(body: &[u8]) -> Result<Self, PaxError> {
        let mut pax = Self::default();
        for record in checked(body) {
            let record = record?;
            pax.take(&record).ok_or(PaxError { offset: record.offset })?;
        }
        Ok(pax)
    }

    fn take(&mut self, record: &Record<'_>) -> Option<()> {
        match record.key {
            b"path" => self.path = some(record.value),
            b"linkpath" => self.link = some(record.value),
            b"size" => self.size = unless_empty(record, Record::number)?,
            b"uid" => self.uid = unless_empty(record, id)?,
            b"gid" => self.gid = unless_empty(record, id)?,
            // Of no use here, but what is no time makes the header invalid.
            b"atime" | b"ctime" => _ = unless_empty(record, |record| Mtime::parse(record.value))?,
            b"mtime" => self.mtime = unless_empty(record, |record| Mtime::parse(record.value))?,
            key => match key.strip_prefix(XATTR) {
                Some(name) => _ = self.xattrs.insert(name.to_vec(), record.value.to_vec()),
                None => self.sparse.take(record)?,
            },
        }
        Some(())
    }
}

/// Keys and values, as they come.
pub type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// All records of a global header, which speaks of no entry.
fn decode_global(body: &[u8]) -> Result<Pairs, PaxError> {
    // Its sparse records describe nothing, but out of order Go's reader refuses them.
    let mut sparse = Records::default();
    checked(body)
        .map(|record| {
            let record = record?;
            sparse.take(&record).ok_or(PaxError { offset: record.offset })?;
            Ok((record.key.to_vec(), record.value.to_vec()))
        })
        .collect()
}

/// The records, without NUL where a file system allows none.
fn checked(body: &[u8]) -> impl Iterator<Item = Result<Record<'_>, PaxError>> {
    records(body).map(|record| {
        let record = record?;
        let is_name = matches!(record.key, b"path" | b"linkpath" | b"uname" | b"gname" | b"GNU.sparse.name");
        let checked = if is_name { record.value } else { record.key };
        if checked.contains(&0) { Err(PaxError { offset: record.offset }) } else { Ok(record) }
    })
}

fn some(value: &[u8]) -> Option<Vec<u8>> {
    (!value.is_empty()).then(|| value.to_vec())
}

/// `Some(None)` if the record is empty, `None` if it is not what it ought to be.
fn unless_empty<'a, T>(record: &Record<'a>, parse: impl Fn(&Record<'a>) -> Option<T>) -> Option<Option<T>> {
    if record.value.is_empty() { Some(None) } else { parse(record).map(Some) }
}

fn id(record: &Record<'_>) -> Option<i64> {
    std::str::from_utf8(record.value).ok()?.parse().ok()
}

impl Mtime {
    /// A time as pax writes it: `-12.5`, digits after the ninth dropped.
    fn parse(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
        if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let padded = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
        let nanoseconds = padded.fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
        let is_before = seconds.starts_with('-') && nanoseconds > 0;
        let seconds: i64 = seconds.parse().ok()?;
        Some(match is_before {
            true => Self { seconds: seconds.checked_sub(1)?, nanoseconds: 1_000_000_000 - nanoseconds },
            false => Self { seconds, nanoseconds },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_1970_are_rounded_down() {
        for (text, seconds, nanoseconds) in [
            ("0", 0, 0),
            ("12.5", 12, 500_000_000),
            ("12.", 12, 0),
            ("12.0000000019", 12, 1),
            ("-0.5", -1, 500_000_000),
            ("-1.25", -2, 750_000_000),
            ("-3", -3, 0),
            ("-3.000", -3, 0),
        ] {
            assert_eq!(Mtime::parse(text.as_bytes()), Some(Mtime { seconds, nanoseconds }), "{text}");
        }
        for text in ["", ".5", "-", "-.5", "1.-5", "1.5.5", "1e3", " 1", "9223372036854775808"] {
            assert_eq!(Mtime::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Mtime::parse(b"-9223372036854775808.5"), None, "one second too early");
    }

    #[test]
    fn the_last_record_counts_and_an_empty_one_takes_back() {
        let pax = Pax::decode(b"10 path=a\n10 path=b\n9 uid=12\n7 uid=\n").unwrap();
        assert_eq!((pax.path.as_deref(), pax.uid), (Some(&b"b"[..]), None));
    }

    #[test]
    fn what_go_refuses_in_a_record_that_is_not_used_is_refused() {
        assert!(Pax::decode(b"11 atime=x\n").is_err());
        assert!(Pax::decode(b"9 ctime=\n").is_ok());
        let mut body = Vec::new();
        super::super::push_record(b"GNU.sparse.numbytes", b"10", &mut body);
        assert!(Extension::default().take(Kind::GlobalPax, &body).is_err());
    }

    #[test]
    fn a_name_with_a_nul_is_refused() {
        assert!(Pax::decode(b"12 path=a\0b\n").is_err());
        assert!(Pax::decode(b"8 k\0=v\n\n").is_err());
        assert!(Pax::decode(b"25 SCHILY.xattr.user.a=\0\n").is_ok());
    }
}
