//! Why a tar cannot be read as entries.

use std::io;

use super::{HeaderError, PaxError};

/// A tar that is damaged, or says what no Linux can do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// Reading failed; at a source's premature end as [`io::ErrorKind::UnexpectedEof`].
    #[error("cannot read the tar {offset} bytes into it")]
    Read {
        /// How far reading had come.
        offset: u64,
        /// What the source said.
        source: io::Error,
    },
    /// A block that ought to be a header is none.
    #[error("no entry {offset} bytes into the tar")]
    Header {
        /// Where the block lies.
        offset: u64,
        /// What is wrong with it.
        source: HeaderError,
    },
    /// A pax header is not a list of records, or a record is not what its key promises.
    #[error("invalid pax header {offset} bytes into the tar")]
    Pax {
        /// Where the header lies.
        offset: u64,
        /// Which record.
        source: PaxError,
    },
    /// A pax header, a long name or the map of a sparse file is larger than any real one.
    #[error("extended header larger than {limit} bytes, {offset} bytes into the tar")]
    Extension {
        /// Where it starts.
        offset: u64,
        /// The most that it may have.
        limit: u64,
    },
    /// An entry of a kind that nobody knows how to unpack.
    #[error("entry {name:?} is of the unknown kind {:?}", char::from(*kind))]
    Kind {
        /// The entry, or the start of its name.
        name: String,
        /// The byte for its kind.
        kind: u8,
    },
    /// A number that is none, or that no Linux has.
    #[error("entry {name:?} has an impossible {field}")]
    Number {
        /// The entry, or the start of its name.
        name: String,
        /// What the number was for.
        field: &'static str,
    },
    /// A sparse file whose map is no map of its data.
    #[error("entry {name:?} is a sparse file with an invalid map")]
    Sparse {
        /// The entry, or the start of its name.
        name: String,
    },
}

/// The most bytes of a name that an error shows.
const SHOWN_BYTES: usize = 200;

/// `name` as an error shows it.
pub(crate) fn shown(name: &[u8]) -> String {
    match name.get(..SHOWN_BYTES) {
        Some(start) => format!("{}…", String::from_utf8_lossy(start)),
        None => String::from_utf8_lossy(name).into_owned(),
    }
}
