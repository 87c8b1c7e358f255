//! The runtime that is built in: youki's, as a library.

use std::path::{Path, PathBuf};

use libcontainer::container::Container;
use libcontainer::container::builder::ContainerBuilder;
use libcontainer::error::LibcontainerError;
use libcontainer::syscall::syscall::SyscallType;
use rustix::process::Pid;

use super::super::error::{Error, Refusal, Result, whole_text};
use super::confinement::Confinement;
use super::executor::Executor;
use super::{Runtime, Stdio, complaints, innermost, loopback};

/// A container of the runtime that is built in.
pub struct BuiltIn {
    id: String,
    state: PathBuf,
    late_dir: Option<String>,
    container: Option<Container>,
}

impl BuiltIn {
    /// The container `id`, of which is kept in `state` what must be. Its process begins in
    /// `late_dir`, if that is not there yet when it is made.
    pub fn new(id: &str, state: &Path, late_dir: Option<String>) -> Self {
        Self { id: id.into(), state: state.into(), late_dir, container: None }
    }

    /// Begins to build a container or another process in one, with these streams or a
    /// terminal.
    fn builder(&self, executor: Executor, stdio: Stdio, console: Option<&Path>) -> Result<ContainerBuilder> {
        complaints::listen();
        let builder = ContainerBuilder::new(self.id.clone(), SyscallType::default())
            .with_executor(executor)
            .with_root_path(&self.state)
            .map_err(refused)?;
        Ok(match console {
            Some(console) => builder.with_console_socket(Some(console)),
            None => builder.with_stdin(stdio.stdin).with_stdout(stdio.stdout).with_stderr(stdio.stderr),
        })
    }

    fn made(&mut self) -> Result<&mut Container> {
        self.container.as_mut().ok_or(Error::Nonsense)
    }
}

impl Runtime for BuiltIn {
    fn create(&mut self, bundle: &Path, stdio: Stdio, console: Option<&Path>) -> Result<Pid> {
        let executor =
            Executor { dies_with_parent: true, confinement: None, late_dir: self.late_dir.clone() };
        let builder = self.builder(executor, stdio, console)?;
        let built = builder.as_init(bundle).with_systemd(false).with_detach(true).build();
        let container = self.container.insert(built.map_err(refused)?);
        let pid = container.pid().and_then(|pid| Pid::from_raw(pid.as_raw())).ok_or(Error::Nonsense)?;
        loopback::bring_up(pid)?;
        Ok(pid)
    }

    fn enter(&mut self, process: &Path, stdio: Stdio, console: Option<&Path>) -> Result<Pid> {
        let confinement = Confinement::prepare(&self.state.join(&self.id), process)?;
        let builder =
            self.builder(Executor { dies_with_parent: false, confinement, late_dir: None }, stdio, console)?;
        let built = builder.as_tenant().with_process(Some(process)).with_detach(true).build();
        Pid::from_raw(built.map_err(refused)?.as_raw()).ok_or(Error::Nonsense)
    }

    fn start(&mut self) -> Result<()> {
        self.made()?.start().map_err(refused)
    }

    fn pause(&mut self) -> Result<()> {
        self.made()?.pause().map_err(refused)
    }

    fn resume(&mut self) -> Result<()> {
        self.made()?.resume().map_err(refused)
    }

    fn delete(&mut self) -> Result<()> {
        match &mut self.container {
            Some(container) => container.delete(true).map_err(refused),
            None => Ok(()),
        }
    }
}

/// What the library says, all of it.
pub fn refused(error: LibcontainerError) -> Error {
    let mut text = whole_text(&error);
    match innermost(&text) {
        Some(said) => text = said.to_owned(),
        None => {
            // The first complaint is the innermost.
            if let Some(complaint) = complaints::heard().into_iter().next() {
                text.push_str(&format!(" ({complaint})"));
            }
        }
    }
    let text = of_mount(&text).unwrap_or(text);
    Error::Refused { refusal: Refusal::of(&text), text }
}

/// What is said of a mount that failed, without the structure that it is in.
fn of_mount(text: &str) -> Option<String> {
    let (_, mount) = text.split_once("failed to mount Mount { destination: \"")?;
    let (destination, rest) = mount.split_once('"')?;
    let (_, why) = rest.rsplit_once("}: ")?;
    Some(format!("error mounting to rootfs at {destination:?}: {}", why.trim_end_matches(')')))
}

#[cfg(test)]
mod tests {
    #[test]
    fn of_a_mount_that_failed_is_said_where_and_why() {
        let said = "failed to prepare rootfs (failed to mount Mount { destination: \"/x\", typ: Some(\"bind\"), \
                    options: Some([\"ro\"]), gid_mappings: None }: no room)";
        let told = super::of_mount(said).unwrap();
        assert_eq!(told, "error mounting to rootfs at \"/x\": no room");
        assert_eq!(super::of_mount("failed to start"), None);
    }
}
