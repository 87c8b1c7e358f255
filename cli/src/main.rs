//! The `larder` program: Docker's commands over a larder store.
//!
//! `cli` says what can be typed, `commands` has a file for each verb, `context`
//! is what they share. The engine does the work; only this program prints.
#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "comments on arguments are help texts: NAME[:TAG] is no link"
)]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod boolean;
mod cli;
mod commands;
mod completions;
mod container_filter;
mod context;
mod dashes;
mod failure;
mod filter;
mod help;
mod input;
mod level;
mod limits;
mod listing;
mod names;
mod output;
mod panics;
mod progress;
mod session;
mod settings;
mod signals;
mod space;
mod template;
mod usage;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind as Kind;
use clap::{CommandFactory as _, FromArgMatches as _};

use cli::Cli;
use context::Context;
use failure::Failure;
use progress::Mode;
use settings::Settings;
use signals::Signals;

/// Ends the program with a message when memory runs out; Rust's own way is to abort.
#[global_allocator]
static ALLOCATOR: larder_memory::Allocator = larder_memory::Allocator::new();

fn main() -> ExitCode {
    panics::tell_only_bugs();
    signals::hear_of_children();
    completions::answer();
    if let Err(error) = larder_engine::check_caller() {
        return Failure::from(error).tell(Mode::default()).into();
    }
    let args: Vec<OsString> = std::env::args_os().collect();
    let signals = Signals::default();
    let (done, progress) = match understand(&args) {
        Ok((cli, settings)) => (run(&cli, settings, &signals), cli.global.progress),
        Err(failure) => (Err(failure), Mode::default()),
    };
    match (done, signals.exit_code()) {
        // What was interrupted and still succeeded has succeeded.
        (Ok(()), _) => ExitCode::SUCCESS,
        (Err(_), Some(code)) => Failure::plain("interrupted").code(code).tell(progress).into(),
        (Err(failure), None) => failure.tell(progress).into(),
    }
}

/// The command line, and what else is set.
fn understand(args: &[OsString]) -> Result<(Cli, Settings), Failure> {
    let command = Cli::command();
    let mut settings = Settings::read(&command)?;
    let command = boolean::to_read(args, settings.apply(command));
    let understood = parse(command, args, &mut settings).or_else(|error| {
        if !matches!(error.kind(), Kind::UnknownArgument | Kind::InvalidValue) {
            return Err(error);
        }
        let command = boolean::to_read(args, settings.apply(Cli::command()));
        // Of two errors the first is about what was typed.
        parse(dashes::allow(command), args, &mut settings).map_err(|_| error)
    });
    understood.map(|cli| (cli, settings)).map_err(|error| usage::failure(&error, args))
}

fn parse(mut command: clap::Command, args: &[OsString], settings: &mut Settings) -> Result<Cli, clap::Error> {
    let matches = command.try_get_matches_from_mut(args)?;
    settings.note_given(&command, &matches);
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

fn run(cli: &Cli, settings: Settings, signals: &Signals) -> Result<(), Failure> {
    cli.global.check()?;
    let global = &cli.global;
    let mut context = Context::new(global.store.clone(), global.progress, settings, signals.clone());
    context.set_max_paths(global.max_paths);
    // Before anything starts a thread: only a process with a single one can change its namespace.
    if commands::works_on_container_files(&cli.command) && context.owns_store() {
        larder_engine::join_user_namespace()?;
    }
    let done = commands::run(&mut context, &cli.command).map(|()| context.note_missing_store());
    // What was printed before a failure is still owed to the reader.
    done.and(context.flush())
}
