//! The monitor: the process beside a container that runs.
//!
//! It has one thread and waits for everything at once: for what the container writes, for
//! clients, for the end. It forks (a thread more would not survive that), and it keeps
//! nothing that it could lose: what a client has to know is written down before it is told.

mod clients;
mod door;
mod mount_errors;
mod run;
mod serve;
mod wishes;
mod working_dir;

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{set_child_subreaper, setsid};

use clients::Client;
use door::Door;
use run::Run;
use serve::linger;

use super::error::{Error, Refusal, Result, Tried, whole_text};
use super::frame::Frame;
use super::log::LogWriter;
use super::overlay::Overlay;
use super::plain_path;
use super::request::{News, Request};
use super::stage::Stage;
use super::status::{self, ContainerState, ContainerStatus};
use crate::disk::{Disk, Guard, host};

/// Where the monitor listens, in the container's directory.
pub const SOCKET: &str = "socket";

/// The first pause before a container is started again; each one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A run of this length was one: the next pause is the first one again.
const LONG_RUN: Duration = Duration::from_secs(10);

/// A monitor has so long to clear up behind a container: a file system that was written to
/// may take its time to be unmounted.
const LONGEST_END: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A container's monitor.
pub struct Monitor {
    disk: Arc<dyn Disk>,
    /// The container's directory, as the store names it, and where it lies.
    dir: String,
    path: PathBuf,
    request: Request,
    stage: Stage,
    status: ContainerStatus,
    door: Door,
    clients: Vec<Client>,
    log: LogWriter,
    /// Whether somebody has asked for the end of it.
    is_stopped: bool,
    /// Whether it is frozen only because clients hold it.
    is_held: bool,
    /// Whether it is not removed this time, whatever was asked for.
    is_kept: bool,
    /// Whether who started it has been told that it runs.
    has_told: bool,
    lock: Box<dyn Guard>,
}

impl Monitor {
    /// Reads from standard input what is to be done, and gets ready to do it in the store
    /// on `disk`, in which `dir` is the container's directory.
    ///
    /// # Errors
    /// If the container has a monitor, or cannot have one. Who started it is told.
    pub fn begin(disk: Arc<dyn Disk>, dir: &str, stage: Stage) -> Result<Self> {
        let mut line = String::new();
        BufReader::new(std::io::stdin()).read_line(&mut line).tried("read what to start")?;
        let request = serde_json::from_str(&line);
        let request = request.map_err(|source| Error::BadStatus { file: "what to start".into(), source })?;
        let begun = Self::prepare(disk, dir, request, stage);
        if let Err(error) = &begun {
            tell(&failed(error));
        }
        begun
    }

    fn prepare(disk: Arc<dyn Disk>, dir: &str, request: Request, stage: Stage) -> Result<Self> {
        // Whoever started it may be sitting at a terminal: its signals are not for this one.
        let _ = setsid();
        set_child_subreaper(Some(rustix::process::getpid()))
            .tried("become the parent of what the runtime leaves")?;
        host::set_umask(0o022);
        let path = disk.host_path(dir)?.ok_or(Error::Nonsense)?;
        let other =
            || Error::Refused { refusal: Refusal::Other, text: "another monitor has the container".into() };
        // The one before may have said that the container has ended, and not be over yet.
        let mut waited = Duration::ZERO;
        let lock = loop {
            match status::lock(&*disk, dir)? {
                Some(lock) => break lock,
                None if waited >= LONGEST_END || status::is_live(&*disk, dir)? => return Err(other()),
                None => {}
            }
            std::thread::sleep(LOOK_EVERY);
            waited += LOOK_EVERY;
        };
        let before = status::read_status(&*disk, dir)?;
        status::clear(&disk, dir)?;
        std::env::set_current_dir(&path).tried("enter the container's directory")?;
        let path = plain_path::of(path, stage)?;
        let overlay = Overlay {
            layers: &request.layers,
            target: path.join("rootfs"),
            keeps_devices: request.spec.host_config.privileged,
        };
        overlay.mount(stage == Stage::OwnUser)?;
        let door = Door::open(SOCKET)?;
        // The bundle's files are named from there.
        std::env::set_current_dir(&path).tried("enter the bundle")?;
        let bounds = request.spec.host_config.log_config.bounds();
        let bounds =
            bounds.map_err(|error| Error::Refused { refusal: Refusal::Other, text: error.to_string() })?;
        let log = LogWriter::open(&disk, dir, bounds)?;
        let status = ContainerStatus { restart_count: 0, ..before };
        let clients = Vec::new();
        Ok(Self {
            disk,
            dir: dir.into(),
            path,
            request,
            stage,
            status,
            door,
            clients,
            log,
            is_stopped: false,
            is_held: false,
            is_kept: false,
            has_told: false,
            lock,
        })
    }

