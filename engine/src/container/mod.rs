//! Containers: an image and one writable layer on top of it.
//!
//! The [`view`] knows all names, the store has all bytes, and [`RootFs`] brings them
//! together: nothing has to be unpacked to be looked at. Only under a container that
//! runs an image lies [unpacked](Unpacking).

mod affected;
mod carried;
mod changes;
mod changeset;
mod error;
mod export;
mod file_changes;
mod folder_tar;
mod layer;
mod line_diff;
mod line_search;
mod log_config;
mod name;
mod on_disk;
mod overlay;
mod path_pattern;
mod rootfs;
mod spec;
#[cfg(test)]
mod stacked;
mod unpack;
mod upper;
mod usual;
pub mod view;

pub use affected::{Affected, affected};
pub use carried::{Carried, encode as carry};
pub use changes::{Change, ChangeKind, Changes};
pub use changeset::Changeset;
pub use error::{Error, Result};
pub use export::{AsDocker, Exact, Telling};
pub use file_changes::{ChangedBytes, FileChange, FileChanges, Patch};
pub use folder_tar::FolderTar;
pub use layer::{Layer, Purpose};
pub use line_search::{LineMatch, LineSearch};
pub use log_config::{LogBounds, LogConfig, LogConfigError};
pub use name::{NameError, check_name, new_id, new_name};
pub use on_disk::entry_of;
pub use overlay::Space;
pub use path_pattern::{PathPattern, PathPatternError};
pub use rootfs::{ContentKey, RootFs, Snapshot, Supply};
pub use spec::{
    Bind, DeviceMapping, HostConfig, Mount, MountKind, RestartPolicy, Spec, SpecError, TmpfsOptions, Ulimit,
    merge,
};
pub use unpack::{Ready, Unpacking};
pub use upper::{Fill, Upper};
