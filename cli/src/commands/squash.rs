use larder_engine::{Platform, Reference, SquashOptions, Squashed};

use crate::context::{Context, about_image, no_such_image};
use crate::failure::Failure;
use crate::level::Level;
use crate::output::size;
use crate::output::text::counted;

/// Make one layer of several
///
/// What upper layers replaced or took away is gone from the new image. The
/// config stays, and the history too, as steps without a layer.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder squash [OPTIONS] IMAGE [REPOSITORY[:TAG]]",
    after_help = "Example:\n  larder squash app:1 app:1-flat\n  larder squash --from 2 app:1 app:1-slim"
)]
pub struct SquashArgs {
    /// Image, as NAME[:TAG], NAME@DIGEST or an ID
    image: String,
    /// Name of the new image
    #[arg(value_name = "REPOSITORY[:TAG]")]
    reference: Option<Reference>,
    /// Lowest layer to squash: its number, the base being 1, or its diff ID [default: 1]
    #[arg(long, value_name = "LAYER")]
    from: Option<String>,
    /// Remark in the history
    #[arg(short, long, value_name = "TEXT")]
    message: Option<String>,
    /// Platform of an image that has several, as os[/arch[/variant]]
    #[arg(long)]
    platform: Option<Platform>,
    #[command(flatten)]
    level: Level,
    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
}

pub fn squash(cx: &mut Context, args: &SquashArgs) -> Result<(), Failure> {
    let store = args.level.of(cx.store()?.ok_or_else(|| Failure::error(no_such_image(&args.image)))?)?;
    let task = cx.task(args.quiet)?;
    let options = SquashOptions {
        reference: args.reference.clone().map(Reference::or_latest),
        from: args.from.clone(),
        message: args.message.clone(),
        platform: args.platform.clone(),
    };
    let squashed = store
        .squash(&args.image, &options, &task)
        .map_err(|error| about_image(error, &store, &args.image))?;
    cx.print(&format!("{}\n", squashed.id))?;
    cx.flush()?;
    if !args.quiet {
        let Squashed { content_bytes, new_bytes, stored_bytes, .. } = squashed;
        let figures =
            [("content_bytes", content_bytes), ("new_bytes", new_bytes), ("stored_bytes", stored_bytes)];
        cx.sum_up(summary(&squashed), &figures);
    }
    Ok(())
}

fn summary(squashed: &Squashed) -> String {
    format!(
        "{} of {} to one of {}, {} of it new, {} on disk",
        counted(squashed.layers as u64, "layer"),
        size::long(squashed.content_bytes_before),
        size::long(squashed.content_bytes),
        size::long(squashed.new_bytes),
        size::long(squashed.stored_bytes)
    )
}
