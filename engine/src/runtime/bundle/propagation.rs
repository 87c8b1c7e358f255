//! Whether mounts that are made later are seen on the other side of a bind mount.
//!
//! A monitor's mount namespace hears of what the machine mounts and tells it nothing. So a container
//! may hear of it too, and can never show the machine what it mounts.

use super::super::error::{Error, Result};
use super::super::oci::is_built_in;
use crate::container::HostConfig;

/// Checks what was asked for.
///
/// # Errors
/// If it cannot be had.
pub fn check(host: &HostConfig) -> Result<()> {
    let refuse =
        |value: &str, why| Err(Error::Option { option: "bind-propagation", value: value.into(), why });
    if let Some(shared) = asked(host).find(|asked| asked.ends_with("shared")) {
        return refuse(shared, "what a container mounts is never seen on the machine");
    }
    let private = asked(host).find(|asked| asked.ends_with("private"));
    match private.filter(|_| is_built_in(&host.runtime) && is_downstream(host)) {
        Some(private) => refuse(
            private,
            "the built-in runtime has one propagation for all mounts; --runtime runc has one for each",
        ),
        None => Ok(()),
    }
}

/// Whether the container is to see what the machine mounts later.
pub fn is_downstream(host: &HostConfig) -> bool {
    asked(host).any(|asked| asked.ends_with("slave"))
}

/// What was asked for, of any bind mount.
fn asked(host: &HostConfig) -> impl Iterator<Item = &str> {
    let binds = host.binds.iter().flat_map(|bind| bind.options.split(','));
    let mounts = host.mounts.iter().map(|mount| mount.propagation.as_str());
    binds.chain(mounts).filter(|option| {
        ["private", "shared", "slave"].iter().any(|kind| option.strip_prefix('r').unwrap_or(option) == *kind)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::Bind;

    fn checked(options: &[&str], runtime: &str) -> (bool, bool) {
        let bind = |options: &&str| Bind { options: (*options).into(), ..Bind::default() };
        let binds = options.iter().map(bind).collect();
        let host = HostConfig { binds, runtime: runtime.into(), ..HostConfig::default() };
        (check(&host).is_ok(), is_downstream(&host))
    }

    #[test]
    fn a_propagation_that_cannot_be_had_is_refused() {
        assert_eq!(checked(&["ro", ""], ""), (true, false));
        assert_eq!(checked(&["rprivate"], ""), (true, false));
        assert_eq!(checked(&["ro,rslave", ""], ""), (true, true));
        for shared in ["shared", "ro,rshared"] {
            assert!(!checked(&[shared], "").0 && !checked(&[shared], "runc").0, "{shared}");
        }
        assert!(!checked(&["slave", "private"], "").0);
        assert!(checked(&["slave", "private"], "runc").0);
    }
}
