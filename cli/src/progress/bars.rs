//! Bars for a terminal.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use larder_engine::{Event, Progress};

use crate::output::{size, stderr, text};

/// What is over sooner needs no bar: it would only flicker.
const PATIENCE: Duration = Duration::from_millis(150);
/// Columns that the name of a step gets.
const NAME_COLUMNS: usize = 22;
/// With and without a known end; both fit into 80 columns.
const BAR: &str = "{msg:22} {wide_bar:.cyan/dim} {done:>9}/{total:<9} {rate:>11} {eta:>4} {prefix}";
const SPINNER: &str = "{msg:22} {spinner:.cyan} {done:>9} {rate:>11} {prefix}";

/// A bar for each step that takes its time, a line for each that brought something in.
#[derive(Default)]
pub struct Bars {
    all: MultiProgress,
    running: Mutex<HashMap<String, Step>>,
}

/// A step under way.
struct Step {
    since: Instant,
    total_bytes: Option<u64>,
    bar: Option<ProgressBar>,
}

impl Bars {
    fn running(&self) -> MutexGuard<'_, HashMap<String, Step>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn advance(&self, item: &str, done_bytes: u64, new_bytes: Option<u64>) {
        let mut running = self.running();
        let Some(step) = running.get_mut(item).filter(|step| step.since.elapsed() >= PATIENCE) else {
            return;
        };
        let bar = step.bar.get_or_insert_with(|| {
            let look = if step.total_bytes.is_some() { BAR } else { SPINNER };
            let style = ProgressStyle::with_template(look).unwrap_or_else(|_| ProgressStyle::default_bar());
            let style = with_sizes(style);
            let bar = step.total_bytes.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
            let bar = self.all.add(bar.with_elapsed(step.since.elapsed()));
            bar.set_style(style.progress_chars("━╸─"));
            bar.set_message(short(item));
            // What has passed until now tells nothing of the rate.
            bar.set_position(done_bytes);
            bar.reset_eta();
            bar
        });
        // The end may be known nearly only.
        bar.set_position(done_bytes.min(step.total_bytes.unwrap_or(u64::MAX)));
        if let Some(new_bytes) = new_bytes {
            bar.set_prefix(format!("{} new", size::short(new_bytes)));
        }
    }

    fn end(&self, item: &str) {
        if let Some(Step { bar: Some(bar), .. }) = self.running().remove(item) {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
    }

    fn say(&self, line: &str) {
        let line = stderr::shown(&text::in_one_cell(line));
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
            Event::Started { item, total_bytes } => {
                let step = Step { since: Instant::now(), total_bytes: *total_bytes, bar: None };
                self.running().insert((*item).to_owned(), step);
            }
            Event::Advanced { item, done_bytes, new_bytes } => self.advance(item, *done_bytes, *new_bytes),
            Event::Finished { item, bytes, new_bytes } => {
                self.end(item);
                if let Some(new_bytes) = new_bytes {
                    let (bytes, new_bytes) = (size::long(*bytes), size::long(*new_bytes));
                    self.say(&format!("{:NAME_COLUMNS$} {bytes:>9}, {new_bytes} new", short(item)));
                }
            }
            Event::Skipped { item } => {
                self.say(&format!("{:NAME_COLUMNS$}     there already", short(item)));
            }
            Event::Notice { text } => self.say(&format!("note: {text}")),
            _ => {}
        }
    }
}

/// Sizes in the form that every table of larder has.
fn with_sizes(style: ProgressStyle) -> ProgressStyle {
    style
        .with_key("done", |state: &ProgressState, out: &mut dyn fmt::Write| {
            let _ = out.write_str(&size::short(state.pos()));
        })
        .with_key("total", |state: &ProgressState, out: &mut dyn fmt::Write| {
            let _ = out.write_str(&size::short(state.len().unwrap_or_default()));
        })
        .with_key("rate", |state: &ProgressState, out: &mut dyn fmt::Write| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "three digits are shown"
            )]
            let rate = state.per_sec() as u64;
            let _ = write!(out, "{}/s", size::short(rate));
        })
}

/// The name of a step, which may be that of a stranger's file.
fn short(item: &str) -> String {
    text::ellipsis(&text::harmless(&text::in_one_cell(item)), NAME_COLUMNS).into_owned()
}
