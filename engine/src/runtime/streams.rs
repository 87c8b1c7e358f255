//! The streams of a process in a container: pipes, or a terminal. What it has is never a
//! descriptor of whoever started it, which it could open anew to write what was to be read.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::io::{Errno, ioctl_fionbio};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

use super::console;
use super::error::{Result, Tried};
use super::frame::Stream;
use super::oci::Stdio;
use crate::disk::host;

/// What a pipe may hold, so that whoever writes much is not woken for each page.
pub const PIPE_BYTES: usize = 1 << 20;
/// What is read at once.
pub const BUFFER_BYTES: usize = 256 << 10;
/// Of what clients want to write, so much waits for the container to read it.
const MAX_INPUT: usize = 1 << 20;

/// A terminal that nobody has open may be opened again: it is looked at this often.
const REST: Duration = Duration::from_millis(50);

/// The other ends of the streams of a process.
#[derive(Debug, Default)]
pub struct Streams {
    stdin: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    /// Is all three.
    console: Option<OwnedFd>,
    /// Whether nobody has the terminal open for now.
    rests: bool,
    /// What is to be written to standard input.
    input: Vec<u8>,
    /// Whether nothing comes after that.
    input_ends: bool,
}

impl Streams {
    /// Pipes for a process: our ends, and its own. It may open them again, as `/dev/stdout`,
    /// whoever it runs as.
    ///
    /// # Errors
    /// If the system has no more of them.
    pub fn pipes(has_stdin: bool, owner: (u32, u32)) -> Result<(Self, Stdio)> {
        let pipe = || -> Result<(OwnedFd, OwnedFd)> {
            let (read, write) = pipe_with(PipeFlags::CLOEXEC).tried("make a pipe")?;
            // A smaller one does as well.
            let _ = fcntl_setpipe_size(&read, PIPE_BYTES);
            // Nor does everybody have to be able to.
            let _ = host::give(&read, owner);
            Ok((read, write))
        };
        let (stdin, their_stdin) = match has_stdin {
            true => {
                let (read, write) = pipe()?;
                (Some(write), read)
            }
            false => (None, null()?),
        };
        let ((stdout, their_stdout), (stderr, their_stderr)) = (pipe()?, pipe()?);
        for ours in stdin.iter().chain([&stdout, &stderr]) {
            do_not_wait(ours)?;
        }
        let streams = Self { stdin, stdout: Some(stdout), stderr: Some(stderr), ..Self::default() };
        Ok((streams, Stdio { stdin: their_stdin, stdout: their_stdout, stderr: their_stderr }))
    }

    /// The streams of a process that has this terminal.
    ///
    /// # Errors
    /// If it cannot be made not to wait.
    pub fn terminal(console: OwnedFd) -> Result<Self> {
        do_not_wait(&console)?;
        Ok(Self { console: Some(console), ..Self::default() })
    }

    /// What a process starts with that gets a terminal, or that nobody hears.
    pub fn nothing() -> Result<Stdio> {
        Ok(Stdio { stdin: null()?, stdout: null()?, stderr: null()? })
    }

    /// What there is to read from.
    pub fn outputs(&self) -> impl Iterator<Item = (Stream, &OwnedFd)> {
        let console =
            self.console.iter().filter(|_| !self.rests).chain(&self.stdout).map(|fd| (Stream::Stdout, fd));
        console.chain(self.stderr.iter().map(|fd| (Stream::Stderr, fd)))
    }

    /// What there is to write to, if something waits to be written.
    pub fn wants_to_write(&self) -> Option<&OwnedFd> {
        let input = self.console.as_ref().or(self.stdin.as_ref());
        input.filter(|_| !self.input.is_empty() && !self.rests)
    }

    /// Whether something waits to be written.
    pub fn has_input(&self) -> bool {
        !self.input.is_empty()
    }

    /// When it is to be looked at again, whatever happens: then [`Streams::wake`].
    pub fn rest(&self) -> Option<Duration> {
        self.rests.then_some(REST)
    }

    /// Looks again whether somebody has the terminal open.
    pub fn wake(&mut self) {
        self.rests = false;
    }

    /// Whether more can be taken to be written.
    pub fn takes_input(&self) -> bool {
        self.input.len() < MAX_INPUT
    }

    /// Takes what is to be written.
    pub fn add_input(&mut self, bytes: &[u8]) {
        if self.console.is_some() || self.stdin.is_some() {
            self.input.extend_from_slice(bytes);
            self.write_input();
        }
    }

    /// Ends standard input once all is written. That of a terminal does not end.
    pub fn end_input(&mut self) {
        self.input_ends = true;
        self.write_input();
    }

    /// Writes as much as is taken. A container that does not read any more is let be.
    pub fn write_input(&mut self) {
        let target = self.console.as_ref().or(self.stdin.as_ref());
        while let Some(target) = target.filter(|_| !self.input.is_empty()) {
            match rustix::io::write(target, &self.input) {
                Ok(count) => _ = self.input.drain(..count),
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(_) => {
                    self.input.clear();
                    self.stdin = None;
                    return;
                }
            }
        }
        if self.input_ends && self.input.is_empty() {
            self.stdin = None;
        }
    }

    /// Reads what a stream has for now into `buffer`; 0 if it has ended, or nobody has its
    /// other end, and `None` if there is nothing for now.
    pub fn read(&mut self, stream: Stream, buffer: &mut [u8]) -> Option<usize> {
        let is_terminal = self.console.is_some();
        let slot = match stream {
            Stream::Stdout if self.console.is_some() => &mut self.console,
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        let Some(fd) = slot else { return Some(0) };
        loop {
            match rustix::io::read(&*fd, &mut *buffer) {
                Err(Errno::AGAIN) => return None,
                Err(Errno::INTR) => {}
                // Nobody has a terminal's other end open: EIO says so.
                Err(Errno::IO) if is_terminal => {
                    self.rests = true;
                    return Some(0);
                }
                Ok(0) | Err(_) => {
                    *slot = None;
                    return Some(0);
                }
                Ok(count) => return Some(count),
            }
        }
    }

    /// Tells the terminal its size; what has none is left alone.
    ///
    /// # Errors
    /// If the system does not let it.
    pub fn resize(&self, rows: u16, columns: u16) -> Result<()> {
        self.console.as_ref().map_or(Ok(()), |console| console::resize(console, rows, columns))
    }
}

fn null() -> Result<OwnedFd> {
    host::null().tried("open /dev/null")
}

/// Makes reading and writing return at once.
fn do_not_wait(fd: impl AsFd) -> Result<()> {
    ioctl_fionbio(fd, true).tried("set up a stream")
}
