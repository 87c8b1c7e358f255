//! Getting ready to execute something in a container.

use super::Error;
use crate::Result;
use crate::image::set_variable;
use crate::runtime::{EnterRequest, descriptors};
use crate::store::Store;

/// What to execute in a container, beside its own process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExecOptions {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Variables, as `NAME=value`, on top of the container's.
    pub env: Vec<String>,
    /// Who runs it; whoever runs the container if nobody is named.
    pub user: Option<String>,
    /// Where; where the container's process was started if nothing is said.
    pub working_dir: Option<String>,
    /// With a terminal.
    pub tty: bool,
    /// With everything that root may do.
    pub privileged: bool,
    /// With a standard input that is written to.
    pub stdin: bool,
    /// Nobody hears what it writes.
    pub detached: bool,
}

impl Store {
    /// What a process needs to know to execute something in the container `name`: see
    /// [`enter`](crate::enter).
    ///
    /// # Errors
    /// If it does not run.
    pub fn exec(&self, name: &str, options: &ExecOptions) -> Result<EnterRequest> {
        descriptors::check().map_err(Error::from)?;
        let found = self.find_settled(name)?;
        found.check_runs(name)?;
        let mut spec = found.spec.clone();
        let config = &mut spec.config;
        (config.entrypoint, config.cmd) = (None, Some(options.command.clone()));
        (config.tty, config.open_stdin) = (Some(options.tty), Some(options.stdin));
        let env = config.env.get_or_insert_default();
        for (name, value) in options.env.iter().filter_map(|variable| variable.split_once('=')) {
            set_variable(env, name, value);
        }
        if options.user.is_some() {
            config.user.clone_from(&options.user);
        }
        if options.working_dir.is_some() {
            config.working_dir.clone_from(&options.working_dir);
        }
        spec.host_config.privileged |= options.privileged;
        let id = found.container.id;
        match found.status.pid {
            0 => Err(Error::NotRunning { id }.into()),
            pid => {
                let (id, dir) = (id.to_string(), self.container_path(&id)?);
                Ok(EnterRequest { id, dir, pid, spec, is_heard: !options.detached })
            }
        }
    }
}
