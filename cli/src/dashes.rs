//! Values that begin with a dash: `logs --tail -1`, `commit -m "- a point"`.
//!
//! Docker takes whatever follows a flag that needs a value as its value. clap takes what begins
//! with a dash for another flag, unless it is told otherwise for each flag.

use clap::{Arg, Command};

/// `command` with any value allowed to every flag that needs one. Only for command lines that could
/// not be read without: to change all flags of all commands takes as long as to start without.
pub fn allow(command: Command) -> Command {
    command.mut_args(with_any_value).mut_subcommands(allow)
}

fn with_any_value(arg: Arg) -> Arg {
    let needs_value = arg.get_action().takes_values() && !arg.is_positional() && !arg.is_require_equals_set();
    if needs_value { arg.allow_hyphen_values(true) } else { arg }
}

#[cfg(test)]
mod tests {
    use clap::{ArgAction, CommandFactory as _};

    use super::*;
    use crate::cli::Cli;

    fn flags(command: &Command) -> Vec<(String, Arg)> {
        let own = command.get_arguments().map(|arg| (command.get_name().to_owned(), arg.clone()));
        own.chain(command.get_subcommands().flat_map(flags)).collect()
    }

    #[test]
    fn every_flag_that_needs_a_value_takes_one_that_begins_with_a_dash() {
        let command = allow(Cli::command());
        command.clone().debug_assert();
        let mut checked = 0;
        for (command, arg) in flags(&command) {
            let is_of_yes_and_no = matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::SetFalse);
            if !arg.is_positional() && arg.get_action().takes_values() && !arg.is_require_equals_set() {
                assert!(arg.is_allow_hyphen_values_set(), "{command} {}", arg.get_id());
                checked += 1;
            }
            assert!(!(is_of_yes_and_no && arg.is_allow_hyphen_values_set()), "{command} {}", arg.get_id());
        }
        assert!(checked > 100, "{checked}");
    }
}
