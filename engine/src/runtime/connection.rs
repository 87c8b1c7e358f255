//! Talking to a container's monitor.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::error::{Error, Result, Tried};
use super::frame::{Frame, Stream, Wish, decode};
use super::monitor::SOCKET;
use crate::disk::Folder;

/// What is read at once.
const BUFFER_BYTES: usize = 256 << 10;

/// A line to the monitor of a container.
#[derive(Debug)]
pub struct Connection {
    /// The container's directory.
    dir: PathBuf,
    stream: UnixStream,
    buffer: Vec<u8>,
    incoming: Vec<u8>,
    /// What is to be sent, from `sent` on.
    outgoing: Vec<u8>,
    sent: usize,
    /// What was said while something else was waited for.
    heard: VecDeque<Said>,
    is_over: bool,
    /// A second line: see [`Connection::wish_beside`].
    beside: Option<Box<Connection>>,
}

/// What the monitor says by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Said {
    /// The container has written something.
    Output(Stream, Vec<u8>),
    /// It has ended, with this exit code.
    Exited(i32),
    /// The monitor has nothing more to say.
    Over,
}

impl Connection {
    /// Calls the monitor of the container whose directory this is; `None` if there is none
    /// that listens.
    ///
    /// # Errors
    /// If it cannot be called.
    pub fn open(dir: &Path) -> Result<Option<Self>> {
        let folder = Folder::open(dir)?;
        let stream = match UnixStream::connect(folder.short_path(SOCKET)) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                return Ok(None);
            }
            stream => stream.tried("call the container's monitor")?,
        };
        // Whoever only writes and never reads would wait for a container that does the same.
        stream.set_nonblocking(true).tried("call the container's monitor")?;
        Ok(Some(Self {
            dir: dir.to_owned(),
            stream,
            buffer: vec![0; BUFFER_BYTES],
            incoming: Vec::new(),
            outgoing: Vec::new(),
            sent: 0,
            heard: VecDeque::new(),
            is_over: false,
            beside: None,
        }))
    }

    /// As [`Connection::wish`], on a line of its own: what is said on this one waits behind
    /// what was sent for standard input, until the container reads it.
    ///
    /// # Errors
    /// As there.
    pub fn wish_beside(&mut self, wish: Wish) -> Result<()> {
        let beside = match self.beside.take() {
            Some(beside) => beside,
            None => Box::new(Self::open(&self.dir)?.ok_or(Error::Gone)?),
        };
        self.beside.insert(beside).wish(wish)
    }

    /// Says what is wanted, and waits until it is fulfilled.
    ///
    /// # Errors
    /// If it is refused, or the monitor ends meanwhile.
    pub fn wish(&mut self, wish: Wish) -> Result<()> {
        self.say(&Frame::Wish(wish))?;
        loop {
            let mut at = 0;
            let mut answer = None;
            while let Ok(Some((frame, len))) = decode(self.incoming.get(at..).unwrap_or_default()) {
                at += len;
                match frame {
                    Frame::Done => answer = Some(Ok(())),
                    Frame::Refused(text) => {
                        let text = text.to_owned();
                        answer = Some(Err(Error::Refused { refusal: super::Refusal::Other, text }));
                    }
                    Frame::Output(stream, bytes) => {
                        self.heard.push_back(Said::Output(stream, bytes.to_vec()))
                    }
                    Frame::Exited(code) => self.heard.push_back(Said::Exited(code)),
                    _ => return Err(Error::Nonsense),
                }
                if answer.is_some() {
                    break;
                }
            }
            self.incoming.drain(..at);
            if let Some(answer) = answer {
                return answer;
            }
            if !self.receive()? {
                return Err(Error::Gone);
            }
        }
    }

    /// Sends bytes for standard input, as soon as they are taken.
    ///
    /// # Errors
    /// If the monitor has gone.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        bytes.chunks(super::frame::MAX_PAYLOAD).try_for_each(|part| self.say(&Frame::Stdin(part)))
    }

    /// Says that standard input has ended.
    ///
    /// # Errors
    /// If the monitor has gone.
    pub fn end_input(&mut self) -> Result<()> {
        self.say(&Frame::StdinEnd)
    }

    /// Whether something is still to be sent: see [`Connection::flush`].
    pub fn has_unsent(&self) -> bool {
        self.sent < self.outgoing.len()
    }

    /// Sends as much as is taken now of what is to be sent.
    ///
    /// # Errors
    /// If the monitor has gone.
    pub fn flush(&mut self) -> Result<()> {
        while let Some(rest) = self.outgoing.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_gone(error.kind()) => {
                    // Nobody will ever take it.
                    self.outgoing.clear();
                    self.sent = 0;
                    return Err(Error::Gone);
                }
                Err(error) => return Err(error).tried("talk to the container's monitor"),
            }
        }
        self.outgoing.clear();
        self.sent = 0;
        Ok(())
    }

    fn say(&mut self, frame: &Frame<'_>) -> Result<()> {
        frame.encode(&mut self.outgoing);
        self.flush()
    }

    /// Waits until something can be received, and sends meanwhile what is to be sent.
    fn wait(&mut self) -> Result<()> {
        loop {
            let mut flags = PollFlags::IN;
            flags.set(PollFlags::OUT, self.has_unsent());
            let mut polled = [PollFd::new(&self.stream, flags)];
            match poll(&mut polled, None) {
                Err(Errno::INTR) => continue,
                ready => _ = ready.tried("wait for the container's monitor")?,
            }
            let happened = polled.first().map_or(PollFlags::empty(), PollFd::revents);
            if happened.contains(PollFlags::OUT) {
                match self.flush() {
                    // What it said before it went is still to be heard.
                    Err(Error::Gone) => {}
                    flushed => flushed?,
                }
            }
            if happened.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
                return Ok(());
            }
        }
    }

    /// Waits for what the monitor says next, and hands it to `hear`, with all that was
    /// received already.
    ///
    /// # Errors
    /// If it makes no sense, or `hear` fails.
    pub fn listen<E: From<Error>>(
        &mut self,
        hear: &mut dyn FnMut(Said) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        if !self.has_heard() && !self.is_over {
            self.is_over = !self.receive()?;
        }
        while let Some(said) = self.heard.pop_front() {
            hear(said)?;
        }
        let mut at = 0;
        loop {
            match decode(self.incoming.get(at..).unwrap_or_default()) {
                Ok(None) => break,
                Ok(Some((frame, len))) => {
                    at += len;
                    match frame {
                        Frame::Output(stream, bytes) => hear(Said::Output(stream, bytes.to_vec()))?,
                        Frame::Exited(code) => hear(Said::Exited(code))?,
                        // An answer that nobody waited for.
                        Frame::Done | Frame::Refused(_) => {}
                        _ => return Err(Error::Nonsense.into()),
                    }
                }
                Err(_) => return Err(Error::Nonsense.into()),
            }
        }
        self.incoming.drain(..at);
        match self.is_over {
            true => hear(Said::Over),
            false => Ok(()),
        }
    }

    /// Whether something was received already that [`Connection::listen`] will tell.
    pub fn has_heard(&self) -> bool {
        !self.heard.is_empty() || !matches!(decode(&self.incoming), Ok(None))
    }

    /// Waits for bytes; `false` if there will be no more.
    fn receive(&mut self) -> Result<bool> {
        loop {
            self.wait()?;
            match self.stream.read(&mut self.buffer) {
                Ok(0) => return Ok(false),
                Ok(count) => {
                    self.incoming.extend_from_slice(self.buffer.get(..count).unwrap_or_default());
                    return Ok(true);
                }
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
                Err(error) if is_gone(error.kind()) => return Ok(false),
                Err(error) => return Err(error).tried("listen to the container's monitor"),
            }
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

fn is_gone(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}
