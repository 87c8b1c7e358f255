//! A command line that was not understood, told as Docker tells it.

use std::error::Error as StdError;
use std::ffi::OsString;
use std::num::{IntErrorKind, ParseIntError};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory as _};

use crate::cli::Cli;
use crate::failure::{BAD_FLAG, Failure};
use crate::help;

/// Commands of Docker that larder will not have, and what to do instead.
const ELSEWHERE: [(&[&str], &str); 6] = [
    (
        &["pull"],
        "larder talks to no registry: 'skopeo copy docker://NAME docker-archive:FILE:NAME', then 'larder load -i FILE'",
    ),
    (
        &["push"],
        "larder talks to no registry: 'larder save -o FILE NAME', then 'skopeo copy docker-archive:FILE docker://NAME'",
    ),
    (&["login", "logout", "search"], "larder talks to no registry: skopeo and podman do"),
    (
        &["build", "buildx", "builder", "compose"],
        "larder builds nothing: build elsewhere, then 'larder load'",
    ),
    (&["update"], "a container keeps what it was created with: create another"),
    (&["port"], "larder publishes no ports: with --network host those of the container are the host's"),
];

/// What clap found wrong with `args`, or the help that was asked for.
pub fn failure(error: &clap::Error, args: &[OsString]) -> Failure {
    match error.kind() {
        // Help goes where clap sends it; a reader that went away is fine.
        ErrorKind::DisplayHelp => {
            // Of the command as it is told, where flags of yes and no have no value.
            let command = &mut Asked::from(args).command_with_help();
            let is_short = args.iter().any(|arg| arg == "-h");
            let _ = if is_short { command.print_help() } else { command.print_long_help() };
            Failure::silent().code(0)
        }
        ErrorKind::DisplayVersion => {
            let _ = error.print();
            Failure::silent().code(0)
        }
        kind => Asked::from(args).explain(error, kind),
    }
}

/// The command that was asked for, as far as it could be followed.
struct Asked<'a> {
    path: String,
    command: Command,
    args: &'a [OsString],
}

impl<'a> From<&'a [OsString]> for Asked<'a> {
    fn from(args: &'a [OsString]) -> Self {
        let mut asked = Self { path: "larder".into(), command: Cli::command(), args };
        asked.command.build();
        let mut args = args.iter().skip(1).filter_map(|arg| arg.to_str());
        while let Some(arg) = args.next() {
            if ["--store", "--progress", "--host", "-H", "--context", "-c"].contains(&arg) {
                args.next();
            } else if arg != "help" && !arg.starts_with('-') {
                let Some(command) = asked.command.find_subcommand(arg).cloned() else { break };
                asked.path = format!("{} {}", asked.path, command.get_name());
                asked.command = command;
            }
        }
        asked
    }
}

