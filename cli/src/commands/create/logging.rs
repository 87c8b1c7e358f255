//! How the output of a container is kept: `--log-driver` and `--log-opt`.

use larder_engine::LogConfig;

use crate::context::refuse;
use crate::failure::{BAD_FLAG, Failure};

/// Docker's drivers that larder does not have.
const OTHER_DRIVERS: [&str; 9] =
    ["awslogs", "etwlogs", "fluentd", "gcplogs", "gelf", "journald", "local", "splunk", "syslog"];
/// Docker's options of `json-file` that larder does not have.
const OTHER_OPTIONS: [&str; 8] =
    ["compress", "env", "env-regex", "labels", "labels-regex", "max-buffer-size", "mode", "tag"];

/// Returns how the log is kept.
pub fn log_config(driver: Option<&str>, options: &[String]) -> Result<LogConfig, Failure> {
    let driver = driver.unwrap_or_default();
    if driver == "none" && !options.is_empty() {
        return Err(Failure::plain("invalid logging opts for driver none").code(BAD_FLAG));
    }
    let why = format!("larder keeps the output in files (json-file) or not at all (none), not with {driver}");
    refuse("--log-driver", OTHER_DRIVERS.contains(&driver), &why)?;
    let pairs = options.iter().map(|option| option.split_once('=').unwrap_or((option, "")));
    for (name, _) in pairs.clone() {
        let why = format!("the log has no {name}, only max-size and max-file");
        refuse("--log-opt", OTHER_OPTIONS.contains(&name), &why)?;
    }
    let options = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let config = LogConfig { driver: driver.to_owned(), options };
    match config.bounds() {
        Ok(_) => Ok(config),
        Err(error) => Err(Failure::error(error.to_string())),
    }
}
