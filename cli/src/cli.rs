//! The command line as a whole: global options and the tree of commands.

use std::ffi::OsString;

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::commands::{
    attach, cat, commit, completion, cp, create, df, diff, enter, exec, export, find, fsck, gc, grep,
    history, images, import, info, inspect, kill, load, log, logs, ls, man, monitor, optimize, pause, prune,
    ps, rename, report, restart, rm, rmi, run, save, squash, start, stats, stop, tag, top, tree, undo,
    version, wait,
};
use crate::context::refuse;
use crate::failure::Failure;
use crate::progress::Mode;

/// Keep container images in one deduplicated store, without a daemon
///
/// The commands are Docker's, with its flags, columns and exit codes. What
/// `docker save` writes, `larder load` keeps small; what `larder save` writes,
/// Docker, podman and skopeo read.
#[derive(Debug, Parser)]
#[command(
    name = "larder",
    version,
    args_override_self = true,
    disable_version_flag = true,
    max_term_width = 100,
    override_usage = "larder [OPTIONS] COMMAND",
    after_help = "Example:\n  docker save app:1 | larder load\n  larder images\n  larder save app:1 | docker load"
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// Directory of the store [default: /var/lib/larder for root, else ~/.local/share/larder]
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "LARDER_STORE",
        hide_env_values = true,
        display_order = 900
    )]
    pub store: Option<OsString>,
    /// Progress output on standard error: auto, bar, plain, json or none
    #[arg(
        long,
        global = true,
        value_name = "MODE",
        env = "LARDER_PROGRESS",
        hide_env_values = true,
        value_enum,
        default_value_t,
        hide_possible_values = true,
        display_order = 901
    )]
    pub progress: Mode,
    /// Refuse to look into an image or a container of more files than this
    #[arg(
        long,
        global = true,
        value_name = "COUNT",
        env = "LARDER_MAX_PATHS",
        hide_env_values = true,
        default_value_t = 4 << 20,
        display_order = 902
    )]
    pub max_paths: usize,
    /// Print the version
    #[arg(short = 'v', long, action = ArgAction::Version)]
    version: Option<bool>,
    #[arg(short = 'H', long, hide = true)]
    host: Option<String>,
    #[arg(short = 'c', long, hide = true)]
    context: Option<String>,
}

impl Global {
    /// Refuses what makes sense only with a daemon.
    ///
    /// # Errors
    /// The sentence that says so.
    pub fn check(&self) -> Result<(), Failure> {
        let why = "there is no daemon to connect to; --store DIR chooses a store";
        refuse("--host", self.host.is_some(), why)?;
        refuse("--context", self.context.is_some(), why)
    }
}

/// What larder can do.
#[derive(Debug, Subcommand)]
#[command(subcommand_help_heading = "Commands")]
pub enum Command {
    Load(load::LoadArgs),
    Save(save::SaveArgs),
    Export(export::ExportArgs),
    Import(import::ImportArgs),
    Images(images::ImagesArgs),
    History(history::HistoryArgs),
    Inspect(inspect::InspectArgs),
    Commit(commit::CommitArgs),
    Diff(diff::DiffArgs),
    Squash(squash::SquashArgs),
    Ls(ls::LsArgs),
    Cat(cat::CatArgs),
    Find(find::FindArgs),
    Grep(grep::GrepArgs),
    Tag(tag::TagArgs),
    Rmi(rmi::RmiArgs),
    Log(log::LogArgs),
    Undo(undo::UndoArgs),
    Cp(cp::CpArgs),
    Create(Box<create::CreateArgs>),
    Run(Box<run::RunArgs>),
    Start(start::StartArgs),
    Stop(stop::StopArgs),
    Restart(restart::RestartArgs),
    Kill(kill::KillArgs),
    Pause(pause::PauseArgs),
    Unpause(pause::UnpauseArgs),
    Wait(wait::WaitArgs),
    Logs(logs::LogsArgs),
    Exec(exec::ExecArgs),
    Attach(attach::AttachArgs),
    Top(top::TopArgs),
    Stats(stats::StatsArgs),
    Ps(ps::PsArgs),
    Rm(rm::RmArgs),
    Rename(rename::RenameArgs),
    Df(df::DfArgs),
    Report(report::ReportArgs),
    Gc(gc::GcArgs),
    Optimize(optimize::OptimizeArgs),
    Fsck(fsck::FsckArgs),
    /// Manage containers
    #[command(subcommand, override_usage = "larder container COMMAND")]
    Container(ContainerCommand),
    /// Manage images
    #[command(subcommand, override_usage = "larder image COMMAND")]
    Image(ImageCommand),
    /// Manage the store
    #[command(subcommand, override_usage = "larder system COMMAND")]
    System(SystemCommand),
    Info(info::InfoArgs),
    Completion(completion::CompletionArgs),
    Man(man::ManArgs),
    Version(version::VersionArgs),
    Monitor(monitor::MonitorArgs),
    Enter(enter::EnterArgs),
}

/// `larder container …`
#[derive(Debug, Subcommand)]
pub enum ContainerCommand {
    Attach(attach::AttachArgs),
    Commit(commit::CommitArgs),
    Cp(cp::CpArgs),
    Create(Box<create::CreateArgs>),
    Diff(diff::DiffArgs),
    Exec(exec::ExecArgs),
    Export(export::ExportArgs),
    Inspect(inspect::InspectContainersArgs),
    Kill(kill::KillArgs),
    Logs(logs::LogsArgs),
    #[command(visible_aliases = ["list", "ps"])]
    Ls(ps::PsArgs),
    Pause(pause::PauseArgs),
    Prune(prune::PruneContainersArgs),
    Rename(rename::RenameArgs),
    Restart(restart::RestartArgs),
    #[command(visible_alias = "remove")]
    Rm(rm::RmArgs),
    Run(Box<run::RunArgs>),
    Start(start::StartArgs),
    Stats(stats::StatsArgs),
    Stop(stop::StopArgs),
    Top(top::TopArgs),
    Unpause(pause::UnpauseArgs),
    Wait(wait::WaitArgs),
}

/// `larder image …`
#[derive(Debug, Subcommand)]
pub enum ImageCommand {
    History(history::HistoryArgs),
    Import(import::ImportArgs),
    Inspect(inspect::InspectArgs),
    Load(load::LoadArgs),
    #[command(visible_alias = "list")]
    Ls(images::ImagesArgs),
    Prune(prune::PruneArgs),
    #[command(visible_alias = "remove")]
    Rm(rmi::RmiArgs),
    Save(save::SaveArgs),
    Tag(tag::TagArgs),
    Tree(tree::TreeArgs),
}

/// `larder system …`
#[derive(Debug, Subcommand)]
pub enum SystemCommand {
    Df(df::DfArgs),
    Info(info::InfoArgs),
    Prune(prune::SystemPruneArgs),
}
