use std::fs;
use std::path::PathBuf;

use clap::CommandFactory as _;

use crate::cli::Cli;
use crate::failure::{Failure, os_text};

/// Write the manual pages, one for each command
///
/// `man -l DIR/larder-save.1` shows one; in a directory of MANPATH, `man
/// larder-save` does.
#[derive(Debug, clap::Args)]
#[command(override_usage = "larder man DIR", after_help = "Example:\n  larder man ~/.local/share/man/man1")]
pub struct ManArgs {
    /// Directory to write them into; made if need be
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

pub fn man(args: &ManArgs) -> Result<(), Failure> {
    let written =
        fs::create_dir_all(&args.dir).and_then(|()| clap_mangen::generate_to(Cli::command(), &args.dir));
    written
        .map_err(|error| Failure::error(format!("cannot write {}: {}", args.dir.display(), os_text(&error))))
}
