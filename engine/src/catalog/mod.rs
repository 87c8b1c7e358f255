//! The catalog: the journal in the form that questions want.
//!
//! An embedded database that maps references to images, images to what they
//! consist of, and every blob's digest to the recipe of its bytes. It can be
//! made again from the journal at any time, and remembers up to which
//! [`Position`](crate::journal::Position) it has gone.

mod apply;
#[cfg(feature = "bench")]
pub(crate) mod bench;
mod closing;
mod container;
mod difference;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod page;
mod pages;
mod query;
mod record;
mod snapshot;
mod tables;

pub use apply::Applying;
pub use container::{Container, ContainerId};
pub use error::{Error, Result};
pub use record::{Blob, Change, Commit, Image, Kind, Named, StoredLayer, Time, Variant};
pub use snapshot::Snapshot;
pub use tables::Catalog;
