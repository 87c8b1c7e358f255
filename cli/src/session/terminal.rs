//! The terminal that the user sits at.

use std::io;
use std::os::fd::AsFd;

use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};

use crate::failure::Failure;

/// Whether it is one.
pub fn is_terminal(stream: impl AsFd) -> bool {
    isatty(stream)
}

/// Its rows and columns, if it has some.
pub fn size() -> Option<(u16, u16)> {
    let size = tcgetwinsize(io::stdout()).or_else(|_| tcgetwinsize(io::stdin())).ok()?;
    Some((size.ws_row, size.ws_col)).filter(|(rows, columns)| *rows > 0 && *columns > 0)
}

/// The terminal hands on every key as it is, until this is dropped.
pub struct Raw(Termios);

impl Raw {
    /// # Errors
    /// If it is no terminal.
    pub fn enter() -> Result<Self, Failure> {
        let set = || -> rustix::io::Result<Self> {
            let before = tcgetattr(io::stdin())?;
            let mut raw = before.clone();
            raw.make_raw();
            tcsetattr(io::stdin(), OptionalActions::Drain, &raw)?;
            Ok(Self(before))
        };
        set().map_err(|error| Failure::error(format!("cannot set up the terminal: {error}")))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // There is nobody left to tell.
        let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &self.0);
    }
}
