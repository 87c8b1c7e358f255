//! How the output of a container is kept: Docker's `LogConfig`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The driver that is used where none is named.
const JSON_FILE: &str = "json-file";
const NONE: &str = "none";

/// The size of a log file where no `max-size` is given.
const DEFAULT_MAX_SIZE: u64 = 100_000_000;
/// The number of log files where neither `max-size` nor `max-file` is given.
const DEFAULT_MAX_FILES: usize = 2;

/// The log driver and its options, as they were given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct LogConfig {
    /// `json-file` or `none`; empty for the default.
    #[serde(rename = "Type")]
    pub driver: String,
    /// `max-size` and `max-file`.
    #[serde(rename = "Config")]
    pub options: BTreeMap<String, String>,
}

/// How large a log may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogBounds {
    /// The most bytes in a file.
    pub max_size: u64,
    /// The most files.
    pub max_files: usize,
}

/// Why a log cannot be kept as asked for, in Docker's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogConfigError {
    /// No such driver.
    #[error("logger: no log driver named '{driver}' is registered")]
    Driver {
        /// The name that was given.
        driver: String,
    },
    /// No such option.
    #[error("unknown log opt '{option}' for {driver} log driver")]
    Option {
        /// The option.
        option: String,
        /// The driver.
        driver: String,
    },
    /// An option has a value that it cannot have.
    #[error("failed to initialize logging driver: {why}")]
    Value {
        /// What is wrong with it.
        why: String,
    },
}

impl LogConfig {
    /// Returns the driver's name.
    #[must_use]
    pub fn driver(&self) -> &str {
        if self.driver.is_empty() { JSON_FILE } else { &self.driver }
    }

    /// Returns whether output is kept at all.
    #[must_use]
    pub fn keeps_output(&self) -> bool {
        self.driver() != NONE
    }

    /// Returns how large the log may grow; `None` if no log is written.
    ///
    /// # Errors
    /// If the driver or an option is unknown, or a value is out of range.
    pub fn bounds(&self) -> Result<Option<LogBounds>, LogConfigError> {
        let driver = self.driver();
        if ![JSON_FILE, NONE].contains(&driver) {
            return Err(LogConfigError::Driver { driver: driver.into() });
        }
        let is_known = |name: &str| driver == JSON_FILE && ["max-size", "max-file"].contains(&name);
        if let Some(option) = self.options.keys().find(|name| !is_known(name)) {
            return Err(LogConfigError::Option { option: option.clone(), driver: driver.into() });
        }
        if driver == NONE {
            return Ok(None);
        }
        let wrong = |why: String| LogConfigError::Value { why };
        let (size, files) = (self.options.get("max-size"), self.options.get("max-file"));
        let max_size = match size {
            None => DEFAULT_MAX_SIZE,
            Some(text) => match parse_size(text).ok_or_else(|| wrong(format!("invalid size: '{text}'")))? {
                0 => return Err(wrong("max-size must be a positive number".into())),
                bytes => bytes,
            },
        };
        let max_files = match files {
            // As in Docker: a size alone means one file.
            None if size.is_some() => 1,
            None => DEFAULT_MAX_FILES,
            Some(text) => match text.parse::<i64>() {
                Err(_) => return Err(wrong(format!("strconv.Atoi: parsing {text:?}: invalid syntax"))),
                Ok(count) if count < 1 => return Err(wrong("max-file cannot be less than 1".into())),
                Ok(count) => usize::try_from(count).unwrap_or(usize::MAX),
            },
        };
        Ok(Some(LogBounds { max_size, max_files }))
    }
}

/// Parses a size whose units are powers of 1000, as Docker does for logs: `10m`, `1.5 GB`, `64KiB`.
fn parse_size(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let at = lower.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(lower.len());
    let (number, unit) = lower.split_at_checked(at)?;
    let unit = unit.trim_start_matches(' ');
    let power = match unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(unit) {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return None,
    };
    let bytes = number.parse::<f64>().ok()? * 1000_f64.powi(power);
    (0.0..9.0e18).contains(&bytes).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(driver: &str, options: &[(&str, &str)]) -> Result<Option<LogBounds>, String> {
        let options = options.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        LogConfig { driver: driver.into(), options }.bounds().map_err(|error| error.to_string())
    }

    #[test]
    fn every_log_is_bounded() {
        let of = |max_size, max_files| Ok(Some(LogBounds { max_size, max_files }));
        assert_eq!(bounds("", &[]), of(100_000_000, 2));
        assert_eq!(bounds("json-file", &[("max-size", "10m")]), of(10_000_000, 1));
        assert_eq!(bounds("json-file", &[("max-file", "3")]), of(100_000_000, 3));
        assert_eq!(bounds("", &[("max-size", "1.5 kB"), ("max-file", "3")]), of(1500, 3));
        assert_eq!(bounds("none", &[]), Ok(None));
    }

    #[test]
    fn what_a_log_cannot_be_is_said_in_docker_s_words() {
        for (driver, options, why) in [
            ("x", &[][..], "logger: no log driver named 'x' is registered"),
            ("", &[("x", "1")], "unknown log opt 'x' for json-file log driver"),
            ("none", &[("max-size", "1")], "unknown log opt 'max-size' for none log driver"),
            ("", &[("max-size", "-1")], "failed to initialize logging driver: invalid size: '-1'"),
            ("", &[("max-size", "1x")], "failed to initialize logging driver: invalid size: '1x'"),
            ("", &[("max-size", "")], "failed to initialize logging driver: invalid size: ''"),
            (
                "",
                &[("max-size", "0")],
                "failed to initialize logging driver: max-size must be a positive number",
            ),
            ("", &[("max-file", "0")], "failed to initialize logging driver: max-file cannot be less than 1"),
            (
                "",
                &[("max-file", "a")],
                "failed to initialize logging driver: strconv.Atoi: parsing \"a\": invalid syntax",
            ),
        ] {
            assert_eq!(bounds(driver, options), Err(why.to_owned()));
        }
    }
}
