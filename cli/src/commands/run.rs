use std::io;

use larder_engine::{Attach, StartOptions};

use crate::commands::create::{ContainerArgs, in_docker_s_words};
use crate::commands::start::{monitor, sit_until_end};
use crate::context::Context;
use crate::failure::{BAD_FLAG, Failure};
use crate::session::{Keys, Options, is_terminal, keys, size};

/// Create a container and run it
///
/// Its process has namespaces of its own. Without -d it is waited for: what it writes is
/// written here, signals are handed on, and its exit code is that of this command.
#[derive(Debug, clap::Args)]
#[command(
    disable_help_flag = true,
    override_usage = "larder run [OPTIONS] IMAGE [COMMAND] [ARG...]",
    after_help = "Example:\n  larder run --rm -it app:1 sh\n  larder run -d --name web --network host app:1"
)]
pub struct RunArgs {
    /// Do not wait for it; print its ID
    #[arg(short, long)]
    detach: bool,
    /// Keys that end the session and leave the container running
    #[arg(long, value_name = "KEYS", value_parser = keys)]
    detach_keys: Option<Keys>,
    /// Hand signals on to the container
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true", hide_default_value = true, value_parser = crate::boolean::parse, action = clap::ArgAction::Set)]
    sig_proxy: bool,
    #[command(flatten)]
    container: ContainerArgs,
}

pub fn run(cx: &mut Context, args: &RunArgs) -> Result<(), Failure> {
    // As for any other failure before the container runs.
    larder_memory::set_exit_code(BAD_FLAG);
    let Attach { stdin, stdout, stderr } = args.container.attach();
    let is_asked = args.container.names_streams();
    if args.detach && is_asked {
        return Err(Failure::plain("conflicting options: cannot specify both --attach and --detach"));
    }
    let tty = args.container.has_tty();
    if stdin && tty && !args.detach && !is_terminal(io::stdin()) {
        return Err(Failure::plain("the input device is not a TTY"));
    }
    let attach = (!args.detach).then_some(Attach { stdin, stdout, stderr });
    let options = StartOptions { monitor: monitor(cx)?, attach, size: size() };
    let task = cx.task(false)?;
    let started = args.container.make(cx, &mut |store, image, create, created| {
        let mut create = create.clone();
        if args.detach {
            let config = &mut create.config;
            config.attach_stdin = Some(false);
            config.attach_stdout = Some(false);
            config.attach_stderr = Some(false);
            // Its standard input is there for whoever attaches, one after the other.
            config.stdin_once = Some(false);
        }
        store.run(image, &create, &options, &task, created)
    });
    let started = started.map_err(|failure| {
        let failure = in_docker_s_words(failure);
        if failure.is_general() { failure.code(BAD_FLAG) } else { failure }.followed_by(MORE)
    })?;
    match attach {
        None => cx.print(&format!("{}\n", started.id)),
        Some(_) => {
            let options = Options {
                stdin,
                tty,
                detach_keys: args.detach_keys.clone().unwrap_or_default(),
                hands_on_signals: args.sig_proxy,
            };
            sit_until_end(cx, started, &options)
        }
    }
}

/// Where to read on, as Docker says it.
const MORE: &str = "\nRun 'larder run --help' for more information";
