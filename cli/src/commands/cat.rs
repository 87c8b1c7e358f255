use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;

use larder_engine::Platform;

use crate::context::{Context, about_image, no_such_container_or_image};
use crate::failure::Failure;
use crate::output::archive::Place;

/// Print a file of a container or an image
///
/// Its bytes go to standard output as they are. Links are followed within the
/// image.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder cat [OPTIONS] CONTAINER|IMAGE PATH",
    after_help = "Example:\n  larder cat app:1 /etc/os-release"
)]
pub struct CatArgs {
    /// Container or image
    #[arg(value_name = "CONTAINER|IMAGE")]
    name: String,
    /// File
    path: OsString,
    /// Platform of an image that has several, as os[/arch[/variant]]
    #[arg(long)]
    platform: Option<Platform>,
}

pub fn cat(cx: &mut Context, args: &CatArgs) -> Result<(), Failure> {
    let store = cx.store()?.ok_or_else(|| Failure::error(no_such_container_or_image(&args.name)))?;
    let task = cx.task(true)?;
    let platform = args.platform.as_ref();
    Place::Stdout.write("read file", |out| {
        store
            .cat(&args.name, args.path.as_bytes(), platform, out, &task)
            .map_err(|error| about_image(error, &store, &args.name))
    })?;
    Ok(())
}
