//! Containers: an image and one writable layer on top of it.
//!
//! Nothing here unpacks an image: the [`view`] knows all names, the store has
//! all bytes, and [`RootFs`] brings them together.

mod affected;
mod carried;
mod changes;
mod changeset;
mod error;
mod export;
mod folder_tar;
mod layer;
mod name;
mod on_disk;
mod rootfs;
mod spec;
#[cfg(test)]
mod stacked;
mod upper;
pub mod view;

pub use affected::{Affected, affected};
pub use carried::{Carried, encode as carry};
pub use changes::{Change, ChangeKind, changes};
pub use changeset::Changeset;
pub use error::{Error, Result};
pub use export::{AsDocker, Exact, Telling};
pub use folder_tar::FolderTar;
pub use layer::{Layer, Purpose};
pub use name::{NameError, check_name, new_id, new_name};
pub use on_disk::entry_of;
pub use rootfs::RootFs;
pub use spec::{
    Bind, HostConfig, Mount, MountKind, RestartPolicy, Spec, SpecError, TmpfsOptions, Ulimit, merge,
};
pub use upper::{Fill, Upper};
