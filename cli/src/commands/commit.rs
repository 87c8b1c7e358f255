use larder_engine::{Changes, CommitOptions, Reference};

use crate::context::{Context, no_such_container};
use crate::failure::Failure;
use crate::level::Level;

/// Make an image of what was changed in a container
///
/// The image has the layers of the container's image and one more. The same
/// change always gives the same layer.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder commit [OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
    after_help = "Example:\n  larder commit -m 'with config' -c 'CMD [\"serve\"]' web app:2"
)]
pub struct CommitArgs {
    /// Container, by name or ID
    container: String,
    /// Name of the image
    #[arg(value_name = "REPOSITORY[:TAG]")]
    reference: Option<String>,
    /// Author, such as 'Ada Lovelace <ada@example.org>'
    #[arg(short, long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    author: String,
    /// Change the config by an instruction of a Dockerfile, such as 'ENV A=b'
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<String>,
    /// Remark in the history
    #[arg(short, long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    message: String,
    /// Pause the container meanwhile; one that does not run is paused already
    #[arg(
        short, long, value_name = "BOOL", action = clap::ArgAction::Set, num_args = 0..=1,
        require_equals = true, default_value_t = true, default_missing_value = "true", hide_default_value = true,
        value_parser = crate::boolean::parse
    )]
    pause: bool,
    #[command(flatten)]
    level: Level,
}

pub fn commit(cx: &mut Context, args: &CommitArgs) -> Result<(), Failure> {
    let reference = args.reference.as_deref().filter(|name| !name.is_empty()).map(|name| {
        let parsed = name.parse::<Reference>().map(Reference::or_latest);
        parsed.map_err(|error| Failure::error(error.to_string()))
    });
    let options = CommitOptions {
        reference: reference.transpose()?,
        author: args.author.clone(),
        message: args.message.clone(),
        changes: Changes::parse(&args.change).map_err(|error| Failure::error(error.to_string()))?,
        created: None,
        pause: args.pause,
    };
    let absent = || Failure::error(no_such_container(&args.container));
    let store = args.level.of(cx.store()?.ok_or_else(absent)?)?;
    let task = cx.task(false)?;
    let committed = store.commit(&args.container, &options, &task)?;
    cx.print(&format!("{}\n", committed.id))
}
