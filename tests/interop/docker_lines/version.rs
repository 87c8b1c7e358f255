//! Which Docker is compared with.

use std::process::Command;

use crate::harness::child::{self, Feed};
use crate::harness::skip;
use crate::peers::{Docker, tool};

/// The versions that `docs/docker.md` tells of; others say other things.
const CLIENT: &str = "28.";
const ENGINE: &str = "20.10.";

/// Whether the Docker that is here is the one that the page tells of; if not, that is said.
/// No failure, whatever is required: a distribution's newest cannot be chosen.
pub fn is_known(test: &str, docker: &Docker) -> bool {
    let found = docker.run(["version", "--format", "{{.Client.Version}} {{.Server.Version}}"]).out();
    let (client, engine) = found.trim_end().split_once(' ').unwrap_or_default();
    let is_known = client.starts_with(CLIENT) && engine.starts_with(ENGINE);
    if !is_known {
        skip(
            test,
            &format!(
                "docs/docker.md tells of client {CLIENT} and engine {ENGINE}; here are {client} and {engine}"
            ),
        );
    }
    is_known
}

/// The same of the client alone.
pub fn is_known_client(test: &str) -> bool {
    let ran = child::run(without_engine(["version", "--format", "{{.Client.Version}}"]), Feed::Nothing);
    let client = ran.out();
    let is_known = client.starts_with(CLIENT);
    if !is_known {
        skip(test, &format!("docs/docker.md tells of client {CLIENT}; here is {}", client.trim_end()));
    }
    is_known
}

/// Docker's client where there is no engine, for which it would keep flags to itself.
pub fn without_engine<'a>(args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = tool("docker");
    command.args(args).env("DOCKER_HOST", "unix:///nowhere/engine.sock").env("DOCKER_CONFIG", "/nowhere");
    command
}
