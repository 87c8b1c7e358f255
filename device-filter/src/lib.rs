//! A device filter for a cgroup of version 2.
//!
//! Cgroups of version 1 have a `devices` controller with a list of rules. In version 2 a BPF
//! program of type `BPF_PROG_TYPE_CGROUP_DEVICE` takes its place: the kernel runs it whenever
//! a process in the cgroup, or below it, opens or creates a device node.
//!
//! [`attach`] assembles that program from [`Rule`]s and attaches it; [`attached`] asks the
//! kernel which programs are in force. The package is apart from the engine because `bpf(2)`
//! has no safe wrapper: all unsafe code is in the private module `bpf`.

#![warn(missing_docs)]

mod bpf;
mod program;

use std::io;
use std::os::fd::AsFd;

/// Which devices a [`Rule`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Character and block devices.
    All,
    /// Character devices.
    Char,
    /// Block devices.
    Block,
}

/// Reading, writing and creating with `mknod`, each allowed or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access(u32);

impl Access {
    /// Creating a node: `BPF_DEVCG_ACC_MKNOD`.
    pub const MKNOD: Self = Self(1);
    /// Opening a node for reading: `BPF_DEVCG_ACC_READ`.
    pub const READ: Self = Self(2);
    /// Opening a node for writing: `BPF_DEVCG_ACC_WRITE`.
    pub const WRITE: Self = Self(4);
    /// All three.
    pub const ALL: Self = Self(7);

    /// Reads `r`, `w` and `m` in any order, as the OCI runtime specification has them. `None`
    /// for any other character, or none at all.
    pub fn parse(text: &str) -> Option<Self> {
        let bits = text.chars().try_fold(0, |bits, letter| match letter {
            'r' => Some(bits | Self::READ.0),
            'w' => Some(bits | Self::WRITE.0),
            'm' => Some(bits | Self::MKNOD.0),
            _ => None,
        });
        bits.filter(|bits| *bits != 0).map(Self)
    }
}

/// Allows or denies access to some devices.
///
/// Rules are an ordered list. For reading, writing and creating separately, the last rule that
/// is about the device decides; where there is none, it is denied. An access that asks for
/// several things needs all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Whether the rule allows or denies.
    pub allow: bool,
    /// Which kind of device.
    pub kind: Kind,
    /// The major number; any if `None`.
    pub major: Option<u32>,
    /// The minor number; any if `None`.
    pub minor: Option<u32>,
    /// What is allowed or denied.
    pub access: Access,
}

/// Attaches a filter made of `rules` to `cgroup`, an open directory of a cgroup hierarchy of
/// version 2, and returns the kernel's ID of the program. Programs of cgroups above stay in
/// force. The filter lasts as long as the cgroup.
///
/// # Errors
/// If the kernel has no such programs, or the process lacks `CAP_BPF` or `CAP_NET_ADMIN`.
pub fn attach(cgroup: impl AsFd, rules: &[Rule]) -> io::Result<u32> {
    let program = bpf::load(&program::assemble(rules))?;
    bpf::attach(cgroup.as_fd(), program.as_fd())?;
    bpf::id(program.as_fd())
}

/// The IDs of the device filters that are attached to `cgroup` itself.
///
/// # Errors
/// If the kernel has no such programs, or `cgroup` is no cgroup of version 2.
pub fn attached(cgroup: impl AsFd) -> io::Result<Vec<u32>> {
    bpf::query(cgroup.as_fd())
}
