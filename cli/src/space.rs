use crate::boolean;

/// What becomes of the space of images that are removed.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Space {
    /// Keep the space until 'larder gc': until then 'larder undo' brings the images back
    #[arg(long, env = "LARDER_KEEP_SPACE", hide_env_values = true, value_parser = boolean::parse)]
    keep_space: bool,
}

impl Space {
    /// Whether it is left to `gc`.
    pub fn is_kept(self) -> bool {
        self.keep_space
    }
}
