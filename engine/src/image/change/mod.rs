//! Changes to an image's config in the grammar of a Dockerfile, as
//! `import --change` and `commit --change` take them.
//!
//! The grammar and its errors are those of Docker's classic builder. What a
//! change may say of files (`RUN`, `COPY`) or of a build (`ARG`, `FROM`) makes no
//! sense here, and is refused in Docker's words.

mod apply;
mod error;
mod expand;
mod healthcheck;
mod lines;
mod parse;
mod port;

pub use error::{ChangeError, ExpandError};
pub use port::{Port, parse_ports};

use super::run_config::Healthcheck;

/// One instruction of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// `CMD`
    Cmd(Command),
    /// `ENTRYPOINT`
    Entrypoint(Command),
    /// `ENV`: names and values, not expanded yet.
    Env(Vec<(String, String)>),
    /// `EXPOSE`: ports and ranges of them, not expanded yet.
    Expose(Vec<String>),
    /// `HEALTHCHECK`
    Healthcheck(Healthcheck),
    /// `LABEL`: keys and values, not expanded yet.
    Label(Vec<(String, String)>),
    /// `ONBUILD`: an instruction for later, as it was written.
    OnBuild(String),
    /// `STOPSIGNAL`, not expanded yet.
    StopSignal(String),
    /// `USER`, not expanded yet.
    User(String),
    /// `VOLUME`: directories, not expanded yet.
    Volume(Vec<String>),
    /// `WORKDIR`, not expanded yet.
    WorkDir(String),
}

/// A command as `CMD` and `ENTRYPOINT` take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A JSON array: the words themselves.
    Exec(Vec<String>),
    /// One text for the shell.
    Shell(String),
}

/// Changes in the order in which they are made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes(Vec<Change>);

impl Changes {
    /// Reads changes, each of one or more instructions, one a line.
    ///
    /// ```
    /// use larder_engine::image::{Changes, RunConfig};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let changes = Changes::parse(["ENV HOME=/root", "WORKDIR $HOME", "CMD [\"sh\"]"])?;
    /// let mut config = RunConfig::default();
    /// changes.apply(&mut config)?;
    /// assert_eq!(config.working_dir.as_deref(), Some("/root"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// In Docker's words, at the first that is none.
    pub fn parse<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Result<Self, ChangeError> {
        let texts: Vec<_> = texts.into_iter().collect();
        if texts.is_empty() {
            return Ok(Self::default());
        }
        // Each on its own: no text goes on in the next one.
        let lines: Vec<_> = texts.iter().flat_map(|text| lines::of(text.as_ref())).collect();
        if lines.is_empty() {
            return Err(ChangeError::Nothing);
        }
        lines.iter().map(|line| parse::instruction(line)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The changes, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Change> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests;
