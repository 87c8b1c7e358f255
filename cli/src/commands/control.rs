//! Commands that do one thing to each of several containers.

use larder_engine::{StartOptions, StopOptions, Store, parse_signal};

use crate::commands::start::monitor;
use crate::context::{Context, about_container, no_such_container};
use crate::failure::Failure;

/// Stop containers that run
///
/// They are asked to end, and killed if they do not.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder stop [OPTIONS] CONTAINER [CONTAINER...]",
    after_help = "Example:\n  larder stop -t 30 web db"
)]
pub struct StopArgs {
    /// Containers, as a name, an ID or the beginning of one
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
    #[command(flatten)]
    how: HowArgs,
}

/// Start containers anew
///
/// Those that run are stopped first.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder restart [OPTIONS] CONTAINER [CONTAINER...]",
    after_help = "Example:\n  larder restart -t 30 web"
)]
pub struct RestartArgs {
    /// Containers, as a name, an ID or the beginning of one
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
    #[command(flatten)]
    how: HowArgs,
}

#[derive(Debug, clap::Args)]
struct HowArgs {
    /// Signal that asks it to end [default: as it was created with, or TERM]
    #[arg(short, long)]
    signal: Option<String>,
    /// Seconds that it may take before it is killed; -1 for ever [default: as it was created with, or 10]
    #[arg(short = 't', long, alias = "time", value_name = "SECONDS", allow_negative_numbers = true)]
    timeout: Option<i64>,
}

/// Kill containers that run, or send them another signal
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder kill [OPTIONS] CONTAINER [CONTAINER...]",
    after_help = "Example:\n  larder kill -s HUP web"
)]
pub struct KillArgs {
    /// Containers, as a name, an ID or the beginning of one
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
    /// Signal, by name or number [default: KILL]
    #[arg(short, long)]
    signal: Option<String>,
}

/// Freeze all processes of containers
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder pause CONTAINER [CONTAINER...]",
    after_help = "Example:\n  larder pause web"
)]
pub struct PauseArgs {
    /// Containers, as a name, an ID or the beginning of one
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

/// Let containers that are paused go on
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder unpause CONTAINER [CONTAINER...]",
    after_help = "Example:\n  larder unpause web"
)]
pub struct UnpauseArgs {
    /// Containers, as a name, an ID or the beginning of one
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

/// Wait until containers have stopped, and print their exit codes
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder wait CONTAINER [CONTAINER...]",
    after_help = "Example:\n  larder wait job"
)]
pub struct WaitArgs {
    /// Containers, as a name, an ID or the beginning of one
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

impl HowArgs {
    fn options(&self) -> Result<StopOptions, Failure> {
        let signal = self.signal.as_deref().map(signal).transpose()?;
        Ok(StopOptions { signal, timeout: self.timeout })
    }
}

fn signal(text: &str) -> Result<i32, Failure> {
    parse_signal(text).map(i32::from).ok_or_else(|| Failure::error(format!("Invalid signal: {text}")))
}

pub fn stop(cx: &mut Context, args: &StopArgs) -> Result<(), Failure> {
    let options = args.how.options()?;
    each(cx, &args.containers, &mut |_, store, name| store.stop(name, &options).map(|_| name.to_owned()))
}

pub fn restart(cx: &mut Context, args: &RestartArgs) -> Result<(), Failure> {
    let options = args.how.options()?;
    let start = StartOptions { monitor: monitor(cx)?, attach: None, size: None };
    let task = cx.task(false)?;
    each(cx, &args.containers, &mut |_, store, name| {
        store.stop(name, &options)?;
        store.start(name, &start, &task).map(|_| name.to_owned())
    })
}

pub fn kill(cx: &mut Context, args: &KillArgs) -> Result<(), Failure> {
    let number = signal(args.signal.as_deref().unwrap_or("KILL"))?;
    let all = &args.containers;
    each_as(
        cx,
        all,
        &mut |_, store, name| store.kill(name, number).map(|()| name.to_owned()),
        &|failure, name| failure.prefixed(&format!("Cannot kill container: {name}")),
    )
}

pub fn pause(cx: &mut Context, args: &PauseArgs) -> Result<(), Failure> {
    each(cx, &args.containers, &mut |_, store, name| store.pause(name).map(|()| name.to_owned()))
}

pub fn unpause(cx: &mut Context, args: &UnpauseArgs) -> Result<(), Failure> {
    each(cx, &args.containers, &mut |_, store, name| store.unpause(name).map(|()| name.to_owned()))
}

pub fn wait(cx: &mut Context, args: &WaitArgs) -> Result<(), Failure> {
    each(cx, &args.containers, &mut |_, store, name| store.wait(name).map(|code| code.to_string()))
}

type Act<'a> = &'a mut dyn FnMut(&mut Context, &Store, &str) -> larder_engine::Result<String>;

/// Does `act` to all of them, whatever becomes of one, and prints what it gives.
fn each(cx: &mut Context, names: &[String], act: Act<'_>) -> Result<(), Failure> {
    each_as(cx, names, act, &|failure, _| failure)
}

fn each_as(
    cx: &mut Context,
    names: &[String],
    act: Act<'_>,
    reworded: &dyn Fn(Failure, &str) -> Failure,
) -> Result<(), Failure> {
    let store = cx.store()?;
    let mut has_failed = false;
    for name in names {
        let done = match &store {
            Some(store) => act(cx, store, name).map_err(|error| about_container(error, store, name)),
            None => Err(Failure::error(no_such_container(name))),
        };
        match done {
            Ok(line) => {
                cx.print(&format!("{line}\n"))?;
                // Who waits for several wants to know of each at once.
                cx.flush()?;
            }
            Err(failure) => {
                cx.tell(&reworded(failure, name));
                has_failed = true;
            }
        }
    }
    if has_failed { Err(Failure::silent()) } else { Ok(()) }
}
