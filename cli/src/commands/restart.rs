use larder_engine::StartOptions;

use crate::commands::each::ContainersArgs;
use crate::commands::start::monitor;
use crate::commands::stop::HowArgs;
use crate::context::Context;
use crate::failure::Failure;

/// Start containers anew
///
/// Those that run are stopped first.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder restart [OPTIONS] CONTAINER [CONTAINER...]",
    after_help = "Example:\n  larder restart -t 30 web"
)]
pub struct RestartArgs {
    #[command(flatten)]
    containers: ContainersArgs,
    #[command(flatten)]
    how: HowArgs,
}

pub fn restart(cx: &mut Context, args: &RestartArgs) -> Result<(), Failure> {
    let options = args.how.options()?;
    let start = StartOptions { monitor: monitor(cx)?, attach: None, size: None };
    let task = cx.task(false)?;
    args.containers
        .each(cx, &mut |store, name| store.restart(name, &options, &start, &task).map(|_| name.to_owned()))
}
