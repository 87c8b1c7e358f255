//! What one command takes: wall time, CPU time, memory.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};

/// A command to measure: words, or a line for the shell if it has `&&` in it.
#[derive(Debug, Clone, Default)]
pub struct Line {
    pub text: String,
    /// This file comes to its standard input, through a pipe.
    pub fed: Option<PathBuf>,
    /// What it prints is read through a pipe, and dropped.
    pub drained: bool,
    /// Where it runs.
    pub dir: Option<PathBuf>,
}

impl Line {
    pub fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    pub fn fed(self, file: &Path) -> Self {
        Self { fed: Some(file.into()), ..self }
    }

    pub fn drained(self) -> Self {
        Self { drained: true, ..self }
    }

    pub fn within(self, dir: &Path) -> Self {
        Self { dir: Some(dir.into()), ..self }
    }

    fn words(&self) -> Vec<String> {
        match self.text.contains("&&") {
            true => vec!["sh".into(), "-c".into(), self.text.clone()],
            false => self.text.split_whitespace().map(str::to_owned).collect(),
        }
    }

    /// Runs it, unmeasured.
    pub fn done(&self) {
        let taken = self.measure(None);
        assert!(taken.is_some(), "this failed: {}", self.text);
    }

    /// Runs it and tells what it took, and the processes of `engine` with it;
    /// `None` if it failed.
    pub fn measure(&self, engine: Option<u32>) -> Option<Taken> {
        let told = tempfile::NamedTempFile::new().expect("a file");
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["child".as_ref(), "--told".as_ref(), told.path().as_os_str()]);
        if let Some(file) = &self.fed {
            command.arg("--fed").arg(file);
        }
        if self.drained {
            command.arg("--drained");
        }
        command.arg("--").args(self.words());
        command.current_dir(self.dir.as_deref().unwrap_or(Path::new(".")));
        // What was written before is not to be paid for now.
        nix_sync();
        let engine_before = engine.map(Engine::look);
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output();
        let output = status.expect("this program");
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            eprintln!("FAILED: {}\n{}", self.text, said.lines().last().unwrap_or_default());
            return None;
        }
        let text = fs::read_to_string(told.path()).expect("what was told");
        let mut numbers = text.split_whitespace().map(|number| number.parse::<f64>().expect("a number"));
        let mut next = || numbers.next().expect("three numbers");
        let mut taken = Taken { wall_s: next(), cpu_s: next(), peak_bytes: next() };
        if let (Some(before), Some(pid)) = (engine_before, engine) {
            let after = Engine::of(pid);
            taken.cpu_s += after.cpu_s - before.cpu_s;
            taken.peak_bytes = taken.peak_bytes.max(after.peak_bytes);
        }
        Some(taken)
    }
}

fn nix_sync() {
    let _ = Command::new("sync").status();
}

/// What a command took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Taken {
    pub wall_s: f64,
    /// User and system time of all its processes.
    pub cpu_s: f64,
    /// Resident memory of the largest of its processes, at its peak.
    pub peak_bytes: f64,
}

/// A daemon and all below it.
struct Engine {
    cpu_s: f64,
    peak_bytes: f64,
}

impl Engine {
    /// The same, and its peak begins anew.
    fn look(pid: u32) -> Self {
        let engine = Self::of(pid);
        for pid in below(pid) {
            let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
        }
        engine
    }

    fn of(pid: u32) -> Self {
        let mut all = Self { cpu_s: 0.0, peak_bytes: 0.0 };
        for pid in below(pid) {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            // utime, stime, cutime, cstime: 14th to 17th, counted behind the name.
            let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
            let ticks: f64 =
                rest.split_whitespace().skip(11).take(4).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
            all.cpu_s += ticks / 100.0;
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let peak = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse::<f64>().ok());
            all.peak_bytes = all.peak_bytes.max(peak.unwrap_or(0.0) * 1024.0);
        }
        all
    }
}

/// A process and those below it.
fn below(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let of_threads = threads.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let text = of_threads.collect::<Vec<_>>().join(" ") + " " + &children;
    let mut all = vec![pid];
    for child in text.split_whitespace().filter_map(|child| child.parse().ok()) {
        all.extend(below(child));
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// A process between, so that what it has waited for is one command and no more.
#[derive(clap::Args)]
pub struct Child {
    /// Where to write seconds, CPU seconds and bytes
    #[arg(long)]
    told: PathBuf,
    #[arg(long)]
    fed: Option<PathBuf>,
    #[arg(long)]
    drained: bool,
    #[arg(last = true)]
    words: Vec<OsString>,
}

impl Child {
    pub fn run(self) {
        let (program, arguments) = self.words.split_first().expect("a command");
        let mut command = Command::new(program);
        command.args(arguments);
        if self.fed.is_some() {
            command.stdin(Stdio::piped());
        }
        if self.drained {
            command.stdout(Stdio::piped());
        }
        let begun = Instant::now();
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{program:?}: {error}"));
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        std::thread::scope(|scope| {
            if let (Some(mut stdin), Some(file)) = (stdin, &self.fed) {
                scope.spawn(move || io::copy(&mut fs::File::open(file).expect("a file"), &mut stdin));
            }
            if let Some(mut stdout) = stdout {
                scope.spawn(move || io::copy(&mut stdout, &mut fs::File::create("/dev/null").expect("null")));
            }
        });
        let status = child.wait().expect("a child");
        let wall = begun.elapsed().as_secs_f64();
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("what it took");
        let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        let cpu = seconds(usage.user_time()) + seconds(usage.system_time());
        fs::write(&self.told, format!("{wall} {cpu} {}", usage.max_rss() * 1024)).expect("a file");
        std::process::exit(if status.success() { 0 } else { 1 });
    }
}
