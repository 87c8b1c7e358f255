use larder_engine::StopOptions;

use crate::commands::each::ContainersArgs;
use crate::commands::kill::signal;
use crate::context::Context;
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
    #[command(flatten)]
    containers: ContainersArgs,
    #[command(flatten)]
    how: HowArgs,
}

// How containers are asked to end: of `stop` and `restart`.
#[derive(Debug, clap::Args)]
pub struct HowArgs {
    /// Signal that asks it to end [default: as it was created with, or TERM]
    #[arg(short, long)]
    signal: Option<String>,
    /// Seconds that it may take before it is killed; -1 for ever [default: as it was created with, or 10]
    #[arg(short = 't', long, alias = "time", value_name = "SECONDS", allow_negative_numbers = true)]
    timeout: Option<i64>,
}

impl HowArgs {
    /// What was asked for.
    pub fn options(&self) -> Result<StopOptions, Failure> {
        let signal = self.signal.as_deref().map(signal).transpose()?;
        Ok(StopOptions { signal, timeout: self.timeout })
    }
}

pub fn stop(cx: &mut Context, args: &StopArgs) -> Result<(), Failure> {
    let options = args.how.options()?;
    args.containers.each(cx, &mut |store, name| store.stop(name, &options).map(|_| name.to_owned()))
}