impl Asked<'_> {
    fn explain(&self, error: &clap::Error, kind: ErrorKind) -> Failure {
        let text = |kind| match error.get(kind) {
            Some(ContextValue::String(text)) => Some(text.as_str()),
            // The likeliest comes last.
            Some(ContextValue::Strings(texts)) => texts.last().map(String::as_str),
            _ => None,
        };
        let argument = text(ContextKind::InvalidArg).unwrap_or_default();
        let value = text(ContextKind::InvalidValue).unwrap_or_default();
        match kind {
            // As Docker does: help, and no failure.
            ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                Failure::plain(self.command_with_help().render_help().to_string().trim_end()).code(0)
            }
            ErrorKind::InvalidSubcommand => {
                let name = text(ContextKind::InvalidSubcommand).unwrap_or_default();
                if self.args.get(1).is_some_and(|arg| arg == "help") {
                    return Failure::plain(format!("unknown help topic: {name}"));
                }
                let path = &self.path;
                let usage = if path == "larder" { String::new() } else { format!("Usage:  {path}\n\n") };
                let failure = Failure::plain(format!(
                    "larder: unknown command: {path} {name}\n\n{usage}Run '{path} --help' for more information"
                ));
                let elsewhere =
                    ELSEWHERE.iter().find(|(names, _)| names.contains(&name)).map(|(_, why)| *why);
                // The likeliest comes last. What help does not show is for larder itself.
                let is_shown = |name: &&String| {
                    self.command.find_subcommand(name).is_some_and(|command| !command.is_hide_set())
                };
                let near = match error.get(ContextKind::SuggestedSubcommand) {
                    Some(ContextValue::String(name)) => Some(name).filter(is_shown),
                    Some(ContextValue::Strings(names)) => names.iter().rev().find(is_shown),
                    _ => None,
                };
                match (elsewhere, near) {
                    (Some(why), _) => failure.hint(why),
                    (None, Some(near)) => failure.hint(format!("did you mean '{} {near}'?", self.path)),
                    (None, None) => failure,
                }
            }
            ErrorKind::UnknownArgument if argument.starts_with('-') && argument != "-" => {
                let failure = self.with_usage(&unknown_flag(argument)).code(BAD_FLAG);
                match text(ContextKind::SuggestedArg) {
                    Some(near) => failure.hint(format!("did you mean {near}?")),
                    None => failure,
                }
            }
            ErrorKind::InvalidValue if value.is_empty() => {
                let flag = self.flag_as_typed(argument);
                self.with_usage(&format!("flag needs an argument: {flag}")).code(BAD_FLAG)
            }
            ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
                let flag = match self.short_of(argument) {
                    _ if !argument.starts_with('-') => String::new(),
                    Some(short) => format!("-{short}, {}", long_of(argument)),
                    None => long_of(argument).to_owned(),
                };
                let why = match error.source() {
                    Some(why) => in_go_s_words(why, value),
                    None => match error.get(ContextKind::ValidValue) {
                        Some(ContextValue::Strings(valid)) => format!("must be one of {}", valid.join(", ")),
                        _ => "invalid value".into(),
                    },
                };
                let what = match flag.is_empty() {
                    true => argument.trim_matches(['[', ']', '<', '>', '.']).to_owned(),
                    false => format!("{flag:?} flag"),
                };
                self.with_usage(&format!("invalid argument {value:?} for {what}: {why}")).code(BAD_FLAG)
            }
            ErrorKind::MissingRequiredArgument
            | ErrorKind::UnknownArgument
            | ErrorKind::TooManyValues
            | ErrorKind::TooFewValues
            | ErrorKind::WrongNumberOfValues => {
                self.with_usage(&format!("larder: '{}' {}", self.path, self.arity()))
            }
            _ => self.with_usage(error.to_string().lines().next().unwrap_or_default()).code(BAD_FLAG),
        }
    }

    /// The command as its help shows it: under the path that was typed.
    fn command_with_help(&self) -> Command {
        let command = self.command.clone();
        if self.path == "larder" {
            return help::grouped(command);
        }
        let usage = format!("{} {}", self.path, self.usage_arguments());
        command.override_usage(usage.trim_end().to_owned())
    }

    /// What comes after the path in the usage. The same verb stands under two paths.
    fn usage_arguments(&self) -> String {
        let usage = self.command.clone().render_usage().to_string();
        let rest = usage.find(|c: char| c == '[' || c.is_uppercase() && c != 'U');
        rest.and_then(|at| usage.get(at..)).unwrap_or_default().to_owned()
    }

    fn with_usage(&self, text: &str) -> Failure {
        let rest = self.usage_arguments();
        let path = &self.path;
        // Docker is of two minds here too.
        let see = if text.contains("at least") && !text.contains("at most") { "See" } else { "Run" };
        // And what is no command's may stand before any.
        let rest = if path == "larder" { "[OPTIONS] COMMAND [ARG...]" } else { &rest };
        Failure::plain(format!(
            "{text}\n\nUsage:  {path} {rest}\n\n{see} '{path} --help' for more information"
        ))
    }

    /// The letter of the flag that clap calls `argument`.
    fn short_of(&self, argument: &str) -> Option<char> {
        let long = long_of(argument).trim_start_matches('-');
        self.command.get_arguments().find(|arg| arg.get_long() == Some(long))?.get_short()
    }

    /// The flag with its letter, if that is how it was typed.
    fn flag_as_typed(&self, argument: &str) -> String {
        let long = long_of(argument);
        let typed = |short: char| {
            self.args
                .iter()
                .filter_map(|arg| arg.to_str())
                .find(|arg| arg.starts_with('-') && !arg.starts_with("--") && arg.ends_with(short))
        };
        match self.short_of(argument).and_then(|short| Some((short, typed(short)?))) {
            Some((short, typed)) => format!("'{short}' in {typed}"),
            None => long.to_owned(),
        }
    }

    /// How many arguments the command takes, in Docker's words.
    fn arity(&self) -> String {
        let arguments =
            |count: usize| if count == 1 { "1 argument".into() } else { format!("{count} arguments") };
        let positionals: Vec<_> = self.command.get_positionals().collect();
        let least = positionals.iter().filter(|arg| arg.is_required_set()).count();
        let endless = positionals.iter().any(|arg| arg.get_num_args().is_some_and(|n| n.max_values() > 1));
        match (least, positionals.len(), endless) {
            (_, 0, _) => "accepts no arguments".into(),
            (least, _, true) => format!("requires at least {}", arguments(least)),
            (least, most, false) if least == most => format!("requires {}", arguments(most)),
            (0, most, false) => format!("requires at most {}", arguments(most)),
            (least, most, false) => format!("requires at least {least} and at most {}", arguments(most)),
        }
    }
}

fn unknown_flag(flag: &str) -> String {
    match flag.strip_prefix('-') {
        Some(letter) if !flag.starts_with("--") => {
            format!("unknown shorthand flag: '{}' in {flag}", letter.chars().next().unwrap_or_default())
        }
        _ => format!("unknown flag: {flag}"),
    }
}

/// `--output` of clap's `--output <FILE>`, `--pause` of `--pause[=<BOOL>]`.
fn long_of(argument: &str) -> &str {
    argument.split([' ', '[', '=']).next().unwrap_or(argument)
}

