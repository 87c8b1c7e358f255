//! OCI runtimes: the one that is built in, and programs such as `crun` and `runc`.

mod built_in;
mod complaints;
mod confinement;
mod executor;
mod loopback;
mod program;

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::process::Pid;

use super::error::Result;

use built_in::BuiltIn;
use program::Program;

/// The streams of a process that has no terminal.
#[derive(Debug)]
pub struct Stdio {
    /// Standard input.
    pub stdin: OwnedFd,
    /// Standard output.
    pub stdout: OwnedFd,
    /// Standard error.
    pub stderr: OwnedFd,
}

/// What makes containers of bundles: the operations of the runtime-spec (`runtime.md`).
pub trait Runtime {
    /// Makes a container of the bundle, up to where its process would be executed. With a
    /// terminal its other end is sent to `console`.
    fn create(&mut self, bundle: &Path, stdio: Stdio, console: Option<&Path>) -> Result<Pid>;

    /// Executes in it, beside its own process, what the file `process` says. As with
    /// [`Runtime::create`], its other end is sent to `console` if it has a terminal.
    fn enter(&mut self, process: &Path, stdio: Stdio, console: Option<&Path>) -> Result<Pid>;

    /// Executes its process.
    fn start(&mut self) -> Result<()>;

    /// Freezes it.
    fn pause(&mut self) -> Result<()>;

    /// Lets it go on.
    fn resume(&mut self) -> Result<()>;

    /// Ends what is left of it and gives back what it had.
    fn delete(&mut self) -> Result<()>;
}

/// The runtime that `name` asks for; nothing asks for the one that is built in, which enters
/// `late_dir` just before it executes the process.
pub fn runtime(name: &str, id: &str, state: &Path, late_dir: Option<String>) -> Result<Box<dyn Runtime>> {
    match is_built_in(name) {
        true => Ok(Box::new(BuiltIn::new(id, state, late_dir))),
        false => Ok(Box::new(Program::new(name, id, state))),
    }
}

/// Whether `name` asks for the runtime that is built in.
pub fn is_built_in(name: &str) -> bool {
    matches!(name, "" | "larder" | "youki")
}

/// What a runtime says, without what it was passed through on the way: what the executor says
/// stands behind that.
fn innermost(text: &str) -> Option<&str> {
    ["exec: \"", "chdir to cwd"].iter().find_map(|begin| text.get(text.rfind(begin)?..))
}
