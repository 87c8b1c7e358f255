//! Stands for the crate `rust-criu`, which makes checkpoints of containers with CRIU.
//!
//! libcontainer depends on it without a feature to leave it out, and larder makes no
//! checkpoints. The crate brings four others and a code generator that runs at build time.
//! This one has the items that libcontainer names: [`Criu::new`] fails, and since there is
//! no other way to a [`Criu`], nothing else here ever runs.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

use std::convert::Infallible;
use std::fmt;
use std::os::fd::RawFd;

/// How cgroups are restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CgMode {
    /// Leave them alone.
    IGNORE = 0,
    /// Restore none.
    NONE = 1,
    /// Restore their properties.
    PROPS = 2,
    /// Restore those that are missing.
    SOFT = 3,
    /// Restore all.
    FULL = 4,
    /// Require that none is there.
    STRICT = 5,
    /// The default.
    DEFAULT = 6,
}

/// There is no CRIU.
#[derive(Debug)]
pub struct CriuError;

impl fmt::Display for CriuError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("checkpoints are not supported: larder is built without CRIU")
    }
}

impl std::error::Error for CriuError {}

/// A connection to CRIU. There is none.
#[derive(Debug)]
pub struct Criu(Infallible);

impl Criu {
    /// Fails.
    ///
    /// # Errors
    /// Always.
    pub fn new() -> Result<Self, CriuError> {
        Err(CriuError)
    }

    /// Never runs.
    ///
    /// # Errors
    /// Never.
    pub fn get_criu_version(&mut self) -> Result<u32, CriuError> {
        match self.0 {}
    }

    /// Never runs.
    ///
    /// # Errors
    /// Never.
    pub fn dump(&mut self) -> Result<(), CriuError> {
        match self.0 {}
    }

    /// Never runs.
    pub fn set_external_mount(&mut self, _: String, _: String) {
        match self.0 {}
    }
}

/// Setters, none of which ever runs.
macro_rules! setters {
    ($($name:ident: $value:ty),* $(,)?) => {
        impl Criu {
            $(
                /// Never runs.
                pub fn $name(&mut self, _: $value) {
                    match self.0 {}
                }
            )*
        }
    };
}

setters! {
    add_external: String,
    cgroups_mode: CgMode,
    set_ext_unix_sk: bool,
    set_file_locks: bool,
    set_images_dir_fd: RawFd,
    set_leave_running: bool,
    set_link_remap: bool,
    set_log_file: String,
    set_log_level: i32,
    set_manage_cgroups: bool,
    set_orphan_pts_master: bool,
    set_pid: i32,
    set_root: String,
    set_shell_job: bool,
    set_tcp_established: bool,
    set_work_dir_fd: RawFd,
}

/// What CRIU calls an external namespace of this kind. Only used with a [`Criu`].
pub fn criu_ns_to_key(name: &str) -> String {
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_refused() {
        let error = Criu::new().expect_err("there is no CRIU");
        assert!(error.to_string().contains("checkpoints are not supported"));
    }
}
