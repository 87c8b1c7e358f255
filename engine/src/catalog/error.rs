//! Why the catalog could not answer.

/// Why the catalog could not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database failed, or its files are not what it wrote.
    #[error("the catalog's database failed")]
    Database(#[from] sled::Error),
    /// A record in it is not one that larder writes.
    #[error("the catalog has a malformed record in {table}")]
    Malformed {
        /// The table it is in.
        table: &'static str,
        /// What the decoder said.
        source: bincode::Error,
    },
    /// A page in it is not one that larder writes.
    #[error("the catalog has a malformed page")]
    MalformedPage,
    /// A record is longer than the catalog can keep.
    #[error("a record is too long for the catalog")]
    RowTooLong,
    /// A commit is longer than records may be.
    #[error("the commit is too large; load fewer images at once")]
    TooLarge(#[source] bincode::Error),
    /// A commit in the journal is not one that this larder knows.
    #[error("the journal has a commit that this larder cannot read")]
    UnknownCommit(#[source] bincode::Error),
}

/// What the room's functions give.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The system's error that the database failed of, if it was one.
    pub fn io(&self) -> Option<&std::io::Error> {
        match self {
            Self::Database(sled::Error::Io(error)) => Some(error),
            _ => None,
        }
    }

    /// Whether the database is to blame, which can be made again.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Database(_) | Self::Malformed { .. } | Self::MalformedPage)
    }
}
