//! The engine of larder: container images in one deduplicated,
//! content-addressed store, with an embedded database and no daemon.
//!
//! A [`Store`] is a directory. [`Store::load`] takes in what `docker save`,
//! podman, skopeo and others write; [`Store::save`] gives it back, every layer
//! bit for bit. What any two layers of any images have in common is kept once.
//!
//! ```
//! use larder_engine::{Input, LoadOptions, Store, Task};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/greeter.tar");
//! let store = Store::create(dir.path().join("store"))?;
//! let input = Input::open(archive.as_ref())?;
//! let loaded = store.load(input, &LoadOptions::default(), &Task::silent())?;
//! assert_eq!(loaded.images.len(), store.images()?.len());
//! # Ok(())
//! # }
//! ```
//!
//! # Floor plan
//! From the ground up; a room names only rooms below it.
//!
//! | room | what it is for |
//! |---|---|
//! | `disk` | the only one that names the file system; another disk can stand in |
//! | [`image`] | values: digests, documents, references |
//! | [`tar`] | the tar format, hostile input expected |
//! | `chunk` | bytes by digest: chunks, frames, packs, index runs, recipes |
//! | `journal` | the log of commits |
//! | `catalog` | the journal in the form that questions want |
//! | [`archive`] | image archives: their layouts, to read and to write |
//! | `container` | an image and a writable layer on top, as one file system |
//! | `runtime` | running a container: its namespaces, and the process beside it |
//! | `store` | joins the rooms: locks, ledger, ingest |
//! | `ops` | one verb, one file: what a [`Store`] can do |
//! | `fuzz` | every decoder, and the store, as a fuzzer sees them; compiled for fuzzers and tests only |
//! | `bench` | the parts that benchmarks measure; compiled with the feature `bench` only |
//!
//! Nothing here prints, and nothing is global: long work tells what it does to
//! the [`Progress`] in its [`Task`], and stops when that is told to.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(any(test, fuzzing)),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::print_stdout,
        clippy::print_stderr
    )
)]

pub mod archive;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod bench;
mod catalog;
mod chunk;
mod container;
mod disk;
mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod image;
mod journal;
mod ops;
mod runtime;
mod store;
pub mod tar;
mod task;

pub use archive::{Format, Limits};
pub use catalog::ContainerId;
pub use container::{
    Bind, Change, ChangeKind, HostConfig, Mount, MountKind, RestartPolicy, Spec, TmpfsOptions, Ulimit,
};
pub use disk::{Input, InputFile, Tree};
pub use error::{Error, ErrorKind, Result};
pub use image::{
    ChainId, ChangeError, Changes, Descriptor, DiffId, Digest, Healthcheck, ImageId, Platform, Reference,
    RunConfig, parse_duration, parse_ports, parse_signal, set_variable,
};
pub use ops::{
    Area, Attach, Checked, Collected, CommitOptions, Committed, Compressed, ContainerSummary, ContainerUse,
    Copied, CopyOptions, CreateOptions, ExecOptions, ExportOptions, Exported, Fault, Forecast, Foreseen,
    ForeseenImage, ForeseenLayer, ForeseenPlatform, FsckLevel, FsckOptions, HiddenFile, HistoryEntry,
    ImageDetails, ImageSummary, ImageUse, ImportOptions, Imported, Inspected, LabelFilter, LargeFile,
    LayerFiles, LayerOrigin, LayerUse, ListOptions, Listed, LoadOptions, Loaded, LoadedImage, LogOptions,
    Moment, OptimizeOptions, Optimized, Packed, PastChange, PastCommand, PastOptions, ProcessTable,
    PruneContainersOptions, PruneOptions, Pruned, RemoveContainerOptions, RemoveOptions, Removed,
    RemovedContainer, RepairOptions, RepairSource, Repaired, SaveOptions, Saved, SquashOptions, Squashed,
    StartOptions, Started, StopOptions, Survey, UndoOptions, Undone, UndoneName, Usage, monitor,
};
pub use runtime::{
    Connection, ContainerState, ContainerStatus, EnterRequest, Entered, Error as RuntimeError, Figures,
    LogEntry, Program, Said, Stage, Stream, Wish, come_in, enter,
};
pub use store::Store;
pub use tar::{Device, Entry, EntryKind, Mtime};
pub use task::{Cancelled, Event, Progress, Task};
