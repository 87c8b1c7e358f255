//! What whoever starts a container tells its monitor.

use std::ffi::OsString;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::container::Spec;

/// How to start a program that becomes a monitor: the program and the arguments before the
/// container's ID. It must call [`come_in`](super::come_in) before it does anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The program.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
}

/// What a monitor needs to know, as JSON on its standard input.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// The container's ID, 64 hexadecimal digits.
    pub id: String,
    /// What it was created with.
    pub spec: Spec,
    /// The unpacked layers of its image, the top one first, as seen from the container's directory.
    pub layers: Vec<String>,
    /// Whether the process is to wait until somebody listens to it.
    pub waits_for_client: bool,
}

/// What a monitor says while it starts a container: one JSON object a line, on its standard
/// output, which it closes when it has done all that it has to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum News {
    /// It listens; the process will be started when somebody is there.
    Listening,
    /// The process runs.
    Started,
    /// It does not, and why.
    Failed {
        /// Which sort of reason.
        refusal: super::Refusal,
        /// The words.
        text: String,
    },
}
