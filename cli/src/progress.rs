//! What long work is at, on a terminal's standard error.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use larder_engine::{Event, Progress};

use crate::output::{size, text};

/// Bars for a terminal; for anything else only what a person must know.
pub fn for_stderr() -> Arc<dyn Progress> {
    if io::stderr().is_terminal() { Arc::new(Bars::default()) } else { notices() }
}

/// No bars: only what a person must know.
pub fn notices() -> Arc<dyn Progress> {
    Arc::new(Notices)
}

/// A bar for each step under way, a line for each step that is over.
#[derive(Default)]
struct Bars {
    all: MultiProgress,
    running: Mutex<HashMap<String, ProgressBar>>,
}

impl Bars {
    fn start(&self, item: &str, total_bytes: Option<u64>) {
        let look = if total_bytes.is_some() {
            "{msg:32} {bar:30} {decimal_bytes:>11} of {decimal_total_bytes}  {decimal_bytes_per_sec}  {eta}"
        } else {
            "{msg:32} {spinner} {decimal_bytes:>11}  {decimal_bytes_per_sec}"
        };
        let style = ProgressStyle::with_template(look).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = self.all.add(total_bytes.map_or_else(ProgressBar::new_spinner, ProgressBar::new));
        bar.set_style(style.progress_chars("##-"));
        bar.set_message(short(item));
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.insert(item.to_owned(), bar);
    }

    fn advance(&self, item: &str, done_bytes: u64) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = running.get(item) {
            bar.set_position(done_bytes);
        }
    }

    fn end(&self, item: &str, line: fmt::Arguments<'_>) {
        let bar = self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(item);
        if let Some(bar) = bar {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
        let line = line.to_string();
        let line = text::harmless(&text::in_one_cell(&line)).into_owned();
        // A terminal that is gone needs no news.
        self.all.suspend(|| drop(writeln!(io::stderr(), "{line}")));
    }
}

impl Drop for Bars {
    /// What was cut short leaves no bar on the screen.
    fn drop(&mut self) {
        let _ = self.all.clear();
    }
}

impl Progress for Bars {
    fn report(&self, event: &Event<'_>) {
        match event {
            Event::Started { item, total_bytes } => self.start(item, *total_bytes),
            Event::Advanced { item, done_bytes } => self.advance(item, *done_bytes),
            Event::Finished { item, bytes, new_bytes } => {
                let (bytes, new) = (size::long(*bytes), size::long(*new_bytes));
                self.end(item, format_args!("{:32} {bytes:>11}, {new} new", short(item)));
            }
            Event::Skipped { item } => self.end(item, format_args!("{:32} is there already", short(item))),
            Event::Notice { text } => self.end("", format_args!("note: {text}")),
            _ => {}
        }
    }
}

/// Columns that the name of a step gets.
const NAME_COLUMNS: usize = 32;

/// The name of a step, which may be that of a stranger's file.
fn short(item: &str) -> String {
    text::ellipsis(&text::harmless(&text::in_one_cell(item)), NAME_COLUMNS).into_owned()
}

/// Only the sentences.
struct Notices;

impl Progress for Notices {
    fn report(&self, event: &Event<'_>) {
        if let Event::Notice { text } = event {
            let _ = writeln!(io::stderr(), "note: {}", text::harmless(text));
        }
    }
}
