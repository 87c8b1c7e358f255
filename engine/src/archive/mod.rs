//! Image archives over `Read` and `Write`; the store is somebody else's.
//!
//! Reading goes in steps that do not know of one another: a [`Decoder`] takes
//! off the outer compression, [`Members`] walks the tar, a [`Table`] remembers
//! which member is which, and [`Plan`] says from the small JSON documents
//! alone which images the archive claims to hold and where their layers lie.
//! Nothing here trusts the archive: whatever is counted, kept or followed has
//! a bound in [`Limits`].
//!
//! Writing is one step: an [`Assembly`] is the whole archive but for the bytes
//! of its blobs, and knows its length before the first of them.

mod assemble;
mod bad_name;
mod bounded;
mod compression;
mod dir;
mod docker;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod kept;
mod legacy;
mod limits;
mod members;
mod name;
mod oci;
mod outgoing;
mod plan;
mod planner;
mod refusal;
mod table;
mod views;

pub use assemble::{Assembly, Content, Entry};
pub use bad_name::{BadName, OtherDigest};
pub use bounded::{Bounded, Budget, CompressedTwice, Counted};
pub use compression::{Compression, Corrupt, Decoder, Nesting, sniff};
pub use error::{Error, Fault};
pub use kept::{Documents, Found, Kept};
pub use legacy::V1Config;
pub use limits::{LimitError, Limits};
pub use members::{Body, Member, MemberKind, Members};
pub use name::{MemberName, NameProblem};
pub use outgoing::{Format, Outgoing, OutgoingLayer, OutgoingVariant};
pub use plan::{
    Layout, Plan, PlannedBlob, PlannedConfig, PlannedDocument, PlannedImage, PlannedLayer, PlannedName,
    PlannedVariant,
};
pub use refusal::Refusal;
pub use table::Table;
