//! Settings: flags that also have a variable and a place in `config.toml`.
//!
//! A setting is a flag with a variable, such as `--level` with `LARDER_LEVEL`; its key in
//! the file is the flag's name, `level = 5`. There is no other list of them. What counts is,
//! in this order: the command line; the variable, unless it is empty; the user's file; the
//! machine's file; what is built in.

mod file;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::{env, fmt};

use clap::builder::Resettable;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use crate::failure::Failure;

/// Variables of settings begin so.
const VARIABLES: &str = "LARDER_";

/// What is set otherwise than it is built in.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// By key: what was given on the command line.
    given: BTreeMap<String, String>,
    /// By key: what a file says, and which.
    filed: BTreeMap<String, (String, PathBuf)>,
}

/// A setting, as it is in force.
#[derive(Debug, PartialEq, Eq)]
pub struct InForce {
    /// The name of the flag, without dashes.
    pub key: String,
    /// Empty if it follows from other things, as the usual place of the store does.
    pub value: String,
    pub origin: Origin,
}

/// Where a setting comes from.
#[derive(Debug, PartialEq, Eq)]
pub enum Origin {
    CommandLine(String),
    Variable(String),
    File(PathBuf),
    BuiltIn,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine(flag) => f.write_str(flag),
            Self::Variable(name) => f.write_str(name),
            Self::File(path) => path.display().fmt(f),
            Self::BuiltIn => f.write_str("default"),
        }
    }
}

impl Settings {
    /// Reads the files, which may say what `command` knows.
    ///
    /// # Errors
    /// If one of them cannot be read or says something else.
    pub fn read(command: &Command) -> Result<Self, Failure> {
        let mut settings = Self::default();
        for path in file::places() {
            if let Some(text) = file::text(&path)? {
                settings.filed.extend(file::parse(&path, &text, &known(command))?);
            }
        }
        Ok(settings)
    }

    /// `command`, whose defaults are what the files say, and for which an empty variable is as
    /// good as none.
    pub fn apply(&self, mut command: Command) -> Command {
        if self.filed.is_empty()
            && !env::vars_os().any(|(name, value)| is_of_setting(&name) && value.is_empty())
        {
            return command;
        }
        let settings: Vec<_> =
            command.get_arguments().filter_map(|arg| Some((arg.get_id().clone(), key(arg)?))).collect();
        for (id, key) in settings {
            command = command.mut_arg(id, |arg| {
                let is_empty = arg.get_env().and_then(env::var_os).is_some_and(|value| value.is_empty());
                let arg = if is_empty { arg.env(Resettable::Reset) } else { arg };
                match self.filed.get(&key) {
                    Some((value, _)) => arg.default_value(value.clone()),
                    None => arg,
                }
            });
        }
        let names: Vec<_> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
        names
            .into_iter()
            .fold(command, |command, name| command.mut_subcommand(name, |command| self.apply(command)))
    }

    /// Remembers which settings of all commands were given on the command line.
    pub fn note_given(&mut self, command: &Command, matches: &ArgMatches) {
        for arg in command.get_arguments() {
            let (Some(key), id) = (key(arg), arg.get_id().as_str()) else { continue };
            if matches.value_source(id) == Some(ValueSource::CommandLine) {
                let values = matches.get_raw(id).into_iter().flatten();
                let value = values.last().map(|value| value.to_string_lossy().into_owned());
                self.given.insert(key, value.unwrap_or_default());
            }
        }
    }

    /// All settings that `command` knows, by key.
    pub fn in_force(&self, command: &Command) -> Vec<InForce> {
        let settings = known(command).into_iter();
        settings
            .map(|(key, arg)| {
                let (value, origin) = self.value(&key, &arg);
                InForce { key, value, origin }
            })
            .collect()
    }

    fn value(&self, key: &str, arg: &Arg) -> (String, Origin) {
        if let Some(value) = self.given.get(key) {
            return (value.clone(), Origin::CommandLine(format!("--{key}")));
        }
        let variable = arg.get_env().and_then(|name| Some((name, set(name)?)));
        if let Some((name, value)) = variable {
            let text = |text: &OsStr| text.to_string_lossy().into_owned();
            return (text(&value), Origin::Variable(text(name)));
        }
        if let Some((value, path)) = self.filed.get(key) {
            return (value.clone(), Origin::File(path.clone()));
        }
        let mut built_in = arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned());
        // A flag of yes and no that nobody gave says no.
        (built_in.next_back().unwrap_or_else(|| "false".into()), Origin::BuiltIn)
    }
}

/// The value of a variable, if there is one.
fn set(name: &OsStr) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

fn is_of_setting(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(VARIABLES.as_bytes())
}

/// The settings of `command` and of those below it, by key.
fn known(command: &Command) -> BTreeMap<String, Arg> {
    let below = command.get_subcommands().flat_map(known);
    below.chain(command.get_arguments().filter_map(|arg| Some((key(arg)?, arg.clone())))).collect()
}

/// The key of an argument that is a setting.
fn key(arg: &Arg) -> Option<String> {
    let is_setting = arg.get_env().is_some_and(is_of_setting);
    arg.get_long().filter(|_| is_setting).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory as _;

    #[test]
    fn a_setting_has_the_name_of_its_flag_in_the_variable_too() {
        let settings = known(&Cli::command());
        assert!(settings.len() > 5, "{:?}", settings.keys());
        for (key, arg) in settings {
            let variable = format!("{VARIABLES}{}", key.to_uppercase().replace('-', "_"));
            assert_eq!(arg.get_env(), Some(OsStr::new(&variable)));
        }
    }
}
