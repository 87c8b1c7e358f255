//! How much an archive may ask for.

use larder_engine::Limits;

use crate::output::size::Size;

/// The option of every command that writes or reads files whose lengths somebody else says.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Expanded {
    /// Refuse what comes to more than this, unpacked and with its holes
    #[arg(
        long,
        value_name = "SIZE",
        env = "LARDER_MAX_EXPANDED",
        hide_env_values = true,
        default_value_t = Size(Limits::default().max_expanded_bytes)
    )]
    max_expanded: Size,
}

impl Expanded {
    /// How much that is.
    pub fn bytes(self) -> u64 {
        self.max_expanded.0
    }
}

/// The options of every command that reads an archive.
#[derive(Debug, clap::Args)]
pub struct Bounds {
    #[command(flatten)]
    expanded: Expanded,
    /// Refuse an archive that unpacks to more than this many times its size
    #[arg(
        long,
        value_name = "TIMES",
        env = "LARDER_MAX_RATIO",
        hide_env_values = true,
        default_value_t = Limits::default().max_ratio
    )]
    max_ratio: u64,
    /// Refuse an archive of more members than this
    #[arg(
        long,
        value_name = "COUNT",
        env = "LARDER_MAX_MEMBERS",
        hide_env_values = true,
        default_value_t = Limits::default().max_members
    )]
    max_members: u64,
    /// Refuse a member whose extended headers are longer than this
    #[arg(
        long,
        value_name = "SIZE",
        env = "LARDER_MAX_HEADERS",
        hide_env_values = true,
        default_value_t = Size(Limits::default().max_header_bytes)
    )]
    max_headers: Size,
    /// Refuse a manifest, index or config that is longer than this
    #[arg(
        long,
        value_name = "SIZE",
        env = "LARDER_MAX_DOCUMENT",
        hide_env_values = true,
        default_value_t = Size(Limits::default().max_document_bytes)
    )]
    max_document: Size,
}

impl Bounds {
    /// What they come to.
    pub fn limits(&self) -> Limits {
        let usual = Limits::default();
        Limits {
            max_expanded_bytes: self.expanded.bytes(),
            max_ratio: self.max_ratio,
            max_members: self.max_members,
            max_header_bytes: self.max_headers.0,
            max_document_bytes: self.max_document.0,
            max_documents_bytes: usual.max_documents_bytes.max(self.max_document.0),
            ..usual
        }
    }
}
