//! A JSON object a line, for programs. The shapes are a promise: members are added, never
//! changed or removed. docs/progress.md lists them for who reads them.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use larder_engine::{Event, Progress};
use serde::Serialize;
use serde_json::{Map, Value};

/// Between two objects of one step that has only advanced.
const INTERVAL: Duration = Duration::from_millis(200);

/// What a command has to say in numbers: `("new_bytes", 12)`.
pub type Figures<'f> = &'f [(&'f str, u64)];

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Told<'t> {
    Started {
        item: &'t str,
        total_bytes: Option<u64>,
    },
    Advanced {
        item: &'t str,
        done_bytes: u64,
        total_bytes: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        new_bytes: Option<u64>,
    },
    Finished {
        item: &'t str,
        bytes: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        new_bytes: Option<u64>,
    },
    Planned {
        total_bytes: u64,
    },
    Skipped {
        item: &'t str,
    },
    Note {
        text: &'t str,
    },
    Done {
        text: &'t str,
        #[serde(flatten)]
        figures: Map<String, Value>,
    },
    Error {
        text: &'t str,
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<&'t str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        exit_code: Option<u8>,
    },
}

impl Told<'_> {
    fn write(&self) {
        let Ok(mut line) = serde_json::to_vec(self) else { return };
        line.push(b'\n');
        // One write, so that lines of several threads do not mix.
        let _ = io::stderr().write_all(&line);
    }
}

/// What was done: a sentence for people, and its numbers.
pub fn tell_done(text: &str, figures: Figures<'_>) {
    let figures = figures.iter().map(|(name, number)| ((*name).to_owned(), (*number).into())).collect();
    Told::Done { text, figures }.write();
}

/// What went wrong; and if that ends the command, with which code.
pub fn tell_error(text: &str, hint: Option<&str>, exit_code: Option<u8>) {
    Told::Error { text, hint, exit_code }.write();
}

/// What a person must know.
pub fn tell_note(text: &str) {
    Told::Note { text }.write();
}

/// Only the sentences.
pub struct Notes;

impl Progress for Notes {
    fn report(&self, event: &Event<'_>) {
        if let Event::Notice { text } = event {
            tell_note(text);
        }
    }
}

/// Everything.
#[derive(Default)]
pub struct Objects {
    running: Mutex<HashMap<String, (Instant, Option<u64>)>>,
}

impl Progress for Objects {
    fn report(&self, event: &Event<'_>) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match *event {
            Event::Planned { total_bytes } => Told::Planned { total_bytes }.write(),
            Event::Started { item, total_bytes } => {
                running.insert(item.to_owned(), (Instant::now(), total_bytes));
                Told::Started { item, total_bytes }.write();
            }
            Event::Advanced { item, done_bytes, new_bytes } => {
                let Some((told, total_bytes)) = running.get_mut(item) else { return };
                if told.elapsed() >= INTERVAL {
                    *told = Instant::now();
                    Told::Advanced { item, done_bytes, total_bytes: *total_bytes, new_bytes }.write();
                }
            }
            Event::Finished { item, bytes, new_bytes } => {
                running.remove(item);
                Told::Finished { item, bytes, new_bytes }.write();
            }
            Event::Skipped { item } => Told::Skipped { item }.write(),
            Event::Notice { text } => tell_note(text),
            _ => {}
        }
    }
}
