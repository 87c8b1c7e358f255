//! A runtime that is a program: `crun`, `runc`, or another with the same command line.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio as Std};

use rustix::process::Pid;

use super::super::cgroup;
use super::super::error::{Error, Refusal, Result};
use super::{Runtime, Stdio, innermost};
use crate::disk::host;

/// A longer message than this is not shown whole.
const MAX_MESSAGE: u64 = 64 << 10;

/// A container of a runtime that is a program.
pub struct Program {
    program: PathBuf,
    id: String,
    state: PathBuf,
}

impl Program {
    /// The container `id` of the runtime `program`, which keeps in `state` what it must.
    pub fn new(program: &str, id: &str, state: &Path) -> Self {
        Self { program: program.into(), id: id.into(), state: state.into() }
    }

    /// The program, and where it keeps what it must.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--root").arg(&self.state);
        // It insists on a cgroup of its own making, unless told otherwise.
        if !cgroup::may_create() && self.program.file_name() == Some("crun".as_ref()) {
            command.arg("--cgroup-manager=disabled");
        }
        command
    }

    /// Runs one of its commands, which says in its log why it fails.
    fn run(&self, args: &[&str], set: impl FnOnce(&mut Command)) -> Result<()> {
        self.run_logging(&self.state.join("message"), args, set)
    }

    fn run_logging(&self, log: &Path, args: &[&str], set: impl FnOnce(&mut Command)) -> Result<()> {
        let mut command = self.command();
        command.arg("--log").arg(log).args(args);
        command.stdin(Std::null()).stdout(Std::null()).stderr(Std::null());
        set(&mut command);
        let status = command.status().map_err(|source| Error::Path {
            verb: "run the runtime",
            path: self.program.clone(),
            source,
        })?;
        if status.success() {
            return Ok(());
        }
        let said = host::read_text(log, MAX_MESSAGE).unwrap_or_default();
        let last = said.lines().rfind(|line| line.contains("error")).or(said.lines().next_back());
        let text = match last.map(str::trim) {
            Some(text) if !text.is_empty() => message(text),
            _ => format!("{} {} failed: {status}", self.program.display(), args.first().unwrap_or(&"")),
        };
        let text = innermost(&text).unwrap_or(&text).to_owned();
        Err(Error::Refused { refusal: Refusal::of(&text), text })
    }

    /// What makes it execute something with these streams or a terminal, and go. The container's
    /// directory is the current one: a socket's path is at most 107 bytes.
    fn detached(command: &mut Command, pid_file: &Path, stdio: Stdio, console: Option<&Path>) {
        command.arg("--pid-file").arg(pid_file);
        match console {
            Some(console) => {
                command.arg("--console-socket").arg(console.file_name().unwrap_or_default());
            }
            None => _ = command.stdin(stdio.stdin).stdout(stdio.stdout).stderr(stdio.stderr),
        }
    }
}

/// The number that a runtime has written to `pid_file`.
fn pid_in(pid_file: &Path) -> Result<Pid> {
    let pid = host::read_text(pid_file, MAX_MESSAGE)?;
    pid.trim().parse().ok().and_then(Pid::from_raw).ok_or(Error::Nonsense)
}

/// What a line of a log says, without the time and the level.
fn message(line: &str) -> String {
    match line.split_once("msg=\"").and_then(|(_, rest)| rest.rsplit_once('"')) {
        Some((text, _)) => text.replace("\\\"", "\""),
        None => line.splitn(2, ": ").last().unwrap_or(line).to_owned(),
    }
}

impl Runtime for Program {
    fn create(&mut self, bundle: &Path, stdio: Stdio, console: Option<&Path>) -> Result<Pid> {
        host::make_dirs(&self.state)?;
        let pid_file = bundle.join("pid");
        self.run(&["create"], |command| {
            command.arg("--bundle").arg(bundle);
            Self::detached(command, &pid_file, stdio, console);
            command.arg(&self.id);
        })?;
        pid_in(&pid_file)
    }

    fn enter(&mut self, process: &Path, stdio: Stdio, console: Option<&Path>) -> Result<Pid> {
        let (log, pid_file) = (process.with_extension("log"), process.with_extension("pid"));
        let entered = self.run_logging(&log, &["exec", "--detach"], |command| {
            command.arg("--process").arg(process);
            Self::detached(command, &pid_file, stdio, console);
            command.arg(&self.id);
        });
        let pid = entered.and_then(|()| pid_in(&pid_file));
        // Nobody else would take them away while the container runs.
        for file in [log, pid_file] {
            let _ = host::remove(&file);
        }
        pid
    }

    fn start(&mut self) -> Result<()> {
        self.run(&["start", &self.id], |_| ())
    }

    fn pause(&mut self) -> Result<()> {
        self.run(&["pause", &self.id], |_| ())
    }

    fn resume(&mut self) -> Result<()> {
        self.run(&["resume", &self.id], |_| ())
    }

    fn delete(&mut self) -> Result<()> {
        self.run(&["delete", "--force", &self.id], |_| ())
    }
}
