//! One run of a container: from its making to its end.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use jiff::Timestamp;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, pidfd_open, pidfd_send_signal, waitpid};

use super::clients::Client;
use super::serve::wait;
use super::{Monitor, mount_errors, tell, working_dir};
use crate::disk::{Folder, host};
use crate::runtime::bundle;
use crate::runtime::cgroup;
use crate::runtime::console::ConsoleSocket;
use crate::runtime::devices;
use crate::runtime::error::{Error, Refusal, Result, Tried};
use crate::runtime::frame::Stream;
use crate::runtime::oci::{Runtime, is_built_in, runtime};
use crate::runtime::request::News;
use crate::runtime::status::{ContainerState, code_of};
use crate::runtime::streams::{BUFFER_BYTES, PIPE_BYTES, Streams};
use crate::runtime::user;

/// Where the runtime hands over the terminal, in the container's directory.
const CONSOLE: &str = "console";

/// How often it is looked whether who started the container is still there.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A container that runs.
pub struct Run {
    pub(super) runtime: Box<dyn Runtime>,
    pub(super) pid: Pid,
    pub(super) process: OwnedFd,
    pub(super) streams: Streams,
    /// The directory that its process begins in, if that is made when everything is mounted.
    late_dir: Option<String>,
}

impl Run {
    /// Makes the container and executes its process.
    pub fn start(monitor: &mut Monitor) -> Result<Self> {
        let (mut run, config) = Self::create(monitor)?;
        let ready = run.late_dir.iter().try_for_each(|dir| working_dir::make_in(run.pid, dir));
        match ready.and_then(|()| run.protect(monitor, &config)).and_then(|()| run.begin(monitor)) {
            Ok(()) => Ok(run),
            Err(error) => {
                // Where there are no cgroups, the runtime does not find it.
                let _ = pidfd_send_signal(&run.process, Signal::KILL);
                let _ = run.runtime.delete();
                let _ = waitpid(Some(run.pid), WaitOptions::empty());
                Err(error)
            }
        }
    }

    fn create(monitor: &mut Monitor) -> Result<(Self, oci_spec::runtime::Spec)> {
        let Monitor { path, request, stage, .. } = monitor;
        let (id, spec) = (&request.id, &request.spec);
        cgroup::check_limits(&spec.host_config)?;
        cgroup::end(&bundle::cgroup(id));
        bundle::write_files(path, spec)?;
        let rootfs = Folder::open(&path.join("rootfs"))?;
        let user = user::of(&rootfs, spec)?;
        working_dir::make(&rootfs, spec)?;
        let late = working_dir::is_in_mount(&rootfs, spec)? && is_built_in(&spec.host_config.runtime);
        let late = spec.config.working_dir.clone().filter(|_| late);
        drop(rootfs);
        let mut config = bundle::config(id, spec, &user, *stage)?;
        if let (Some(process), true) = (config.process_mut(), late.is_some()) {
            process.set_cwd("/".into());
        }
        bundle::write_config(path, &config)?;

        let mut runtime = runtime(&spec.host_config.runtime, id, &path.join("state"), late.clone())?;
        let (pid, streams) = if spec.config.tty == Some(true) {
            let socket = ConsoleSocket::bind(CONSOLE)?;
            let pid = runtime.create(path, Streams::nothing()?, Some(&path.join(CONSOLE)));
            let _ = host::remove(&path.join(CONSOLE));
            let pid = pid.map_err(|error| mount_errors::explained(error, path, &config))?;
            (pid, Streams::terminal(socket.receive()?)?)
        } else {
            let has_stdin = spec.config.open_stdin == Some(true);
            let (streams, theirs) = Streams::pipes(has_stdin, (user.uid, user.gid))?;
            let pid = runtime.create(path, theirs, None);
            (pid.map_err(|error| mount_errors::explained(error, path, &config))?, streams)
        };
        let process = pidfd_open(pid, PidfdFlags::empty()).tried("watch the container")?;
        Ok((Self { runtime, pid, process, streams, late_dir: late }, config))
    }

    /// Keeps the container from the machine's devices before its process is executed.
    fn protect(&self, monitor: &Monitor, config: &oci_spec::runtime::Spec) -> Result<()> {
        let (id, host) = (&monitor.request.id, &monitor.request.spec.host_config);
        // Runtimes that are programs make their own filter of the bundle.
        let rules = is_built_in(&host.runtime).then(|| bundle::filter_rules(config).unwrap_or_default());
        devices::protect(self.pid, &bundle::cgroup(id), host, rules.as_deref())
    }

    fn begin(&mut self, monitor: &mut Monitor) -> Result<()> {
        if monitor.request.waits_for_client && !monitor.has_told {
            tell(&News::Listening);
            self.wait_for_client(monitor)?;
        }
        self.runtime.start()?;
        let status = &mut monitor.status;
        status.state = ContainerState::Running;
        status.pid = self.pid.as_raw_nonzero().get();
        status.pid_start = host::start_of_process(status.pid).unwrap_or_default();
        (status.started_at, status.finished_at) = (Some(Timestamp::now()), None);
        (status.error, status.exit_code, status.oom_killed) = (String::new(), 0, false);
        monitor.write_status()?;
        if !monitor.has_told {
            tell(&News::Started);
            monitor.has_told = true;
            let _ = close_stdio();
        }
        Ok(())
    }

