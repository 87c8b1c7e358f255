//! What went wrong, as the user is told, and the exit code that goes with it.
//!
//! | code | meaning                                                         |
//! |-----:|-----------------------------------------------------------------|
//! |    1 | it failed; also a wrong number of arguments, an unknown command |
//! |   64 | `inspect`: the template is none                                 |
//! |  125 | a flag that does not exist or a value that it does not take; `run`: it failed |
//! |  126 | `run`, `exec`: the command cannot be executed                   |
//! |  127 | `run`, `exec`: the command is not there                         |
//! |  128 + n | a signal stopped it; 141: the reader of the archive went away |
//!
//! These are Docker's, so that scripts written for it go on working.

use std::error::Error as StdError;
use std::io;

use larder_engine::{Error, ErrorKind, RuntimeError};

use crate::output::stderr;
use crate::progress::{Mode, tell_error};

/// It failed.
const FAILED: u8 = 1;
/// The template of `inspect` is none.
pub const NO_TEMPLATE: u8 = 64;
/// The flags make no sense.
pub const BAD_FLAG: u8 = 125;
/// What a container is to execute cannot be executed.
pub const NOT_EXECUTABLE: u8 = 126;
/// What a container is to execute is not there.
const NOT_FOUND: u8 = 127;
/// 128 and SIGPIPE: what a program dies of whose reader went away.
const PIPE_BROKE: u8 = 141;

/// Why a command did not succeed.
#[derive(Debug)]
pub struct Failure {
    /// What to print; empty if all was said, or if nobody listens any more.
    text: String,
    hint: Option<String>,
    code: u8,
}

impl Failure {
    /// `Error: ` and `text`.
    pub fn error(text: impl AsRef<str>) -> Self {
        Self::plain(format!("Error: {}", text.as_ref()))
    }

    /// `text` as it is, where Docker's command line says just that.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), hint: None, code: FAILED }
    }

    /// Nothing more to say.
    pub fn silent() -> Self {
        Self::plain("")
    }

    /// With a sentence that tells what to do about it.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// With this hint, if it has none.
    pub fn or_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: self.hint.or_else(|| Some(hint.into())), ..self }
    }

    /// The same in other words, after `Error: `.
    pub fn reworded(self, text: impl AsRef<str>) -> Self {
        Self { text: Self::error(text).text, ..self }
    }

    /// With what Docker says in front of it, on the same line.
    pub fn prefixed(self, what: &str) -> Self {
        let text = self.text.strip_prefix("Error: ").unwrap_or(&self.text);
        Self { text: format!("Error: {what}: {text}"), ..self }
    }

    /// Whether it is about flags, in words that have no `Error:` before them.
    pub fn is_plain_about_flags(&self) -> bool {
        self.code == BAD_FLAG && !self.text.is_empty() && !self.text.starts_with("Error: ")
    }

    /// The same under the name of who speaks.
    pub fn named(self, name: &str) -> Self {
        Self { text: format!("{name}: {}", self.text), ..self }
    }

    /// With a line in front that Docker says first.
    pub fn after(self, line: impl AsRef<str>) -> Self {
        Self { text: format!("{}\n{}", line.as_ref(), self.text), ..self }
    }

    /// With a line behind it that Docker says last.
    pub fn followed_by(self, line: impl AsRef<str>) -> Self {
        Self { text: format!("{}\n{}", self.text, line.as_ref()), ..self }
    }

    /// What is to be told.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it has no exit code of its own.
    pub fn is_general(&self) -> bool {
        self.code == FAILED
    }

    /// With another exit code than 1.
    pub fn code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// What was run ended with `code`, and so does this program.
    ///
    /// # Errors
    /// If the code is not 0.
    pub fn of_exit(code: i32) -> Result<(), Self> {
        match u8::try_from(code & 0xff) {
            Ok(0) => Ok(()),
            code => Err(Self::silent().code(code.unwrap_or(BAD_FLAG))),
        }
    }

    /// Standard output could not be written. A reader that has seen enough is
    /// no failure.
    pub fn of_output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::silent().code(0)
        } else {
            Self::error(format!("write standard output: {}", os_text(error)))
        }
    }

    /// An archive could not be written to standard output. Half of one is no
    /// success, but who stopped reading knows.
    pub fn of_archive(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::silent().code(PIPE_BROKE)
        } else {
            Self::of_output(error)
        }
    }

    /// Tells the user, in the form of `progress`; gives the exit code.
    pub fn tell(&self, progress: Mode) -> u8 {
        self.write(progress, Some(self.code));
        self.code
    }

    /// Tells the user of a failure that does not end the command.
    pub fn mention(&self, progress: Mode) {
        self.write(progress, None);
    }

    fn write(&self, progress: Mode, code: Option<u8>) {
        let told = self.told();
        match progress {
            _ if told.is_empty() => {}
            Mode::Json => tell_error(&self.text, self.hint.as_deref(), code),
            _ => stderr::say(&told.iter().map(String::as_str).collect::<Vec<_>>()),
        }
    }
}

