//! What standard output can show.

use std::env;
use std::io::{self, IsTerminal as _};

use super::text;

/// What fits where nobody says how wide it is.
const USUAL_COLUMNS: usize = 80;
/// Wider than this the eye loses its line.
const MOST_COLUMNS: usize = 120;

/// How wide standard output is, and whether it has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    pub columns: usize,
    pub has_colours: bool,
}

/// A colour of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Green,
    Yellow,
    Blue,
    Grey,
}

impl Screen {
    /// Standard output as it is. Colours are for terminals only, and not where
    /// `NO_COLOR` is set to anything (no-color.org).
    pub fn stdout() -> Self {
        let is_terminal = io::stdout().is_terminal();
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok().filter(|_| is_terminal);
        let columns = size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0);
        let no_colour = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self {
            columns: columns.unwrap_or(USUAL_COLUMNS).min(MOST_COLUMNS),
            has_colours: is_terminal && !no_colour && !is_dumb,
        }
    }

    /// `text`, in a colour where there are any.
    pub fn paint(&self, colour: Colour, text: &str) -> String {
        let code = match colour {
            Colour::Green => 32,
            Colour::Yellow => 33,
            Colour::Blue => 34,
            Colour::Grey => 90,
        };
        if self.has_colours && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// A stranger's text, harmless and on one line, in at most `columns`.
    pub fn cut(text: &str, columns: usize) -> String {
        text::ellipsis(&text::harmless(&text::in_one_cell(text)), columns).into_owned()
    }
}
