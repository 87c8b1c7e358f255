//! What a monitor and its clients say to each other: frames on a stream socket.
//!
//! | offset | size | field (integers little-endian) |
//! |-------:|-----:|--------------------------------|
//! |      0 |    1 | kind                           |
//! |      1 |    4 | `len`: bytes of payload, at most [`MAX_PAYLOAD`] |
//! |      5 |  len | payload                        |
//!
//! Clients say (kind, payload):
//!
//! | kind | payload |
//! |-----:|---------|
//! |    1 | a [`Wish`] as JSON; each is answered by one frame 17 or 18 |
//! |    2 | bytes for standard input |
//! |    3 | nothing: standard input ends |
//!
//! and the monitor:
//!
//! | kind | payload |
//! |-----:|---------|
//! |   16 | one byte, 1 for standard output, 2 for standard error; then bytes |
//! |   17 | nothing: the wish is fulfilled |
//! |   18 | text: why it is not |
//! |   19 | 4 bytes, the exit code: the run is over, and written down |

use serde::{Deserialize, Serialize};

/// More than a pipe holds at once.
pub const MAX_PAYLOAD: usize = 1 << 20;
/// Bytes before the payload.
pub const HEAD_BYTES: usize = 5;

/// What a client wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Wish {
    /// To hear what the container writes from now on, and whether to write to it.
    Attach {
        /// Standard input is for this client to write.
        stdin: bool,
        /// To hear standard output.
        stdout: bool,
        /// To hear standard error.
        stderr: bool,
    },
    /// To hear when the run is over.
    Wait {
        /// Not before it will not be started again by itself.
        for_good: bool,
    },
    /// To send a signal to the container's first process.
    Signal {
        /// Its number.
        number: i32,
        /// And that it is not started again when it ends.
        is_final: bool,
    },
    /// That it is not removed when it ends this time: it is about to be started again.
    Keep,
    /// To freeze it for as long as this client is there and does not say [`Wish::Release`].
    Hold,
    /// To let it go on, as soon as nobody else holds it.
    Release,
    /// To freeze it.
    Pause,
    /// To let it go on.
    Resume,
    /// To tell its terminal how large it is.
    Resize {
        /// Lines.
        rows: u16,
        /// Characters in each.
        columns: u16,
    },
}

/// A stream that a container writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame<'f> {
    Wish(Wish),
    Stdin(&'f [u8]),
    StdinEnd,
    Output(Stream, &'f [u8]),
    Done,
    Refused(&'f str),
    Exited(i32),
}

impl Frame<'_> {
    /// Puts it behind what is in `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut put = |kind: u8, parts: &[&[u8]]| {
            let len: usize = parts.iter().map(|part| part.len()).sum();
            out.push(kind);
            out.extend_from_slice(&(len as u32).to_le_bytes());
            parts.iter().for_each(|part| out.extend_from_slice(part));
        };
        match self {
            Self::Wish(wish) => put(1, &[&serde_json::to_vec(wish).unwrap_or_default()]),
            Self::Stdin(bytes) => put(2, &[bytes]),
            Self::StdinEnd => put(3, &[]),
            Self::Output(Stream::Stdout, bytes) => put(16, &[&[1], bytes]),
            Self::Output(Stream::Stderr, bytes) => put(16, &[&[2], bytes]),
            Self::Done => put(17, &[]),
            Self::Refused(text) => put(18, &[text.as_bytes()]),
            Self::Exited(code) => put(19, &[&code.to_le_bytes()]),
        }
    }
}

/// The frame at the start of `bytes` and how long it is; `None` while it is not whole.
///
/// # Errors
/// If it is none.
pub fn decode(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, Malformed> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD_BYTES>() else { return Ok(None) };
    let [kind, len @ ..] = *head;
    let len = u32::from_le_bytes(len) as usize;
    if len > MAX_PAYLOAD {
        return Err(Malformed);
    }
    let Some(payload) = rest.get(..len) else { return Ok(None) };
    let frame = match (kind, payload) {
        (1, payload) => Frame::Wish(serde_json::from_slice(payload).map_err(|_| Malformed)?),
        (2, payload) => Frame::Stdin(payload),
        (3, []) => Frame::StdinEnd,
        (16, [1, bytes @ ..]) => Frame::Output(Stream::Stdout, bytes),
        (16, [2, bytes @ ..]) => Frame::Output(Stream::Stderr, bytes),
        (17, []) => Frame::Done,
        (18, payload) => Frame::Refused(std::str::from_utf8(payload).map_err(|_| Malformed)?),
        (19, payload) => Frame::Exited(i32::from_le_bytes(payload.try_into().map_err(|_| Malformed)?)),
        _ => return Err(Malformed),
    };
    Ok(Some((frame, HEAD_BYTES + len)))
}

/// Bytes that are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames() -> Vec<Frame<'static>> {
        vec![
            Frame::Wish(Wish::Attach { stdin: true, stdout: true, stderr: false }),
            Frame::Wish(Wish::Resize { rows: 24, columns: 80 }),
            Frame::Wish(Wish::Hold),
            Frame::Stdin(b"in"),
            Frame::StdinEnd,
            Frame::Output(Stream::Stdout, b"out"),
            Frame::Output(Stream::Stderr, b""),
            Frame::Done,
            Frame::Refused("no"),
            Frame::Exited(-1),
        ]
    }

    #[test]
    fn what_is_said_is_understood_however_it_is_cut() {
        for frame in frames() {
            let mut bytes = Vec::new();
            frame.encode(&mut bytes);
            for end in 0..bytes.len() {
                assert_eq!(decode(&bytes[..end]), Ok(None), "{frame:?} cut at {end}");
            }
            let len = bytes.len();
            bytes.push(9);
            assert_eq!(decode(&bytes), Ok(Some((frame, len))));
        }
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for bytes in
            [&b"\x07\0\0\0\0"[..], b"\x02\xff\xff\xff\xff", b"\x10\x01\0\0\0\x03", b"\x01\x01\0\0\0{"]
        {
            assert_eq!(decode(bytes), Err(Malformed), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_answer(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}
