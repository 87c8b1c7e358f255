//! How much an archive may ask for, and what is said when it asks for more.

use super::Compression;

/// Bounds on what is read from one archive.
///
/// The defaults are far beyond what real images need, and small enough that
/// an archive made to hurt is refused before it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes after decompression, of the archive and all its layers together.
    ///
    /// 1 TiB: the largest images in use, with models in them, are a tenth of it.
    pub max_expanded_bytes: u64,
    /// How many bytes one compressed byte may become, counted once a stream
    /// has given [`Self::RATIO_GRACE_BYTES`].
    ///
    /// 1100: deflate cannot pass 1032, so nothing that is gzip is refused;
    /// what passes it is a bomb, or zeros by the gigabyte packed by xz or zstd.
    pub max_ratio: u64,
    /// Members of the archive; the files inside its layers do not count.
    ///
    /// 200 000: a thousand images of fifty layers, none of them shared, have as
    /// many in Docker's oldest form, the one with most members. More would not
    /// fit into [`Self::max_members_bytes`].
    pub max_members: u64,
    /// Extended headers of one member: pax records and long names.
    ///
    /// 1 MiB, as in Go's reader.
    pub max_header_bytes: u64,
    /// What is remembered of all members together: names, where they lie, and
    /// of a stream that passes what was made of each.
    ///
    /// 64 MiB: 200 000 members with names of the usual 80 bytes; 80 000 layers
    /// that come by pipe.
    pub max_members_bytes: u64,
    /// One JSON document.
    ///
    /// 20 MiB, as in containerd's importer.
    pub max_document_bytes: u64,
    /// All documents together, which are kept in memory.
    ///
    /// 64 MiB: ten thousand configs of the usual size. By pipe, where a large
    /// window may be open all the while, together with what is remembered of
    /// the members.
    pub max_documents_bytes: u64,
}

impl Limits {
    /// Below this a stream's ratio is not looked at: headers and small layers
    /// of zeros compress better than anything large does.
    pub const RATIO_GRACE_BYTES: u64 = 64 << 20;

    /// Processor time that reading may take for each megabyte of the input, begun or whole.
    ///
    /// A minute: a gigabyte of zeros in a megabyte of gzip takes a quarter of it where a
    /// machine is slow.
    pub const WORK_PER_MEGABYTE: std::time::Duration = std::time::Duration::from_secs(60);
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_expanded_bytes: 1 << 40,
            max_ratio: 1100,
            max_members: 200_000,
            max_header_bytes: crate::tar::MAX_EXTENSION_BYTES,
            max_members_bytes: 64 << 20,
            max_document_bytes: 20 << 20,
            max_documents_bytes: 64 << 20,
        }
    }
}

/// Which limit was passed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitError {
    /// [`Limits::max_expanded_bytes`].
    #[error("the archive expands to more than {limit} bytes")]
    ExpandedBytes {
        /// The limit.
        limit: u64,
    },
    /// [`Limits::max_ratio`].
    #[error("{consumed} compressed bytes expand to {expanded}, more than {limit} times as many")]
    Ratio {
        /// The limit.
        limit: u64,
        /// Bytes in.
        consumed: u64,
        /// Bytes out.
        expanded: u64,
    },
    /// [`Limits::WORK_PER_MEGABYTE`].
    #[error(
        "reading {consumed} bytes of the archive has taken {} s of processor time, more than {} s for each megabyte",
        spent.as_secs(), Limits::WORK_PER_MEGABYTE.as_secs()
    )]
    Work {
        /// Bytes of the input that were read.
        consumed: u64,
        /// The processor time that it took.
        spent: std::time::Duration,
    },
    /// [`Limits::max_members`].
    #[error("the archive has more than {limit} members")]
    Members {
        /// The limit.
        limit: u64,
    },
    /// [`Limits::max_header_bytes`].
    #[error("the extended headers at byte {offset} of the archive are longer than {limit} bytes")]
    HeaderBytes {
        /// The limit.
        limit: u64,
        /// Where the first of them starts.
        offset: u64,
    },
    /// [`Limits::max_members_bytes`].
    #[error("the archive has too many members, or too long names: they take more than {limit} bytes")]
    MembersBytes {
        /// The limit.
        limit: u64,
    },
    /// [`Limits::max_document_bytes`].
    #[error("{member} has {got} bytes, more than the {limit} that a document may have")]
    DocumentBytes {
        /// The document.
        member: String,
        /// The limit.
        limit: u64,
        /// Its size.
        got: u64,
    },
    /// [`Limits::max_documents_bytes`].
    #[error(
        "the archive's documents, and what is remembered of its members, take more than {limit} bytes with {member}"
    )]
    DocumentsBytes {
        /// The first document beyond it.
        member: String,
        /// The limit.
        limit: u64,
    },
    /// A decoder that would have to remember too much at once.
    #[error(
        "the {compression} data takes more than {limit} bytes of memory to expand; \
         compress it again with a smaller window, or expand it first"
    )]
    DecoderMemory {
        /// How it is compressed.
        compression: Compression,
        /// The limit, which is lower for a layer than for the whole archive.
        limit: u64,
    },
    /// A platform that is none.
    #[error("{member} names a platform of more than {limit} bytes")]
    PlatformBytes {
        /// The document.
        member: String,
        /// The limit.
        limit: usize,
    },
    /// More lines in indexes than ten thousand images have.
    #[error("the archive's indexes have more than {limit} lines together, over all images")]
    Lines {
        /// The limit.
        limit: usize,
    },
    /// More images than anybody saves at once.
    #[error("the archive has more than {limit} images")]
    Images {
        /// The limit.
        limit: usize,
    },
    /// More names than its images could need.
    #[error("the archive has more than {limit} names for its images")]
    Names {
        /// The limit.
        limit: usize,
    },
    /// More layers than a thousand images have.
    #[error("the archive's images have more than {limit} layers together")]
    Layers {
        /// The limit.
        limit: usize,
    },
}
