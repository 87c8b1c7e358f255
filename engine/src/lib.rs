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
//! # 1. The store
//! [`Store::create`], [`Store::open`] or [`Store::open_or_create`] a directory. Any number of
//! [`Store`]s, in any number of threads and processes, may use it at once; loads and saves go on side
//! by side, and only [`gc`](Store::gc) wants it for itself. A change happens whole or not at all, also
//! when the power is cut, and once a function has returned it lasts. A store that may not be written
//! can be read; what would change it fails with [`ErrorKind::ReadOnly`].
//!
//! # 2. Images in and out
//! | in | out |
//! |---|---|
//! | [`load`](Store::load): archives and OCI layouts, from a file, a directory or a pipe | [`save`](Store::save): the same bytes for the same images, every time |
//! | [`import`](Store::import): the tar of a file system, or a directory | [`export`](Store::export): the file system of a container or an image, as one tar |
//! | [`copy_in`](Store::copy_in): files into a container | [`copy_out`](Store::copy_out), [`cat`](Store::cat): files, without unpacking the rest |
//!
//! What comes from outside is an [`Input`], and nothing in it is trusted: it is checked against every
//! digest that it names, and refused beyond the [`Limits`]. `load` takes all of an archive or nothing.
//!
//! # 3. Looking
//! [`images`](Store::images), [`containers`](Store::containers), [`inspect`](Store::inspect),
//! [`history`](Store::history) and [`past`](Store::past), which is the history of the store; the
//! files of an image or a layer with [`list`](Store::list) and [`layer_files`](Store::layer_files),
//! those of all images with [`find`](Store::find), and lines in them with [`grep`](Store::grep);
//! [`usage`](Store::usage) and [`survey`](Store::survey) account for every byte on the disk.
//!
//! Things are named as people type them: a [`Reference`], or the beginning of an ID. Where both fit
//! the name counts, as with Docker.
//!
//! # 4. Changing
//! [`tag`](Store::tag), [`remove`](Store::remove), [`prune`](Store::prune) and
//! [`undo`](Store::undo), which takes one of these back. [`commit`](Store::commit) and
//! [`squash`](Store::squash) make images of what is there.
//!
//! To know before: [`Store::rehearsal`] is the same store, in which names are taken away and nothing
//! happens; [`Store::foresee_load`] is a load without the writing.
//!
//! # 5. Containers
//! [`create_container`](Store::create_container) writes a record and nothing else.
//! [`start`](Store::start) unpacks what is not unpacked yet, and starts a process that stays beside
//! the container: its monitor. That is a program of yours, named in [`StartOptions`], which calls
//! [`monitor`] before anything else; larder's is `larder` itself. With
//! [`attach`](Store::attach), [`exec`](Store::exec), [`stop`](Store::stop), [`wait`](Store::wait) and
//! [`logs`](Store::logs) any process that has the store has the container.
//!
//! # 6. Keeping it well
//! [`gc`](Store::gc) gives space back that nothing needs, [`reclaim`](Store::reclaim) what can be had
//! of it in passing. [`optimize`](Store::optimize) compresses again and better.
//! [`fsck`](Store::fsck) reads everything, [`repair`](Store::repair) mends what another copy has whole.
//!
//! # 7. Long work
//! It takes a [`Task`], tells that task's [`Progress`] each [`Event`], and ends with
//! [`ErrorKind::Cancelled`] soon after [`Task::cancel`], having changed nothing that has a name. What
//! [`Store::load`] and [`Store::import`] have read by then stays as garbage, so that the next try is
//! quicker. Nothing prints, and nothing is global.
//!
//! # 8. Errors
//! An [`Error`] has a [kind](ErrorKind), to act upon, and a text, for people: what failed, on what,
//! what was wanted and what was there. Its sources lead on to the cause.
//!
//! # Examples
//! Whole programs, in `engine/examples/`: `load_and_list`, with progress; `dedup_report`, what a
//! directory of archives would take; `serve_files`, the files of a layer over HTTP, not unpacked.
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
    Bind, Change, ChangeKind, ChangedBytes, DeviceMapping, FileChange, HostConfig, LineMatch, LogConfig,
    LogConfigError, Mount, MountKind, Patch, RestartPolicy, Spec, TmpfsOptions, Ulimit,
};
pub use disk::{Input, InputFile, Tree};
pub use error::{Error, ErrorKind, Result};
pub use image::{
    ChainId, ChangeError, Changes, Descriptor, DiffId, Digest, Healthcheck, ImageId, Platform, Reference,
    RunConfig, parse_duration, parse_ports, parse_signal, set_variable,
};
pub use ops::{
    Area, Attach, ChangedFiles, Checked, Collected, CommitOptions, Committed, Compressed, ContainerSummary,
    ContainerUse, Copied, CopyOptions, CreateOptions, Difference, ExecOptions, ExportOptions, Exported,
    Fault, FileSearch, FindOptions, Forecast, Foreseen, ForeseenImage, ForeseenLayer, ForeseenPlatform,
    FoundFiles, FsckLevel, FsckOptions, Grep, GrepOptions, GrepSink, GrepTarget, HiddenFile, HistoryEntry,
    ImageDetails, ImageSummary, ImageUse, ImportOptions, Imported, Inspected, LabelFilter, LargeFile,
    LayerFiles, LayerOrigin, LayerUse, ListOptions, Listed, Listing, LoadOptions, Loaded, LoadedImage,
    LogOptions, Moment, OptimizeOptions, Optimized, Packed, PastChange, PastCommand, PastOptions,
    ProcessTable, PruneContainersOptions, PruneOptions, Pruned, RemoveContainerOptions, RemoveOptions,
    Removed, RemovedContainer, RepairOptions, RepairSource, Repaired, SaveOptions, Saved, SearchedImage,
    SquashOptions, Squashed, StartOptions, Started, StopOptions, Survey, UndoOptions, Undone, UndoneName,
    Usage, monitor,
};
pub use runtime::{
    Connection, ContainerState, ContainerStatus, EnterRequest, Entered, Error as RuntimeError, Figures,
    LogEntry, Program, Said, Stage, Stream, Wish, come_in, enter, is_namespaced_sysctl, join_user_namespace,
};
pub use store::{Store, check_caller};
pub use tar::{Device, Entry, EntryKind, Mtime};
pub use task::{Cancelled, Event, Progress, Task};
