//! How the store came to what it holds, by the journal's times.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use larder_engine::Moment;
use maud::{Markup, html};

use super::Facts;
use super::plot;
use crate::output::size;

/// So many steps are drawn; of a longer journal several commits make one.
const MOST_STEPS: usize = 200;
/// The picture's own measures; the screen stretches them.
const WIDTH: u64 = 1000;
const HEIGHT: u64 = 300;
/// Lines across the picture.
const LINES: u64 = 4;

/// What is there after a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    /// Where it stands, from 0 to [`WIDTH`].
    at: u64,
    time: Timestamp,
    verb: String,
    content_bytes: u64,
    stored_bytes: u64,
}

pub fn growth(facts: &Facts) -> Markup {
    let steps = steps(&facts.survey.growth, facts.now);
    let (Some(first), Some(last), true) = (steps.first(), steps.last(), facts.is_all) else {
        return html! {};
    };
    let top = round_up(last.content_bytes.max(last.stored_bytes));
    let body = html! {
        (plot::legend(&[("content", "bytes of files in layers"), ("stored", "bytes in packs")]))
        figure.growth {
            div.scale { @for line in (0..=LINES).rev() { span { (size::short(top / LINES * line)) } } }
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label="growth" {
                @for line in 0..=LINES { path.grid d={ "M0 " (HEIGHT * line / LINES) "H" (WIDTH) } {} }
                path.content.area d=(area(&steps, top, |step| step.content_bytes)) {}
                path.stored.area d=(area(&steps, top, |step| step.stored_bytes)) {}
                path.content.line d=(line(&steps, top, |step| step.content_bytes)) {}
                path.stored.line d=(line(&steps, top, |step| step.stored_bytes)) {}
                @for (at, step) in steps.iter().enumerate() {
                    @let end = steps.get(at + 1).map_or(WIDTH, |next| next.at);
                    rect.hover x=(step.at) width=(end.saturating_sub(step.at).max(2)) height=(HEIGHT) { title { (told(step)) } }
                }
            }
            div.dates { span { (day(first.time)) } span { (day(facts.now)) } }
        }
    };
    let what = "What is in the store today, by when it came: what was removed since is not in the picture.";
    plot::section("growth", "Growth", what, &body)
}

fn day(time: Timestamp) -> String {
    TimeZone::UTC.to_datetime(time).strftime("%Y-%m-%d %H:%M").to_string()
}

fn told(step: &Step) -> String {
    let (content, stored) = (size::short(step.content_bytes), size::short(step.stored_bytes));
    format!("{}, after {}: {content} of files, {stored} in packs", day(step.time), step.verb)
}

/// The sums after each commit, from the first to now. A clock that went back stands still
/// here.
fn steps(moments: &[Moment], now: Timestamp) -> Vec<Step> {
    let Some(start) = moments.iter().find_map(|moment| moment.time) else { return Vec::new() };
    let span = now.as_second().saturating_sub(start.as_second()).max(1);
    let (mut content_bytes, mut stored_bytes, mut latest) = (0, 0, start);
    let each = moments.len().div_ceil(MOST_STEPS).max(1);
    let mut steps = Vec::new();
    for commits in moments.chunks(each) {
        for moment in commits {
            content_bytes += moment.content_bytes;
            stored_bytes += moment.stored_bytes;
            latest = moment.time.map_or(latest, |time| time.clamp(latest, now.max(latest)));
        }
        let passed = latest.as_second().saturating_sub(start.as_second()).clamp(0, span);
        let at = u64::try_from(i128::from(passed) * i128::from(WIDTH) / i128::from(span)).unwrap_or_default();
        let verb = commits.last().map(|moment| moment.verb.clone()).unwrap_or_default();
        steps.push(Step { at, time: latest, verb, content_bytes, stored_bytes });
    }
    steps
}

/// A round number above `bytes`: one, two or five, and zeros; so that a fourth of it is
/// good to read too.
fn round_up(bytes: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for times in [1, 2, 4, 8] {
            match unit.checked_mul(times) {
                Some(round) if round >= bytes.max(LINES) => return round,
                Some(_) => {}
                None => return u64::MAX,
            }
        }
        unit = unit.saturating_mul(10);
    }
}

fn height(bytes: u64, top: u64) -> u64 {
    let up = u128::from(bytes) * u128::from(HEIGHT) / u128::from(top.max(1));
    HEIGHT.saturating_sub(u64::try_from(up).unwrap_or(HEIGHT))
}

fn line(steps: &[Step], top: u64, bytes: impl Fn(&Step) -> u64) -> String {
    let mut path = format!("M0 {HEIGHT}");
    for step in steps {
        path += &format!("H{}V{}", step.at, height(bytes(step), top));
    }
    path + &format!("H{WIDTH}")
}

fn area(steps: &[Step], top: u64, bytes: impl Fn(&Step) -> u64) -> String {
    line(steps, top, bytes) + &format!("V{HEIGHT}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(time: &str, stored_bytes: u64) -> Moment {
        Moment {
            time: time.parse().ok(),
            verb: "load".into(),
            content_bytes: 10 * stored_bytes,
            stored_bytes,
        }
    }

    #[test]
    fn growth_never_goes_back() {
        let times =
            ["2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z", "2025-06-01T00:00:00Z", "2026-01-05T00:00:00Z"];
        let moments = times.map(|time| moment(time, 5));
        let steps = steps(&moments, "2026-01-05T00:00:00Z".parse().unwrap());
        assert_eq!(steps.iter().map(|step| step.at).collect::<Vec<_>>(), [0, 500, 500, 1000]);
        assert_eq!(steps.iter().map(|step| step.stored_bytes).collect::<Vec<_>>(), [5, 10, 15, 20]);
        let many = vec![moment(times[0], 1); 1000];
        let steps = super::steps(&many, times[1].parse().unwrap());
        assert!(steps.len() <= MOST_STEPS && steps.last().unwrap().stored_bytes == 1000);
    }

    #[test]
    fn a_scale_ends_in_a_round_number() {
        assert_eq!([0, 4, 5, 81, 399, 1_590_000_000].map(round_up), [4, 4, 8, 100, 400, 2_000_000_000]);
        assert_eq!(round_up(u64::MAX), u64::MAX);
    }
}
