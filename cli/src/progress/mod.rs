//! What long work is at, on standard error, for who watches: a person at a terminal, the
//! log of a machine, or a program.

mod bars;
mod json;
mod lines;

use std::env;
use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use larder_engine::{Event, Progress};

use crate::output::stderr;

pub use json::{Figures, tell_error};

/// Work that takes less time than this needs no line in a log.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long work shows how far it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Bars on a terminal; elsewhere lines, of what takes more than five seconds
    #[default]
    Auto,
    /// Bars; lines where there is no terminal
    Bar,
    /// A line for each step that is over, and every five seconds
    Plain,
    /// A JSON object a line, for programs
    Json,
    /// Nothing but what a person must know
    None,
}

impl Mode {
    /// Who is told by long work.
    pub fn listener(self) -> Arc<dyn Progress> {
        match self {
            Self::Auto | Self::Bar if is_watched() => Arc::new(bars::Bars::default()),
            Self::Auto => Arc::new(lines::Lines::after(PATIENCE)),
            Self::Bar | Self::Plain => Arc::new(lines::Lines::after(Duration::ZERO)),
            Self::Json => Arc::new(json::Objects::default()),
            Self::None => Arc::new(Notices),
        }
    }

    /// Who is told by work that is short, or shall be quiet: nothing but what a person must
    /// know, in this mode's form.
    pub fn notices(self) -> Arc<dyn Progress> {
        match self {
            Self::Json => Arc::new(json::Notes),
            _ => Arc::new(Notices),
        }
    }

    /// Says a sentence that a script should see too, as it is.
    pub fn warn(self, said: &str) {
        match self {
            Self::Json => json::tell_note(said),
            _ => stderr::say(&[said]),
        }
    }

    /// Says what may be of use next, only to a person at a terminal: never in a script's output.
    pub fn advise(self, text: &str) {
        if matches!(self, Self::Auto | Self::Bar) && is_watched() {
            stderr::say(&[&format!("note: {text}")]);
        }
    }

    /// Says what has been done, after it was.
    pub fn sum_up(self, said: &str, figures: Figures<'_>) {
        match self {
            Self::Json => json::tell_done(said, figures),
            Self::Auto | Self::Bar if is_watched() => stderr::say(&[said]),
            Self::Bar | Self::Plain => stderr::say(&[said]),
            Self::Auto | Self::None => {}
        }
    }
}

/// Whether somebody sits there, at something that can draw.
fn is_watched() -> bool {
    io::stderr().is_terminal() && env::var_os("TERM").is_some_and(|term| term != "dumb")
}

/// Only the sentences.
struct Notices;

impl Progress for Notices {
    fn report(&self, event: &Event<'_>) {
        if let Event::Notice { text } = event {
            stderr::say(&[&format!("note: {text}")]);
        }
    }
}
