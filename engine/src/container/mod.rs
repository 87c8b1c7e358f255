//! Containers: an image and one writable layer on top of it.

mod name;
mod spec;

pub use name::{NameError, check_name, new_id, new_name};
pub use spec::{
    Bind, HostConfig, Mount, MountKind, RestartPolicy, Spec, SpecError, TmpfsOptions, Ulimit, merge,
};