    /// Waits until somebody listens; they may give up before.
    fn wait_for_client(&mut self, monitor: &mut Monitor) -> Result<()> {
        while !monitor.clients.iter().any(Client::is_attached) {
            if monitor.clients.is_empty() && is_let_go(std::io::stdin()) {
                let text = "the command that started it has gone".into();
                return Err(Error::Refused { refusal: Refusal::Other, text });
            }
            if self.turn(monitor, Some(LOOK_EVERY))? {
                let text = "the container's process was killed before it could begin".into();
                return Err(Error::Refused { refusal: Refusal::Other, text });
            }
        }
        Ok(())
    }

    /// Serves it until its process has ended, and writes down how.
    pub fn watch(&mut self, monitor: &mut Monitor) -> Result<()> {
        while !self.turn(monitor, None)? {}
        let code = self.reap()?;
        let cgroup = bundle::cgroup(&monitor.request.id);
        monitor.status.oom_killed = cgroup::was_out_of_memory(&cgroup);
        if monitor.request.spec.host_config.pid_mode == "host" {
            // The end of its process does not end the others.
            cgroup::kill(&cgroup);
        }
        self.drain(monitor);
        let _ = monitor.log.finish();
        if self.runtime.delete().is_err() {
            // It has ended all the same, and how it has is what counts.
            cgroup::end(&cgroup);
        }
        monitor.is_held = false;
        monitor.status.exit_code = code;
        monitor.status.pid = 0;
        monitor.status.finished_at = Some(Timestamp::now());
        monitor.status.state = monitor.state_after(code);
        monitor.write_status()
    }

    fn reap(&self) -> Result<i32> {
        let waited = waitpid(Some(self.pid), WaitOptions::empty()).tried("learn how the container ended")?;
        // What else was left to this process by a runtime that is a program.
        while let Ok(Some(_)) = waitpid(None, WaitOptions::NOHANG) {}
        Ok(waited.map_or(255, |(_, status)| code_of(status)))
    }

    /// Reads what is left in the streams: as much as a pipe holds. Nobody writes to them
    /// any more, or nobody whom the container's end should wait for.
    fn drain(&mut self, monitor: &mut Monitor) {
        let mut buffer = vec![0; BUFFER_BYTES];
        for stream in [Stream::Stdout, Stream::Stderr] {
            let mut read = 0;
            while let Some(count) = self.pass_on(monitor, stream, &mut buffer).filter(|_| read < PIPE_BYTES) {
                read += count;
            }
        }
    }

    /// Passes on what a stream has; gives how much that was, if it was something.
    fn pass_on(&mut self, monitor: &mut Monitor, stream: Stream, buffer: &mut [u8]) -> Option<usize> {
        let count = self.streams.read(stream, buffer).filter(|count| *count > 0)?;
        let bytes = buffer.get(..count)?;
        // A disk that is full ends no container: who listens hears it still.
        let _ = monitor.log.add(stream, bytes);
        monitor.clients.iter_mut().for_each(|client| client.tell_output(stream, bytes));
        Some(count)
    }

    /// Waits until something happens and does what is to be done; gives whether the
    /// process has ended.
    fn turn(&mut self, monitor: &mut Monitor, limit: Option<Duration>) -> Result<bool> {
        let takes_output = !monitor.clients.iter().any(Client::is_full);
        let takes_input = self.streams.takes_input();
        let mut polled = vec![
            PollFd::new(&self.process, PollFlags::IN),
            PollFd::new(&monitor.door, monitor.door.poll_flags()),
        ];
        for client in &monitor.clients {
            polled.push(PollFd::new(&client.stream, client.poll_flags(takes_input)));
        }
        let outputs = polled.len();
        let mut streams = Vec::new();
        if takes_output {
            for (stream, fd) in self.streams.outputs() {
                streams.push(stream);
                polled.push(PollFd::new(fd, PollFlags::IN));
            }
        }
        if let Some(input) = self.streams.wants_to_write() {
            polled.push(PollFd::new(input, PollFlags::OUT));
        }
        let limit = limit.into_iter().chain(self.streams.rest()).chain(monitor.door.rest()).min();
        wait(&mut polled, limit)?;
        let happened: Vec<bool> = polled.iter().map(|fd| !fd.revents().is_empty()).collect();
        let has = |at: usize| happened.get(at).copied().unwrap_or_default();
        drop(polled);
        self.streams.wake();

        let mut buffer = Vec::new();
        for (at, stream) in streams.iter().enumerate() {
            if has(outputs + at) {
                buffer.resize(BUFFER_BYTES, 0);
                self.pass_on(monitor, *stream, &mut buffer);
            }
        }
        let _ = monitor.log.flush();
        self.streams.write_input();
        let changed: Vec<usize> = (2..outputs).filter(|at| has(*at)).map(|at| at - 2).collect();
        self.serve(monitor, &changed);
        if has(1) {
            monitor.accept();
        }
        Ok(has(0))
    }
}

/// Whether nobody holds the other end of a pipe any more.
fn is_let_go(pipe: impl AsFd) -> bool {
    let mut polled = [PollFd::new(&pipe, PollFlags::empty())];
    let none = Timespec { tv_sec: 0, tv_nsec: 0 };
    let _ = poll(&mut polled, Some(&none));
    polled.iter().any(|fd| fd.revents().intersects(PollFlags::HUP | PollFlags::ERR))
}

/// Lets go of the streams of whoever started the monitor: they are not held open. Standard
/// output is theirs and the monitor's alone.
fn close_stdio() -> std::io::Result<()> {
    let null = host::null()?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}
