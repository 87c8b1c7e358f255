//! Becoming a monitor: a process of which the container can get hold of nothing.
//!
//! The program that starts containers is itself what a container would like to change: its
//! `/proc/self/exe` is this program for as long as it has not executed its own
//! (CVE-2019-5736). So the program mounts itself read-only, in a mount namespace of its own,
//! and executes itself from there: no process of the container can open it for writing,
//! however it gets there. All mounts made from then on are seen by nobody else and end with
//! the last process in the namespace.
//!
//! It is not dumpable either: whatever it holds open, such as the machine's `/proc`, cannot be
//! reached through its own `/proc/PID` by a process of the container that it enters. Executing a
//! program resets that, so it is set as soon as the program is executed again.
//!
//! Nor does it keep anything of whoever started it that the container would get from it: no
//! descriptors but the standard streams, no blocked signals, and not their keys.

use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

use keyutils::Keyring;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::SigSet;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_bind, mount_change, mount_remount};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use super::error::{Error, Result, Tried};
use super::user_namespace;
use crate::disk::host;

/// Says to the program executed anew that it is inside.
const INSIDE: &str = "LARDER_STAGE";

/// Where a process has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// In a mount namespace of its own, from a program that nobody can write to.
    Own,
    /// The same, as root of a user namespace: not of the machine.
    OwnUser,
}

/// Brings this process into a mount namespace of its own; on the way there it executes its
/// program again, with the same arguments, so this must come before anything else. Who is
/// not root gets a user namespace, or that of the process `beside`. The descriptor `kept` is
/// there for the program executed again, and for no other; all others are closed, but the
/// standard streams.
///
/// # Errors
/// If the system does not let it: then the error says what is missing.
pub fn come_in(beside: Option<i32>, kept: Option<RawFd>) -> Result<Stage> {
    let stage = match std::env::var(INSIDE).as_deref() {
        Ok("own") => Stage::Own,
        Ok("user") => Stage::OwnUser,
        _ => return go_in(beside, kept),
    };
    set_dumpable_behavior(DumpableBehavior::NotDumpable).tried("make this process not dumpable")?;
    close_on_execution(None)?;
    leave_session()?;
    if stage == Stage::OwnUser {
        see_own_cgroups();
    }
    Ok(stage)
}

fn go_in(beside: Option<i32>, kept: Option<RawFd>) -> Result<Stage> {
    match (rustix::process::geteuid().is_root(), beside) {
        (true, _) => {}
        (false, None) => user_namespace::enter_with_one_user()?,
        (false, Some(pid)) => {
            let theirs = host::open(format!("/proc/{pid}/ns/user"))?;
            setns(theirs, CloneFlags::CLONE_NEWUSER).tried("enter the container's user namespace")?;
        }
    }
    let (own, stage) = match host::is_in_user_namespace() {
        false => (CloneFlags::CLONE_NEWNS, "own"),
        true => (CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWCGROUP, "user"),
    };
    unshare(own).tried("make a mount namespace: a container needs CAP_SYS_ADMIN")?;
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)
        .tried("keep mounts to this process")?;
    let program = std::env::current_exe().tried("find this program")?;
    mount_bind(&program, &program).tried("mount this program")?;
    mount_remount(&program, MountFlags::BIND | MountFlags::RDONLY, "")
        .tried("mount this program read-only")?;
    close_on_execution(kept)?;
    let mut again = Command::new(&program);
    again.args(std::env::args_os().skip(1)).env(INSIDE, stage);
    Err(Error::System { verb: "execute this program again", source: again.exec() })
}

/// Has everything but the standard streams, and `kept`, closed in the next program.
fn close_on_execution(kept: Option<RawFd>) -> Result<()> {
    for fd in host::descriptors()? {
        if fd > 2 && Some(fd) != kept {
            // The one by which they were listed is closed already.
            let _ = fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
        }
    }
    Ok(())
}

/// Takes a new, empty keyring in place of that of whoever started this, and blocks no signals.
fn leave_session() -> Result<()> {
    match Keyring::join_anonymous_session() {
        // A kernel without keys.
        Err(error) if error.0 == rustix::io::Errno::NOSYS.raw_os_error() => {}
        joined => {
            let joined = joined.map_err(|error| std::io::Error::from_raw_os_error(error.0));
            joined.map(drop).tried("make a session keyring")?;
        }
    }
    SigSet::empty().thread_set_mask().tried("unblock signals")
}

/// Where a machine has cgroups of version 1, nobody but root can make any, and the runtime
/// would insist. Those of version 2 it does without, where they cannot be made.
fn see_own_cgroups() {
    let cgroups = "/sys/fs/cgroup";
    if !host::is_cgroup2(cgroups) {
        let _ = mount("cgroup2", cgroups, "cgroup2", MountFlags::empty(), None);
    }
}
