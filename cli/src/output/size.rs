//! Sizes as Docker writes them: SI units, a few significant digits, no space.

use std::fmt;
use std::str::FromStr;

const BINARY_UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
const UNITS: [&str; 9] = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];

/// Bytes, as people write them on a command line: `1TiB`, `20MiB`, `4096`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

impl fmt::Display for Size {
    /// In the largest unit in which they are a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let power = (self.0.trailing_zeros() / 10).min(6);
        match BINARY_UNITS.get(power as usize) {
            Some(unit) if self.0 > 0 && power > 0 => write!(f, "{}{unit}", self.0 >> (10 * power)),
            _ => self.0.fmt(f),
        }
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text).map(Self)
    }
}

/// Three digits, as listings show sizes: `1.98MB`, `251MB`, `4B`.
pub fn short(bytes: u64) -> String {
    with_digits(bytes, 3)
}

/// Four digits, as totals show sizes: `1.982MB`, `251.3MB`.
pub fn long(bytes: u64) -> String {
    with_digits(bytes, 4)
}

/// Four digits and units of 1024, as Docker shows memory: `1.121MiB`.
pub fn binary(bytes: u64) -> String {
    scaled(bytes, 4, 1024.0, &BINARY_UNITS)
}

fn with_digits(bytes: u64, digits: usize) -> String {
    scaled(bytes, digits, 1000.0, &UNITS)
}

fn scaled(bytes: u64, digits: usize, base: f64, units: &[&'static str]) -> String {
    #[expect(clippy::cast_precision_loss, reason = "four digits are shown")]
    let mut size = bytes as f64;
    let mut units = units.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    while size >= base {
        let Some(next) = units.next() else { break };
        size /= base;
        unit = next;
    }
    format!("{}{unit}", significant(size, digits))
}

/// C's `%.<digits>g`. 999.9 rounded to three digits has four before the point
/// and becomes `1e+03`: Docker shows it so, and so do we.
fn significant(value: f64, digits: usize) -> String {
    let scientific = format!("{value:.*e}", digits.saturating_sub(1));
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let Ok(exponent) = exponent.parse::<i32>() else { return scientific };
    let whole_digits = i32::try_from(digits).unwrap_or(i32::MAX);
    if (-4..whole_digits).contains(&exponent) {
        let decimals = usize::try_from(whole_digits - 1 - exponent).unwrap_or(0);
        trimmed(&format!("{value:.decimals$}")).to_owned()
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", trimmed(mantissa), exponent.unsigned_abs())
    }
}

/// `number` without zeros that end its fraction.
fn trimmed(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// Reads a size as people write it: `512MiB`, `1.5GB`, `10G`, `4096`.
///
/// `kB`, `MB`, `GB`… and the bare letters count in thousands, as larder prints
/// them; `KiB`, `MiB`, `GiB`… in 1024ths.
///
/// # Errors
/// A sentence for the user, for anything else.
pub fn parse(text: &str) -> Result<u64, String> {
    let wrong = || format!("invalid size {text:?}: expected a number and a unit, such as 512MiB or 10GB");
    let unit_at = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(unit_at).ok_or_else(wrong)?;
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let unit = unit.trim().to_ascii_lowercase();
    let unit = unit.strip_suffix('b').unwrap_or(&unit);
    let (letter, base) = unit.strip_suffix('i').map_or((unit, 1000_f64), |letter| (letter, 1024.0));
    let power = match letter {
        "" if base < 1001.0 => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        "e" => 6,
        _ => return Err(wrong()),
    };
    let bytes = number * base.powi(power);
    if bytes < 9.0e18 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
        Ok(bytes as u64)
    } else {
        Err(wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_look_as_docker_shows_them() {
        for (bytes, three, four) in [
            (0, "0B", "0B"),
            (2, "2B", "2B"),
            (4, "4B", "4B"),
            (999, "999B", "999B"),
            (1000, "1kB", "1kB"),
            (1841, "1.84kB", "1.841kB"),
            (1_982_000, "1.98MB", "1.982MB"),
            (999_900, "1e+03kB", "999.9kB"),
            (999_990, "1e+03kB", "1000kB"),
            (52_428_848, "52.4MB", "52.43MB"),
            (198_899_724, "199MB", "198.9MB"),
            (251_328_574, "251MB", "251.3MB"),
            (396_000_000, "396MB", "396MB"),
            (1_490_000_000, "1.49GB", "1.49GB"),
            (10_000_000_000, "10GB", "10GB"),
            (u64::MAX, "18.4EB", "18.45EB"),
        ] {
            assert_eq!((short(bytes).as_str(), long(bytes).as_str()), (three, four), "{bytes}");
        }
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("1kB", 1000),
            ("1K", 1000),
            ("1KiB", 1024),
            ("1.5 GB", 1_500_000_000),
            ("512MiB", 512 << 20),
            ("2t", 2_000_000_000_000),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["", "GB", "-1", "1x", "1.2.3", "1ib", "99999999TB", "1e3", "∞", "1é"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_size_has_a_short_look(bytes: u64) {
            prop_assert!(short(bytes).len() <= 9 && long(bytes).len() <= 9);
        }

        #[test]
        fn a_size_reads_back(bytes in 0..1_u64 << 50, shift in 0..10_u32) {
            let size = Size(bytes << shift);
            prop_assert_eq!(size.to_string().parse(), Ok(size));
        }

        #[test]
        fn any_text_is_a_size_or_refused(text: String) {
            let _ = parse(&text);
        }
    }
}
