//! One file per verb: its arguments, whose doc comment is its help, and the
//! function that carries it out.

pub mod attach;
pub mod cat;
pub mod commit;
pub mod completion;
pub mod cp;
pub mod create;
pub mod df;
pub mod diff;
pub mod each;
pub mod enter;
pub mod exec;
pub mod export;
pub mod find;
pub mod fsck;
pub mod gc;
pub mod grep;
pub mod history;
pub mod images;
pub mod import;
pub mod info;
pub mod inspect;
pub mod kill;
pub mod load;
pub mod log;
pub mod logs;
pub mod ls;
pub mod man;
pub mod monitor;
pub mod optimize;
pub mod pause;
pub mod prune;
pub mod ps;
pub mod rename;
pub mod report;
pub mod restart;
pub mod rm;
pub mod rmi;
pub mod run;
pub mod save;
pub mod squash;
pub mod start;
pub mod stats;
pub mod stop;
pub mod tag;
pub mod top;
pub mod tree;
pub mod undo;
pub mod version;
pub mod wait;

use crate::cli::{Command, ContainerCommand, ImageCommand, SystemCommand};
use crate::context::Context;
use crate::failure::Failure;

/// Returns `true` for a command that creates, reads or removes files of containers or unpacked
/// layers. A caller who is not root works on them from a user namespace: see
/// [`join_user_namespace`](larder_engine::join_user_namespace).
pub fn works_on_container_files(command: &Command) -> bool {
    match command {
        Command::Container(ContainerCommand::Ls(args)) => args.wants_sizes(),
        Command::Container(command) => matches!(
            command,
            ContainerCommand::Commit(_)
                | ContainerCommand::Cp(_)
                | ContainerCommand::Create(_)
                | ContainerCommand::Diff(_)
                | ContainerCommand::Export(_)
                | ContainerCommand::Prune(_)
                | ContainerCommand::Restart(_)
                | ContainerCommand::Rm(_)
                | ContainerCommand::Run(_)
                | ContainerCommand::Start(_)
        ),
        Command::Image(command) => matches!(command, ImageCommand::Prune(_) | ImageCommand::Rm(_)),
        Command::System(command) => matches!(command, SystemCommand::Df(_) | SystemCommand::Prune(_)),
        Command::Ps(args) => args.wants_sizes(),
        command => matches!(
            command,
            Command::Cat(_)
                | Command::Commit(_)
                | Command::Cp(_)
                | Command::Create(_)
                | Command::Df(_)
                | Command::Diff(_)
                | Command::Export(_)
                | Command::Find(_)
                | Command::Fsck(_)
                | Command::Gc(_)
                | Command::Grep(_)
                | Command::Ls(_)
                | Command::Optimize(_)
                | Command::Report(_)
                | Command::Restart(_)
                | Command::Rm(_)
                | Command::Rmi(_)
                | Command::Run(_)
                | Command::Start(_)
                | Command::Undo(_)
        ),
    }
}

