//! Flags about the process itself: what it is, and what it is given.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use larder_engine::{Attach, Healthcheck, RunConfig, parse_ports, parse_signal};

use super::values;
use crate::failure::{BAD_FLAG, Failure, os_text};

#[derive(Debug, clap::Args)]
pub struct ConfigArgs {
    /// Streams that the starter of the container is attached to: stdin, stdout, stderr
    #[arg(short, long, value_name = "STREAM", value_parser = values::stream)]
    attach: Vec<String>,
    /// Domain name of the container
    #[arg(long, value_name = "NAME")]
    domainname: Option<String>,
    /// What to run, in place of the image's entrypoint; empty for none
    #[arg(long, value_name = "COMMAND")]
    entrypoint: Option<String>,
    /// Environment variable, as NAME=VALUE, or NAME for the one that is set here
    #[arg(short, long, value_name = "VARIABLE", value_parser = values::variable)]
    env: Vec<String>,
    /// Files of environment variables, one a line
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Ports that the container listens on, as 80, 53/udp or 8000-8010
    #[arg(long, value_name = "PORT")]
    expose: Vec<String>,
    /// Command that finds out whether the container is healthy
    #[arg(long, value_name = "COMMAND")]
    health_cmd: Option<String>,
    /// Time between two checks, such as 30s
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    health_interval: Option<i64>,
    /// Failures in a row that make it unhealthy
    #[arg(long, value_name = "COUNT")]
    health_retries: Option<u32>,
    /// Time between two checks while it starts
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    health_start_interval: Option<i64>,
    /// Time after the start in which failures do not count
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    health_start_period: Option<i64>,
    /// Time that one check may take
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    health_timeout: Option<i64>,
    /// Host name of the container [default: the beginning of its ID]
    #[arg(short = 'h', long, value_name = "NAME")]
    hostname: Option<String>,
    /// Keep standard input open
    #[arg(short, long)]
    interactive: bool,
    /// Label, as KEY=VALUE
    #[arg(short, long, value_name = "LABEL", value_parser = values::label)]
    label: Vec<(String, String)>,
    /// Files of labels, one a line
    #[arg(long, value_name = "FILE")]
    label_file: Vec<PathBuf>,
    /// Do not check the container's health, whatever the image says
    #[arg(long)]
    no_healthcheck: bool,
    /// Signal that asks the container to stop
    #[arg(long, value_name = "SIGNAL")]
    stop_signal: Option<String>,
    /// Seconds that it may take to stop before it is killed
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    stop_timeout: Option<i64>,
    /// Give it a terminal
    #[arg(short, long)]
    tty: bool,
    /// User, as NAME|UID[:GROUP|GID]
    #[arg(short, long)]
    user: Option<String>,
    /// Working directory, a whole path
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
}

impl ConfigArgs {
    /// Which streams were asked for; without any all, and input if it stays open.
    pub fn attach(&self) -> Attach {
        let asked = |stream: &str| self.attach.iter().any(|name| name.eq_ignore_ascii_case(stream));
        match self.attach.is_empty() {
            true => Attach { stdin: self.interactive, stdout: true, stderr: true },
            false => Attach { stdin: asked("stdin"), stdout: asked("stdout"), stderr: asked("stderr") },
        }
    }

    /// Whether streams were asked for.
    pub fn names_streams(&self) -> bool {
        !self.attach.is_empty()
    }

    /// Whether a terminal was asked for.
    pub fn has_tty(&self) -> bool {
        self.tty
    }

    /// What was asked for, the rest left to the image.
    pub fn run_config(&self, command: &[String]) -> Result<RunConfig, Failure> {
        if let Some(signal) = self.stop_signal.as_deref().filter(|signal| parse_signal(signal).is_none()) {
            return Err(Failure::error(format!("Invalid signal: {signal}")));
        }
        let attached = |stream: &str| self.attach.iter().any(|name| name.eq_ignore_ascii_case(stream));
        let (with_input, alone) = (self.interactive || attached("stdin"), self.attach.is_empty());
        Ok(RunConfig {
            hostname: self.hostname.clone(),
            domainname: self.domainname.clone(),
            user: self.user.clone(),
            attach_stdin: Some(with_input),
            attach_stdout: Some(alone || attached("stdout")),
            attach_stderr: Some(alone || attached("stderr")),
            exposed_ports: self.ports()?,
            tty: Some(self.tty),
            open_stdin: Some(self.interactive),
            stdin_once: Some(self.interactive && with_input),
            env: Some(self.variables()?).filter(|env| !env.is_empty()),
            cmd: Some(command.to_vec()).filter(|command| !command.is_empty()),
            healthcheck: self.healthcheck()?,
            working_dir: self.workdir.clone(),
            entrypoint: self.entrypoint.clone().map(|word| vec![word]),
            labels: Some(self.labels()?).filter(|labels| !labels.is_empty()),
            stop_signal: self.stop_signal.clone(),
            stop_timeout: self.stop_timeout,
            ..RunConfig::default()
        })
    }

