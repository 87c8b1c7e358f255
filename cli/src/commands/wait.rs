use crate::commands::each::ContainersArgs;
use crate::context::Context;
use crate::failure::Failure;

/// Wait until containers have stopped, and print their exit codes
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder wait CONTAINER [CONTAINER...]",
    after_help = "Example:\n  larder wait job"
)]
pub struct WaitArgs {
    #[command(flatten)]
    containers: ContainersArgs,
}

pub fn wait(cx: &mut Context, args: &WaitArgs) -> Result<(), Failure> {
    args.containers.each(cx, &mut |store, name| store.wait(name).map(|code| code.to_string()))
}
