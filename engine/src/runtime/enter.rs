//! Another process in a container that runs: `exec`.
//!
//! Whoever enters a container is, for a moment, a process that the container sees and that
//! is still this program. So it comes from the same [`Stage`](super::Stage) as a monitor, and what it gets
//! of the machine are pipes or a terminal, made for it alone: what was open for whoever wants
//! it executed could be opened anew through `/proc/self/fd`, and written where it was to be
//! read. The runtime closes the rest before the container's program is executed, and checks
//! that the working directory lies in the container (CVE-2024-21626).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, WaitOptions, pidfd_open, set_child_subreaper, waitpid};
use serde::{Deserialize, Serialize};

use super::connection::Said;
use super::console::ConsoleSocket;
use super::error::{Error, Refusal, Result, Tried};
use super::frame::Stream;
use super::streams::{BUFFER_BYTES, PIPE_BYTES, Streams};
use super::{bundle, devices, oci, plain_path, status, user};
use crate::container::Spec;
use crate::disk::{Folder, host};

/// What is to be executed, and where.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EnterRequest {
    /// The container's ID, 64 hexadecimal digits.
    pub id: String,
    /// The container's directory.
    #[serde(with = "as_bytes")]
    pub dir: PathBuf,
    /// The container's first process.
    pub pid: i32,
    /// As if the container had been created to do this.
    pub spec: Spec,
    /// Whether somebody hears what it writes: otherwise it goes nowhere.
    pub is_heard: bool,
}

/// Paths as their bytes: text they need not be.
mod as_bytes {
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::disk::host;

    pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        path.as_os_str().as_bytes().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        Ok(host::path(&Vec::<u8>::deserialize(deserializer)?))
    }
}

/// A process that was brought into a container.
#[derive(Debug)]
pub struct Entered {
    pid: Pid,
    process: OwnedFd,
    streams: Streams,
}

/// Executes something in a container.
///
/// # Errors
/// If the container has ended, or the runtime refuses.
pub fn enter(request: &EnterRequest) -> Result<Entered> {
    // A runtime that is a program leaves it to who is above.
    set_child_subreaper(Some(rustix::process::getpid()))
        .tried("become the parent of what the runtime leaves")?;
    let rootfs = Folder::open(&PathBuf::from(format!("/proc/{}/root", request.pid)))?;
    let user = user::of(&rootfs, &request.spec)?;
    check_working_dir(&rootfs, &request.spec)?;
    drop(rootfs);
    devices::check_another(request.pid, &bundle::cgroup(&request.id), &request.spec.host_config)?;
    std::env::set_current_dir(&request.dir).tried("enter the container's directory")?;
    host::set_umask(0o022);
    plain_path::check(&request.dir)?;
    let dir = &request.dir;
    let name = format!("exec-{}", std::process::id());
    let file = dir.join(&name);
    let process = bundle::process(&request.spec, &user)?.to_string();
    bundle::write_process(dir, &name, &process)?;
    let entered = execute(request, dir, &file, &format!("{name}.tty"), (user.uid, user.gid));
    let _ = host::remove(&file);
    entered
}

/// That there is a directory to begin in; a runtime would say less.
fn check_working_dir(rootfs: &Folder, spec: &Spec) -> Result<()> {
    let Some(dir) = spec.config.working_dir.as_deref().filter(|dir| !dir.is_empty()) else { return Ok(()) };
    let Some(why) = rootfs.why_no_directory(dir.as_bytes())? else { return Ok(()) };
    let text = format!("chdir to cwd (\"{dir}\") set in config.json failed: {why}");
    Err(Error::Refused { refusal: Refusal::NotExecutable, text })
}

