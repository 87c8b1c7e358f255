//! What can be done with a store, one verb a file.

mod containers;
mod create;
mod error;
mod find_container;
mod fsck;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod gc;
mod history;
mod images;
mod inspect;
mod load;
mod marks;
mod prune;
mod remove;
mod remove_container;
mod rename;
mod resolve;
mod save;
mod tag;
mod usage;

pub use containers::{ContainerState, ContainerSummary};
pub use create::CreateOptions;
pub use error::Error;
pub use fsck::{Checked, Fault, FsckOptions};
pub use gc::Collected;
pub use history::HistoryEntry;
pub use images::ImageSummary;
pub use inspect::ImageDetails;
pub use load::{Compressed, LoadOptions, Loaded, LoadedImage};
pub use prune::{LabelFilter, PruneOptions, Pruned};
pub use remove::{RemoveOptions, Removed};
pub use remove_container::{PruneContainersOptions, RemoveContainerOptions, RemovedContainer};
pub use save::{SaveOptions, Saved};
pub use usage::{Area, Usage};

#[cfg(test)]
mod archives;
#[cfg(test)]
mod crash_tests;
