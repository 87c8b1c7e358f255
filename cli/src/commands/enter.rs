use std::fs::File;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::fd::{OwnedFd, RawFd};

use larder_engine::{EnterRequest, come_in, enter as go_in};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, NOT_EXECUTABLE};
use crate::session::{End, Keys, Options, sit};
use crate::signals;

/// The number of the descriptor on which what is to be executed is handed over, as JSON: an
/// argument everybody could read, and neither that nor a variable holds a long command.
pub const REQUEST: &str = "LARDER_ENTER";

/// Execute something in a container: how `larder exec` does it
#[derive(Debug, clap::Args)]
#[command(hide = true, override_usage = "larder enter", after_help = "Example:\n  larder exec web ls")]
pub struct EnterArgs {}

/// What is handed over.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    pub enter: EnterRequest,
    /// Whether it gets what is typed.
    pub stdin: bool,
    pub detach_keys: Vec<u8>,
    /// Whether nobody waits for it, but until it is known that it could be executed: standard
    /// output is a pipe to tell why not, and is closed when it could.
    pub is_detached: bool,
}

pub fn enter() -> Result<(), Failure> {
    let (request, fd) = request()?;
    signals::ignore_for_itself_alone();
    come_in(Some(request.enter.pid), Some(fd)).map_err(not_executed)?;
    let tty = request.enter.spec.config.tty == Some(true);
    let report = if request.is_detached { Some(take_output()?) } else { None };
    let mut entered = match (go_in(&request.enter), report) {
        (Err(error), Some(report)) => {
            let failure = not_executed(error);
            // The one who waits for it tells it.
            let _ = File::from(report).write_all(failure.text().as_bytes());
            return Err(failure);
        }
        (entered, _) => entered.map_err(not_executed)?,
    };
    let options = Options {
        stdin: request.stdin,
        tty,
        detach_keys: Keys::of_bytes(request.detach_keys),
        hands_on_signals: false,
    };
    match sit(&mut entered, &options)? {
        End::Exited(code) => Failure::of_exit(code),
        End::Interrupted(signal) => Failure::of_exit(128 + signal),
        End::Detached | End::Lost => Ok(()),
    }
}

/// What is to be executed, and where it was handed over.
fn request() -> Result<(Request, RawFd), Failure> {
    let absent = || Failure::error("'larder exec' executes something in a container");
    let fd = std::env::var(REQUEST).ok().and_then(|text| text.parse().ok()).ok_or_else(absent)?;
    // It is read twice: this program executes itself again.
    let text = fs::read(format!("/proc/self/fd/{fd}")).map_err(|_| absent())?;
    let request = serde_json::from_slice(&text).map_err(|error| Failure::error(error.to_string()))?;
    Ok((request, fd))
}

/// Why something could not be executed: whatever it is, Docker's code for that.
fn not_executed(error: larder_engine::RuntimeError) -> Failure {
    let failure = Failure::from(error);
    if failure.is_general() { failure.code(NOT_EXECUTABLE) } else { failure }
}

/// Standard output, which from now on leads nowhere.
fn take_output() -> Result<OwnedFd, Failure> {
    let taken = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3).map_err(not_closed)?;
    let null = OpenOptions::new().write(true).open("/dev/null");
    let null = null.map_err(|error| Failure::error(format!("open /dev/null: {error}")))?;
    rustix::stdio::dup2_stdout(&null).map_err(not_closed)?;
    Ok(taken)
}

fn not_closed(error: rustix::io::Errno) -> Failure {
    Failure::error(format!("cannot set up the standard streams: {error}"))
}
