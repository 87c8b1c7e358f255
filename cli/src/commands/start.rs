use std::io;

use larder_engine::{Attach, Program, StartOptions, Started, Store};

use crate::context::{Context, about_container, no_such_container, refuse};
use crate::failure::Failure;
use crate::session::{End, Keys, Options, is_terminal, keys, sit, size};

/// Start containers that do not run
///
/// With -a it is waited for: what it writes is written here, and its exit code is that
/// of this command.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder start [OPTIONS] CONTAINER [CONTAINER...]",
    after_help = "Example:\n  larder start web\n  larder start -ai shell"
)]
pub struct StartArgs {
    /// Containers, as a name, an ID or the beginning of one
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
    /// Write here what it writes, and hand signals on
    #[arg(short, long)]
    attach: bool,
    /// Keys that end the session and leave the container running
    #[arg(long, value_name = "KEYS", value_parser = keys)]
    detach_keys: Option<Keys>,
    /// Hand on what is typed here
    #[arg(short, long)]
    interactive: bool,
    #[arg(long, hide = true)]
    checkpoint: Option<String>,
    #[arg(long, hide = true)]
    checkpoint_dir: Option<String>,
}

pub fn start(cx: &mut Context, args: &StartArgs) -> Result<(), Failure> {
    refuse(
        "--checkpoint",
        args.checkpoint.is_some() || args.checkpoint_dir.is_some(),
        "larder makes no checkpoints",
    )?;
    let sits = args.attach || args.interactive;
    if sits && args.containers.len() > 1 {
        return Err(Failure::error("you cannot start and attach multiple containers at once"));
    }
    let store = cx.store()?;
    let absent = |name: &str| Failure::error(no_such_container(name));
    if let (true, Some(name)) = (sits, args.containers.first()) {
        let store = store.ok_or_else(|| absent(name))?;
        return start_and_sit(cx, &store, name, args);
    }
    let options = StartOptions { monitor: monitor(cx)?, attach: None, size: None };
    let task = cx.task(false)?;
    let mut failed_names = Vec::new();
    for name in &args.containers {
        let started = match &store {
            Some(store) => {
                store.start(name, &options, &task).map_err(|error| about_container(error, store, name))
            }
            None => Err(absent(name)),
        };
        match started {
            Ok(_) => cx.print(&format!("{name}\n"))?,
            Err(failure) => {
                cx.tell(&failure);
                failed_names.push(name.as_str());
            }
        }
    }
    match failed_names.is_empty() {
        true => Ok(()),
        false => Err(Failure::error(format!("failed to start containers: {}", failed_names.join(", ")))),
    }
}

fn start_and_sit(cx: &mut Context, store: &Store, name: &str, args: &StartArgs) -> Result<(), Failure> {
    let found = store.inspect_container(name, false).map_err(|error| about_container(error, store, name))?;
    let config = &found.spec.config;
    let tty = config.tty == Some(true);
    let stdin = args.interactive && config.open_stdin == Some(true);
    if stdin && tty && !is_terminal(io::stdin()) {
        return Err(Failure::plain("the input device is not a TTY"));
    }
    let attach = Attach { stdin, stdout: true, stderr: true };
    let options = StartOptions { monitor: monitor(cx)?, attach: Some(attach), size: size() };
    let started = store.start(name, &options, &cx.task(false)?);
    // What run tells by its exit code, start does not.
    let started = started.map_err(|error| about_container(error, store, name).code(1))?;
    let keys = args.detach_keys.clone().unwrap_or_default();
    sit_until_end(cx, started, &Options { stdin, tty, detach_keys: keys, hands_on_signals: true })
}

/// This program, as a monitor of a container in the store of `cx`.
///
/// # Errors
/// If it does not find itself.
pub fn monitor(cx: &Context) -> Result<Program, Failure> {
    let path = std::env::current_exe().map_err(|error| {
        Failure::error(format!("cannot find this program, to start it as a monitor: {error}"))
    })?;
    let store = std::path::absolute(cx.store_path()?)
        .map_err(|error| Failure::error(format!("cannot find the store: {error}")))?;
    Ok(Program { path, args: vec!["--store".into(), store.into(), "monitor".into()] })
}

/// 128 and SIGKILL.
const KILLED: i32 = 137;

/// Sits at a container until it ends; then its exit code is this command's.
pub fn sit_until_end(cx: &mut Context, mut started: Started, options: &Options) -> Result<(), Failure> {
    cx.flush()?;
    cx.leave_signals(options.hands_on_signals);
    let id = started.id;
    let Some(connection) = &mut started.connection else { return Ok(()) };
    let code = match sit(connection, options)? {
        End::Detached => {
            cx.warn("read escape sequence");
            return Ok(());
        }
        End::Interrupted(signal) => return Failure::of_exit(128 + signal),
        End::Exited(code) => code,
        // The monitor was killed, and the container with it. Whoever clears up may be at it
        // just now, or have taken it away.
        End::Lost => {
            let found = cx.store()?.and_then(|store| store.inspect_container(&id.to_string(), false).ok());
            let ended = found.filter(|found| found.status.finished_at.is_some());
            ended.map_or(KILLED, |ended| ended.status.exit_code)
        }
    };
    started.finish();
    Failure::of_exit(code)
}
