//! What a container does, as its monitor says.
//!
//! `containers/<id>/status` is JSON with Docker's names, written whole by the monitor
//! whenever something changes. What it says counts while the monitor lives, or if it says
//! that the container has ended. A status that says otherwise beside a monitor that is gone
//! means that the monitor was killed, or the machine lost its power.

use std::sync::Arc;

use jiff::Timestamp;
use rustix::process::WaitStatus;
use serde::{Deserialize, Serialize};

use super::error::Result;
use super::{cgroup, process};
use crate::disk::{Disk, Guard, Mode, host, put_whole, remove_if_there, swap_in};

/// The status, in the container's directory.
const FILE: &str = "status";
/// Locked by the monitor while it lives.
const LOCK: &str = "monitor";
/// What a container that the machine's end has ended has for an exit code, as Docker has it.
const LOST: i32 = 255;
/// 128 and SIGKILL: how one ends whose monitor is killed.
const KILLED: i32 = 137;

/// What a container does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ContainerState {
    /// It has never run.
    #[default]
    Created,
    /// Its process runs.
    Running,
    /// Its processes are frozen.
    Paused,
    /// Its process has ended, and is about to be started again.
    Restarting,
    /// Its process has ended.
    Exited,
}

/// What is known of a container's runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ContainerStatus {
    /// What it does.
    #[serde(rename = "Status")]
    pub state: ContainerState,
    /// Its first process, as this machine numbers it; 0 if there is none.
    pub pid: i32,
    /// How the last run ended: the process's own code, or 128 and the signal's number.
    pub exit_code: i32,
    /// Why it could not be started.
    pub error: String,
    /// Whether the kernel killed something of it for want of memory.
    #[serde(rename = "OOMKilled")]
    pub oom_killed: bool,
    /// How often it was started again by itself since it was started.
    pub restart_count: u32,
    /// When the last run began.
    pub started_at: Option<Timestamp>,
    /// When the last run ended.
    pub finished_at: Option<Timestamp>,
    /// When its first process began, as the kernel counts.
    pub(super) pid_start: u64,
    /// Which run of the machine this was said in.
    pub(super) boot_id: String,
}

impl ContainerState {
    /// Whether it has a monitor: it runs, or will again.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Restarting)
    }
}

impl ContainerStatus {
    /// Says it, so that it survives a power cut or only the end of the monitor.
    ///
    /// # Errors
    /// If the disk fails.
    pub(super) fn write(&mut self, disk: &Arc<dyn Disk>, dir: &str, is_lasting: bool) -> Result<()> {
        self.boot_id = host::boot_id()?;
        let text = serde_json::to_vec(self).unwrap_or_default();
        match is_lasting {
            true => put_whole(disk, dir, FILE, &text)?,
            false => swap_in(disk, dir, FILE, &text)?,
        }
        Ok(())
    }

    fn read(disk: &dyn Disk, dir: &str) -> Result<Self> {
        let name = format!("{dir}/{FILE}");
        let file = match disk.open(&name) {
            Err(error) if error.is_absent() => return Ok(Self::default()),
            file => file?,
        };
        let len = file.len()?.min(MAX_BYTES);
        let text = file.read_at(len as usize, 0)?;
        // One that cannot be read is not worth all others: it ran, and nobody knows more.
        Ok(serde_json::from_slice(&text).unwrap_or_else(|error| Self {
            state: ContainerState::Exited,
            exit_code: LOST,
            error: format!("its status cannot be read: {error}"),
            ..Self::default()
        }))
    }

    /// Whether its process goes on, though its monitor was killed: the kernel does not kill
    /// one that has changed its user since.
    fn goes_on(&self) -> bool {
        host::boot_id().is_ok_and(|now| now == self.boot_id) && process::goes_on(self.pid, self.pid_start)
    }

    /// What became of it, when nobody saw it end.
    fn ended_unseen(mut self) -> Self {
        // What cannot be told apart has ended with the machine.
        let is_another_boot = host::boot_id().map_or(true, |now| now != self.boot_id);
        self.state = ContainerState::Exited;
        self.pid = 0;
        self.exit_code = if is_another_boot { LOST } else { KILLED };
        self.error = match is_another_boot {
            true => String::new(),
            false => "its monitor was killed, and it with it".into(),
        };
        self.finished_at = Some(Timestamp::now());
        self
    }
}

/// The exit code that tells how a process ended: its own, or 128 and the signal's number.
pub(super) fn code_of(status: WaitStatus) -> i32 {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => LOST,
    }
}

/// A status is a few hundred bytes; an error text may be some more.
const MAX_BYTES: u64 = 1 << 20;

/// Takes the monitor's lock; `None` if there is a monitor.
pub(super) fn lock(disk: &dyn Disk, dir: &str) -> Result<Option<Box<dyn Guard>>> {
    let name = format!("{dir}/{LOCK}");
    match disk.create(&name) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error.into()),
        _ => {}
    }
    Ok(disk.try_lock(&name, Mode::Exclusive)?)
}

/// Whether the container in `dir` has ever had a monitor.
pub fn has_had_monitor(disk: &dyn Disk, dir: &str) -> bool {
    disk.open(&format!("{dir}/{LOCK}")).is_ok()
}

/// Whether the monitor says of the container in `dir` that it runs.
pub(super) fn is_live(disk: &dyn Disk, dir: &str) -> Result<bool> {
    Ok(ContainerStatus::read(disk, dir)?.state.is_live())
}

/// What the container in `dir` does; told as it is, and left as it is.
///
/// # Errors
/// If it cannot be read.
pub fn read_status(disk: &dyn Disk, dir: &str) -> Result<ContainerStatus> {
    let status = ContainerStatus::read(disk, dir)?;
    if !status.state.is_live() {
        return Ok(status);
    }
    match disk.try_lock(&format!("{dir}/{LOCK}"), Mode::Shared) {
        Ok(None) => Ok(status),
        Ok(Some(_free)) => {
            // It may have ended between the two looks.
            let now = ContainerStatus::read(disk, dir)?;
            Ok(if now.state.is_live() && !now.goes_on() { now.ended_unseen() } else { now })
        }
        Err(error) if error.is_absent() => Ok(status.ended_unseen()),
        Err(error) => Err(error.into()),
    }
}

/// Clears up behind a monitor that was killed: what is left of the container's processes,
/// its cgroup, its socket; and writes down how it ended. Gives whether there was anything.
///
/// # Errors
/// If the disk fails.
pub fn settle(disk: &Arc<dyn Disk>, dir: &str, cgroup: &str) -> Result<bool> {
    if !ContainerStatus::read(&**disk, dir)?.state.is_live() {
        return Ok(false);
    }
    let Some(_lock) = lock(&**disk, dir)? else { return Ok(false) };
    let status = ContainerStatus::read(&**disk, dir)?;
    if !status.state.is_live() {
        return Ok(false);
    }
    // What is frozen goes on first, to hear that it is killed.
    cgroup::end(cgroup);
    if status.goes_on() {
        process::end(status.pid, status.pid_start);
    }
    clear(disk, dir)?;
    status.ended_unseen().write(disk, dir, true)?;
    Ok(true)
}

/// Takes away what only a run needs.
pub(super) fn clear(disk: &Arc<dyn Disk>, dir: &str) -> Result<()> {
    for name in ["socket", "console", "pid"] {
        remove_if_there(&**disk, &format!("{dir}/{name}"))?;
    }
    Ok(disk.remove_tree(&format!("{dir}/state"))?)
}
