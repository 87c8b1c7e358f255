use larder_engine::monitor as look_after;

use crate::context::Context;
use crate::failure::Failure;
use crate::signals;

/// Look after a container that runs: started by `larder start` and `larder run`
#[derive(Debug, clap::Args)]
#[command(hide = true, override_usage = "larder monitor ID", after_help = "Example:\n  larder start web")]
pub struct MonitorArgs {
    /// Whole ID of the container
    id: String,
}

pub fn monitor(cx: &Context, args: &MonitorArgs) -> Result<(), Failure> {
    signals::ignore_for_itself_alone();
    // Who started it was told why it failed.
    look_after(&cx.store_path()?, &args.id).map_err(|_| Failure::silent())
}
