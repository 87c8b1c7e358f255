use clap::builder::PossibleValuesParser;

use crate::completions;
use crate::context::Context;
use crate::failure::Failure;

/// Print the completion script for a shell
///
/// With it the shell completes commands, flags, and the names of images and
/// containers in the store.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder completion SHELL",
    after_help = "Example:\n  source <(larder completion bash)\n  larder completion zsh >~/.zfunc/_larder\n  larder completion fish >~/.config/fish/completions/larder.fish"
)]
pub struct CompletionArgs {
    /// Shell to write it for
    #[arg(value_parser = PossibleValuesParser::new(["bash", "zsh", "fish", "elvish", "powershell"]))]
    shell: String,
}

pub fn completion(cx: &mut Context, args: &CompletionArgs) -> Result<(), Failure> {
    let script = completions::script(&args.shell);
    cx.print_raw(&script.ok_or_else(|| Failure::error(format!("no completions for {}", args.shell)))?)
}
