use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use larder_engine::ExecOptions;
use rustix::fs::MemfdFlags;

use crate::commands::enter::REQUEST;
use crate::context::{Context, about_container, no_such_container};
use crate::failure::{BAD_FLAG, Failure, os_text};
use crate::session::{Keys, is_terminal, keys};

/// Execute something in a container that runs
///
/// Beside its own process, with its own streams.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder exec [OPTIONS] CONTAINER COMMAND [ARG...]",
    after_help = "Example:\n  larder exec -it web sh\n  larder exec -u 1000 -w /srv web ls -l"
)]
pub struct ExecArgs {
    /// Container, as a name, an ID or the beginning of one
    container: String,
    /// Program and its arguments
    #[arg(required = true, num_args = 1.., trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<String>,
    /// Do not wait for it
    #[arg(short, long)]
    detach: bool,
    /// Keys that end the session and leave the process running
    #[arg(long, value_name = "KEYS", value_parser = keys)]
    detach_keys: Option<Keys>,
    /// Environment variable, as NAME=VALUE, or NAME for the one that is set here
    #[arg(short, long, value_name = "VARIABLE", value_parser = crate::commands::create::variable)]
    env: Vec<String>,
    /// Files of environment variables, one a line
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Hand on what is typed here
    #[arg(short, long)]
    interactive: bool,
    /// Let it do everything that its user may do on the host
    #[arg(long)]
    privileged: bool,
    /// Give it a terminal
    #[arg(short, long)]
    tty: bool,
    /// User, as NAME|UID[:GROUP|GID]
    #[arg(short, long)]
    user: Option<String>,
    /// Working directory, a whole path
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
}

pub fn exec(cx: &mut Context, args: &ExecArgs) -> Result<(), Failure> {
    if args.interactive && args.tty && !args.detach && !is_terminal(std::io::stdin()) {
        return Err(Failure::plain("the input device is not a TTY"));
    }
    let mut env = crate::commands::create::env_files(&args.env_file)?;
    env.extend(args.env.iter().cloned());
    let options = ExecOptions {
        command: args.command.clone(),
        env,
        user: args.user.clone(),
        working_dir: args.workdir.clone(),
        tty: args.tty,
        privileged: args.privileged,
        stdin: args.interactive && !args.detach,
        detached: args.detach,
    };
    let name = &args.container;
    let store = cx.store()?.ok_or_else(|| Failure::error(no_such_container(name)))?;
    let request = store.exec(name, &options).map_err(|error| about_container(error, &store, name))?;
    let request = crate::commands::enter::Request {
        enter: request,
        stdin: args.interactive && !args.detach,
        detach_keys: args.detach_keys.clone().unwrap_or_default().to_bytes(),
        is_detached: args.detach,
    };
    let request = serde_json::to_vec(&request).map_err(|error| Failure::error(error.to_string()))?;
    cx.flush()?;
    // The catalog has threads; what enters a container must have none.
    let failed = |error: std::io::Error| {
        Failure::error(format!("cannot execute this program: {}", os_text(&error))).code(BAD_FLAG)
    };
    let request = handed_over(&request).map_err(failed)?;
    let program = std::env::current_exe().map_err(failed)?;
    let mut command = Command::new(fs::canonicalize(program).map_err(failed)?);
    // Nothing else of what the user keeps in variables comes near the container.
    let path = std::env::var_os("PATH").map(|path| ("PATH", path));
    command.arg("enter").env_clear().envs(path).env(REQUEST, request.as_raw_fd().to_string());
    match args.detach {
        true => leave(command),
        false => Err(failed(command.exec())),
    }
}

/// A file of nobody's but the next program's that has this in it.
fn handed_over(request: &[u8]) -> io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("request", MemfdFlags::empty())?);
    file.write_all(request)?;
    Ok(file)
}

/// Lets it go on by itself, as soon as it has begun.
fn leave(mut command: Command) -> Result<(), Failure> {
    let failed =
        |error: io::Error| Failure::error(format!("cannot execute this program: {}", os_text(&error)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    // What is typed at this terminal later is not for it.
    command.process_group(0);
    let mut child = command.spawn().map_err(failed)?;
    let mut told = String::new();
    if let Some(mut report) = child.stdout.take() {
        report.read_to_string(&mut told).map_err(failed)?;
    }
    if told.is_empty() {
        return Ok(());
    }
    let code = child.wait().map_err(failed)?.code().and_then(|code| u8::try_from(code).ok());
    Err(Failure::plain(told).code(code.unwrap_or(BAD_FLAG)))
}
