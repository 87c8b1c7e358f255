//! Where the files lie in a layer: hints, not truth.
//!
//! Bytes are pushed in as they come; each is said to be skeleton, payload or
//! tail. Nothing is refused: what is not understood is tail from there on,
//! which costs deduplication and never exactness. What is said of a byte
//! depends only on the bytes up to the end of its block, never on how the
//! input was cut into pieces:
//!
//! 1. A block read as a header, and the body and padding of an extension, are
//!    skeleton, whether or not they turn out to be understood.
//! 2. Everything after the second of two zero blocks, or after a block that
//!    is no header, is tail.
//! 3. All else is payload, of the entry whose header came last.

use super::header::{BLOCK_BYTES, Header, Kind, map_goes_on, padding_bytes, text};
use super::{MAX_EXTENSION_BYTES, pax};

/// What the next bytes of a layer are, and how many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Headers, their extensions, padding, and the end marker.
    Skeleton(usize),
    /// The payload of one file; [`Scanner::payload`] tells which part.
    Payload(usize),
    /// After the end marker, or once not understood as tar.
    Tail(usize),
}

impl Span {
    /// The number of bytes.
    pub fn len(self) -> usize {
        let (Self::Skeleton(len) | Self::Payload(len) | Self::Tail(len)) = self;
        len
    }

    /// Whether there are none, as at the end of the input.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// Follows a tar that is pushed through it.
///
/// ```
/// use larder_engine::tar::{Scanner, Span};
///
/// let mut scanner = Scanner::new();
/// assert_eq!(scanner.next(b"not a tar: too short for a header"), Span::Skeleton(33));
/// assert!(!scanner.is_tar());
/// ```
#[derive(Debug)]
pub struct Scanner {
    state: State,
    /// A header or a block of sparse map that has come in part.
    block: [u8; BLOCK_BYTES],
    have: usize,
    /// The body of an extension that has come in part.
    body: Vec<u8>,
    /// What extensions have said about the entry to come.
    next: Next,
    /// Of the payload that the last span belongs to: its length, and how much came before.
    payload: (u64, u64),
    content_bytes: u64,
    verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Header {
        after_zeros: bool,
    },
    /// A block of an old GNU sparse map; the payload is yet to come.
    Map {
        size: u64,
    },
    /// The body of an extension, kept unless it does not matter here.
    Extension {
        left: u64,
        size: u64,
        kind: Kind,
    },
    Payload {
        left: u64,
        size: u64,
    },
    Padding {
        left: u64,
    },
    Tail,
}

#[derive(Debug, Clone, Copy, Default)]
struct Next {
    size: Option<u64>,
    real_size: Option<u64>,
    /// Whether the name that it will have ends in a slash.
    slash: Option<bool>,
    /// How long the target of the link will be.
    target: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Open,
    Tar,
    Not,
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

impl Scanner {
    /// A scanner before the first byte of a layer.
    pub fn new() -> Self {
        Self {
            state: State::Header { after_zeros: false },
            block: [0; BLOCK_BYTES],
            have: 0,
            body: Vec::new(),
            next: Next::default(),
            payload: (0, 0),
            content_bytes: 0,
            verdict: Verdict::Open,
        }
    }

    /// Says what the start of `input` is, and takes that much of it: at least
    /// one byte, unless there is none. The rest is to be passed in again.
    pub fn next(&mut self, input: &[u8]) -> Span {
        match self.state {
            State::Header { .. } | State::Map { .. } => self.take_block(input),
            State::Extension { left, size, kind } => {
                let taken = part(input, left);
                if kind != Kind::GlobalPax {
                    self.body.extend_from_slice(taken);
                }
                self.state = match left - taken.len() as u64 {
                    0 => self.extension_ended(size, kind),
                    left => State::Extension { left, size, kind },
                };
                Span::Skeleton(taken.len())
            }
            State::Payload { left, size } => {
                let taken = part(input, left).len();
                self.payload = (size, size - left);
                self.state = match left - taken as u64 {
                    0 => padding(size),
                    left => State::Payload { left, size },
                };
                Span::Payload(taken)
            }
            State::Padding { left } => {
                let taken = part(input, left).len();
                self.state = match left - taken as u64 {
                    0 => State::Header { after_zeros: false },
                    left => State::Padding { left },
                };
                Span::Skeleton(taken)
            }
            State::Tail => Span::Tail(input.len()),
        }
    }

    /// Of the payload that the last [`Span::Payload`] belongs to: its length in
    /// the tar, and how much of it came before that span.
    pub fn payload(&self) -> (u64, u64) {
        self.payload
    }