impl Failure {
    /// What went wrong, and what to do about it.
    fn told(&self) -> Vec<String> {
        let text = Some(self.text.clone()).filter(|text| !text.is_empty());
        let hint = self.hint.as_deref().or_else(|| self.hint_for_shortage());
        text.into_iter().chain(hint.map(|hint| format!("hint: {hint}"))).collect()
    }

    /// What helps if descriptors or memory ran out where the engine has no part: in a file that
    /// this program opens, or in a container's runtime, whose errors are text.
    fn hint_for_shortage(&self) -> Option<&'static str> {
        let said = |words: &str| self.text.to_ascii_lowercase().contains(words);
        if said("too many open files") || said("no file descriptors available") {
            hint_for(ErrorKind::OutOfDescriptors)
        } else if said("cannot allocate memory") || said("(ulimit -v)") {
            hint_for(ErrorKind::OutOfMemory)
        } else {
            None
        }
    }
}

/// What the user sees, and the exit code: for tests.
#[cfg(test)]
impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.told().iter().try_for_each(|line| writeln!(f, "{line}"))?;
        write!(f, "(exit {})", self.code)
    }
}

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Self {
        Error::from(error).into()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = Self::error(chain(&error)).code(code_of(error.kind()));
        match hint_for(error.kind()) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

/// The exit code of a kind: of a command that a container cannot execute, Docker's.
fn code_of(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::CommandNotExecutable => NOT_EXECUTABLE,
        ErrorKind::CommandNotFound => NOT_FOUND,
        _ => FAILED,
    }
}

/// What helps with errors of a kind, whatever the command was.
fn hint_for(kind: ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::Ambiguous => "give more digits of the ID, or a name",
        ErrorKind::LimitExceeded => {
            "if you trust what is read, the command's --help lists the --max-… that raise its limits"
        }
        ErrorKind::Corrupt => "'larder fsck --check data' lists everything that is damaged, and who needs it",
        ErrorKind::NoSpace => "'larder image prune' and 'larder gc' give space back",
        ErrorKind::OutOfMemory => {
            "raise the limit on memory (ulimit -v, memory.max of the cgroup), or end other programs"
        }
        ErrorKind::OutOfDescriptors => "raise the limit on open files (ulimit -n)",
        ErrorKind::ReadOnly => "choose another store with --store DIR or LARDER_STORE",
        _ => return None,
    })
}

/// The error and what caused it, from the outside in.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = system_words(&error.to_string());
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&system_words(&error.to_string()));
        cause = error.source();
    }
    text
}

/// What the system says at the bottom of `error`, or else what `error` says.
pub fn system_cause(error: &(dyn StdError + 'static)) -> String {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return os_text(io);
        }
        next = cause.source();
    }
    error.to_string()
}

/// The system's words for an error, as Go and C programs print them.
pub fn os_text(error: &io::Error) -> String {
    system_words(&error.to_string())
}

/// `No such file or directory (os error 2)` as `no such file or directory`;
/// any other text as it is.
fn system_words(text: &str) -> String {
    let Some((words, _)) = text.split_once(" (os error ") else { return text.to_owned() };
    let mut letters = words.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => {
            format!("{}{second}{}", first.to_lowercase(), letters.as_str())
        }
        _ => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_s_words_are_those_of_go() {
        let text = |code| os_text(&io::Error::from_raw_os_error(code));
        assert_eq!(text(2), "no such file or directory");
        assert_eq!(text(28), "no space left on device");
        assert_eq!(os_text(&io::Error::other("odd")), "odd");
    }

    #[test]
    fn a_reader_that_has_seen_enough_is_no_failure() {
        let failure = Failure::of_output(&io::ErrorKind::BrokenPipe.into());
        assert_eq!((failure.code, failure.text.as_str()), (0, ""));
        assert_eq!(Failure::of_output(&io::Error::from_raw_os_error(28)).code, FAILED);
    }
}
