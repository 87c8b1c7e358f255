//! Who talks to the monitor.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

use super::super::error::{Result, Tried};
use super::super::frame::{Frame, HEAD_BYTES, MAX_PAYLOAD, Stream, Wish, decode};
use super::super::streams::BUFFER_BYTES;

/// A client that has so much to read yet holds up the container: nothing is thrown away.
const MAX_UNREAD: usize = 1 << 20;

/// Somebody who talks to the monitor.
pub struct Client {
    pub stream: UnixStream,
    /// What has come of a frame.
    incoming: Vec<u8>,
    /// What is to be sent, from `sent` on.
    outgoing: Vec<u8>,
    sent: usize,
    /// The streams that it hears: standard output and standard error.
    hears: (bool, bool),
    /// Whether it writes standard input.
    pub writes: bool,
    /// Whether it waits for the end, and for that of the last run.
    pub waits: Option<bool>,
    /// Whether it holds the container still.
    pub holds: bool,
    pub is_gone: bool,
}

/// What a client has said.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    Wish(Wish),
    Stdin(Vec<u8>),
    StdinEnd,
}

impl Client {
    pub fn new(stream: UnixStream) -> Result<Self> {
        stream.set_nonblocking(true).tried("listen to a client")?;
        let (incoming, outgoing) = (Vec::new(), Vec::new());
        let (hears, writes, waits, holds) = ((false, false), false, None, false);
        Ok(Self { stream, incoming, outgoing, sent: 0, hears, writes, waits, holds, is_gone: false })
    }

    /// Begins to pass on what the container writes.
    pub fn attach(&mut self, stdin: bool, stdout: bool, stderr: bool) {
        (self.writes, self.hears) = (stdin, (stdout, stderr));
    }

    /// Whether it hears something.
    pub fn is_attached(&self) -> bool {
        self.writes || self.hears.0 || self.hears.1
    }

    pub fn has_unsent(&self) -> bool {
        self.sent < self.outgoing.len()
    }

    /// Whether the container has to wait for it.
    pub fn is_full(&self) -> bool {
        self.outgoing.len() - self.sent > MAX_UNREAD
    }

    /// Passes on what the container has written, if it is to hear it.
    pub fn tell_output(&mut self, stream: Stream, bytes: &[u8]) {
        let hears = match stream {
            Stream::Stdout => self.hears.0,
            Stream::Stderr => self.hears.1,
        };
        if hears {
            self.tell(&Frame::Output(stream, bytes));
        }
    }

    /// Sends `frame`, when the client reads it.
    pub fn tell(&mut self, frame: &Frame<'_>) {
        if self.sent == self.outgoing.len() {
            self.outgoing.clear();
            self.sent = 0;
        }
        frame.encode(&mut self.outgoing);
        self.send();
    }

    /// Sends as much as is taken.
    pub fn send(&mut self) {
        while let Some(rest) = self.outgoing.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match (&self.stream).write(rest) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.is_gone = true;
                    return;
                }
            }
        }
    }

    /// What it has said since. One that says what makes no sense is not listened to.
    pub fn listen(&mut self) -> Vec<Heard> {
        let mut buffer = vec![0; BUFFER_BYTES.min(MAX_PAYLOAD + HEAD_BYTES)];
        match (&self.stream).read(&mut buffer) {
            Ok(0) => self.is_gone = true,
            Ok(count) => self.incoming.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.is_gone = true,
        }
        let mut heard = Vec::new();
        let mut at = 0;
        loop {
            match decode(self.incoming.get(at..).unwrap_or_default()) {
                Ok(Some((frame, len))) => {
                    at += len;
                    heard.push(match frame {
                        Frame::Wish(wish) => Heard::Wish(wish),
                        Frame::Stdin(bytes) => Heard::Stdin(bytes.to_vec()),
                        Frame::StdinEnd => Heard::StdinEnd,
                        _ => {
                            self.is_gone = true;
                            break;
                        }
                    });
                }
                Ok(None) => break,
                Err(_) => {
                    self.is_gone = true;
                    break;
                }
            }
        }
        self.incoming.drain(..at);
        heard
    }
}
