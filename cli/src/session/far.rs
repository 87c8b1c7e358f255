//! The far end of a session.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use larder_engine::{Connection, Entered, Said, Wish};
use rustix::event::PollFlags;

use crate::failure::Failure;

/// What to wait for.
pub struct Watched<'f> {
    /// What says or takes something, and which of it is waited for.
    pub fds: Vec<(BorrowedFd<'f>, PollFlags)>,
    /// When to hear, whatever happens.
    pub patience: Option<Duration>,
}

/// Who is at the far end.
pub trait Far {
    /// What happens when it has said something, or takes more.
    fn watched(&self) -> Watched<'_>;
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
    fn hear(&mut self, each: &mut dyn FnMut(Said) -> Result<(), Failure>) -> Result<(), Failure>;
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
    fn watched(&self) -> Watched<'_> {
        let mut flags = PollFlags::IN;
        flags.set(PollFlags::OUT, self.has_unsent());
        Watched { fds: vec![(self.as_fd(), flags)], patience: None }
    }

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

    fn hear(&mut self, each: &mut dyn FnMut(Said) -> Result<(), Failure>) -> Result<(), Failure> {
        self.listen(each)
    }

    fn resize(&mut self, rows: u16, columns: u16) -> Result<(), Failure> {
        unless_over(self.wish_beside(Wish::Resize { rows, columns }).map_err(Into::into))
    }

    fn signal(&mut self, number: i32) -> Result<(), Failure> {
        unless_over(self.wish_beside(Wish::Signal { number, is_final: false }).map_err(Into::into))
    }
}

/// A process that this one has brought into a container.
impl Far for Entered {
    fn watched(&self) -> Watched<'_> {
        let sources = self.sources().map(|fd| (fd, PollFlags::IN));
        let fds = sources.chain(self.sink().map(|fd| (fd, PollFlags::OUT))).collect();
        Watched { fds, patience: self.patience() }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        Self::send(self, bytes);
        Ok(())
    }

    fn end_input(&mut self) -> Result<(), Failure> {
        Self::end_input(self);
        Ok(())
    }

    fn has_unsent(&self) -> bool {
        Self::has_unsent(self)
    }

    fn flush(&mut self) -> Result<(), Failure> {
        Self::flush(self);
        Ok(())
    }

    fn has_heard(&self) -> bool {
        false
    }

    fn hear(&mut self, each: &mut dyn FnMut(Said) -> Result<(), Failure>) -> Result<(), Failure> {
        self.listen(each)
    }

    fn resize(&mut self, rows: u16, columns: u16) -> Result<(), Failure> {
        // It may have ended.
        let _ = Self::resize(self, rows, columns);
        Ok(())
    }

    fn signal(&mut self, _number: i32) -> Result<(), Failure> {
        Ok(())
    }
}
