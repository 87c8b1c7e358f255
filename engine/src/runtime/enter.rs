//! Another process in a container that runs: `exec`.
//!
//! Whoever enters a container is, for a moment, a process that the container sees and that
//! is still this program. So it comes from the same [`Stage`](super::Stage) as a monitor,
//! and holds nothing open of the machine but its own streams (CVE-2024-21626): the runtime
//! closes the rest before the container's program is executed, and checks that the working
//! directory lies in the container.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, WaitOptions, waitpid};
use serde::{Deserialize, Serialize};

use super::console::ConsoleSocket;
use super::error::{Error, Result, Tried};
use super::oci::{self, BuiltIn, Executor, refused};
use super::{bundle, status, user};
use crate::container::Spec;
use crate::disk::{Folder, host};

/// What is to be executed, and where.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EnterRequest {
    /// The container's ID, 64 hexadecimal digits.
    pub id: String,
    /// The container's directory.
    pub dir: PathBuf,
    /// The container's first process.
    pub pid: i32,
    /// As if the container had been created to do this.
    pub spec: Spec,
}

/// A process that was brought into a container.
#[derive(Debug)]
pub struct Entered {
    process: Inside,
    /// Its terminal, if it has one.
    pub terminal: Option<OwnedFd>,
}

#[derive(Debug)]
enum Inside {
    /// A child of this process.
    Child(Pid),
    /// It has ended with this code: the runtime has waited for it.
    Ended(i32),
}

/// Executes something in a container, with the streams of this process.
///
/// # Errors
/// If the container has ended, or the runtime refuses.
pub fn enter(request: &EnterRequest) -> Result<Entered> {
    let rootfs = Folder::open(&PathBuf::from(format!("/proc/{}/root", request.pid)))?;
    let user = user::of(&rootfs, &request.spec)?;
    drop(rootfs);
    std::env::set_current_dir(&request.dir).tried("enter the container's directory")?;
    host::set_umask(0o022);
    let name = format!("exec-{}", std::process::id());
    let file = request.dir.join(&name);
    let process = bundle::process(&request.spec, &user)?.to_string();
    host::write_text(&file.display().to_string(), &process)?;
    let entered = execute(request, &file, &format!("{name}.tty"));
    let _ = host::remove(&file);
    entered
}

fn execute(request: &EnterRequest, process: &Path, console: &str) -> Result<Entered> {
    let state = request.dir.join("state");
    let has_terminal = request.spec.config.tty == Some(true);
    let runtime = &request.spec.host_config.runtime;
    if !oci::is_built_in(runtime) {
        let mut command = Command::new(runtime);
        command.arg("--root").arg(state).arg("exec").arg("--process").arg(process);
        if has_terminal {
            command.arg("--tty");
        }
        let status = command.arg(&request.id).status().map_err(|source| Error::Path {
            verb: "run the runtime",
            path: runtime.into(),
            source,
        })?;
        return Ok(Entered { process: Inside::Ended(status::exit_code(status)), terminal: None });
    }
    let socket = if has_terminal { Some(ConsoleSocket::bind(console)?) } else { None };
    let mut builder = BuiltIn::builder(&request.id, &state, Executor { dies_with_parent: false })?;
    if has_terminal {
        builder = builder.with_console_socket(Some(request.dir.join(console)));
    }
    let built = builder.as_tenant().with_process(Some(process)).with_detach(has_terminal).build();
    let _ = has_terminal.then(|| host::remove(&request.dir.join(console)));
    let pid = Pid::from_raw(built.map_err(refused)?.as_raw()).ok_or(Error::Nonsense)?;
    let terminal = socket.map(|socket| socket.receive()).transpose()?;
    Ok(Entered { process: Inside::Child(pid), terminal })
}

impl Entered {
    /// Waits until it has ended, and gives its exit code: its own, or 128 and the number of
    /// the signal that ended it.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn wait(&self) -> Result<i32> {
        let Inside::Child(pid) = self.process else {
            let Inside::Ended(code) = self.process else { return Err(Error::Nonsense) };
            return Ok(code);
        };
        loop {
            match waitpid(Some(pid), WaitOptions::empty()) {
                Err(rustix::io::Errno::INTR) => {}
                waited => {
                    let waited = waited.tried("learn how the process ended")?;
                    return Ok(waited.map_or(255, |(_, status)| status::code_of(status)));
                }
            }
        }
    }
}
