//! Containers that run: real ones, of a real busybox, as root, each test in a store of its
//! own. What Docker says and how it exits is what is asked for.
//!
//! Where nobody is root, or overlayfs cannot be mounted, they prove nothing and say so.

mod again;
mod attacks;
mod devices;
mod exec;
mod exit;
mod killed;
mod leftovers;
mod lifecycle;
mod limits;
mod logs;
mod namespaces;
mod odd;
mod options;
mod rootless;
mod runtimes;
mod scenario;
mod seccomp;
mod streams;
mod terminal;

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::busybox::{base, busybox, image};
use crate::harness::child::{self, Feed, Ran};
use crate::harness::image::Image;
use crate::harness::sandbox::{Sandbox, is_root};
use crate::harness::{layouts, tools};

/// What comes later than this does not come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process that waits to be asked to end, and says so.
const WAITS: &str = "trap 'echo asked; exit 5' TERM; echo up; while :; do sleep 0.05; done";

/// A sandbox with the image `busybox`, whose containers end with it.
struct Host(Sandbox);

impl Host {
    /// `None` where no container can run; that was said then.
    #[track_caller]
    fn new() -> Option<Self> {
        Self::with(&[busybox()])
    }

    #[track_caller]
    fn with(images: &[Image]) -> Option<Self> {
        Self::with_cgroups(images, "")
    }

    /// The same on a machine that has other cgroups: see [`Sandbox::with_cgroups`].
    #[track_caller]
    fn with_cgroups(images: &[Image], cgroups: &'static str) -> Option<Self> {
        let name = thread::current().name().unwrap_or_default().to_owned();
        if !can_run(&name) {
            return None;
        }
        let sandbox = Sandbox::new().with_cgroups(cgroups);
        sandbox.load(&layouts::docker24(images).tar()).ok();
        Some(Self(sandbox))
    }

    /// `larder run --rm busybox sh -c …`.
    #[track_caller]
    fn shell(&self, flags: &[&str], script: &str) -> Ran {
        self.run(["run", "--rm"].iter().chain(flags).chain(&["busybox", "sh", "-c", script]))
    }

