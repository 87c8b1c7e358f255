use std::env;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::fd::OwnedFd;

use larder_engine::{EnterRequest, come_in, enter as go_in};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, NOT_EXECUTABLE};
use crate::session::{End, Inside, Keys, Options, sit};
use crate::signals;

/// Where what is to be executed is handed over, as JSON: not as an argument, which
/// everybody could read.
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
    let text =
        env::var(REQUEST).map_err(|_| Failure::error("'larder exec' executes something in a container"))?;
    let request: Request = serde_json::from_str(&text).map_err(|error| Failure::error(error.to_string()))?;
    let failed = |error: larder_engine::RuntimeError| not_executed(error, &request.enter);
    signals::ignore_for_itself_alone();
    come_in(Some(request.enter.pid)).map_err(failed)?;
    if !request.stdin {
        let null =
            File::open("/dev/null").map_err(|error| Failure::error(format!("open /dev/null: {error}")))?;
        rustix::stdio::dup2_stdin(&null).map_err(not_closed)?;
    }
    let tty = request.enter.spec.config.tty == Some(true);
    let report = if request.is_detached { Some(take_output()?) } else { None };
    let entered = match (go_in(&request.enter), report) {
        (Err(error), Some(report)) => {
            let failure = failed(error);
            // The one who waits for it tells it.
            let _ = File::from(report).write_all(failure.text().as_bytes());
            return Err(failure);
        }
        (entered, _) => entered.map_err(failed)?,
    };
    let code = match &entered.terminal {
        Some(terminal) => {
            let options = Options {
                stdin: request.stdin,
                tty,
                detach_keys: Keys::of_bytes(request.detach_keys),
                hands_on_signals: false,
            };
            match sit(&mut Inside::of(&entered, terminal), &options)? {
                End::Exited(code) => code,
                _ => return Ok(()),
            }
        }
        None => entered.wait().map_err(failed)?,
    };
    Failure::of_exit(code)
}

/// Why something could not be executed: whatever it is, Docker's code for that.
fn not_executed(error: larder_engine::RuntimeError, request: &EnterRequest) -> Failure {
    let failure = Failure::from(error);
    if failure.text().contains("failed to chdir") {
        let dir = request.spec.config.working_dir.as_deref().unwrap_or_default();
        let why =
            if failure.text().contains("ENOENT") { "no such file or directory" } else { "not a directory" };
        return Failure::error(format!("chdir to cwd ({dir:?}) failed: {why}")).code(NOT_EXECUTABLE);
    }
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
