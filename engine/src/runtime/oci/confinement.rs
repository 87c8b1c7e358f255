//! The filter of system calls of a process that is brought into a container: the library
//! installs that of the container's first process, and forgets it for every other one.
//!
//! The first of our code that runs inside is the [`Executor`](super::executor::Executor).
//! Capabilities have been dropped by then, and whoever has no `CAP_SYS_ADMIN` can install a
//! filter only by giving up set-user-ID programs (`no_new_privs`). So the process keeps that
//! capability until then. It is not in its bounding set: execution would take it away in any
//! case.

use std::path::Path;

use libcontainer::container::Container;
use libcontainer::oci_spec::runtime::{LinuxSeccomp, Spec};
use libcontainer::seccomp::initialize_seccomp;
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use serde_json::{Value, json};

use super::super::error::{Error, Result, whole_text};
use super::built_in::refused;
use crate::disk::host;

const NEEDED: &str = "CAP_SYS_ADMIN";
/// A longer description of a process is none: arguments and variables have 2 MiB at most.
const MAX_PROCESS_BYTES: u64 = 16 << 20;

/// What a process gives itself before it executes its program.
#[derive(Debug, Clone)]
pub struct Confinement {
    filter: LinuxSeccomp,
    /// Whether it has the capability for good.
    keeps_capability: bool,
}

impl Confinement {
    /// That of a process in the container whose state is in `state`. The process described in
    /// the file `process` is given what it needs for that.
    ///
    /// # Errors
    /// If the container's configuration or the description cannot be read.
    pub fn prepare(state: &Path, process: &Path) -> Result<Option<Self>> {
        let container = Container::load(state.to_owned()).map_err(refused)?;
        let spec =
            Spec::load(container.bundle().join("config.json")).map_err(|error| refused(error.into()))?;
        let linux = spec.linux().as_ref();
        let Some(filter) = linux.and_then(|linux| linux.seccomp().clone()) else { return Ok(None) };
        let bad = |source| Error::BadStatus { file: process.display().to_string(), source };
        let text = host::read_text(process, MAX_PROCESS_BYTES)?;
        let mut described: Value = serde_json::from_str(&text).map_err(bad)?;
        let mut keeps_capability = false;
        for set in ["/capabilities/permitted", "/capabilities/effective"] {
            let names = described.pointer_mut(set).and_then(Value::as_array_mut).ok_or(Error::Nonsense)?;
            keeps_capability = names.contains(&json!(NEEDED));
            if !keeps_capability {
                names.push(json!(NEEDED));
            }
        }
        host::write_text(&process.display().to_string(), &described.to_string())?;
        Ok(Some(Self { filter, keeps_capability }))
    }

    /// Confines this process for ever.
    ///
    /// # Errors
    /// If the system does not let it: then it must execute nothing.
    pub fn apply(&self) -> Result<(), String> {
        initialize_seccomp(&self.filter).map_err(|error| whole_text(&error))?;
        if self.keeps_capability {
            return Ok(());
        }
        let drop = || {
            let mut sets = capabilities(None)?;
            sets.effective.remove(CapabilitySet::SYS_ADMIN);
            sets.permitted.remove(CapabilitySet::SYS_ADMIN);
            set_capabilities(None, sets)
        };
        drop().map_err(|error| format!("cannot drop capabilities: {error}"))
    }
}