fn execute(
    request: &EnterRequest,
    dir: &Path,
    process: &Path,
    console: &str,
    owner: (u32, u32),
) -> Result<Entered> {
    let spec = &request.spec;
    let mut runtime = oci::runtime(&spec.host_config.runtime, &request.id, &dir.join("state"), None)?;
    let (pid, streams) = if spec.config.tty == Some(true) {
        let socket = ConsoleSocket::bind(console)?;
        let pid = runtime.enter(process, Streams::nothing()?, Some(&dir.join(console)));
        let _ = host::remove(&dir.join(console));
        (pid?, Streams::terminal(socket.receive()?)?)
    } else if request.is_heard {
        let (streams, theirs) = Streams::pipes(spec.config.open_stdin == Some(true), owner)?;
        (runtime.enter(process, theirs, None)?, streams)
    } else {
        (runtime.enter(process, Streams::nothing()?, None)?, Streams::default())
    };
    let process = pidfd_open(pid, PidfdFlags::empty()).tried("watch the process")?;
    Ok(Entered { pid, process, streams })
}

impl Entered {
    /// Writes bytes to its standard input, as soon as it takes them.
    pub fn send(&mut self, bytes: &[u8]) {
        self.streams.add_input(bytes);
    }

    /// Ends its standard input, once all was written.
    pub fn end_input(&mut self) {
        self.streams.end_input();
    }

    /// Whether something is still to be written: see [`Entered::flush`].
    pub fn has_unsent(&self) -> bool {
        self.streams.has_input()
    }

    /// Writes as much as is taken now of what is to be written.
    pub fn flush(&mut self) {
        self.streams.write_input();
    }

    /// Tells its terminal, if it has one, how large it is.
    ///
    /// # Errors
    /// If the system does not let it.
    pub fn resize(&self, rows: u16, columns: u16) -> Result<()> {
        self.streams.resize(rows, columns)
    }

    /// What there is to be read from as soon as [`Entered::listen`] has something to tell.
    pub fn sources(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.streams.outputs().map(|(_, fd)| fd.as_fd()).chain([self.process.as_fd()])
    }

    /// What takes more as soon as [`Entered::flush`] has something to do.
    pub fn sink(&self) -> Option<BorrowedFd<'_>> {
        self.streams.wants_to_write().map(AsFd::as_fd)
    }

    /// When to listen again, whatever happens.
    pub fn patience(&self) -> Option<Duration> {
        self.streams.rest()
    }

    /// Hands to `hear` what it has written since, and that it has ended; does not wait. The
    /// end does not wait for what it has left behind and what may hold its streams.
    ///
    /// # Errors
    /// If the system does not tell how it ended, or `hear` fails.
    pub fn listen<E: From<Error>>(
        &mut self,
        hear: &mut dyn FnMut(Said) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        self.streams.wake();
        self.streams.write_input();
        let has_ended = has_ended(&self.process)?;
        // All that it wrote before it ended lies there; what others write now may be endless.
        let enough = if has_ended { PIPE_BYTES } else { 1 };
        let mut buffer = vec![0; BUFFER_BYTES];
        for stream in [Stream::Stdout, Stream::Stderr] {
            let mut read = 0;
            while read < enough {
                let Some(count @ 1..) = self.streams.read(stream, &mut buffer) else { break };
                hear(Said::Output(stream, buffer.get(..count).unwrap_or_default().to_vec()))?;
                read += count;
            }
        }
        if has_ended {
            hear(Said::Exited(self.reap()?))?;
            hear(Said::Over)?;
        }
        Ok(())
    }

    /// Its exit code: its own, or 128 and the number of the signal that ended it.
    fn reap(&self) -> Result<i32> {
        loop {
            match waitpid(Some(self.pid), WaitOptions::empty()) {
                Err(rustix::io::Errno::INTR) => {}
                waited => {
                    let waited = waited.tried("learn how the process ended")?;
                    return Ok(waited.map_or(255, |(_, status)| status::code_of(status)));
                }
            }
        }
    }
}

fn has_ended(process: &OwnedFd) -> Result<bool> {
    let none = Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&none)) {
        Err(rustix::io::Errno::INTR) => Ok(false),
        ended => Ok(ended.tried("watch the process")? > 0),
    }
}
