//! What the runtime that is built in says beside its errors: those name the step that
//! failed, its log says why.
//!
//! It is said in processes of its own, which end then: they write it to a pipe that the
//! monitor reads.

use std::fmt::{self, Write};
use std::os::fd::OwnedFd;
use std::sync::OnceLock;

use rustix::io::{Errno, ioctl_fionbio};
use rustix::pipe::{PipeFlags, pipe_with};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// The reading end and the writing end.
static PIPE: OnceLock<(OwnedFd, OwnedFd)> = OnceLock::new();

/// What is read of it at once, and at most shown.
const MAX_BYTES: usize = 4096;

/// From now on this process hears the runtime complain. Done once.
pub fn listen() {
    let Ok((read, write)) = pipe_with(PipeFlags::CLOEXEC) else { return };
    if [&read, &write].iter().all(|end| ioctl_fionbio(end, true).is_ok()) && PIPE.set((read, write)).is_ok() {
        // Another program that embeds this one may have its own.
        let _ = tracing::subscriber::set_global_default(Complaints);
    }
}

/// What was said since the last call, a line each.
pub fn heard() -> Vec<String> {
    let mut text = Vec::new();
    let mut buffer = [0; MAX_BYTES];
    while let Some((read, _)) = PIPE.get() {
        match rustix::io::read(read, &mut buffer) {
            Ok(count @ 1..) => text.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(Errno::INTR) => {}
            Ok(_) | Err(_) => break,
        }
    }
    String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
}

/// Hears nothing but errors.
struct Complaints;

impl Subscriber for Complaints {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let text = format!("{}{}\n", line.message, line.fields);
        if let Some((_, write)) = PIPE.get() {
            let _ = rustix::io::write(write, text.as_bytes());
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to memory does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            _ => write!(self.fields, ", {value:?}"),
        };
    }
}
