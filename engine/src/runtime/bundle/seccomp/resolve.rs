//! Which rules of a profile hold for one container on this machine.

use std::path::Path;

use oci_spec::runtime::{Arch, LinuxSeccomp, LinuxSyscall};

use super::super::super::error::Result;
use super::document::{Condition, Profile, Rule};
use super::error::ProfileError;
use crate::disk::host;

/// Where the kernel says which one it is.
const RELEASE: &str = "/proc/sys/kernel/osrelease";
const MAX_RELEASE_BYTES: u64 = 256;

/// What rules depend on.
#[derive(Debug)]
pub struct Machine<'a> {
    /// The architecture, in Go's words.
    pub arch: &'static str,
    /// The same, in seccomp's.
    pub seccomp_arch: Option<Arch>,
    /// The kernel's first two numbers.
    pub kernel: (u32, u32),
    /// The capabilities that the container may have at most.
    pub bounding: &'a [&'static str],
}

impl<'a> Machine<'a> {
    /// This one, for a container with these capabilities.
    ///
    /// # Errors
    /// If the kernel's version cannot be read.
    pub fn here(bounding: &'a [&'static str]) -> Result<Self> {
        let (arch, seccomp_arch) = match std::env::consts::ARCH {
            "x86_64" => ("amd64", Some(Arch::ScmpArchX86_64)),
            "aarch64" => ("arm64", Some(Arch::ScmpArchAarch64)),
            "riscv64" => ("riscv64", Some(Arch::ScmpArchRiscv64)),
            "s390x" => ("s390x", Some(Arch::ScmpArchS390x)),
            other => (other, None),
        };
        let release = host::read_text(Path::new(RELEASE), MAX_RELEASE_BYTES)?;
        let kernel = kernel(&release).ok_or_else(|| ProfileError::Kernel(release.trim().to_owned()))?;
        Ok(Self { arch, seccomp_arch, kernel, bounding })
    }

    fn has(&self, capability: &str) -> bool {
        self.bounding.contains(&capability)
    }

    /// Whether a rule holds: nothing of what it excludes is so, all that it includes is.
    fn keeps(&self, rule: &Rule) -> Result<bool, ProfileError> {
        let (includes, excludes) = rule.conditions();
        if let Some(Condition { caps, arches, .. }) = excludes {
            let is_arch = arches.iter().flatten().any(|arch| arch == self.arch);
            if is_arch || caps.iter().flatten().any(|cap| self.has(cap)) {
                return Ok(false);
            }
        }
        if let Some(Condition { caps, arches, .. }) = includes {
            let is_other = arches
                .as_ref()
                .is_some_and(|all| !all.is_empty() && !all.iter().any(|arch| arch == self.arch));
            if is_other || !caps.iter().flatten().all(|cap| self.has(cap)) {
                return Ok(false);
            }
        }
        let reaches = |condition: Option<&Condition>| -> Result<Option<bool>, ProfileError> {
            let wanted = condition.map(Condition::min_kernel).transpose()?.flatten();
            Ok(wanted.map(|wanted| self.kernel >= wanted))
        };
        Ok(reaches(excludes)? != Some(true) && reaches(includes)? != Some(false))
    }
}

/// The first two numbers of a version such as `6.1.0-13-amd64`.
fn kernel(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.trim().split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// `linux.seccomp` of a container with `profile` on `machine`.
///
/// # Errors
/// If a condition of the profile makes no sense.
pub fn resolve(profile: &Profile, machine: &Machine<'_>) -> Result<LinuxSeccomp, ProfileError> {
    let mut architectures = profile.architectures().to_vec();
    let mapped = profile.arch_map.iter().flatten().find(|one| Some(one.architecture) == machine.seccomp_arch);
    if let Some(mapped) = mapped {
        architectures.push(mapped.architecture);
        architectures.extend(mapped.sub_architectures.iter().flatten());
    }
    let mut syscalls = Vec::new();
    for rule in profile.syscalls.iter().flatten() {
        if machine.keeps(rule)? {
            syscalls.push(call(rule)?);
        }
    }
    let mut filter = LinuxSeccomp::default();
    filter.set_default_action(profile.default_action()).set_default_errno_ret(profile.default_errno_ret);
    filter.set_architectures(Some(architectures).filter(|all| !all.is_empty()));
    filter.set_flags(Some(profile.flags().to_vec()).filter(|all| !all.is_empty()));
    filter.set_syscalls(Some(syscalls));
    Ok(filter)
}

fn call(rule: &Rule) -> Result<LinuxSyscall, ProfileError> {
    let args: Vec<_> = rule.args().iter().map(|argument| argument.to_spec()).collect::<Result<_, _>>()?;
    let mut call = LinuxSyscall::default();
    call.set_names(rule.names()).set_action(rule.action).set_errno_ret(rule.errno_ret);
    call.set_args(Some(args).filter(|all| !all.is_empty()));
    Ok(call)
}