    /// The variables, those of files first; of one that is there twice the last counts.
    fn variables(&self) -> Result<Vec<String>, Failure> {
        let mut all = env_files(&self.env_file)?;
        // Docker hands on what was set twice; the last one counts there too.
        all.extend(self.env.iter().cloned());
        let mut env: Vec<String> = Vec::new();
        for variable in all {
            let name = variable.split('=').next().unwrap_or_default();
            match env.iter_mut().find(|set| set.split('=').next() == Some(name)) {
                Some(set) => *set = variable,
                None => env.push(variable),
            }
        }
        Ok(env)
    }

    fn labels(&self) -> Result<BTreeMap<String, String>, Failure> {
        let mut labels = BTreeMap::new();
        for file in &self.label_file {
            for line in lines_of(file, "label")? {
                labels.extend(values::label(&line));
            }
        }
        labels.extend(self.label.iter().cloned());
        Ok(labels)
    }

    fn ports(&self) -> Result<Option<BTreeMap<String, serde_json::Value>>, Failure> {
        let mut ports = BTreeMap::new();
        for text in &self.expose {
            let wrong = |why: String| {
                Failure::plain(format!("invalid range format for --expose: {text}, error: {why}"))
            };
            if text.contains(':') {
                return Err(
                    Failure::plain(format!("invalid port format for --expose: {text}")).code(BAD_FLAG)
                );
            }
            for port in parse_ports(text).map_err(|error| wrong(error.to_string()).code(BAD_FLAG))? {
                ports.insert(port.to_string(), serde_json::json!({}));
            }
        }
        Ok(if ports.is_empty() { None } else { Some(ports) })
    }

    fn healthcheck(&self) -> Result<Option<Healthcheck>, Failure> {
        let check = Healthcheck {
            test: self
                .health_cmd
                .clone()
                .filter(|command| !command.is_empty())
                .map(|command| vec!["CMD-SHELL".into(), command]),
            interval: self.health_interval.unwrap_or_default(),
            timeout: self.health_timeout.unwrap_or_default(),
            start_period: self.health_start_period.unwrap_or_default(),
            start_interval: self.health_start_interval.unwrap_or_default(),
            retries: self.health_retries.unwrap_or_default().into(),
            others: BTreeMap::new(),
        };
        let is_empty = check == Healthcheck::default();
        match self.no_healthcheck {
            true if !is_empty => {
                Err(Failure::plain("--no-healthcheck conflicts with --health-* options").code(BAD_FLAG))
            }
            true => Ok(Some(Healthcheck { test: Some(vec!["NONE".into()]), ..check })),
            false => Ok(Some(check).filter(|_| !is_empty)),
        }
    }
}

/// The variables in files, one a line.
pub fn env_files(files: &[PathBuf]) -> Result<Vec<String>, Failure> {
    let mut all = Vec::new();
    for file in files {
        all.extend(lines_of(file, "variable")?.iter().map(|line| values::from_environment(line)));
    }
    Ok(all)
}

/// The lines of a file of variables or labels, without comments and empty ones.
fn lines_of(path: &Path, what: &str) -> Result<Vec<String>, Failure> {
    let shown = path.display();
    let bytes = fs::read(path)
        .map_err(|error| Failure::plain(format!("open {shown}: {}", os_text(&error))).code(BAD_FLAG))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut found = Vec::new();
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = std::str::from_utf8(line).map_err(|_| {
            let text =
                format!("invalid env file ({shown}): contains invalid utf8 bytes at line {}", number + 1);
            Failure::plain(text).code(BAD_FLAG)
        })?;
        let line = line.trim_start().trim_end_matches('\r');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let name = line.split('=').next().unwrap_or_default();
        let wrong = |why: String| Failure::plain(format!("invalid env file ({shown}): {why}")).code(BAD_FLAG);
        if name.is_empty() {
            return Err(wrong(format!("no {what} name on line '{line}'")));
        }
        if name.contains(char::is_whitespace) {
            return Err(wrong(format!("{what} '{name}' contains whitespaces")));
        }
        found.push(line.to_owned());
    }
    Ok(found)
}
