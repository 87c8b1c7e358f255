//! Flags of yes and no: `--flag` says yes, and as with Docker `--flag=false` says no.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

/// The command with a value allowed to every flag that has none, if there is a value in
/// `args`: to change all flags of all commands takes as long as to start without.
pub fn to_read(args: &[OsString], command: Command) -> Command {
    let has_value = |arg: &OsString| {
        let bytes = arg.as_encoded_bytes();
        bytes.starts_with(b"-") && bytes.contains(&b'=')
    };
    if args.iter().any(has_value) { with_values(command) } else { command }
}

/// The command with a value allowed to every flag that has none. Only for reading command
/// lines: its help would speak of values that nobody gives.
pub fn with_values(command: Command) -> Command {
    command.mut_args(with_value).mut_subcommands(with_values)
}

fn with_value(arg: Arg) -> Arg {
    match arg.get_action() {
        ArgAction::SetTrue => {
            // A setting may say yes.
            let unsaid = arg.get_default_values().first().cloned().unwrap_or_else(|| "false".into());
            arg.action(ArgAction::Set)
                .num_args(0..=1)
                .require_equals(true)
                .default_value(unsaid)
                .default_missing_value("true")
                .value_parser(parse)
        }
        _ => arg,
    }
}

/// Reads what Go takes for yes or no.
///
/// # Errors
/// Go's sentence, for anything else.
pub fn parse(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {text:?}: invalid syntax")),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, FromArgMatches as _};

    use crate::cli::{Cli, Command};

    fn read(line: &str) -> Result<Cli, clap::Error> {
        let command = super::with_values(Cli::command());
        Cli::from_arg_matches(&command.try_get_matches_from(line.split(' '))?)
    }

    #[test]
    fn a_flag_of_yes_and_no_takes_a_value_behind_an_equals_sign_only() {
        super::with_values(Cli::command()).debug_assert();
        for (line, quiet) in [
            ("larder load", false),
            ("larder load -q", true),
            ("larder load --quiet=false", false),
            ("larder load -q=T", true),
            ("larder load --quiet --quiet=0", false),
            ("larder load -qi file", true),
        ] {
            let Command::Load(args) = read(line).unwrap().command else { panic!("{line}") };
            assert_eq!(args.is_quiet(), quiet, "{line}");
        }
        assert!(read("larder load --quiet=maybe").is_err() && read("larder load --quiet true").is_err());
    }
}
