//! How hard what comes in is compressed.

use larder_engine::Store;

use crate::failure::{BAD_FLAG, Failure};

/// The option of every command that stores something new.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Level {
    /// Compress what is new at zstd's level N, from 1, the fastest, to 22, the smallest [default: 2]
    #[arg(long, value_name = "N", env = "LARDER_LEVEL", hide_env_values = true, value_parser = parse)]
    level: Option<Choice>,
}

/// A level; none if the variable is there and empty, which is as good as no variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Choice(Option<u8>);

impl Level {
    /// `store`, to be filled at this level.
    ///
    /// # Errors
    /// If there is no such level.
    pub fn of(self, store: Store) -> Result<Store, Failure> {
        match self.level.and_then(|choice| choice.0) {
            Some(level) => store.with_level(level).map_err(|error| Failure::from(error).code(BAD_FLAG)),
            None => Ok(store),
        }
    }
}

fn parse(text: &str) -> Result<Choice, String> {
    match text {
        "" => Ok(Choice(None)),
        text => number(text).map(|level| Choice(Some(level))),
    }
}

/// Reads a level of compression. Which there are is the engine's to say.
///
/// # Errors
/// A sentence for the user, for anything but a number.
pub fn number(text: &str) -> Result<u8, String> {
    text.parse().map_err(|_| "expected a number from 1, the fastest, to 22, the smallest".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_is_as_good_as_none() {
        assert_eq!(parse(""), Ok(Choice(None)));
        assert_eq!(parse("12"), Ok(Choice(Some(12))));
        for text in ["-1", "fast", "300", " 3"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
