//! A small init as process 1, for `--init`: it hands signals on and reaps what is left.

use std::path::{Path, PathBuf};

use super::super::error::{Error, Result};
use crate::disk::host;

/// Where it is in the container, as Docker has it.
pub const TARGET: &str = "/sbin/docker-init";

/// Programs for that, linked statically so that they run in any container, where
/// distributions put them.
const PROGRAMS: [&str; 8] = [
    "/usr/libexec/docker/docker-init",
    "/usr/bin/docker-init",
    "/usr/sbin/docker-init",
    "/usr/bin/tini-static",
    "/usr/local/bin/tini-static",
    "/usr/libexec/podman/catatonit",
    "/usr/lib/podman/catatonit",
    "/usr/bin/catatonit",
];

/// The one that this machine has.
///
/// # Errors
/// If it has none.
pub fn program() -> Result<PathBuf> {
    let found = PROGRAMS.iter().find(|program| host::may_execute(program).is_ok());
    found.map(|program| Path::new(program).to_owned()).ok_or_else(|| Error::Option {
        option: "--init",
        value: "true".into(),
        why: "it needs docker-init, tini-static or catatonit on this machine",
    })
}
