//! What a shell offers on Tab: commands and flags, the names that are in the store, and the paths
//! in its images and containers.

mod bash;
mod paths;
mod words;

use std::ffi::{OsStr, OsString};

use clap::{Arg, Command, CommandFactory as _};
use clap_complete::engine::ValueCompleter as _;
use clap_complete::env::{CompleteEnv, Elvish, Fish, Powershell, Shells, Zsh};
use clap_complete::{ArgValueCompleter, CompletionCandidate, PathCompleter};
use larder_engine::{PastChange, PastCommand, PastOptions, Store};

use crate::cli::Cli;
use crate::context::Context;
use bash::BashWithColons;
use words::Words;

use crate::progress::Mode;
use crate::settings::Settings;
use crate::signals::Signals;

/// The variable by which the scripts ask.
const VARIABLE: &str = "LARDER_COMPLETE";

/// So many commands of the past are offered.
const MOST_ENTRIES: usize = 20;

/// The shells that have a script.
const SHELLS: Shells<'_> = Shells(&[&BashWithColons, &Elvish, &Fish, &Powershell, &Zsh]);

/// What a value is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Image,
    Container,
    Either,
    /// A file here, or one in a container or an image, as `NAME:PATH`.
    Copied,
    /// A container or an image, or a path in it, as `NAME:PATH`.
    Searched,
    /// A path in the container or image that was named before.
    Path,
    /// An entry of the log.
    Entry,
}

impl Named {
    /// By what the help calls it.
    fn of(arg: &Arg) -> Option<Self> {
        let names = arg.get_value_names()?;
        match names.first()?.as_str() {
            "IMAGE" | "SOURCE" | "REPOSITORY[:TAG]" => Some(Self::Image),
            "CONTAINER" => Some(Self::Container),
            "CONTAINER|IMAGE" | "NAME|ID" | "NAME|IMAGE" => Some(Self::Either),
            "SRC" | "DEST" => Some(Self::Copied),
            "CONTAINER|IMAGE[:PATH]" => Some(Self::Searched),
            "PATH" => Some(Self::Path),
            "ENTRY" => Some(Self::Entry),
            _ => None,
        }
    }

    /// What there is of them.
    fn candidates(self, store: &Store) -> Vec<CompletionCandidate> {
        let images = || {
            let images = store.images().unwrap_or_default().into_iter();
            let names = images.flat_map(|image| image.references).map(|name| name.familiar());
            names.map(CompletionCandidate::new).collect::<Vec<_>>()
        };
        let containers = || {
            let containers = store.containers(false).unwrap_or_default().into_iter();
            containers.map(|container| CompletionCandidate::new(container.name)).collect::<Vec<_>>()
        };
        let entries = || {
            let options = PastOptions { most: Some(MOST_ENTRIES), ..PastOptions::default() };
            let past = store.past(&options).unwrap_or_default().into_iter();
            past.map(|entry| {
                CompletionCandidate::new(entry.number.to_string()).help(Some(said_of(&entry).into()))
            })
            .collect()
        };
        match self {
            Self::Image => images(),
            Self::Container => containers(),
            Self::Either | Self::Searched => containers().into_iter().chain(images()).collect(),
            Self::Copied => {
                let names = containers().into_iter().chain(images());
                let with_colon = |name: CompletionCandidate| {
                    let mut name = name.get_value().to_os_string();
                    name.push(":");
                    CompletionCandidate::new(name)
                };
                names.map(with_colon).collect()
            }
            Self::Path => Vec::new(),
            Self::Entry => entries(),
        }
    }
}

/// The command, and what it was about.
fn said_of(entry: &PastCommand) -> String {
    let names = entry.changes.iter().filter_map(|change| match change {
        PastChange::Name { name, .. } => Some(name.familiar()),
        PastChange::Container { name, .. } => Some(name.clone()),
        PastChange::Image { .. } => None,
    });
    [entry.verb.clone()].into_iter().chain(names).collect::<Vec<_>>().join(" ")
}

