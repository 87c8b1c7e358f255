//! The last step: the process executes what the container is for.

use std::ffi::CString;

use libcontainer::oci_spec::runtime::Spec;
use libcontainer::workload::{Executor as Workload, ExecutorError, ExecutorValidationError};
use rustix::process::{Signal, set_parent_process_death_signal};

use super::confinement::Confinement;
use crate::disk::host;

/// What `runc` ends with if the kernel does not take a program that is there, or its interpreter.
const NOT_TAKEN: i32 = 1;

/// Executes the command of a container.
#[derive(Debug, Clone)]
pub struct Executor {
    /// Whether the process is killed when the monitor is.
    pub dies_with_parent: bool,
    /// What the process gives itself, where the library does not.
    pub confinement: Option<Confinement>,
    /// What it enters first, if that was made when everything was mounted.
    pub late_dir: Option<String>,
}

impl Executor {
    /// The program that `spec` names, found as a shell finds it.
    fn program(spec: &Spec) -> Result<String, String> {
        let process = spec.process().as_ref().ok_or("there is no process")?;
        let name = process.args().iter().flatten().next().ok_or("there is nothing to execute")?;
        let said = |why: &str| format!("exec: \"{name}\": {why}");
        if name.contains('/') {
            return match host::may_execute(name) {
                Ok(()) => Ok(name.clone()),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    Err(format!("exec: \"{name}\": stat {name}: no such file or directory"))
                }
                Err(error) if error.kind() == std::io::ErrorKind::IsADirectory => Err(said("is a directory")),
                Err(_) => Err(said("permission denied")),
            };
        }
        let variables = process.env().iter().flatten();
        let path = variables.filter_map(|variable| variable.strip_prefix("PATH=")).next_back();
        for dir in path.unwrap_or_default().split(':') {
            let dir = if dir.is_empty() { "." } else { dir };
            let candidate = format!("{dir}/{name}");
            if host::may_execute(&candidate).is_ok() {
                return Ok(candidate);
            }
        }
        Err(said("executable file not found in $PATH"))
    }
}

impl Workload for Executor {
    fn validate(&self, spec: &Spec) -> Result<(), ExecutorValidationError> {
        if self.dies_with_parent {
            // From before it waits to be started. Its own parent is the monitor; what sets
            // the user, which would take this back, has been done.
            let _ = set_parent_process_death_signal(Some(Signal::KILL));
        }
        let ready =
            Self::program(spec).and_then(|_| self.confinement.iter().try_for_each(Confinement::apply));
        ready.map_err(ExecutorValidationError::ArgValidationError)
    }

    fn exec(&self, spec: &Spec) -> Result<(), ExecutorError> {
        if let Some(dir) = &self.late_dir
            && let Err(error) = std::env::set_current_dir(dir)
        {
            let text = format!("chdir to cwd ({dir:?}) failed: {error}");
            return Err(ExecutorError::Other(text));
        }
        let program = Self::program(spec).map_err(ExecutorError::Other)?;
        let words = spec.process().as_ref().and_then(|process| process.args().as_ref());
        let words = words.into_iter().flatten().map(|word| CString::new(word.as_str()));
        let words = words.collect::<Result<Vec<_>, _>>().map_err(|_| ExecutorError::InvalidArg)?;
        let path = CString::new(program.as_str()).map_err(|_| ExecutorError::InvalidArg)?;
        let Err(error) = nix::unistd::execv(&path, &words);
        // Nobody but the container's own streams can be told any more.
        let text = format!("exec {program}: {}\n", error.desc().to_lowercase());
        let _ = rustix::io::write(rustix::stdio::stderr(), text.as_bytes());
        std::process::exit(NOT_TAKEN)
    }
}