    /// `larder run -d …`: its ID.
    #[track_caller]
    fn detached(&self, args: &[&str]) -> String {
        let ran = self.run(["run", "-d"].iter().chain(args)).ok();
        let id = ran.out().trim_end().to_owned();
        assert!(id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{ran}");
        id
    }

    /// A container that waits to be asked to end, when it does.
    #[track_caller]
    fn waiting(&self, name: &str, flags: &[&str]) -> String {
        let id = self.detached(&[&["--name", name], flags, &["busybox", "sh", "-c", WAITS]].concat());
        eventually("it is up", || self.run(["logs", name]).out().contains("up\n"));
        id
    }

    /// What `inspect` says of a container.
    #[track_caller]
    fn of(&self, name: &str, template: &str) -> String {
        self.run(["container", "inspect", "-f", template, name]).ok().out().trim_end().to_owned()
    }

    /// The status that `ps -a` shows.
    #[track_caller]
    fn status(&self, name: &str) -> String {
        let filter = format!("name=^{name}$");
        let ran = self.run(["ps", "-a", "-f", &filter, "--format", "{{.Status}}"]).ok();
        ran.out().trim_end().to_owned()
    }

    #[track_caller]
    fn pid(&self, name: &str) -> i32 {
        self.of(name, "{{.State.Pid}}").parse().expect("a number")
    }

    fn ids(&self) -> Vec<String> {
        let ran = self.run(["ps", "-aq", "--no-trunc"]);
        ran.out().lines().map(str::to_owned).collect()
    }

    fn dir(&self, id: &str) -> PathBuf {
        self.store().join("containers").join(id)
    }

    /// The monitor of a container.
    fn monitor(&self, id: &str) -> Option<i32> {
        let is_monitor = |words: &[String]| words.contains(&"monitor".into()) && words.contains(&id.into());
        processes().into_iter().find(|process| is_monitor(&process.words)).map(|process| process.pid)
    }

    /// Kills the monitor of a container, and waits until it is dead: a signal arrives, and the
    /// process lets go of its lock, a moment later.
    #[track_caller]
    fn kill_monitor(&self, id: &str) {
        let monitor = self.monitor(id).expect("it has a monitor");
        kill(monitor);
        eventually("the monitor is dead", || !is_alive(monitor));
    }

    /// The processes of larder that work on this store, and those in the cgroups of these
    /// containers.
    fn at_work(&self, ids: &[String]) -> Vec<Process> {
        let store = self.store().display().to_string();
        let is_ours = |process: &Process| {
            process.words.contains(&store)
                || process.environ.contains(&format!("LARDER_STORE={store}"))
                || ids.iter().any(|id| process.cgroups.contains(id.as_str()))
        };
        processes().into_iter().filter(is_ours).collect()
    }

    /// larder as another file than the one that was built.
    fn larder_at<A: AsRef<std::ffi::OsStr>>(
        &self,
        program: &Path,
        args: impl IntoIterator<Item = A>,
    ) -> Command {
        let as_usual = self.larder(["version"]);
        let mut command = Command::new(program);
        command.args(args).env_clear().current_dir(self.path(""));
        command.envs(as_usual.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command
    }
}

impl Deref for Host {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        &self.0
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let ids = self.ids();
        for id in &ids {
            // One that is about to be started again is not there to be killed.
            self.run(["stop", "-t", "0", id]);
            self.run(["rm", "-f", id]);
        }
        // Nothing of a test that failed outlives it.
        for process in self.at_work(&ids) {
            if let Some(pid) = rustix::process::Pid::from_raw(process.pid) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
}

/// A process of the machine that is not dead.
#[derive(Debug)]
struct Process {
    pid: i32,
    words: Vec<String>,
    environ: Vec<String>,
    cgroups: String,
}

fn processes() -> Vec<Process> {
    let words = |path: PathBuf| -> Vec<String> {
        let bytes = fs::read(path).unwrap_or_default();
        bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    };
    let entries = fs::read_dir("/proc").expect("/proc is there").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let processes = pids.filter_map(|pid: i32| {
        let dir = PathBuf::from(format!("/proc/{pid}"));
        let status = fs::read_to_string(dir.join("status")).ok()?;
        let state = status.lines().find_map(|line| line.strip_prefix("State:"))?.trim_start();
        // One that is dead and waits to be noticed takes nothing.
        (!state.starts_with(['Z', 'X'])).then(|| Process {
            pid,
            words: words(dir.join("cmdline")),
            environ: words(dir.join("environ")),
            cgroups: fs::read_to_string(dir.join("cgroup")).unwrap_or_default(),
        })
    });
    processes.collect()
}

fn is_alive(pid: i32) -> bool {
    processes().iter().any(|process| process.pid == pid)
}

#[track_caller]
fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it is there");
}

/// Waits until it is so.
#[track_caller]
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Whether the cgroups of this machine, in either version, have a controller.
fn has_controller(name: &str) -> bool {
    Path::new("/sys/fs/cgroup").join(name).is_dir()
        || fs::read_to_string("/sys/fs/cgroup/cgroup.controllers")
            .is_ok_and(|all| all.split_whitespace().any(|controller| controller == name))
}

/// Whether containers can run here. Asked of other programs than larder.
#[track_caller]
fn can_run(test: &str) -> bool {
    static WHY_NOT: OnceLock<Option<&str>> = OnceLock::new();
    if !tools::are_here(test, &["busybox", "unshare", "mount", "setsid"]) {
        return false;
    }
    let why_not = WHY_NOT.get_or_init(|| {
        if !is_root() {
            return Some("only root runs containers here");
        }
        if tools::tool("unshare").args(["-mpfn", "true"]).output().is_ok_and(|out| !out.status.success()) {
            return Some("namespaces cannot be made here");
        }
        let place = Sandbox::new();
        ["lower", "upper", "work", "merged"]
            .iter()
            .for_each(|name| fs::create_dir(place.path(name)).expect("a directory"));
        let mut command = tools::tool("unshare");
        command.args(["-m", "mount", "-t", "overlay", "overlay", "merged"]).current_dir(place.path(""));
        command.args(["-o", "lowerdir=lower,upperdir=upper,workdir=work"]);
        let mounted = child::run(command, Feed::Nothing);
        (mounted.code != Some(0)).then_some("overlayfs cannot be mounted here")
    });
    why_not.is_none_or(|why| tools::not_possible(test, why))
}