/// Why a value was not taken: of a number, as Go says it.
fn in_go_s_words(why: &(dyn StdError + 'static), value: &str) -> String {
    match why.downcast_ref::<ParseIntError>().map(ParseIntError::kind) {
        Some(IntErrorKind::PosOverflow | IntErrorKind::NegOverflow) => {
            format!("strconv.ParseInt: parsing {value:?}: value out of range")
        }
        Some(_) => format!("strconv.ParseInt: parsing {value:?}: invalid syntax"),
        None => why.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    fn told(line: &str) -> String {
        let args: Vec<OsString> = line.split(' ').map(Into::into).collect();
        let error = Cli::try_parse_from(&args).unwrap_err();
        failure(&error, &args).to_string()
    }

    #[test]
    fn a_wrong_command_line_is_told_as_docker_tells_it() {
        for (line, want) in [
            (
                "larder save",
                "larder: 'larder save' requires at least 1 argument\n\n\
                 Usage:  larder save [OPTIONS] IMAGE [IMAGE...]\n\n\
                 See 'larder save --help' for more information\n(exit 1)",
            ),
            (
                "larder image load x",
                "larder: 'larder image load' accepts no arguments\n\n\
                 Usage:  larder image load [OPTIONS]\n\n\
                 Run 'larder image load --help' for more information\n(exit 1)",
            ),
            (
                "larder --store x tag a",
                "larder: 'larder tag' requires 2 arguments\n\n\
                 Usage:  larder tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]\n\n\
                 Run 'larder tag --help' for more information\n(exit 1)",
            ),
            (
                "larder images a b",
                "larder: 'larder images' requires at most 1 argument\n\n\
                 Usage:  larder images [OPTIONS] [REPOSITORY[:TAG]]\n\n\
                 Run 'larder images --help' for more information\n(exit 1)",
            ),
            (
                "larder images -x",
                "unknown shorthand flag: 'x' in -x\n\n\
                 Usage:  larder images [OPTIONS] [REPOSITORY[:TAG]]\n\n\
                 Run 'larder images --help' for more information\n(exit 125)",
            ),
            (
                "larder images -f foo",
                "invalid argument \"foo\" for \"-f, --filter\" flag: bad format of filter (expected name=value)\n\n\
                 Usage:  larder images [OPTIONS] [REPOSITORY[:TAG]]\n\n\
                 Run 'larder images --help' for more information\n(exit 125)",
            ),
            (
                "larder undo x",
                "invalid argument \"x\" for ENTRY: strconv.ParseInt: parsing \"x\": invalid syntax\n\n\
                 Usage:  larder undo [OPTIONS] [ENTRY...]\n\n\
                 Run 'larder undo --help' for more information\n(exit 125)",
            ),
            (
                "larder save -o",
                "flag needs an argument: 'o' in -o\n\n\
                 Usage:  larder save [OPTIONS] IMAGE [IMAGE...]\n\n\
                 Run 'larder save --help' for more information\n(exit 125)",
            ),
            (
                "larder imges",
                "larder: unknown command: larder imges\n\nRun 'larder --help' for more information\n\
                 hint: did you mean 'larder images'?\n(exit 1)",
            ),
            (
                "larder image bogus",
                "larder: unknown command: larder image bogus\n\nUsage:  larder image\n\n\
                 Run 'larder image --help' for more information\n(exit 1)",
            ),
        ] {
            assert_eq!(told(line), want, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_command_line_is_understood_or_refused(
            words in proptest::collection::vec("(load|save|image|ls|rmi|df|-[a-gi-uw-zA-Z]|--[a-z]{1,6}|--store|--|=|[a-z:@]{0,4}|\\PC{0,3})", 0..6)
        ) {
            let args: Vec<OsString> = ["larder".into()].into_iter().chain(words.into_iter().map(Into::into)).collect();
            if let Err(error) = Cli::try_parse_from(&args)
                && error.use_stderr()
            {
                proptest::prop_assert!(!failure(&error, &args).to_string().is_empty());
            }
        }
    }

    #[test]
    fn no_command_at_all_shows_the_help() {
        for line in ["larder", "larder --store x", "larder image"] {
            let help = told(line);
            assert!(help.contains("ommands:\n") && help.ends_with("(exit 0)"), "{line}: {help}");
        }
    }

    #[test]
    fn a_flag_may_be_given_twice_and_the_last_one_counts() {
        let cli = Cli::try_parse_from(["larder", "--store", "a", "images", "--store", "b"]).unwrap();
        assert_eq!(cli.global.store, Some("b".into()));
    }

    #[test]
    fn every_command_has_an_example() {
        fn check(command: &Command) {
            if command.has_subcommands() {
                command.get_subcommands().for_each(check);
            } else {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.starts_with("Example:\n  "), "{}", command.get_name());
                assert!(command.get_about().is_some(), "{}", command.get_name());
            }
        }
        Cli::command().debug_assert();
        check(&Cli::command());
    }
}
