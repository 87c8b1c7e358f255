use larder_engine::Reference;

use crate::context::{Context, about_image, no_such_image};
use crate::failure::Failure;
use crate::names;

/// Give an image one more name
///
/// A name that another image has moves to this one.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    after_help = "Example:\n  larder tag app:1.0.0 app:latest"
)]
pub struct TagArgs {
    /// Image, as NAME[:TAG], NAME@DIGEST or an ID
    source: String,
    /// Its new name
    target: String,
}

pub fn tag(cx: &mut Context, args: &TagArgs) -> Result<(), Failure> {
    if !names::is_whole_id(&args.source) {
        parse(&args.source)?;
    }
    let target = target(&args.target)?;
    let store = cx.store()?.ok_or_else(|| Failure::error(no_such_image(&args.source)))?;
    store.tag(&args.source, &target).map_err(|error| about_image(error, &store, &args.source))
}

/// A name that can be given to an image.
pub fn target(name: &str) -> Result<Reference, Failure> {
    let target = parse(name)?;
    if target.digest().is_some() {
        return Err(Failure::plain("refusing to create a tag with a digest reference"));
    }
    if target.familiar_repository() == "sha256" {
        return Err(Failure::error("refusing to create an ambiguous tag using digest algorithm as name"));
    }
    Ok(target)
}

fn parse(name: &str) -> Result<Reference, Failure> {
    name.parse().map_err(|error| {
        Failure::plain(format!("Error parsing reference: {name:?} is not a valid repository/tag: {error}"))
    })
}
