//! Tools that are not larder's own: where they are, and what is said where they are not.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use super::child::{self, Feed, Ran};
use super::skip;

/// Set by CI: what cannot be tested is a failure there.
const REQUIRE: &str = "LARDER_REQUIRE_PEERS";

/// Whether these tools are here. If not, the test says so and ends; where all peers are
/// required, it fails.
#[track_caller]
pub fn are_here(test: &str, tools: &[&str]) -> bool {
    let missing: Vec<_> = tools.iter().filter(|tool| which(tool).is_none()).copied().collect();
    missing.is_empty() || not_possible(test, &format!("not installed: {}", missing.join(", ")))
}

/// Says why a test proves nothing here, or fails it.
#[track_caller]
pub fn not_possible(test: &str, why: &str) -> bool {
    assert!(std::env::var_os(REQUIRE).is_none_or(|value| value != "1"), "{test}: {why}, and {REQUIRE}=1");
    skip(test, why);
    false
}

fn which(tool: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian keeps daemons where only root's PATH leads.
    let dirs = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    dirs.map(|dir| dir.join(tool)).find(|path| path.is_file())
}

/// A tool, ready to be given arguments.
pub fn tool(name: &str) -> Command {
    Command::new(which(name).unwrap_or_else(|| panic!("{name} is not installed")))
}

/// `command` started by the tool `by`, with its own environment and directory.
pub fn under(mut by: Command, command: &Command) -> Command {
    by.arg(command.get_program()).args(command.get_args()).env_clear();
    by.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.get_current_dir().map(|dir| by.current_dir(dir));
    by
}

/// A script of the shell in which `"$@"` is `command`.
pub fn shell(script: &str, command: &Command) -> Command {
    let mut shell = tool("sh");
    shell.args(["-c", script, "sh"]);
    under(shell, command)
}

/// The same in a mount namespace of its own, where the script can mount and finds its tools.
pub fn shell_with_mounts(script: &str, command: &Command) -> Command {
    let mut unshare = tool("unshare");
    unshare.args(["-m", "sh", "-c", script, "sh"]);
    let mut shell = under(unshare, command);
    shell.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    shell
}

/// Runs a tool; it must succeed.
#[track_caller]
pub fn run<A: AsRef<OsStr>>(name: &str, args: impl IntoIterator<Item = A>) -> Ran {
    let mut command = tool(name);
    command.args(args);
    child::run(command, Feed::Nothing).ok()
}
