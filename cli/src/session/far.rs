//! The far end of a session.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use larder_engine::{Connection, Entered, Said, Stream, Wish};
use rustix::io::Errno;
use rustix::termios::{Winsize, tcsetwinsize};

use crate::failure::Failure;

/// What comes from the far end.
#[derive(Debug)]
pub enum Heard {
    /// The process has written something.
    Output(Stream, Vec<u8>),
    /// It has ended.
    Exited(i32),
    /// Nothing more will come.
    Over,
}

/// Who is at the far end.
pub trait Far: AsFd {
    /// Sends what was typed.
    fn send(&mut self, bytes: &[u8]) -> Result<(), Failure>;
    /// Nothing more is typed.
    fn end_input(&mut self) -> Result<(), Failure>;
    /// Whether something is still to be sent.
    fn has_unsent(&self) -> bool;
    /// Sends as much of it as is taken.
    fn flush(&mut self) -> Result<(), Failure>;
    /// Whether something has come that was not heard yet.
    fn has_heard(&self) -> bool;
    /// Hears what has come.
    fn hear(&mut self, each: &mut dyn FnMut(Heard) -> Result<(), Failure>) -> Result<(), Failure>;
    /// The window has another size.
    fn resize(&mut self, rows: u16, columns: u16) -> Result<(), Failure>;
    /// A signal has come.
    fn signal(&mut self, number: i32) -> Result<(), Failure>;
}

/// What a container whose monitor has gone does not take is no failure of the session: its
/// end is told by who hears it.
fn unless_over(done: Result<(), larder_engine::Error>) -> Result<(), Failure> {
    done.or_else(|error| match error.kind() {
        larder_engine::ErrorKind::Io | larder_engine::ErrorKind::Runtime => Ok(()),
        _ => Err(error.into()),
    })
}

impl Far for Connection {
    fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        unless_over(Self::send(self, bytes).map_err(Into::into))
    }

    fn end_input(&mut self) -> Result<(), Failure> {
        unless_over(Self::end_input(self).map_err(Into::into))
    }

    fn has_unsent(&self) -> bool {
        Self::has_unsent(self)
    }

    fn flush(&mut self) -> Result<(), Failure> {
        unless_over(Self::flush(self).map_err(Into::into))
    }

    fn has_heard(&self) -> bool {
        Self::has_heard(self)
    }

    fn hear(&mut self, each: &mut dyn FnMut(Heard) -> Result<(), Failure>) -> Result<(), Failure> {
        self.listen(&mut |said| match said {
            Said::Output(stream, bytes) => each(Heard::Output(stream, bytes)),
            Said::Exited(code) => each(Heard::Exited(code)),
            _ => each(Heard::Over),
        })
    }

    fn resize(&mut self, rows: u16, columns: u16) -> Result<(), Failure> {
        unless_over(self.wish_beside(Wish::Resize { rows, columns }).map_err(Into::into))
    }

    fn signal(&mut self, number: i32) -> Result<(), Failure> {
        unless_over(self.wish_beside(Wish::Signal { number, is_final: false }).map_err(Into::into))
    }
}

/// A process that this one has brought into a container, by its terminal.
pub struct Inside<'e> {
    entered: &'e Entered,
    terminal: &'e OwnedFd,
    unsent: Vec<u8>,
}

/// What is read at once.
const BUFFER_BYTES: usize = 64 << 10;

impl<'e> Inside<'e> {
    /// By its terminal `terminal`.
    pub fn of(entered: &'e Entered, terminal: &'e OwnedFd) -> Self {
        Self { entered, terminal, unsent: Vec::new() }
    }
}

impl AsFd for Inside<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.terminal.as_fd()
    }
}

impl Far for Inside<'_> {
    fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.unsent.extend_from_slice(bytes);
        self.flush()
    }

    fn end_input(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    fn flush(&mut self) -> Result<(), Failure> {
        if !self.unsent.is_empty() {
            match rustix::io::write(self.terminal, &self.unsent) {
                Ok(count) => _ = self.unsent.drain(..count),
                Err(Errno::AGAIN | Errno::INTR) => {}
                // Nobody reads any more.
                Err(_) => self.unsent.clear(),
            }
        }
        Ok(())
    }

    fn has_heard(&self) -> bool {
        false
    }

    fn hear(&mut self, each: &mut dyn FnMut(Heard) -> Result<(), Failure>) -> Result<(), Failure> {
        let mut buffer = vec![0; BUFFER_BYTES];
        match rustix::io::read(self.terminal, &mut buffer) {
            Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Ok(count @ 1..) => {
                buffer.truncate(count);
                each(Heard::Output(Stream::Stdout, buffer))
            }
            // A terminal whose other end is closed says so by an error.
            Ok(0) | Err(_) => {
                let code = self.entered.wait().map_err(larder_engine::Error::from)?;
                each(Heard::Exited(code))?;
                each(Heard::Over)
            }
        }
    }

    fn resize(&mut self, rows: u16, columns: u16) -> Result<(), Failure> {
        let _ = tcsetwinsize(
            self.terminal,
            Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 },
        );
        Ok(())
    }

    fn signal(&mut self, _number: i32) -> Result<(), Failure> {
        Ok(())
    }
}
