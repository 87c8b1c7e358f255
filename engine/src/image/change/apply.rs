//! Changes, made to a config.

use super::{Change, ChangeError, Changes, Command, expand, parse_ports};
use crate::image::parse_signal;
use crate::image::run_config::{NameSet, RunConfig};

impl Changes {
    /// Makes the changes to `config`, in order. Variables are those of the
    /// config's own environment, as it is when their instruction begins.
    ///
    /// # Errors
    /// In Docker's words; `config` may have some of the changes then.
    pub fn apply(&self, config: &mut RunConfig) -> Result<(), ChangeError> {
        // A command that belongs to the old entrypoint goes with it.
        let mut has_set_cmd = false;
        for change in self.iter() {
            let env = config.env.clone().unwrap_or_default();
            match change {
                Change::Cmd(command) => {
                    config.cmd = Some(words(command, config)).filter(|words| !words.is_empty());
                    has_set_cmd |= config.cmd.is_some();
                }
                Change::Entrypoint(command) => {
                    let is_empty = matches!(command, Command::Shell(text) if text.is_empty());
                    config.entrypoint =
                        Some(words(command, config)).filter(|words| !is_empty && !words.is_empty());
                    if !has_set_cmd {
                        config.cmd = None;
                    }
                }
                Change::Env(pairs) => {
                    for (name, value) in expanded(pairs, &env)? {
                        config.set_env(&name, &value);
                    }
                }
                Change::Label(pairs) => {
                    config.labels.get_or_insert_default().extend(expanded(pairs, &env)?);
                }
                Change::Expose(texts) => {
                    for text in texts {
                        for word in expand::words(text, &env)? {
                            let ports = parse_ports(&word)?;
                            let ports = ports.iter().map(ToString::to_string);
                            add(config.exposed_ports.get_or_insert_default(), ports);
                        }
                    }
                }
                Change::Healthcheck(check) => config.healthcheck = Some(check.clone()),
                Change::OnBuild(instruction) => {
                    config.on_build.get_or_insert_default().push(instruction.clone());
                }
                Change::StopSignal(text) => config.stop_signal = Some(signal(expand::word(text, &env)?)?),
                Change::User(text) => config.user = Some(expand::word(text, &env)?),
                Change::Volume(texts) => {
                    for text in texts {
                        let volume = expand::word(text, &env)?.trim().to_owned();
                        if volume.is_empty() {
                            return Err(ChangeError::EmptyVolume);
                        }
                        add(config.volumes.get_or_insert_default(), [volume]);
                    }
                }
                Change::WorkDir(text) => {
                    let wanted = expand::word(text, &env)?;
                    let current = config.working_dir.as_deref().unwrap_or_default();
                    config.working_dir = Some(joined(current, &wanted)?);
                }
            }
        }
        Ok(())
    }
}

fn words(command: &Command, config: &RunConfig) -> Vec<String> {
    match command {
        Command::Exec(words) => words.clone(),
        Command::Shell(text) if text.is_empty() => config.shell_or_default(),
        Command::Shell(text) => {
            let mut words = config.shell_or_default();
            words.push(text.clone());
            words
        }
    }
}

fn expanded(pairs: &[(String, String)], env: &[String]) -> Result<Vec<(String, String)>, ChangeError> {
    let each = |(name, value): &(String, String)| Ok((expand::word(name, env)?, expand::word(value, env)?));
    pairs.iter().map(each).collect()
}

fn add(set: &mut NameSet, names: impl IntoIterator<Item = String>) {
    set.extend(names.into_iter().map(|name| (name, serde_json::Value::Object(serde_json::Map::new()))));
}

fn signal(text: String) -> Result<String, ChangeError> {
    match parse_signal(&text) {
        Some(_) => Ok(text),
        None => Err(ChangeError::Signal { signal: text }),
    }
}

/// `wanted` below `current`; an absolute one stays as it was written.
fn joined(current: &str, wanted: &str) -> Result<String, ChangeError> {
    if wanted.is_empty() {
        return Err(ChangeError::EmptyWorkDir);
    }
    if wanted.starts_with('/') {
        return Ok(wanted.to_owned());
    }
    let mut parts = Vec::new();
    for part in current.split('/').chain(wanted.split('/')) {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    Ok(format!("/{}", parts.join("/")))
}
