//! Durations as Go writes them: `1h30m`, `1.5s`.

/// The units, and how many nanoseconds they have.
const UNITS: [(&str, i64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Why a text is no duration, in Go's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DurationError {
    /// None at all, or one that is too long.
    #[error("time: invalid duration {text:?}")]
    Invalid {
        /// The text.
        text: String,
    },
    /// A number alone.
    #[error("time: missing unit in duration {text:?}")]
    NoUnit {
        /// The text.
        text: String,
    },
    /// A unit that Go does not have.
    #[error("time: unknown unit {unit:?} in duration {text:?}")]
    Unit {
        /// What stands in its place.
        unit: String,
        /// The text.
        text: String,
    },
}

/// The nanoseconds of a duration such as `1h30m`, `1.5s`, `-2ms` or `0`.
///
/// # Errors
/// If it is none.
pub fn parse_duration(text: &str) -> Result<i64, DurationError> {
    let invalid = || DurationError::Invalid { text: text.into() };
    let (negative, mut rest) = match (text.strip_prefix('-'), text.strip_prefix('+')) {
        (Some(rest), _) => (true, rest),
        (_, rest) => (false, rest.unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0_i64;
    while !rest.is_empty() {
        let is_number = |c: char| c.is_ascii_digit() || c == '.';
        let (number, behind) = rest.split_at(rest.find(|c| !is_number(c)).unwrap_or(rest.len()));
        let (unit, behind) = behind.split_at(behind.find(is_number).unwrap_or(behind.len()));
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return Err(invalid());
        }
        if unit.is_empty() {
            return Err(DurationError::NoUnit { text: text.into() });
        }
        let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(DurationError::Unit { unit: unit.into(), text: text.into() });
        };
        let whole = if whole.is_empty() { Some(0) } else { whole.parse::<i64>().ok() };
        let part = whole.and_then(|whole| whole.checked_mul(*scale)).ok_or_else(invalid)?;
        let part = part.checked_add(part_of(fraction, *scale)).ok_or_else(invalid)?;
        total = total.checked_add(part).ok_or_else(invalid)?;
        rest = behind;
    }
    Ok(if negative { -total } else { total })
}

/// How many digits behind the point count: the longest unit has fewer.
const FRACTION_DIGITS: usize = 18;

/// The nanoseconds behind the point; what is smaller is cut off.
fn part_of(fraction: &str, scale: i64) -> i64 {
    let digits = fraction.bytes().take(FRACTION_DIGITS).map(|digit| i128::from(digit.wrapping_sub(b'0')));
    let (number, whole) = digits.fold((0, 1), |(number, whole), digit| (number * 10 + digit, whole * 10));
    i64::try_from(number * i128::from(scale) / whole).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_go_s() {
        for (text, want) in [
            ("0", 0),
            ("1h30m", 5_400_000_000_000),
            ("1.5s", 1_500_000_000),
            (".25ms", 250_000),
            ("1.h", 3_600_000_000_000),
            ("0.3333333333333333333h", 1_199_999_999_999),
            ("-2us", -2_000),
            ("+3ns", 3),
            ("1m0.5s", 60_500_000_000),
        ] {
            assert_eq!(parse_duration(text), Ok(want), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_told_as_go_tells_it() {
        for (text, want) in [
            ("", r#"time: invalid duration """#),
            ("x", r#"time: invalid duration "x""#),
            ("5", r#"time: missing unit in duration "5""#),
            ("5x", r#"time: unknown unit "x" in duration "5x""#),
            ("1.1.1s", r#"time: invalid duration "1.1.1s""#),
            ("9999999999h", r#"time: invalid duration "9999999999h""#),
            (".s", r#"time: invalid duration ".s""#),
        ] {
            assert_eq!(parse_duration(text).unwrap_err().to_string(), want);
        }
    }
}
