//! Who talks to the monitor.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

use rustix::event::PollFlags;

use super::super::error::{Result, Tried};
use super::super::frame::{Frame, HEAD_BYTES, MAX_PAYLOAD, Stream, Wish, decode};
use super::super::streams::BUFFER_BYTES;

/// A client with more unread bytes than this holds up the container, because no output is
/// thrown away, and is not listened to, because every request costs an answer.
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

    /// Returns what to poll its connection for; `takes_input` says whether standard input
    /// has room.
    pub fn poll_flags(&self, takes_input: bool) -> PollFlags {
        let mut flags = PollFlags::empty();
        // A client that only sends requests never waits for a container that does not read.
        flags.set(PollFlags::IN, !self.is_full() && (takes_input || !self.writes));
        flags.set(PollFlags::OUT, self.has_unsent());
        flags
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
        } else if self.sent > MAX_UNREAD {
            // A client that is always a little behind never empties the buffer.
            self.outgoing.drain(..self.sent);
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

    /// What it has said since. One that says what makes no sense is not listened to, and one
    /// that does not read its answers waits until it does.
    pub fn listen(&mut self) -> Vec<Heard> {
        if self.is_full() {
            return Vec::new();
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn connected() -> (Client, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        (Client::new(ours).unwrap(), theirs)
    }

    /// Answers all that the client asks for.
    fn answer(client: &mut Client) -> usize {
        let heard = client.listen();
        heard.iter().for_each(|_| client.tell(&Frame::Refused("the container is restarting")));
        heard.len()
    }

    #[test]
    fn answers_to_a_client_that_does_not_read_are_bounded_and_none_is_lost() {
        let (mut client, mut peer) = connected();
        let mut wish = Vec::new();
        Frame::Wish(Wish::Pause).encode(&mut wish);
        let batch = wish.repeat(1000);
        let (mut answered, mut asked_bytes) = (0, 0);
        for _ in 0..2000 {
            asked_bytes += peer.write(&batch[asked_bytes % wish.len()..]).unwrap_or_default();
            answered += answer(&mut client);
            assert!(client.outgoing.len() < 4 * MAX_UNREAD, "{}", client.outgoing.len());
        }
        assert!(client.is_full() && answered * wish.len() < asked_bytes);
        assert_eq!(client.poll_flags(true), PollFlags::OUT);

        let (mut got, mut buffer) = (0, vec![0; 64 << 10]);
        let idle = |client: &Client| !client.has_unsent() && !client.is_gone;
        for _ in 0..100_000 {
            got += peer.read(&mut buffer).unwrap_or_default();
            client.send();
            let more = answer(&mut client);
            answered += more;
            if more == 0 && idle(&client) && peer.read(&mut []).is_ok() {
                break;
            }
        }
        while let Ok(count) = peer.read(&mut buffer) {
            got += count;
        }
        let mut one = Vec::new();
        Frame::Refused("the container is restarting").encode(&mut one);
        assert_eq!((answered, got), (asked_bytes / wish.len(), answered * one.len()));
        assert!(client.poll_flags(true).contains(PollFlags::IN));
    }

    #[test]
    fn a_client_that_is_always_a_little_behind_costs_no_more_memory_for_that() {
        let (mut client, mut peer) = connected();
        client.attach(false, true, false);
        let (output, mut buffer) = (vec![b'y'; 64 << 10], vec![0; 64 << 10]);
        let mut behind = false;
        for _ in 0..1000 {
            client.tell_output(Stream::Stdout, &output);
            if client.outgoing.len() - client.sent > MAX_UNREAD / 2 {
                behind = true;
                let _ = peer.read(&mut buffer);
                client.send();
            }
            while client.is_full() {
                let _ = peer.read(&mut buffer);
                client.send();
            }
            assert!(client.outgoing.len() <= 3 * MAX_UNREAD, "{}", client.outgoing.len());
        }
        assert!(behind && client.has_unsent());
    }
}
