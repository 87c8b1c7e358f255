//! Lines at intervals, for a log.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::HumanDuration;
use larder_engine::{Event, Progress};

use crate::output::{size, stderr, text};

/// Between two lines of one step.
const INTERVAL: Duration = Duration::from_secs(5);

/// A line for each step that is over, and now and then for one that is not.
pub struct Lines {
    begun: Instant,
    /// Nothing is said before so much time has passed.
    patience: Duration,
    running: Mutex<HashMap<String, Step>>,
}

/// A step under way.
struct Step {
    since: Instant,
    told: Instant,
    total_bytes: Option<u64>,
}

impl Lines {
    /// Lines of work that takes longer than `patience`.
    pub fn after(patience: Duration) -> Self {
        Self { begun: Instant::now(), patience, running: Mutex::default() }
    }

    fn say(&self, item: &str, said: &str) {
        if self.begun.elapsed() >= self.patience {
            stderr::say(&[&format!("{}: {said}", text::in_one_cell(item))]);
        }
    }

    fn advance(&self, item: &str, done_bytes: u64, new_bytes: Option<u64>) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(step) = running.get_mut(item).filter(|step| step.told.elapsed() >= INTERVAL) else { return };
        step.told = Instant::now();
        let line = far(done_bytes, step.total_bytes, new_bytes, step.since.elapsed());
        drop(running);
        self.say(item, &line);
    }
}

impl Progress for Lines {
    fn report(&self, event: &Event<'_>) {
        match event {
            Event::Started { item, total_bytes } => {
                let now = Instant::now();
                let step = Step { since: now, told: now, total_bytes: *total_bytes };
                let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
                running.insert((*item).to_owned(), step);
            }
            Event::Advanced { item, done_bytes, new_bytes } => self.advance(item, *done_bytes, *new_bytes),
            Event::Finished { item, bytes, new_bytes } => {
                self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(*item);
                let new = new_bytes.map(|bytes| format!(", {} new", size::long(bytes)));
                self.say(item, &format!("{}{}", size::long(*bytes), new.unwrap_or_default()));
            }
            Event::Skipped { item } => self.say(item, "there already"),
            Event::Notice { text } => stderr::say(&[&format!("note: {text}")]),
            _ => {}
        }
    }
}

/// `312MB of 1.2GB (26%), 62MB/s, 14s left, 120MB new`.
fn far(done_bytes: u64, total_bytes: Option<u64>, new_bytes: Option<u64>, since: Duration) -> String {
    let mut line = size::long(done_bytes);
    let per_second = u128::from(done_bytes) * 1000 / since.as_millis().max(1);
    // The end may be known nearly only.
    let left = total_bytes.map(|total| (total, u128::from(total.saturating_sub(done_bytes))));
    if let Some((total, left)) = left {
        let percent = 100 - left * 100 / u128::from(total.max(1));
        line += &format!(" of {} ({percent}%)", size::long(total));
    }
    line += &format!(", {}/s", size::short(u64::try_from(per_second).unwrap_or(u64::MAX)));
    if let Some((_, left)) = left
        && let Some(seconds) = left.checked_div(per_second)
    {
        let left = Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX));
        line += &format!(", {:#} left", HumanDuration(left));
    }
    if let Some(new_bytes) = new_bytes {
        line += &format!(", {} new", size::long(new_bytes));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_it_is_how_fast_and_for_how_long() {
        let five = Duration::from_secs(5);
        for (done, total, new, want) in [
            (312_000_000, Some(1_200_000_000), Some(0), "312MB of 1.2GB (26%), 62.4MB/s, 14s left, 0B new"),
            (10_000_000, None, Some(1_000_000), "10MB, 2MB/s, 1MB new"),
            (10_000_000, Some(9_000_000), None, "10MB of 9MB (100%), 2MB/s, 0s left"),
            (0, Some(0), None, "0B of 0B (100%), 0B/s"),
        ] {
            assert_eq!(far(done, total, new, five), want);
        }
        assert_eq!(
            far(5, Some(u64::MAX), None, Duration::ZERO).split_once(" left").map(|cut| cut.1),
            Some("")
        );
    }
}
