//! What standard output can show.

use std::io::{self, IsTerminal as _};

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use anstyle::AnsiColor;

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

/// Whether `stream` shows colours: a terminal that has them, unless `NO_COLOR`
/// (no-color.org), `CLICOLOR` or `TERM` say otherwise.
pub fn has_colours(stream: &impl RawStream) -> bool {
    AutoStream::choice(stream) != ColorChoice::Never
}

impl Screen {
    /// Standard output as it is.
    pub fn stdout() -> Self {
        let is_terminal = io::stdout().is_terminal();
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok().filter(|_| is_terminal);
        let columns = size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0);
        Self {
            columns: columns.unwrap_or(USUAL_COLUMNS).min(MOST_COLUMNS),
            has_colours: has_colours(&io::stdout()),
        }
    }

    /// `text`, in a colour where there are any.
    pub fn paint(&self, colour: AnsiColor, text: &str) -> String {
        let style = colour.on_default();
        if self.has_colours && !text.is_empty() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// A stranger's text, harmless and on one line, in at most `columns`.
    pub fn cut(text: &str, columns: usize) -> String {
        text::ellipsis(&text::harmless(&text::in_one_cell(text)), columns).into_owned()
    }
}
