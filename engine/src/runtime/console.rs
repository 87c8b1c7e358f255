//! The terminal of a container: the runtime makes it inside, and hands its other end over.

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::termios::{Winsize, tcsetwinsize};

use super::error::{Error, Result, Tried};

/// A runtime hands it over before it says that the container is made.
const PATIENCE: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// Where a runtime hands over a terminal.
pub struct ConsoleSocket(UnixListener);

impl ConsoleSocket {
    /// Listens at `name` in the current directory.
    ///
    /// # Errors
    /// If that is not possible.
    pub fn bind(name: &str) -> Result<Self> {
        Ok(Self(UnixListener::bind(name).tried("listen for the terminal")?))
    }

    /// The terminal, which somebody has handed over.
    ///
    /// # Errors
    /// If nobody has.
    pub fn receive(&self) -> Result<OwnedFd> {
        let mut ready = [PollFd::new(&self.0, PollFlags::IN)];
        loop {
            match poll(&mut ready, Some(&PATIENCE)) {
                Err(Errno::INTR) => {}
                ready if ready.tried("wait for the terminal")? == 0 => return Err(Error::Nonsense),
                _ => break,
            }
        }
        let (stream, _) = self.0.accept().tried("wait for the terminal")?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut bytes = [0; 4096];
        recvmsg(stream.as_fd(), &mut [IoSliceMut::new(&mut bytes)], &mut control, RecvFlags::CMSG_CLOEXEC)
            .tried("receive the terminal")?;
        let mut messages = control.drain();
        let handed = messages.find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut handed) => handed.next(),
            _ => None,
        });
        handed.ok_or(Error::Nonsense)
    }
}

/// Tells a terminal how large it is.
///
/// # Errors
/// If it is none.
pub fn resize(terminal: impl AsFd, rows: u16, columns: u16) -> Result<()> {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(terminal, size).tried("tell the terminal its size")
}
