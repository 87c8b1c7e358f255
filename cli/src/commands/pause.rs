use crate::commands::each::ContainersArgs;
use crate::context::Context;
use crate::failure::Failure;

/// Freeze all processes of containers
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder pause CONTAINER [CONTAINER...]",
    after_help = "Example:\n  larder pause web"
)]
pub struct PauseArgs {
    #[command(flatten)]
    containers: ContainersArgs,
}

/// Let containers that are paused go on
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder unpause CONTAINER [CONTAINER...]",
    after_help = "Example:\n  larder unpause web"
)]
pub struct UnpauseArgs {
    #[command(flatten)]
    containers: ContainersArgs,
}

pub fn pause(cx: &mut Context, args: &PauseArgs) -> Result<(), Failure> {
    args.containers.each(cx, &mut |store, name| store.pause(name).map(|()| name.to_owned()))
}

pub fn unpause(cx: &mut Context, args: &UnpauseArgs) -> Result<(), Failure> {
    args.containers.each(cx, &mut |store, name| store.unpause(name).map(|()| name.to_owned()))
}
