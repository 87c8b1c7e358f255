use larder_engine::parse_signal;

use crate::commands::each::ContainersArgs;
use crate::context::Context;
use crate::failure::Failure;

/// Kill containers that run, or send them another signal
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder kill [OPTIONS] CONTAINER [CONTAINER...]",
    after_help = "Example:\n  larder kill -s HUP web"
)]
pub struct KillArgs {
    #[command(flatten)]
    containers: ContainersArgs,
    /// Signal, by name or number [default: KILL]
    #[arg(short, long)]
    signal: Option<String>,
}

pub fn kill(cx: &mut Context, args: &KillArgs) -> Result<(), Failure> {
    let number = signal(args.signal.as_deref().unwrap_or("KILL"))?;
    args.containers.each_or(
        cx,
        &mut |store, name| store.kill(name, number).map(|()| name.to_owned()),
        &|failure, name| failure.prefixed(&format!("Cannot kill container: {name}")),
    )
}

/// The number of a signal, which is given by name or number.
pub fn signal(text: &str) -> Result<i32, Failure> {
    parse_signal(text).map(i32::from).ok_or_else(|| Failure::error(format!("Invalid signal: {text}")))
}
