//! A process that is watched, never waits for ever, and is ended if its test ends first.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

/// No command of these tests takes this long on any machine; one that does hangs.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Writes what a process reads, while it reads.
type Writer = dyn FnOnce(&mut dyn Write) -> io::Result<()> + Send;

/// What a process reads from its standard input.
pub enum Feed {
    Nothing,
    Bytes(Vec<u8>),
    /// Written as it is made. A process that stops reading ends the writing: no error.
    Stream(Box<Writer>),
    /// Something open already: a file, or the reading end of a pipe.
    From(Stdio),
}

impl Feed {
    pub fn stream(write: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static) -> Self {
        Self::Stream(Box::new(write))
    }
}

/// A process that runs.
pub struct Running {
    line: String,
    child: Guard,
    pid: Pid,
    feeder: JoinHandle<()>,
    stdout: JoinHandle<Vec<u8>>,
    stderr: JoinHandle<Vec<u8>>,
    started: Instant,
    peak_bytes: u64,
}

/// Ends its process if nothing else did.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process that ran: how it ended, what it said, what it took.
#[derive(Debug, Clone)]
pub struct Ran {
    pub line: String,
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// The most memory it had resident, as the kernel counted it.
    pub peak_bytes: u64,
    /// What passed through its read and write calls, pipes and files alike.
    pub read_bytes: u64,
    pub written_bytes: u64,
    pub elapsed: Duration,
}

/// Starts a command.
pub fn start(command: Command, feed: Feed) -> Running {
    start_into(command, feed, Stdio::piped())
}

/// Starts a command that writes its standard output elsewhere.
pub fn start_into(mut command: Command, feed: Feed, stdout: Stdio) -> Running {
    let line = format!("{command:?}");
    let (stdin, feed) = match feed {
        Feed::Nothing => (Stdio::null(), None),
        Feed::From(stdin) => (stdin, None),
        Feed::Bytes(bytes) => (Stdio::piped(), Some(Feed::Bytes(bytes))),
        Feed::Stream(write) => (Stdio::piped(), Some(Feed::Stream(write))),
    };
    command.stdin(stdin).stdout(stdout).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {line}: {error}"));
    // Our copies of the pipes' ends go with it: whoever reads them sees the end.
    drop(command);
    let pid = Pid::from_child(&child);
    let stdin = child.stdin.take();
    let feeder = thread::spawn(move || {
        let Some(mut stdin) = stdin else { return };
        let fed = match feed {
            Some(Feed::Bytes(bytes)) => stdin.write_all(&bytes),
            Some(Feed::Stream(write)) => write(&mut stdin),
            _ => Ok(()),
        };
        match fed {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => panic!("cannot feed: {error}"),
            _ => {}
        }
    });
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let started = Instant::now();
    Running { line, child: Guard(child), pid, feeder, stdout, stderr, started, peak_bytes: 0 }
}

/// Starts a command and waits for its end.
pub fn run(command: Command, feed: Feed) -> Ran {
    start(command, feed).wait()
}

/// `from | to`, the pipe between them and nothing of ours in it.
pub fn run_piped(from: Command, to: Command) -> (Ran, Ran) {
    let (reader, writer) = io::pipe().expect("a pipe");
    let from = start_into(from, Feed::Nothing, writer.into());
    let to = start(to, Feed::From(reader.into()));
    let from = thread::spawn(move || from.wait());
    let to = to.wait();
    (from.join().expect("waiting does not panic"), to)
}

impl Running {
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Sends a signal; to a process that has ended already, none.
    pub fn signal(&self, signal: Signal) {
        // Not reaped yet, so the number is still this process's own.
        let _ = kill_process(self.pid, signal);
    }

    pub fn is_over(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        matches!(waitid(WaitId::Pid(self.pid), options), Ok(Some(_)))
    }

    pub fn wait(self) -> Ran {
        self.wait_watching(|| {})
    }

    /// Waits for the end, calling `look` every few milliseconds meanwhile.
    pub fn wait_watching(mut self, mut look: impl FnMut()) -> Ran {
        while !self.is_over() {
            self.peak_bytes = self.peak_bytes.max(peak_bytes(self.pid()).unwrap_or(0));
            look();
            if self.started.elapsed() > PATIENCE {
                self.signal(Signal::KILL);
                panic!("{} did not end within {PATIENCE:?}", self.line);
            }
            thread::sleep(Duration::from_millis(if self.started.elapsed().as_millis() < 100 {
                1
            } else {
                4
            }));
        }
        let elapsed = self.started.elapsed();
        // Dead but not reaped: the kernel still tells what it read and wrote.
        let io = fs::read_to_string(format!("/proc/{}/io", self.pid())).unwrap_or_default();
        let count =
            |key: &str| io.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok()).unwrap_or(0);
        let status = self.child.0.wait().expect("it is ours and it is over");
        self.feeder.join().expect("the feeder does not panic");
        Ran {
            line: self.line,
            code: status.code(),
            signal: status.signal(),
            stdout: self.stdout.join().expect("reading a pipe does not panic"),
            stderr: self.stderr.join().expect("reading a pipe does not panic"),
            peak_bytes: self.peak_bytes,
            read_bytes: count("rchar:"),
            written_bytes: count("wchar:"),
            elapsed,
        }
    }
}

impl Ran {
    /// It must have succeeded.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!((self.code, self.signal), (Some(0), None), "{self}");
        self
    }

    /// It must have failed with this exit code and have said why, without a panic.
    #[track_caller]
    pub fn fails(self, code: i32) -> Self {
        assert_eq!((self.code, self.signal), (Some(code), None), "{self}");
        assert!(!self.stderr.is_empty(), "it does not say why it failed: {self}");
        assert!(!self.err().contains("panicked at"), "{self}");
        self
    }

    /// It must have ended with this exit code, whatever it said.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!((self.code, self.signal), (Some(code), None), "{self}");
        self
    }

    /// Its standard output must be exactly this.
    #[track_caller]
    pub fn stdout(self, wanted: impl AsRef<str>) -> Self {
        assert_eq!(self.out(), wanted.as_ref(), "{self}");
        self
    }

    /// Its standard output must contain this.
    #[track_caller]
    pub fn says(self, wanted: impl AsRef<str>) -> Self {
        assert!(self.out().contains(wanted.as_ref()), "no {:?} in: {self}", wanted.as_ref());
        self
    }

    /// Its standard error must contain this.
    #[track_caller]
    pub fn complains(self, wanted: impl AsRef<str>) -> Self {
        assert!(self.err().contains(wanted.as_ref()), "no {:?} in: {self}", wanted.as_ref());
        self
    }

    /// Standard error must be this.
    #[track_caller]
    pub fn stderr(self, wanted: impl AsRef<str>) -> Self {
        assert_eq!(self.err(), wanted.as_ref(), "{self}");
        self
    }

    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("not JSON ({error}): {self}"))
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let short = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4000)]).into_owned();
            if bytes.len() > 4000 { format!("{text}… ({} bytes)", bytes.len()) } else { text }
        };
        let (line, code, signal) = (&self.line, self.code, self.signal);
        let (stdout, stderr) = (short(&self.stdout), short(&self.stderr));
        write!(f, "{line}\nexit {code:?} signal {signal:?}\n--- stdout\n{stdout}--- stderr\n{stderr}---")
    }
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut bytes).expect("a pipe reads to its end");
        }
        bytes
    })
}

fn peak_bytes(pid: i32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
