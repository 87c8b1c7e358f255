use larder_engine::Attach;

use crate::commands::start::sit_until_end;
use crate::context::{Context, about_container, no_such_container};
use crate::failure::Failure;
use crate::session::{Keys, Options, is_terminal, keys};

/// Sit at a container that runs
///
/// What it writes from now on is written here, and what is typed here is for it.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder attach [OPTIONS] CONTAINER",
    after_help = "Example:\n  larder attach --detach-keys ctrl-x shell"
)]
pub struct AttachArgs {
    /// Container, as a name, an ID or the beginning of one
    container: String,
    /// Keys that end the session and leave the container running
    #[arg(long, value_name = "KEYS", value_parser = keys)]
    detach_keys: Option<Keys>,
    /// Do not hand on what is typed here
    #[arg(long)]
    no_stdin: bool,
    /// Hand signals on to the container
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", hide_default_value = true, value_parser = crate::boolean::parse, action = clap::ArgAction::Set)]
    sig_proxy: bool,
}

pub fn attach(cx: &mut Context, args: &AttachArgs) -> Result<(), Failure> {
    let name = &args.container;
    let store = cx.store()?.ok_or_else(|| Failure::error(no_such_container(name)))?;
    let failed = |error| about_container(error, &store, name);
    let found = store.inspect_container(name, false).map_err(failed)?;
    let (config, is_live) = (found.spec.config, found.status.state.is_live());
    let tty = config.tty == Some(true);
    let stdin = !args.no_stdin && config.open_stdin == Some(true);
    // What does not run is told first.
    if is_live && stdin && tty && !is_terminal(std::io::stdin()) {
        return Err(Failure::plain("the input device is not a TTY"));
    }
    let started = store.attach(name, Attach { stdin, stdout: true, stderr: true }).map_err(failed)?;
    let detach_keys = args.detach_keys.clone().unwrap_or_default();
    sit_until_end(cx, started, &Options { stdin, tty, detach_keys, hands_on_signals: args.sig_proxy })
}
