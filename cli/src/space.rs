/// What becomes of the space of images that are removed.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Space {
    /// Leave the space to the next 'larder gc': until then 'larder undo' brings the images back
    #[arg(long, env = "LARDER_KEEP_SPACE", hide_env_values = true)]
    keep_space: bool,
}

impl Space {
    /// Whether it is left to `gc`.
    pub fn is_kept(self) -> bool {
        self.keep_space
    }
}
