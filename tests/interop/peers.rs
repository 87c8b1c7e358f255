//! The other tools: where they are, and how to run them without touching anything of the user's.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::harness::child::{self, Feed, Ran};
use crate::harness::sandbox::is_root;
pub use crate::harness::tools::{are_here, not_possible, run, tool};

/// A Docker engine of our own: its own images, its own socket, no network. Stopped with
/// the last test that holds it.
pub struct Docker {
    dir: TempDir,
    engine: Option<std::process::Child>,
}

static ENGINE: Mutex<Weak<Docker>> = Mutex::new(Weak::new());
static TURN: Mutex<()> = Mutex::new(());

/// The engine, for one test at a time: what one forgets, another must not hold.
pub struct Turn {
    engine: Arc<Docker>,
    _turn: MutexGuard<'static, ()>,
}

impl std::ops::Deref for Turn {
    type Target = Docker;
    fn deref(&self) -> &Docker {
        &self.engine
    }
}

impl Drop for Turn {
    /// Leaves the engine empty, whatever became of the test.
    fn drop(&mut self) {
        let ids = self.engine.try_run(["images", "-a", "-q"]).out();
        self.engine.forget(&ids.lines().collect::<Vec<_>>());
    }
}

impl Docker {
    /// The engine that all tests share, started if nobody has; `None`, loudly, where there
    /// can be none.
    #[track_caller]
    pub fn shared(test: &str) -> Option<Turn> {
        // Held while waiting for the turn, so that the engine of the test before lives on.
        let engine = Self::running(test)?;
        Some(Turn { engine, _turn: TURN.lock().unwrap_or_else(PoisonError::into_inner) })
    }

    #[track_caller]
    fn may_run(test: &str) -> bool {
        let is_here = are_here(test, &["docker", "dockerd"]);
        is_here && (is_root() || not_possible(test, "only root may run a Docker engine"))
    }

    #[track_caller]
    fn running(test: &str) -> Option<Arc<Self>> {
        if !Self::may_run(test) {
            return None;
        }
        let mut engine = ENGINE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = engine.upgrade() {
            return Some(running);
        }
        match Self::start() {
            Ok(started) => {
                let started = Arc::new(started);
                *engine = Arc::downgrade(&started);
                Some(started)
            }
            Err(why) => {
                not_possible(test, &why);
                None
            }
        }
    }

    /// An engine that no other test uses, to be stopped and started again.
    #[track_caller]
    pub fn own(test: &str) -> Option<Self> {
        if !Self::may_run(test) {
            return None;
        }
        Self::start().map_err(|why| not_possible(test, &why)).ok()
    }

    fn start() -> Result<Self, String> {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut docker = Self { dir, engine: None };
        docker.start_again()?;
        Ok(docker)
    }

    /// Starts the engine on what it had.
    pub fn start_again(&mut self) -> Result<(), String> {
        let path = |name: &str| self.dir.path().join(name);
        let log = std::fs::File::create(path("log")).map_err(|error| error.to_string())?;
        let mut command = tool("dockerd");
        command.arg("--data-root").arg(path("data")).arg("--exec-root").arg(path("exec"));
        command.arg("-H").arg(socket(self.dir.path())).arg("-p").arg(path("pid"));
        command.args(["--iptables=false", "--bridge=none"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.engine = Some(command.spawn().map_err(|error| format!("dockerd does not start: {error}"))?);
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(60) {
            if self.try_run(["version"]).code == Some(0) {
                return Ok(());
            }
            if let Some(Ok(Some(status))) = self.engine.as_mut().map(std::process::Child::try_wait) {
                let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
                let end = log.lines().rev().take(3).collect::<Vec<_>>().join(" / ");
                return Err(format!("dockerd ended with {status}: {end}"));
            }
            thread::sleep(Duration::from_millis(100));
        }
        Err("dockerd does not answer".to_owned())
    }

    /// Where the engine keeps what it has.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = tool("docker");
        command.args(args).env("DOCKER_HOST", socket(self.dir.path())).env("DOCKER_BUILDKIT", "0");
        command.env("DOCKER_CONFIG", self.dir.path().join("config"));
        command
    }

    pub fn try_run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Ran {
        child::run(self.command(args), Feed::Nothing)
    }

    #[track_caller]
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Ran {
        self.try_run(args).ok()
    }

    /// `docker load` of these bytes.
    pub fn load(&self, archive: &[u8]) -> Ran {
        child::run(self.command(["load"]), Feed::Bytes(archive.to_vec()))
    }

    /// The ID and the diff IDs of an image.
    #[track_caller]
    pub fn inspect(&self, name: &str) -> (String, Vec<String>) {
        let found = self.run(["image", "inspect", name]).json();
        let id = found[0]["Id"].as_str().expect("Id is a string").to_owned();
        (id, crate::harness::saved::strings(&found[0]["RootFS"]["Layers"]))
    }

    /// Takes an image away, so that a load must bring all of it.
    pub fn forget(&self, names: &[&str]) {
        self.try_run(["rmi", "-f"].iter().chain(names));
    }

    pub fn stop(&mut self) {
        let Some(mut engine) = self.engine.take() else { return };
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_child(&engine),
            rustix::process::Signal::TERM,
        );
        let told = Instant::now();
        while told.elapsed() < Duration::from_secs(30) && matches!(engine.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(50));
        }
        let _ = engine.kill();
        let _ = engine.wait();
        // The engine leaves its network namespace mounted.
        let _ = Command::new("umount").arg(self.dir.path().join("exec/netns/default")).output();
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        self.stop();
    }
}

fn socket(dir: &Path) -> String {
    format!("unix://{}/engine.sock", dir.display())
}

/// podman with a store of its own.
pub struct Podman {
    dir: TempDir,
}

impl Podman {
    #[track_caller]
    pub fn new(test: &str) -> Option<Self> {
        if !are_here(test, &["podman"]) {
            return None;
        }
        let podman = Self { dir: tempfile::tempdir().expect("a temporary directory") };
        let ran = child::run(podman.command(["images"]), Feed::Nothing);
        if ran.code != Some(0) {
            not_possible(test, &format!("podman does not run: {}", ran.err()));
            return None;
        }
        Some(podman)
    }

    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let path = |name: &str| self.dir.path().join(name);
        let mut command = tool("podman");
        command.arg("--root").arg(path("root")).arg("--runroot").arg(path("run"));
        command.arg("--tmpdir").arg(path("tmp")).args(["--storage-driver", "vfs"]);
        command.args(["--events-backend", "file", "--cgroup-manager", "cgroupfs"]);
        command.args(args).env("TMPDIR", self.dir.path());
        command
    }

    #[track_caller]
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Ran {
        child::run(self.command(args), Feed::Nothing).ok()
    }

    /// `podman load` of these bytes, which must succeed.
    #[track_caller]
    pub fn load(&self, archive: &[u8]) -> Ran {
        let path = self.dir.path().join("load.tar");
        std::fs::write(&path, archive).expect("the directory is ours");
        self.run([OsStr::new("load"), "-i".as_ref(), path.as_os_str()])
    }

    /// The ID, as `sha256:…`, and the diff IDs of an image.
    #[track_caller]
    pub fn inspect(&self, name: &str) -> (String, Vec<String>) {
        let found = self.run(["image", "inspect", name]).json();
        let id = format!("sha256:{}", found[0]["Id"].as_str().expect("Id is a string"));
        (id, crate::harness::saved::strings(&found[0]["RootFS"]["Layers"]))
    }
}
