//! The words of a command line that is being typed, as far as they are understood.

use std::ffi::{OsStr, OsString};

use clap::{Arg, Command};

/// What stands before the word that is completed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// Those that belong to no flag, behind the names of commands.
    pub positionals: Vec<OsString>,
    /// The value of `--store`.
    pub store: Option<OsString>,
}

impl Words {
    /// What a shell hands over when it asks.
    pub fn asked(command: Command) -> Self {
        let mut words: Vec<_> = std::env::args_os().skip_while(|word| word != "--").skip(1).collect();
        let index = std::env::var("_CLAP_COMPLETE_INDEX").ok().and_then(|index| index.parse().ok());
        words.truncate(index.unwrap_or(words.len().saturating_sub(1)));
        Self::of(command, &words)
    }

    /// The words behind the name of the program.
    fn of(mut command: Command, words: &[OsString]) -> Self {
        command.build();
        let mut found = Self::default();
        let mut words = words.iter().skip(1);
        let mut is_behind_flags = false;
        while let Some(word) = words.next() {
            let text = word.to_string_lossy();
            if is_behind_flags || !text.starts_with('-') || text == "-" {
                match command.find_subcommand(&*text).filter(|_| found.positionals.is_empty()) {
                    Some(below) => command = below.clone(),
                    None => found.positionals.push(word.clone()),
                }
            } else if text == "--" {
                is_behind_flags = true;
            } else if let Some((flag, value)) = text.split_once('=') {
                found.note(flag, OsStr::new(value));
            } else if takes_next(&command, &text)
                && let Some(value) = words.next()
            {
                found.note(&text, value);
            }
        }
        found
    }

    fn note(&mut self, flag: &str, value: &OsStr) {
        if flag == "--store" {
            self.store = Some(value.to_owned());
        }
    }
}

/// Returns `true` if the value of the flag is the next word.
fn takes_next(command: &Command, flag: &str) -> bool {
    let has_value = |arg: &Arg| arg.get_action().takes_values() && !arg.is_require_equals_set();
    let args = || command.get_arguments();
    if let Some(long) = flag.strip_prefix("--") {
        return args().find(|arg| arg.get_long() == Some(long)).is_some_and(has_value);
    }
    let mut letters = flag.chars().skip(1).peekable();
    while let Some(letter) = letters.next() {
        if args().find(|arg| arg.get_short() == Some(letter)).is_some_and(has_value) {
            return letters.peek().is_none();
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn flags_and_their_values_are_told_from_what_is_meant() {
        let words = |line: &str| {
            let words: Vec<_> = line.split(' ').map(OsString::from).collect();
            Words::of(Cli::command(), &words)
        };
        for line in [
            "larder cat app:1",
            "larder cat --platform linux/amd64 app:1",
            "larder cat --platform=linux/amd64 app:1",
            "larder --progress none cat app:1",
            "larder ls -lR app:1",
            "larder ls -l -- app:1",
            "larder container cp app:1",
        ] {
            assert_eq!(words(line).positionals, ["app:1"], "{line}");
        }
        assert_eq!(words("larder --store /x cat app:1").store, Some("/x".into()));
        assert_eq!(words("larder cat --store=/x app:1").store, Some("/x".into()));
    }
}
