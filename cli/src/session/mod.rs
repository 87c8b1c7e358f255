//! Sitting at a process in a container: what is typed goes in, what it writes comes out,
//! signals are handed on.

mod far;
mod keys;
mod signals;
mod terminal;

use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;

use larder_engine::{Said, Stream};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::failure::Failure;
use crate::output::patient::Patient;

pub use far::{Far, Watched};
pub use keys::{Keys, keys};
use keys::{Typed, Watch};
use signals::Forwarded;
use terminal::Raw;
pub use terminal::{is_terminal, size};

/// What is read at once.
const BUFFER_BYTES: usize = 64 << 10;

/// How to sit at it.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether standard input is for the process.
    pub stdin: bool,
    /// Whether the process has a terminal.
    pub tty: bool,
    /// The keys that end the session, and not the process.
    pub detach_keys: Keys,
    /// Whether signals are handed on.
    pub hands_on_signals: bool,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The process ended with this code.
    Exited(i32),
    /// The keys were pressed.
    Detached,
    /// The process goes on, and nobody hears it any more.
    Lost,
    /// A signal that ends commands has come, and is not for the process.
    Interrupted(i32),
}

/// Sits there until the process ends or the keys are pressed.
///
/// # Errors
/// If something cannot be read or written.
pub fn sit(far: &mut dyn Far, options: &Options) -> Result<End, Failure> {
    let takes_keys = options.stdin && options.tty && is_terminal(io::stdin());
    let _raw = if takes_keys { Some(Raw::enter()?) } else { None };
    // What is not handed on ends this process as ever, and its terminal with it; the one that
    // the user sits at is left as it was.
    let mut signals = match (options.hands_on_signals, options.tty) {
        (true, _) => Some(Forwarded::begin(&signals::HANDED_ON)?),
        (false, true) if takes_keys => Some(Forwarded::begin(&signals::AT_TERMINAL)?),
        (false, true) => Some(Forwarded::begin(&[signals::SIGWINCH])?),
        (false, false) => None,
    };
    if options.tty
        && let Some((rows, columns)) = size()
    {
        far.resize(rows, columns)?;
    }
    let mut watch = Watch::new(options.detach_keys.clone());
    let mut reads_input = options.stdin;
    let mut exit_code = None;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let Ready { far_writes, far_reads, input, signal } =
            wait(far, reads_input && !far.has_unsent(), signals.as_ref())?;
        if far_writes {
            far.flush()?;
        }
        if far_reads {
            let mut is_over = false;
            far.hear(&mut |heard| {
                match heard {
                    Said::Output(stream, bytes) => write(stream, &bytes)?,
                    Said::Exited(code) => exit_code = Some(code),
                    _ => is_over = true,
                }
                Ok(())
            })?;
            // What comes behind that is of another run.
            if let Some(code) = exit_code {
                return Ok(End::Exited(code));
            }
            if is_over {
                return Ok(End::Lost);
            }
        }
        if input {
            match io::stdin().lock().read(&mut buffer) {
                Ok(0) => {
                    reads_input = false;
                    far.end_input()?;
                }
                Ok(count) => {
                    let typed = buffer.get(..count).unwrap_or_default();
                    let typed = if takes_keys { watch.see(typed) } else { Typed::Input(typed.to_vec()) };
                    match typed {
                        Typed::Input(bytes) => far.send(&bytes)?,
                        Typed::Detach(bytes) => {
                            far.send(&bytes)?;
                            return Ok(End::Detached);
                        }
                    }
                }
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
                Err(_) => {
                    reads_input = false;
                    far.end_input()?;
                }
            }
        }
        if signal {
            for number in signals.as_mut().map(Forwarded::received).unwrap_or_default() {
                if number == signals::SIGWINCH {
                    if let Some((rows, columns)) = size().filter(|_| options.tty) {
                        far.resize(rows, columns)?;
                    }
                } else if options.hands_on_signals {
                    far.signal(number)?;
                } else {
                    return Ok(End::Interrupted(number));
                }
            }
        }
    }
}

struct Ready {
    /// It takes more.
    far_writes: bool,
    /// It has said something, or is gone.
    far_reads: bool,
    input: bool,
    signal: bool,
}

fn wait(far: &dyn Far, reads_input: bool, signals: Option<&Forwarded>) -> Result<Ready, Failure> {
    if far.has_heard() {
        return Ok(Ready { far_writes: false, far_reads: true, input: false, signal: false });
    }
    let input = io::stdin();
    let Watched { fds, patience } = far.watched();
    let mut polled: Vec<_> = fds.into_iter().map(|(fd, flags)| PollFd::from_borrowed_fd(fd, flags)).collect();
    let far_ends = polled.len();
    let signal_at = signals.map(|signals| {
        polled.push(PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN));
        polled.len() - 1
    });
    let input_at = reads_input.then(|| {
        polled.push(PollFd::from_borrowed_fd(input.as_fd(), PollFlags::IN));
        polled.len() - 1
    });
    let patience = patience.map(|patience| Timespec {
        tv_sec: patience.as_secs() as i64,
        tv_nsec: patience.subsec_nanos().into(),
    });
    let is_late = match poll(&mut polled, patience.as_ref()) {
        Err(rustix::io::Errno::INTR) => false,
        Err(error) => return Err(Failure::error(format!("cannot wait for the container: {error}"))),
        Ok(count) => count == 0,
    };
    let has = |at: Option<usize>| at.and_then(|at| polled.get(at)).is_some_and(|fd| !fd.revents().is_empty());
    let far = polled.iter().take(far_ends).fold(PollFlags::empty(), |all, fd| all | fd.revents());
    Ok(Ready {
        far_writes: far.contains(PollFlags::OUT),
        // Whoever only takes what is sent is not to be waited for to speak.
        far_reads: is_late || far.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR),
        input: has(input_at),
        signal: has(signal_at),
    })
}

/// Past the buffer of standard output, which would hold back what has no newline.
fn write(stream: Stream, bytes: &[u8]) -> Result<(), Failure> {
    let written = match stream {
        Stream::Stderr => Patient(io::stderr()).write_all(bytes),
        Stream::Stdout => Patient(io::stdout()).write_all(bytes),
    };
    written.map_err(|error| Failure::of_output(&error))
}
