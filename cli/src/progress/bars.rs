//! Bars for a terminal.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use larder_engine::{Event, Progress};

use crate::output::{size, stderr, text};

/// What is over sooner needs no bar: it would only flicker.
const PATIENCE: Duration = Duration::from_millis(150);
/// Columns that the name of a step gets.
const NAME_COLUMNS: usize = 22;
/// With and without a known end; both fit into 80 columns.
const BAR: &str = "{msg:22} {wide_bar:.cyan/dim} {done:>9}/{total:<9} {rate:>11} {eta:>4} {prefix}";
const SPINNER: &str = "{msg:22} {spinner:.cyan} {done:>9} {rate:>11} {prefix}";

/// A bar for each step that takes its time, a line for each that brought something in; and above
/// them, where it is known how much the steps pass together, a bar of all.
#[derive(Default)]
pub struct Bars {
    all: MultiProgress,
    running: Mutex<HashMap<String, Step>>,
    whole: Mutex<Option<Whole>>,
}

/// All steps together.
struct Whole {
    step: Step,
    total_bytes: u64,
    /// Of the steps that are over.
    done_bytes: u64,
}

/// A step under way.
struct Step {
    since: Instant,
    total_bytes: Option<u64>,
    done_bytes: u64,
    bar: Option<ProgressBar>,
}

impl Step {
    fn start(total_bytes: Option<u64>) -> Self {
        Self { since: Instant::now(), total_bytes, done_bytes: 0, bar: None }
    }

    /// Moves its bar, which `add` puts on the screen when the step has taken some time.
    fn advance(&mut self, name: &str, done_bytes: u64, add: impl FnOnce(ProgressBar) -> ProgressBar) {
        self.done_bytes = done_bytes;
        if self.since.elapsed() < PATIENCE {
            return;
        }
        let (since, total_bytes) = (self.since, self.total_bytes);
        let bar = self.bar.get_or_insert_with(|| {
            let look = if total_bytes.is_some() { BAR } else { SPINNER };
            let style = ProgressStyle::with_template(look).unwrap_or_else(|_| ProgressStyle::default_bar());
            let style = with_sizes(style);
            let bar = total_bytes.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
            let bar = bar.with_elapsed(since.elapsed()).with_style(style.progress_chars("━╸─"));
            let bar = bar.with_message(short(name)).with_position(done_bytes);
            add(bar)
        });
        // The end may be known nearly only.
        bar.set_position(done_bytes.min(total_bytes.unwrap_or(u64::MAX)));
    }
}

impl Bars {
    fn running(&self) -> MutexGuard<'_, HashMap<String, Step>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn whole(&self) -> MutexGuard<'_, Option<Whole>> {
        self.whole.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn advance(&self, item: &str, done_bytes: u64, new_bytes: Option<u64>) {
        let mut running = self.running();
        let Some(step) = running.get_mut(item) else { return };
        step.advance(item, done_bytes, |bar| self.all.add(bar));
        if let (Some(bar), Some(new_bytes)) = (&step.bar, new_bytes) {
            bar.set_prefix(format!("{} new", size::short(new_bytes)));
        }
        let passing = running.values().map(|step| step.done_bytes).sum();
        drop(running);
        self.advance_whole(passing);
    }

    /// Moves the bar of all; `passing` bytes have passed in the steps under way. A single step
    /// needs none beside its own.
    fn advance_whole(&self, passing: u64) {
        let is_single = self.running().values().any(|step| step.total_bytes >= self.total_bytes());
        if let Some(whole) = self.whole().as_mut().filter(|_| !is_single) {
            let done_bytes = whole.done_bytes.saturating_add(passing);
            whole.step.advance("in all", done_bytes, |bar| self.all.insert(0, bar));
        }
    }

    fn total_bytes(&self) -> Option<u64> {
        self.whole().as_ref().map(|whole| whole.total_bytes)
    }

    fn end(&self, item: &str, bytes: u64) {
        if let Some(Step { bar: Some(bar), .. }) = self.running().remove(item) {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
        let mut whole = self.whole();
        if let Some(all) = whole.as_mut() {
            all.done_bytes = all.done_bytes.saturating_add(bytes);
            if all.done_bytes >= all.total_bytes {
                whole.take().and_then(|whole| whole.step.bar).iter().for_each(ProgressBar::finish_and_clear);
            }
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
            Event::Planned { total_bytes } => {
                let step = Step::start(Some(*total_bytes));
                *self.whole() = Some(Whole { step, total_bytes: *total_bytes, done_bytes: 0 });
            }
            Event::Started { item, total_bytes } => {
                self.running().insert((*item).to_owned(), Step::start(*total_bytes));
            }
            Event::Advanced { item, done_bytes, new_bytes } => self.advance(item, *done_bytes, *new_bytes),
            Event::Finished { item, bytes, new_bytes } => {
                self.end(item, *bytes);
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
            let rate = per_second(state) as u64;
            let _ = write!(out, "{}/s", size::short(rate));
        })
        .with_key("eta", |state: &ProgressState, out: &mut dyn fmt::Write| {
            let left = state.len().unwrap_or_default().saturating_sub(state.pos());
            #[expect(clippy::cast_precision_loss, reason = "whole seconds are shown")]
            let seconds = left as f64 / per_second(state).max(1.0);
            let left = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
            let _ = write!(out, "{:#}", HumanDuration(left));
        })
}

/// Bytes in a second, of all the time that it has taken: what indicatif tells begins with what had
/// passed before the bar was drawn.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn per_second(state: &ProgressState) -> f64 {
    state.pos() as f64 / state.elapsed().as_secs_f64().max(0.001)
}

/// The name of a step, which may be that of a stranger's file.
fn short(item: &str) -> String {
    text::ellipsis(&text::harmless(&text::in_one_cell(item)), NAME_COLUMNS).into_owned()
}
