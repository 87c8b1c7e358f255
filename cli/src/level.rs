//! How hard what comes in is compressed.

use larder_engine::Store;

use crate::failure::{BAD_FLAG, Failure};

/// The option of every command that stores something new.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Level {
    /// Compress what is new at zstd's level N, from 1, the fastest, to 22, the smallest
    #[arg(
        long,
        value_name = "N",
        env = "LARDER_LEVEL",
        hide_env_values = true,
        default_value_t = Store::DEFAULT_LEVEL,
        value_parser = number
    )]
    level: u8,
}

impl Level {
    /// `store`, to be filled at this level.
    ///
    /// # Errors
    /// If there is no such level.
    pub fn of(self, store: Store) -> Result<Store, Failure> {
        store.with_level(self.level).map_err(|error| Failure::from(error).code(BAD_FLAG))
    }
}

/// Reads a level of compression. Which there are is the engine's to say.
///
/// # Errors
/// A sentence for the user, for anything but a number.
pub fn number(text: &str) -> Result<u8, String> {
    text.parse().map_err(|_| "expected a number from 1, the fastest, to 22, the smallest".to_owned())
}
