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

    /// What a person is told about `larder undo` after a removal.
    pub fn undo_advice(self, has_deleted: bool) -> &'static str {
        match (has_deleted, self.keep_space) {
            (false, _) => "'larder undo' takes this back",
            (true, true) => "'larder undo' brings the images back until 'larder gc' deletes their data",
            (true, false) => {
                "the space is freed; with --keep-space 'larder undo' can bring images back until 'larder gc'"
            }
        }
    }
}
