//! A place where command lines are typed: Docker's, or larder's.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::mask::Mask;
use crate::harness::child::{self, Feed};
use crate::harness::sandbox::Sandbox;
use crate::peers::Docker;

/// A directory with a program `docker` that is first on the path, be it what it may.
pub struct World {
    dir: TempDir,
    pub mask: Mask,
}

/// A container has no network with larder unless it is the host's; Docker is to do the same.
const SHIM: &str = r#"#!/bin/sh
here=$(dirname "$0")
case " $* " in *" --net"*) exec_as_is=1 ;; esac
[ -n "$exec_as_is" ] || case "$1 $2" in
"run "*|"create "*) verb=$1; shift; set -- "$verb" --network none "$@" ;;
"container run"|"container create") verb=$2; shift 2; set -- container "$verb" --network none "$@" ;;
esac
exec env "#;

impl World {
    /// Docker's.
    pub fn of_docker(docker: &Docker) -> Self {
        let command = docker.command([""; 0]);
        Self::new(&command)
    }

    /// larder's, on the store of `sandbox`.
    pub fn of_larder(sandbox: &Sandbox) -> Self {
        let mut command = sandbox.larder([""; 0]);
        command.env_remove("PATH").env_remove("TMPDIR").env_remove("HOME");
        Self::new(&command)
    }

    fn new(program: &Command) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut shim = SHIM.to_owned();
        for (name, value) in program.get_envs() {
            if let Some(value) = value {
                shim.push_str(&format!("{}='{}' ", name.display(), value.display()));
            }
        }
        shim.push_str(&format!("'{}' \"$@\"\n", program.get_program().display()));
        let world = Self { mask: Mask::new(&dir.path().display().to_string()), dir };
        fs::create_dir(world.path("bin")).expect("the directory is ours");
        fs::create_dir(world.path("work")).expect("the directory is ours");
        let path = world.path("bin/docker");
        fs::write(&path, shim).expect("the directory is ours");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A file where the commands run.
    pub fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path("work").join(name), bytes).expect("the directory is ours");
    }

    /// What a command line prints, and how it ends: standard output, then standard error after
    /// `! `, then `exit` and the code, unless it is 0.
    pub fn run(&self, line: &str) -> String {
        let mut command = Command::new("/bin/sh");
        let path = std::env::join_paths([&self.path("bin"), Path::new("/usr/bin"), Path::new("/bin")]);
        command.args(["-c", line]).current_dir(self.path("work")).env_clear();
        command.env("PATH", path.expect("a path")).env("HOME", self.dir.path()).env("LC_ALL", "C");
        let ran = child::run(command, Feed::Nothing);
        let mut text = ran.out();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push_str("\\\n");
        }
        for line in ran.err().lines() {
            text.push_str(&format!("! {line}\n"));
        }
        match (ran.code, ran.signal) {
            (Some(0), _) => {}
            (Some(code), _) => text.push_str(&format!("exit {code}\n")),
            (None, signal) => text.push_str(&format!("signal {signal:?}\n")),
        }
        text
    }
}