/// Answers a shell that asks, and ends then.
pub fn answer() {
    CompleteEnv::with_factory(command).var(VARIABLE).shells(SHELLS).complete();
}

/// The script that makes `shell` ask; none for a shell that is not known.
pub fn script(shell: &str) -> Option<String> {
    let mut script = Vec::new();
    SHELLS.completer(shell)?.write_registration(VARIABLE, "larder", "larder", "larder", &mut script).ok()?;
    String::from_utf8(script).ok()
}

/// The command line, with what its values may be.
fn command() -> Command {
    offering(Cli::command())
}

fn offering(command: Command) -> Command {
    // All of them: one that is changed comes behind those that are not.
    let ids: Vec<_> = command.get_positionals().map(|arg| arg.get_id().clone()).collect();
    let command = ids.into_iter().fold(command, |command, id| {
        command.mut_arg(id, |arg| match Named::of(&arg) {
            Some(named) => arg.add(ArgValueCompleter::new(move |typed: &OsStr| offer(named, typed))),
            None => arg,
        })
    });
    let names: Vec<_> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, offering))
}

/// What begins with what was typed. Whatever goes wrong, nothing is offered, and nothing said:
/// somebody is in the middle of a line.
fn offer(named: Named, typed: &OsStr) -> Vec<CompletionCandidate> {
    let words = Words::asked(Cli::command());
    let store = || store(words.store.clone());
    match named {
        Named::Path => {
            let in_named = || Some(paths::in_image(store()?, words.positionals.first()?, typed));
            return in_named().unwrap_or_default();
        }
        Named::Copied | Named::Searched => {
            if let Some(found) = store().and_then(|store| paths::behind_name(store, typed)) {
                return found;
            }
        }
        _ => {}
    }
    let mut found = store().map(|store| named.candidates(&store)).unwrap_or_default();
    found.retain(|found| found.get_value().as_encoded_bytes().starts_with(typed.as_encoded_bytes()));
    if named == Named::Copied {
        found.extend(PathCompleter::any().complete(typed));
    }
    found
}

/// The store at `place`, or else where it is set to be.
fn store(place: Option<OsString>) -> Option<Store> {
    let command = Cli::command();
    let settings = Settings::read(&command).ok()?;
    let set = || settings.in_force(&command).into_iter().find(|setting| setting.key == "store");
    let place = match place {
        Some(place) => place,
        None => OsString::from(set()?.value),
    };
    let context = Context::new(Some(place), Mode::None, settings, Signals::default());
    Store::open(context.store_path().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A command whose value is called otherwise would offer the files of the directory.
    #[test]
    fn the_names_of_images_and_containers_are_offered_wherever_one_is_meant() {
        let named = |path: &[&str]| {
            let mut command = Cli::command();
            for name in path {
                command = command.find_subcommand(name).cloned().expect("a command");
            }
            command.get_positionals().next().and_then(Named::of)
        };
        for path in [&["save"][..], &["rmi"], &["history"], &["tag"], &["run"], &["create"], &["image", "rm"]]
        {
            assert_eq!(named(path), Some(Named::Image), "{path:?}");
        }
        for path in [&["rm"][..], &["start"], &["exec"], &["logs"], &["rename"], &["container", "rm"]] {
            assert_eq!(named(path), Some(Named::Container), "{path:?}");
        }
        for path in [&["inspect"][..], &["ls"], &["cat"], &["diff"], &["export"], &["log"]] {
            assert_eq!(named(path), Some(Named::Either), "{path:?}");
        }
        assert_eq!((named(&["cp"]), named(&["container", "cp"])), (Some(Named::Copied), Some(Named::Copied)));
        assert_eq!(named(&["undo"]), Some(Named::Entry));
    }

    #[test]
    fn every_shell_that_docker_knows_gets_a_script() {
        for shell in ["bash", "zsh", "fish", "powershell"] {
            assert!(script(shell).is_some_and(|script| script.contains(VARIABLE)), "{shell}");
        }
        assert_eq!(script("tcsh"), None);
    }
}
