use std::env;
use std::fs::File;

use larder_engine::{EnterRequest, come_in, enter as go_in};
use serde::{Deserialize, Serialize};

use crate::failure::{BAD_FLAG, Failure};
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
}

pub fn enter() -> Result<(), Failure> {
    let text =
        env::var(REQUEST).map_err(|_| Failure::error("'larder exec' executes something in a container"))?;
    let request: Request = serde_json::from_str(&text).map_err(|error| Failure::error(error.to_string()))?;
    let failed = |error: larder_engine::RuntimeError| Failure::from(error);
    signals::let_pipes_break()?;
    come_in(Some(request.enter.pid)).map_err(failed)?;
    if !request.stdin {
        let null =
            File::open("/dev/null").map_err(|error| Failure::error(format!("open /dev/null: {error}")))?;
        rustix::stdio::dup2_stdin(&null)
            .map_err(|error| Failure::error(format!("close standard input: {error}")))?;
    }
    let tty = request.enter.spec.config.tty == Some(true);
    let entered = go_in(&request.enter).map_err(failed)?;
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
    match u8::try_from(code & 0xff) {
        Ok(0) => Ok(()),
        code => Err(Failure::silent().code(code.unwrap_or(BAD_FLAG))),
    }
}
