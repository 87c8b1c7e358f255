//! What can be done with a store, one verb a file.

mod cat;
mod commit;
mod containers;
mod copy;
mod create;
mod diff;
mod error;
mod export;
mod find;
mod find_container;
mod fsck;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod gc;
mod grep;
mod history;
mod image_sequence;
mod images;
mod import;
mod inspect;
mod layer;
mod layer_files;
mod list;
mod load;
mod make;
mod marks;
mod optimize;
mod past;
mod prune;
mod remove;
mod remove_container;
mod rename;
mod repair;
mod resolve;
mod run;
mod save;
mod squash;
mod stack;
mod survey;
mod tag;
mod undo;
mod unpack;
mod usage;
mod whole;

pub use commit::{CommitOptions, Committed};
pub use containers::ContainerSummary;
pub use copy::{Copied, CopyOptions};
pub use create::CreateOptions;
pub use diff::{ChangedFiles, Difference};
pub use error::Error;
pub use export::{ExportOptions, Exported};
pub use find::{FileSearch, FindOptions, FoundFiles};
pub use fsck::{Checked, Fault, FsckLevel, FsckOptions};
pub use gc::Collected;
pub use grep::{Grep, GrepOptions, GrepSink, GrepTarget};
pub use history::HistoryEntry;
pub use image_sequence::SearchedImage;
pub use images::ImageSummary;
pub use import::{ImportOptions, Imported};
pub use inspect::{ImageDetails, Inspected};
pub use layer_files::{HiddenFile, LargeFile, LayerFiles};
pub use list::{ListOptions, Listed, Listing};
pub use load::{
    Compressed, Foreseen, ForeseenImage, ForeseenLayer, ForeseenPlatform, LayerOrigin, LoadOptions, Loaded,
    LoadedImage,
};
pub use optimize::{OptimizeOptions, Optimized};
pub use past::{PastChange, PastCommand, PastOptions};
pub use prune::{LabelFilter, PruneOptions, Pruned};
pub use remove::{RemoveOptions, Removed};
pub use remove_container::{PruneContainersOptions, RemoveContainerOptions, RemovedContainer};
pub use repair::{RepairOptions, RepairSource, Repaired};
pub use run::{Attach, ExecOptions, LogOptions, ProcessTable, StartOptions, Started, StopOptions, monitor};
pub use save::{SaveOptions, Saved};
pub use squash::{SquashOptions, Squashed};
pub use survey::{ContainerUse, Forecast, ImageUse, LayerUse, Moment, Packed, Survey};
pub use undo::{UndoOptions, Undone, UndoneName};
pub use usage::{Area, Usage};

#[cfg(any(test, fuzzing))]
mod archives;
#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod scenes;
