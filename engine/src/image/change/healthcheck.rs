//! `HEALTHCHECK` and its options.

use super::ChangeError;
use super::lines::split_word;
use super::parse::json_words;
use crate::image::Healthcheck;
use crate::image::parse_duration;

/// The shortest time that is no mistake: it must be meant in nanoseconds otherwise.
const SHORTEST_NANOSECONDS: i64 = 1_000_000;

/// Reads what is behind `HEALTHCHECK` and its `flags`.
pub(super) fn parse(flags: &[&str], rest: &str) -> Result<Healthcheck, ChangeError> {
    if rest.is_empty() {
        return Err(ChangeError::NoArguments { instruction: "HEALTHCHECK" });
    }
    let (kind, command) = split_word(rest);
    let mut check = Healthcheck::default();
    match kind.to_ascii_uppercase().as_str() {
        "NONE" if !command.is_empty() => return Err(ChangeError::HealthcheckNone),
        "NONE" => {
            check.test = Some(vec!["NONE".to_owned()]);
            return Ok(check);
        }
        "CMD" => {}
        kind => {
            // A wrong option is the better answer where there is one.
            options(&mut check, flags)?;
            return Err(ChangeError::HealthcheckKind { kind: kind.into() });
        }
    }
    options(&mut check, flags)?;
    let test = match json_words(command)? {
        Some(words) => ["CMD".to_owned()].into_iter().chain(words).collect::<Vec<_>>(),
        None if command.is_empty() => Vec::new(),
        None => ["CMD-SHELL", command].map(str::to_owned).into(),
    };
    if test.len() < 2 {
        return Err(ChangeError::NoHealthcheck);
    }
    check.test = Some(test);
    Ok(check)
}

fn options(check: &mut Healthcheck, flags: &[&str]) -> Result<(), ChangeError> {
    let mut seen = Vec::new();
    for flag in flags {
        let flag = flag.trim_start_matches('-');
        let (name, value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
        let place = match name {
            "interval" => &mut check.interval,
            "timeout" => &mut check.timeout,
            "start-period" => &mut check.start_period,
            "start-interval" => &mut check.start_interval,
            "retries" => &mut check.retries,
            _ => return Err(ChangeError::UnknownFlag { flag: name.into() }),
        };
        if seen.contains(&name) {
            return Err(ChangeError::DuplicateFlag { flag: name.into() });
        }
        seen.push(name);
        let value = value.ok_or_else(|| ChangeError::NoFlagValue { flag: name.into() })?;
        *place = match (name, value) {
            (_, "") => 0,
            ("retries", value) => retries(value)?,
            (_, value) => interval(name, value)?,
        };
    }
    Ok(())
}

fn retries(text: &str) -> Result<i64, ChangeError> {
    let retries = text.parse::<i32>().map_err(|_| ChangeError::Retries { text: text.into() })?;
    if retries < 1 {
        return Err(ChangeError::FewRetries { retries: retries.into() });
    }
    Ok(retries.into())
}

fn interval(flag: &str, text: &str) -> Result<i64, ChangeError> {
    let nanoseconds = parse_duration(text)?;
    if nanoseconds != 0 && nanoseconds < SHORTEST_NANOSECONDS {
        return Err(ChangeError::ShortInterval { flag: flag.into() });
    }
    Ok(nanoseconds)
}