    /// What the entries so far take when unpacked, as Docker adds up a layer's
    /// size: files with their holes, links by the length of their target, and
    /// nothing for further names of a file.
    pub fn content_bytes(&self) -> u64 {
        self.content_bytes
    }

    /// Whether all so far was understood, and held a header or an end marker.
    pub fn is_tar(&self) -> bool {
        self.verdict == Verdict::Tar
    }

    fn take_block(&mut self, input: &[u8]) -> Span {
        let taken = part(input, (BLOCK_BYTES - self.have) as u64);
        if let Some(room) = self.block.get_mut(self.have..self.have + taken.len()) {
            room.copy_from_slice(taken);
        }
        self.have += taken.len();
        if self.have == BLOCK_BYTES {
            self.have = 0;
            self.state = match self.state {
                State::Map { size } if map_goes_on(&self.block) => State::Map { size },
                State::Map { size } => payload(size),
                _ => self.header_ended(),
            };
        }
        Span::Skeleton(taken.len())
    }

    fn header_ended(&mut self) -> State {
        let after_zeros = self.state == State::Header { after_zeros: true };
        match Header::decode(&self.block) {
            Ok(None) if after_zeros => {
                self.verdict = Verdict::Tar;
                State::Tail
            }
            Ok(None) => State::Header { after_zeros: true },
            Ok(Some(header)) if !after_zeros => self.entry_begins(&header),
            Ok(Some(_)) | Err(_) => self.give_up(),
        }
    }

    fn entry_begins(&mut self, header: &Header) -> State {
        self.verdict = Verdict::Tar;
        let kind = header.kind();
        if kind.is_extension() {
            let size = header.size();
            return match size {
                _ if size > MAX_EXTENSION_BYTES => self.give_up(),
                0 => State::Header { after_zeros: false },
                _ => {
                    self.body.clear();
                    State::Extension { left: size, size, kind }
                }
            };
        }
        let next = std::mem::take(&mut self.next);
        let kind = match next.slash {
            Some(slash) => header.kind_when_named(if slash { b"/" } else { b"" }),
            None => kind,
        };
        let size = next.size.unwrap_or(header.size());
        let content = match kind {
            Kind::File => next.real_size.unwrap_or(size),
            Kind::Sparse => header.real_size().unwrap_or(size),
            Kind::Symlink => next.target.unwrap_or(header.link_name().len() as u64),
            _ => 0,
        };
        self.content_bytes = self.content_bytes.saturating_add(content);
        if header.map_goes_on() {
            State::Map { size }
        } else if kind.has_payload() {
            payload(size)
        } else {
            State::Header { after_zeros: false }
        }
    }

    fn extension_ended(&mut self, size: u64, kind: Kind) -> State {
        match kind {
            Kind::LongName => self.next.slash = Some(text(&self.body).ends_with(b"/")),
            Kind::LongLink => self.next.target = Some(text(&self.body).len() as u64),
            Kind::Pax if self.read_pax().is_none() => return self.give_up(),
            _ => {}
        }
        padding(size)
    }

    /// `None` when the body is not pax records, or a size is no number.
    fn read_pax(&mut self) -> Option<()> {
        let mut next = Next { size: None, real_size: None, ..self.next };
        for record in pax::records(&self.body) {
            let record = record.ok()?;
            match record.key {
                b"linkpath" if !record.value.is_empty() => next.target = Some(record.value.len() as u64),
                b"path" if !record.value.is_empty() => next.slash = Some(record.value.ends_with(b"/")),
                b"size" => next.size = optional(&record)?,
                b"GNU.sparse.size" | b"GNU.sparse.realsize" => next.real_size = optional(&record)?,
                _ => {}
            }
        }
        self.next = next;
        Some(())
    }

    fn give_up(&mut self) -> State {
        self.verdict = Verdict::Not;
        State::Tail
    }
}

/// The number in `record`, or that it is empty; `None` if it is neither.
fn optional(record: &pax::Record<'_>) -> Option<Option<u64>> {
    if record.value.is_empty() { Some(None) } else { record.number().map(Some) }
}

/// The start of `input`, at most `left` bytes of it.
fn part(input: &[u8], left: u64) -> &[u8] {
    let len = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
    input.get(..len).unwrap_or(input)
}

fn payload(size: u64) -> State {
    if size == 0 { State::Header { after_zeros: false } } else { State::Payload { left: size, size } }
}

fn padding(size: u64) -> State {
    match padding_bytes(size) {
        0 => State::Header { after_zeros: false },
        left => State::Padding { left },
    }
}

#[cfg(test)]
mod tests;