    /// Runs the container until it has ended for good.
    ///
    /// # Errors
    /// If it cannot be started. Who started it is told.
    pub fn run(&mut self) -> Result<()> {
        let ran = self.run_all();
        // In this mount namespace the directory could not be removed.
        let unmounted = Overlay::unmount(&self.path.join("rootfs"));
        let ended = unmounted.and(status::clear(&self.disk, &self.dir));
        if let Err(error) = &ran {
            if !self.has_told {
                tell(&failed(error));
            }
            self.clients.iter_mut().for_each(|client| client.tell(&Frame::Refused(&error.to_string())));
        }
        ran.and(ended)
    }

    fn run_all(&mut self) -> Result<()> {
        let mut pause = FIRST_PAUSE;
        loop {
            let begun = std::time::Instant::now();
            let ran = Run::start(self).and_then(|mut run| run.watch(self));
            if let Err(error) = ran {
                self.note_failure(&error)?;
                return Err(error);
            }
            if !self.wants_another() {
                self.tell_end(true);
                return Ok(());
            }
            self.tell_end(false);
            if begun.elapsed() >= LONG_RUN {
                pause = FIRST_PAUSE;
            }
            self.serve_for(pause)?;
            pause = (pause * 2).min(LONGEST_PAUSE);
            if self.is_stopped {
                self.status.state = ContainerState::Exited;
                self.write_status()?;
                self.tell_end(true);
                return Ok(());
            }
            self.status.restart_count += 1;
        }
    }

    /// Whether the policy says that it is started again; then its state says so too.
    fn wants_another(&self) -> bool {
        self.status.state == ContainerState::Restarting
    }

    /// The state that the end of a run leads to.
    fn state_after(&self, exit_code: i32) -> ContainerState {
        let policy = &self.request.spec.host_config.restart_policy;
        let again = match policy.name.as_str() {
            "always" | "unless-stopped" => true,
            "on-failure" => {
                let limit = policy.maximum_retry_count;
                exit_code != 0 && (limit == 0 || self.status.restart_count < limit)
            }
            _ => false,
        };
        if again && !self.is_stopped { ContainerState::Restarting } else { ContainerState::Exited }
    }

    /// A run that did not come about. One that never ran has not ended either.
    fn note_failure(&mut self, error: &Error) -> Result<()> {
        let refusal = refusal_of(error);
        self.status.error = error.to_string();
        self.status.exit_code = match refusal {
            Refusal::Other => 128,
            refusal => refusal.exit_code().into(),
        };
        self.status.pid = 0;
        if self.status.state.is_live() {
            self.status.state = match self.status.started_at {
                Some(_) => ContainerState::Exited,
                None => ContainerState::Created,
            };
        }
        self.write_status()
    }

    fn write_status(&mut self) -> Result<()> {
        // Of one that is about to be removed nobody looks for it later.
        let is_lasting = self.status.state.is_live() || !self.removes_container();
        self.status.write(&self.disk, &self.dir, is_lasting)
    }

    /// Tells whoever waits for it that a run is over.
    fn tell_end(&mut self, is_last: bool) {
        let code = self.status.exit_code;
        for client in &mut self.clients {
            if client.waits.is_some_and(|for_good| is_last || !for_good) {
                client.waits = None;
                client.tell(&Frame::Exited(code));
            }
        }
    }

    /// Whether the container is to be removed now.
    pub fn removes_container(&self) -> bool {
        self.request.spec.host_config.auto_remove && !self.is_kept
    }

    /// Lets go of the container; stays for clients that have not read everything yet. Nobody
    /// waits for that: it takes as long as they do.
    pub fn finish(self) {
        let Self { clients, door, lock, .. } = self;
        // Who calls from now on hears at once that there is nobody.
        drop((lock, door));
        // Whoever started it may wait for that.
        let _ = host::null().and_then(|null| Ok(rustix::stdio::dup2_stdout(null)?));
        // Nor is the store in use.
        let _ = std::env::set_current_dir("/");
        linger(clients);
    }
}

/// Which sort of reason an error is not to start a process.
fn refusal_of(error: &Error) -> Refusal {
    match error {
        Error::Refused { refusal, .. } => *refusal,
        _ => Refusal::Other,
    }
}

fn failed(error: &Error) -> News {
    News::Failed { refusal: refusal_of(error), text: whole_text(error) }
}

/// Tells who started a monitor why it does not start the container.
pub fn tell_failure(error: &Error) {
    tell(&failed(error));
}

/// Tells who started the monitor. It may have gone.
fn tell(news: &News) {
    let mut line = serde_json::to_vec(news).unwrap_or_default();
    line.push(b'\n');
    let _ = std::io::stdout().write_all(&line).and_then(|()| std::io::stdout().flush());
}