/// Carries out `command`.
pub fn run(cx: &mut Context, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Load(args) | Command::Image(ImageCommand::Load(args)) => load::load(cx, args),
        Command::Save(args) | Command::Image(ImageCommand::Save(args)) => save::save(cx, args),
        Command::Export(args) | Command::Container(ContainerCommand::Export(args)) => {
            export::export(cx, args)
        }
        Command::Import(args) | Command::Image(ImageCommand::Import(args)) => import::import(cx, args),
        Command::Images(args) | Command::Image(ImageCommand::Ls(args)) => images::images(cx, args),
        Command::History(args) | Command::Image(ImageCommand::History(args)) => history::history(cx, args),
        Command::Inspect(args) => inspect::inspect(cx, args),
        Command::Image(ImageCommand::Inspect(args)) => inspect::inspect_images(cx, args),
        Command::Commit(args) | Command::Container(ContainerCommand::Commit(args)) => {
            commit::commit(cx, args)
        }
        Command::Diff(args) | Command::Container(ContainerCommand::Diff(args)) => diff::diff(cx, args),
        Command::Squash(args) => squash::squash(cx, args),
        Command::Ls(args) => ls::ls(cx, args),
        Command::Cat(args) => cat::cat(cx, args),
        Command::Find(args) => find::find(cx, args),
        Command::Grep(args) => grep::grep(cx, args),
        Command::Tag(args) | Command::Image(ImageCommand::Tag(args)) => tag::tag(cx, args),
        Command::Rmi(args) | Command::Image(ImageCommand::Rm(args)) => rmi::rmi(cx, args),
        Command::Image(ImageCommand::Tree(args)) => tree::tree(cx, args),
        Command::Log(args) => log::log(cx, args),
        Command::Undo(args) => undo::undo(cx, args),
        Command::Image(ImageCommand::Prune(args)) => prune::prune(cx, args),
        Command::Df(args) => df::df(cx, args),
        Command::System(SystemCommand::Df(args)) => df::system_df(cx, args),
        Command::System(SystemCommand::Prune(args)) => prune::system_prune(cx, args),
        Command::Cp(args) | Command::Container(ContainerCommand::Cp(args)) => cp::cp(cx, args),
        Command::Create(args) | Command::Container(ContainerCommand::Create(args)) => {
            create::create(cx, args)
        }
        Command::Ps(args) | Command::Container(ContainerCommand::Ls(args)) => ps::ps(cx, args),
        Command::Rm(args) | Command::Container(ContainerCommand::Rm(args)) => rm::rm(cx, args),
        Command::Rename(args) | Command::Container(ContainerCommand::Rename(args)) => {
            rename::rename(cx, args)
        }
        Command::Container(ContainerCommand::Inspect(args)) => inspect::inspect_containers(cx, args),
        Command::Container(ContainerCommand::Prune(args)) => prune::prune_containers(cx, args),
        Command::Run(args) | Command::Container(ContainerCommand::Run(args)) => run::run(cx, args),
        Command::Start(args) | Command::Container(ContainerCommand::Start(args)) => start::start(cx, args),
        Command::Stop(args) | Command::Container(ContainerCommand::Stop(args)) => stop::stop(cx, args),
        Command::Restart(args) | Command::Container(ContainerCommand::Restart(args)) => {
            restart::restart(cx, args)
        }
        Command::Kill(args) | Command::Container(ContainerCommand::Kill(args)) => kill::kill(cx, args),
        Command::Pause(args) | Command::Container(ContainerCommand::Pause(args)) => pause::pause(cx, args),
        Command::Unpause(args) | Command::Container(ContainerCommand::Unpause(args)) => {
            pause::unpause(cx, args)
        }
        Command::Wait(args) | Command::Container(ContainerCommand::Wait(args)) => wait::wait(cx, args),
        Command::Logs(args) | Command::Container(ContainerCommand::Logs(args)) => logs::logs(cx, args),
        Command::Exec(args) | Command::Container(ContainerCommand::Exec(args)) => exec::exec(cx, args),
        Command::Attach(args) | Command::Container(ContainerCommand::Attach(args)) => {
            attach::attach(cx, args)
        }
        Command::Top(args) | Command::Container(ContainerCommand::Top(args)) => top::top(cx, args),
        Command::Stats(args) | Command::Container(ContainerCommand::Stats(args)) => stats::stats(cx, args),
        Command::Monitor(args) => monitor::monitor(cx, args),
        Command::Enter(_) => enter::enter(),
        Command::Gc(args) => gc::gc(cx, args),
        Command::Report(args) => report::report(cx, args),
        Command::Optimize(args) => optimize::optimize(cx, args),
        Command::Fsck(args) => fsck::fsck(cx, args),
        Command::Info(args) | Command::System(SystemCommand::Info(args)) => info::info(cx, args),
        Command::Completion(args) => completion::completion(cx, args),
        Command::Man(args) => man::man(args),
        Command::Version(args) => version::version(cx, args),
    }
}
