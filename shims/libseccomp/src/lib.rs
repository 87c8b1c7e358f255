//! The part of the crate `libseccomp` that libcontainer uses, without the C library.
//!
//! libcontainer installs a filter at the one right moment: before it drops capabilities, or
//! after if `no_new_privileges` is set. Only its feature `libseccomp` does so. This crate is
//! patched in under that name. [`seccompiler`] compiles the conditions on arguments, `syscalls`
//! knows the numbers; the module `program` links both into one program for all architectures.
//!
//! Differences from the C library, all towards more restriction:
//!
//! - If several rules match a call, the most restrictive action applies.
//! - The x32 interface does not exist: its calls fail with `ENOSYS`.
//! - Calls of an architecture that the filter does not name kill the process.
//! - As `runc` has it, calls that are newer than every rule fail with `ENOSYS` where the
//!   default action would fail them with another error.
//! - `SCMP_ACT_NOTIFY` is refused.

mod arch;
pub mod error;
mod install;
mod multiplex;
mod program;
mod rule;

#[cfg(test)]
mod tests;

pub use arch::{ScmpArch, ScmpSyscall};
pub use rule::{ScmpAction, ScmpArgCompare, ScmpCompareOp};

use error::SeccompError;
use program::Rule;

/// `Result` of this crate.
pub type Result<T, E = SeccompError> = std::result::Result<T, E>;

/// A filter in the making.
#[derive(Debug)]
pub struct ScmpFilterContext {
    default_action: ScmpAction,
    has_compat: bool,
    flags: libc::c_ulong,
    rules: Vec<Rule>,
}

impl ScmpFilterContext {
    /// A filter that applies `default_action` to every call that no rule matches.
    ///
    /// # Errors
    /// If the action is not supported, or this crate has no table for the machine.
    pub fn new(default_action: ScmpAction) -> Result<Self> {
        arch::MACHINE.ok_or(SeccompError::Architecture)?;
        default_action.check()?;
        Ok(Self { default_action, has_compat: false, flags: 0, rules: Vec::new() })
    }

    /// Adds an architecture. The native one is always there. Those whose programs this machine
    /// cannot execute change nothing.
    ///
    /// # Errors
    /// None.
    pub fn add_arch(&mut self, arch: ScmpArch) -> Result<bool> {
        let is_compat = arch::MACHINE.is_some_and(|machine| machine.compat.scmp == arch);
        self.has_compat |= is_compat;
        Ok(is_compat)
    }

    /// Adds a rule for a call, whatever its arguments.
    ///
    /// # Errors
    /// If the action is not supported.
    pub fn add_rule(&mut self, action: ScmpAction, syscall: ScmpSyscall) -> Result<()> {
        self.add_rule_conditional(action, syscall, &[])
    }

    /// Adds a rule for a call whose arguments meet all conditions.
    ///
    /// # Errors
    /// If the action is not supported, or there is no such argument.
    pub fn add_rule_conditional(
        &mut self,
        action: ScmpAction,
        syscall: ScmpSyscall,
        conditions: &[ScmpArgCompare],
    ) -> Result<()> {
        action.check()?;
        conditions.iter().try_for_each(ScmpArgCompare::check)?;
        self.rules.push(Rule { action, syscall, conditions: conditions.to_vec() });
        Ok(())
    }

    /// Has the kernel log what the filter does, other than allow.
    ///
    /// # Errors
    /// None.
    pub fn set_ctl_log(&mut self, state: bool) -> Result<()> {
        self.set_flag(libc::SECCOMP_FILTER_FLAG_LOG, state)
    }

    /// Applies the filter to all threads.
    ///
    /// # Errors
    /// None.
    pub fn set_ctl_tsync(&mut self, state: bool) -> Result<()> {
        self.set_flag(libc::SECCOMP_FILTER_FLAG_TSYNC, state)
    }

    /// Leaves speculative store bypass as it is.
    ///
    /// # Errors
    /// None.
    pub fn set_ctl_ssb(&mut self, state: bool) -> Result<()> {
        self.set_flag(libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW, state)
    }

    /// Concerns notifications alone, which are refused.
    ///
    /// # Errors
    /// If `state` is set.
    pub fn set_ctl_waitkill(&mut self, state: bool) -> Result<()> {
        if state { Err(SeccompError::Notify) } else { Ok(()) }
    }

    /// Never sets `no_new_privs`: whoever installs the filter decides that.
    ///
    /// # Errors
    /// If `state` is set.
    pub fn set_ctl_nnp(&mut self, state: bool) -> Result<()> {
        if state { Err(SeccompError::NoNewPrivs) } else { Ok(()) }
    }

    fn set_flag(&mut self, flag: libc::c_ulong, state: bool) -> Result<()> {
        self.flags = if state { self.flags | flag } else { self.flags & !flag };
        Ok(())
    }

    /// Compiles the filter and installs it for the calling thread.
    ///
    /// # Errors
    /// If the filter is too long, or the kernel does not take it.
    pub fn load(&self) -> Result<()> {
        install::install(&self.program()?, self.flags)
    }

    /// The compiled filter.
    fn program(&self) -> Result<seccompiler::BpfProgram> {
        let machine = arch::MACHINE.ok_or(SeccompError::Architecture)?;
        let compat = self.has_compat.then_some(&machine.compat);
        program::link(&machine.native, compat, self.default_action, &self.rules)
    }

    /// Notifications are refused.
    ///
    /// # Errors
    /// Always.
    pub fn get_notify_fd(&self) -> Result<std::os::fd::RawFd> {
        Err(SeccompError::Notify)
    }
}
