//! Running a container: its namespaces, its file system, and who looks after it.
//!
//! There is no daemon. A container that runs has a process of its own beside it, the
//! **monitor**: a program that does nothing but [`Monitor::begin`] and [`Monitor::run`].
//! It has the container's streams, writes its [`log`], knows first that it has ended, and
//! is the only one that writes its [`status`]. Everybody else talks to it over a socket, in
//! [`frame`]s. What it has done is undone when it ends, however it ends:
//!
//! - the container's file system is mounted in a mount namespace of the monitor's own, and
//!   goes with it;
//! - the container's first process dies with the monitor, which is its parent;
//! - a lock tells everybody that it lives; whoever finds it free, with a status that says
//!   otherwise, knows that the monitor was killed or the machine was, and clears up.
//!
//! `containers/<id>/`, beside what [`Upper`](crate::container::Upper) keeps there:
//!
//! | name | |
//! |---|---|
//! | `status` | what it does: see [`status`] |
//! | `monitor` | locked by the monitor while it lives |
//! | `socket` | where the monitor listens |
//! | `log` | what it has written: see [`log`] |
//! | `config.json` | the OCI runtime bundle's configuration, made anew with each start |
//! | `rootfs/` | where its file system is mounted, for the monitor and itself only |
//! | `work/` | what overlayfs needs beside `upper/` |
//! | `hostname`, `hosts`, `resolv.conf` | mounted into the container's `/etc` |
//! | `state/` | what the OCI runtime keeps |

mod bundle;
mod cgroup;
mod connection;
mod console;
pub mod descriptors;
mod devices;
mod enter;
mod error;
mod frame;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod log;
mod monitor;
mod oci;
mod overlay;
mod plain_path;
mod process;
mod request;
mod stage;
mod status;
mod streams;
mod user;
mod user_namespace;

pub use bundle::{cgroup as cgroup_of, check, is_namespaced_sysctl};
pub use cgroup::{Figures, end as end_cgroup, figures, processes};
pub use connection::{Connection, Said};
pub use enter::{EnterRequest, Entered, enter};
pub use error::{Error, Refusal};
pub use frame::{Stream, Wish};
pub use log::{LogEntry, LogReader, newest as newest_log};
pub use monitor::{Monitor, tell_failure};
pub use request::{News, Program, Request};
pub use stage::{Stage, come_in};
pub use status::{ContainerState, ContainerStatus, has_had_monitor, read_status, settle};
pub use user_namespace::join as join_user_namespace;
