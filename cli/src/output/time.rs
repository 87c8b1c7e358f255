//! Points in time as Docker writes them, and as people write them.

use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Go's zero time, which stands for "not known" in Docker's JSON.
pub const GO_ZERO: &str = "0001-01-01T00:00:00Z";

/// How long ago `then` was, as one says since when: `3 weeks`.
pub fn since(then: Timestamp, now: Timestamp) -> String {
    span(now.duration_since(then))
}

/// How long `then` lies back from `now`: `3 weeks ago`.
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    format!("{} ago", span(now.duration_since(then)))
}

/// A length of time in one rounded-down unit, worded as Docker words it.
fn span(length: SignedDuration) -> String {
    // Go's durations end at 292 years, and what is longer is as long as that.
    let length = length.min(SignedDuration::from_nanos(i64::MAX));
    let seconds = length.as_secs();
    let minutes = seconds / 60;
    #[expect(clippy::cast_possible_truncation, reason = "a timestamp spans 20000 years")]
    let hours = (length.as_secs_f64() / 3600.0).round() as i64;
    match () {
        () if seconds < 1 => "Less than a second".into(),
        () if seconds == 1 => "1 second".into(),
        () if seconds < 60 => format!("{seconds} seconds"),
        () if minutes == 1 => "About a minute".into(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "About an hour".into(),
        () if hours < 48 => format!("{hours} hours"),
        () if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        () if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        () if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        () => format!("{} years", seconds / 3600 / 24 / 365),
    }
}

/// `2026-11-21 19:00:35 +0000 UTC`: Go's `Time.String`, whole seconds, `zone`.
pub fn go_string(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %z %Z").to_string()
}

/// `2026-11-21T19:00:35Z`, or with the offset of `zone`: RFC 3339, whole seconds.
pub fn rfc3339(time: Timestamp, zone: &TimeZone) -> String {
    let offset = zone.to_offset(time);
    if offset.seconds() == 0 {
        offset.to_datetime(time).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    } else {
        time.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }
}

/// `2026-11-21T19:50:01.942109739Z`: RFC 3339 in UTC, zeros of the fraction cut.
pub fn rfc3339_nanos(time: Timestamp) -> String {
    time.to_string()
}

/// Reads `until=`: a date, a time, seconds since 1970, or a duration before `now`.
///
/// # Errors
/// Docker's sentence, for anything else.
pub fn parse_until(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, String> {
    let absolute = || seconds_since_1970(text).or_else(|| date_or_time(text, zone));
    let relative = || {
        let back = go_duration(text)?;
        now.checked_sub(back).ok()
    };
    relative().or_else(absolute).ok_or_else(|| format!("failed to parse value as time or duration: {text:?}"))
}

fn seconds_since_1970(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(seconds) || !digits(fraction) {
        return None;
    }
    let nanos = format!("{fraction:0<9}");
    Timestamp::new(seconds.parse().ok()?, nanos.get(..9)?.parse().ok()?).ok()
}

fn date_or_time(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    static PARSER: DateTimeParser = DateTimeParser::new();
    if let Ok(time) = PARSER.parse_timestamp(text) {
        return Some(time);
    }
    let (text, zone) = text.strip_suffix('Z').map_or((text, zone.clone()), |text| (text, TimeZone::UTC));
    let civil = PARSER.parse_datetime(text).ok()?;
    zone.to_ambiguous_zoned(civil).compatible().ok().map(|zoned| zoned.timestamp())
}

/// Go's durations: `1h30m`, `2.5h`, `100ms`, `-1s`; no days, and `0` alone.
fn go_duration(text: &str) -> Option<SignedDuration> {
    if text == "0" {
        return Some(SignedDuration::ZERO);
    }
    let (negative, mut rest) =
        text.strip_prefix('-').map_or((false, text.strip_prefix('+').unwrap_or(text)), |rest| (true, rest));
    if rest.is_empty() {
        return None;
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, after) = rest.split_at_checked(unit_at)?;
        let next_at = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(next_at)?;
        let unit = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * unit;
        rest = after;
    }
    SignedDuration::try_from_secs_f64(if negative { -seconds } else { seconds }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn spans_are_worded_as_docker_words_them() {
        const DAY: i64 = 24 * 3600;
        for (seconds, want) in [
            (-5, "Less than a second"),
            (0, "Less than a second"),
            (1, "1 second"),
            (45, "45 seconds"),
            (60, "About a minute"),
            (119, "About a minute"),
            (120, "2 minutes"),
            (59 * 60 + 59, "59 minutes"),
            (3600, "About an hour"),
            (3600 + 29 * 60, "About an hour"),
            (3600 + 31 * 60, "2 hours"),
            (47 * 3600, "47 hours"),
            (2 * DAY, "2 days"),
            (13 * DAY, "13 days"),
            (14 * DAY, "2 weeks"),
            (59 * DAY, "8 weeks"),
            (60 * DAY, "2 months"),
            (729 * DAY, "24 months"),
            (730 * DAY, "2 years"),
            (56 * 366 * DAY, "56 years"),
        ] {
            assert_eq!(span(SignedDuration::from_secs(seconds)), want, "{seconds}");
        }
    }

    #[test]
    fn times_are_written_as_go_writes_them() {
        let time = at("2026-11-21T19:50:01.942109739Z");
        assert_eq!(go_string(time, &TimeZone::UTC), "2026-11-21 19:50:01 +0000 UTC");
        assert_eq!(rfc3339(time, &TimeZone::UTC), "2026-11-21T19:50:01Z");
        assert_eq!(rfc3339_nanos(time), "2026-11-21T19:50:01.942109739Z");
        assert_eq!(rfc3339_nanos(at("2026-11-21T19:50:01.120Z")), "2026-11-21T19:50:01.12Z");
        let west = TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").unwrap();
        assert_eq!(go_string(time, &west), "2026-11-21 14:50:01 -0500 EST");
        assert_eq!(rfc3339(time, &west), "2026-11-21T14:50:01-05:00");
    }

    #[test]
    fn until_takes_dates_times_seconds_and_durations() {
        let now = at("2026-11-21T12:00:00Z");
        for (text, want) in [
            ("1h30m", "2026-11-21T10:30:00Z"),
            ("24h", "2026-11-20T12:00:00Z"),
            ("0.5s", "2026-11-21T11:59:59.5Z"),
            ("0", "2026-11-21T12:00:00Z"),
            ("1136073845", "2006-01-01T00:04:05Z"),
            ("1136073845.000000001", "2006-01-01T00:04:05.000000001Z"),
            ("2006-01-02", "2006-01-02T00:00:00Z"),
            ("2006-01-02T15:04", "2006-01-02T15:04:00Z"),
            ("2006-01-02T15:04:05", "2006-01-02T15:04:05Z"),
            ("2006-01-02T15:04:05Z", "2006-01-02T15:04:05Z"),
            ("2006-01-02T15:04:05.5+02:00", "2006-01-02T13:04:05.5Z"),
        ] {
            assert_eq!(parse_until(text, now, &TimeZone::UTC), Ok(at(want)), "{text}");
        }
        let refusal = parse_until("xx", now, &TimeZone::UTC);
        assert_eq!(refusal, Err("failed to parse value as time or duration: \"xx\"".into()));
        for text in ["", "-", "1d", "h", "1.2.3h", "99999999999999h", "2006-13-01"] {
            assert!(parse_until(text, now, &TimeZone::UTC).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_time_or_refused(text in "[0-9hms.:TZ+µ-]{0,30}") {
            let _ = parse_until(&text, Timestamp::UNIX_EPOCH, &TimeZone::UTC);
        }
    }
}
