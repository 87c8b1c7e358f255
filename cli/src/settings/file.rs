//! `config.toml`.

use std::collections::BTreeMap;
use std::env;
use std::error::Error as _;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Command};
use toml::{Table, Value};

use crate::boolean;
use crate::failure::{BAD_FLAG, Failure, os_text};

/// The machine's file.
const OF_MACHINE: &str = "/etc/larder/config.toml";
/// Names the one file to read.
const VARIABLE: &str = "LARDER_CONFIG";
/// Below this likeness (0 to 1) a key is another key, not a slip.
const LIKENESS: f64 = 0.8;

/// The files that may be there; a later one counts more.
pub fn places() -> Vec<PathBuf> {
    let folder = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(path) = super::set(VARIABLE.as_ref()) {
        return vec![path.into()];
    }
    let of_user = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")));
    [Some(OF_MACHINE.into()), of_user.map(|folder| folder.join("larder/config.toml"))]
        .into_iter()
        .flatten()
        .collect()
}

/// The text of the file at `path`. `None` if it is not there or, as below the home directory of
/// somebody else, out of reach; a file that was asked for must be there.
///
/// # Errors
/// If it cannot be read, or somebody else could have written it: a setting can name a program.
pub fn text(path: &Path) -> Result<Option<String>, Failure> {
    let is_asked_for = super::set(VARIABLE.as_ref()).is_some();
    let found = match fs::metadata(path) {
        Err(error) if is_out_of_reach(&error) && !is_asked_for => return Ok(None),
        found => found.map_err(|error| failure(path, &os_text(&error)))?,
    };
    check_trusted(path, &found)?;
    fs::read_to_string(path).map(Some).map_err(|error| failure(path, &os_text(&error)))
}

fn is_out_of_reach(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    matches!(error.kind(), NotFound | NotADirectory | PermissionDenied)
}

/// The bits by which others may write, and by which the group may. The group of a user is often
/// theirs alone; that of root never is.
const WRITABLE_BY_OTHERS: u32 = 0o002;
const WRITABLE_BY_GROUP: u32 = 0o020;

fn check_trusted(path: &Path, found: &fs::Metadata) -> Result<(), Failure> {
    let user = rustix::process::geteuid();
    let forbidden = WRITABLE_BY_OTHERS | if user.is_root() { WRITABLE_BY_GROUP } else { 0 };
    let why = if found.uid() != user.as_raw() && found.uid() != 0 {
        format!("the file belongs to user {}, and larder runs as user {}", found.uid(), user.as_raw())
    } else if found.mode() & forbidden != 0 && found.is_file() {
        format!("other users may write to the file (mode {:04o})", found.mode() & 0o7777)
    } else {
        return Ok(());
    };
    Err(failure(path, &why)
        .hint(format!("{VARIABLE} names another file to read instead; /dev/null has no settings")))
}

/// What the `text` of the file at `path` says, by key.
///
/// # Errors
/// If it is no TOML, has a key that is not `known`, or a value that the flag of that name does
/// not take.
pub fn parse(
    path: &Path,
    text: &str,
    known: &BTreeMap<String, Arg>,
) -> Result<BTreeMap<String, (String, PathBuf)>, Failure> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map(|span| text.get(..span.start).unwrap_or_default().lines().count().max(1));
        let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        failure(path, &format!("{place}{}", error.message()))
    })?;
    let mut said = BTreeMap::new();
    for (key, value) in table {
        let Some(arg) = known.get(&key) else { return Err(unknown(path, &key, known)) };
        let why = || failure(path, &format!("{key}: expected a string, a number, true or false"));
        let value = plain(value).ok_or_else(why)?;
        check(arg, &key, &value).map_err(|why| failure(path, &format!("{key} = {value:?}: {why}")))?;
        said.insert(key, (value, path.to_owned()));
    }
    Ok(said)
}

/// A value as it is written on the command line.
fn plain(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(yes) => Some(yes.to_string()),
        _ => None,
    }
}

/// Whether the flag takes it; a directory must be meant wherever one is.
fn check(arg: &Arg, key: &str, value: &str) -> Result<(), String> {
    if arg.get_value_names().is_some_and(|names| names.iter().any(|name| name == "DIR"))
        && !value.starts_with('/')
    {
        return Err("expected an absolute path".into());
    }
    let flag = Command::new("setting").no_binary_name(true).arg(arg.clone().env(Resettable::Reset));
    let Err(error) = boolean::with_values(flag).try_get_matches_from([format!("--{key}={value}")]) else {
        return Ok(());
    };
    Err(match (error.source(), error.get(ContextKind::ValidValue)) {
        (Some(why), _) => why.to_string(),
        (None, Some(ContextValue::Strings(valid))) => format!("must be one of {}", valid.join(", ")),
        (None, _) => "invalid value".into(),
    })
}

fn unknown(path: &Path, key: &str, known: &BTreeMap<String, Arg>) -> Failure {
    let failure = failure(path, &format!("there is no setting {key:?}"));
    let near = known.keys().map(|name| (strsim::jaro_winkler(key, name), name));
    match near.filter(|(likeness, _)| *likeness > LIKENESS).max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((_, name)) => failure.hint(format!("did you mean {name}?")),
        None => {
            let names: Vec<&str> = known.keys().map(String::as_str).collect();
            failure.hint(format!("the settings are {}", names.join(", ")))
        }
    }
}

fn failure(path: &Path, why: &str) -> Failure {
    Failure::error(format!("{}: {why}", path.display())).code(BAD_FLAG)
}
