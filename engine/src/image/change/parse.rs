//! One instruction, read.

use super::lines::{split_word, words};
use super::{Change, ChangeError, Command, healthcheck};

/// Reads the instruction `line`.
pub(super) fn instruction(line: &str) -> Result<Change, ChangeError> {
    let (name, rest) = split_word(line);
    let (flags, rest) = flags(rest);
    let upper = name.to_ascii_uppercase();
    let pairs = |instruction| pairs(instruction, rest);
    let one = |instruction| one(instruction, rest);
    let change = match upper.as_str() {
        "HEALTHCHECK" => return Ok(Change::Healthcheck(healthcheck::parse(&flags, rest)?)),
        "CMD" => Change::Cmd(command(rest)?),
        "ENTRYPOINT" => Change::Entrypoint(command(rest)?),
        "ENV" => Change::Env(pairs("ENV")?),
        "LABEL" => Change::Label(pairs("LABEL")?),
        "EXPOSE" => Change::Expose(list("EXPOSE", rest.split_whitespace().map(str::to_owned).collect())?),
        "ONBUILD" => Change::OnBuild(trigger(rest)?),
        "STOPSIGNAL" => Change::StopSignal(one("STOPSIGNAL")?),
        "USER" => Change::User(one("USER")?),
        "WORKDIR" => Change::WorkDir(one("WORKDIR")?),
        "VOLUME" => {
            let words = json_words(rest)?;
            let words = words.unwrap_or_else(|| rest.split_whitespace().map(str::to_owned).collect());
            Change::Volume(list("VOLUME", words)?)
        }
        _ => return Err(ChangeError::NotAChange { instruction: name.to_lowercase() }),
    };
    match flags.first() {
        None => Ok(change),
        Some(flag) => {
            let flag = flag.trim_start_matches('-').split('=').next().unwrap_or_default();
            Err(ChangeError::UnknownFlag { flag: flag.into() })
        }
    }
}

/// The options in front, and what is behind them. `--` alone ends them.
fn flags(mut rest: &str) -> (Vec<&str>, &str) {
    let mut flags = Vec::new();
    while rest.starts_with("--") {
        let (word, behind) = split_word(rest);
        rest = behind;
        if word == "--" {
            break;
        }
        flags.push(word);
    }
    (flags, rest)
}

fn command(rest: &str) -> Result<Command, ChangeError> {
    Ok(match json_words(rest)? {
        Some(words) => Command::Exec(words),
        None => Command::Shell(rest.to_owned()),
    })
}

/// The words of a JSON array at the start of `text`; `None` if there is none.
pub(super) fn json_words(text: &str) -> Result<Option<Vec<String>>, ChangeError> {
    if !text.starts_with('[') {
        return Ok(None);
    }
    // What is behind the array is passed over, as Docker does.
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Vec<serde_json::Value>>();
    let Some(Ok(values)) = values.next() else { return Ok(None) };
    let word = |value: serde_json::Value| match value {
        serde_json::Value::String(word) => Ok(word),
        _ => Err(ChangeError::NotStrings),
    };
    values.into_iter().map(word).collect::<Result<_, _>>().map(Some)
}

/// `name=value name=value`, or in the old form `name the whole rest`.
fn pairs(instruction: &'static str, rest: &str) -> Result<Vec<(String, String)>, ChangeError> {
    let words = words(rest);
    let Some(first) = words.first() else { return Err(ChangeError::NoArguments { instruction }) };
    if !first.contains('=') {
        let (name, value) = split_word(rest);
        if value.is_empty() {
            return Err(ChangeError::TwoArguments { instruction });
        }
        return Ok(vec![(name.to_owned(), value.to_owned())]);
    }
    let pair = |word: &String| match word.split_once('=') {
        None => Err(ChangeError::NoEquals { word: word.clone() }),
        Some(("", _)) => Err(ChangeError::BlankName { instruction }),
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
    };
    words.iter().map(pair).collect()
}

fn list(instruction: &'static str, words: Vec<String>) -> Result<Vec<String>, ChangeError> {
    if words.is_empty() { Err(ChangeError::NoArguments { instruction }) } else { Ok(words) }
}

fn one(instruction: &'static str, rest: &str) -> Result<String, ChangeError> {
    if rest.is_empty() { Err(ChangeError::OneArgument { instruction }) } else { Ok(rest.to_owned()) }
}

fn trigger(rest: &str) -> Result<String, ChangeError> {
    if rest.is_empty() {
        return Err(ChangeError::NoArguments { instruction: "ONBUILD" });
    }
    let instruction = split_word(rest).0.to_ascii_uppercase();
    match instruction.as_str() {
        "ONBUILD" => Err(ChangeError::ChainedOnBuild),
        "MAINTAINER" | "FROM" => Err(ChangeError::NotATrigger { instruction }),
        _ => Ok(rest.to_owned()),
    }
}
