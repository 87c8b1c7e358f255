//! What runs in a container.

use std::path::PathBuf;
use std::process::Command;

use super::Error;
use crate::Result;
use crate::runtime::{self, processes};
use crate::store::Store;

/// What `ps` says of a container's processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessTable {
    /// What the columns are called.
    pub titles: Vec<String>,
    /// A process each.
    pub rows: Vec<Vec<String>>,
}

impl Store {
    /// The processes of the container `name`, as the machine's `ps` shows them with the
    /// options `args`; `-ef` if there are none, as Docker has it.
    ///
    /// # Errors
    /// If it does not run, or `ps` cannot be run.
    pub fn top(&self, name: &str, args: &[String]) -> Result<ProcessTable> {
        let found = self.find_settled(name)?;
        let id = found.container.id;
        if !found.status.state.is_live() {
            return Err(Error::NotRunning { id }.into());
        }
        let pids = processes(&id.to_string(), found.status.pid)?;
        let ps = || -> std::io::Result<String> {
            let mut command = Command::new("ps");
            match args.is_empty() {
                true => _ = command.arg("-ef"),
                false => _ = command.args(args),
            }
            let output = command.output()?;
            match output.status.success() {
                true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
                false => {
                    Err(std::io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
                }
            }
        };
        let text =
            ps().map_err(|source| runtime::Error::Path { verb: "run", path: PathBuf::from("ps"), source })?;
        Ok(table(&text, &pids)?)
    }
}

/// The lines of `text` that are about `pids`.
fn table(text: &str, pids: &[i32]) -> std::result::Result<ProcessTable, Error> {
    let mut lines = text.lines();
    let titles: Vec<_> = lines.next().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    let absent = || Error::Refused {
        refusal: runtime::Refusal::Other,
        text: "Couldn't find PID field in ps output".into(),
    };
    let column = titles.iter().position(|title| title == "PID").ok_or_else(absent)?;
    let mut rows = Vec::new();
    for line in lines {
        // The last column is the command, with its spaces.
        let mut row = Vec::new();
        let mut rest = line.trim_start();
        while row.len() + 1 < titles.len() {
            let (word, behind) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            row.push(word.to_owned());
            rest = behind.trim_start();
        }
        row.push(rest.to_owned());
        if row.get(column).and_then(|pid| pid.parse().ok()).is_some_and(|pid: i32| pids.contains(&pid)) {
            rows.push(row);
        }
    }
    Ok(ProcessTable { titles, rows })
}
