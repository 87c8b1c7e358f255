//! Which system calls the container's processes may make.
//!
//! Docker's default profile, or one in Docker's format, becomes `linux.seccomp` of the bundle.
//! Its rules may depend on the container's capabilities, the architecture and the kernel:
//! [`resolve`] keeps those that hold here.

mod default;
mod document;
mod error;
mod resolve;

use oci_spec::runtime::LinuxSeccomp;

use super::super::error::Result;
use super::capabilities;
use crate::container::HostConfig;

pub use document::Profile;
pub use error::ProfileError;
use resolve::Machine;

/// Which filter was asked for.
#[derive(Debug)]
pub enum Choice {
    /// Nothing was said, or `builtin`: Docker's, except for a privileged container.
    Default {
        /// Whether it was asked for by name.
        is_explicit: bool,
    },
    /// None: `unconfined`.
    Unconfined,
    /// One in Docker's format.
    Custom(Profile),
}

impl Choice {
    /// Reads the value of `seccomp=`: a word, or a profile in JSON.
    ///
    /// # Errors
    /// If it is neither, or the profile has what cannot be honoured.
    pub fn parse(value: &str) -> Result<Self, ProfileError> {
        match value {
            "unconfined" => Ok(Self::Unconfined),
            // Docker calls it so, podman the other way.
            "builtin" | "default" => Ok(Self::Default { is_explicit: true }),
            json if json.trim_start().starts_with('{') => Ok(Self::Custom(Profile::parse(json)?)),
            _ => Err(ProfileError::NotRead),
        }
    }

    /// `linux.seccomp` of a container with these settings; `None` for no filter.
    ///
    /// # Errors
    /// If the settings have an unknown capability, or the kernel's version cannot be read.
    pub fn filter(&self, host: &HostConfig) -> Result<Option<LinuxSeccomp>> {
        let built_in;
        let profile = match self {
            Self::Unconfined => return Ok(None),
            Self::Default { is_explicit: false } if host.privileged => return Ok(None),
            Self::Default { .. } => {
                built_in = default::profile();
                &built_in
            }
            Self::Custom(profile) => profile,
        };
        let bounding = capabilities::allowed(host)?;
        Ok(Some(resolve::resolve(profile, &Machine::here(&bounding)?)?))
    }
}

#[cfg(test)]
mod tests;
