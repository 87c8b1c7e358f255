use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;

use larder_engine::{ListOptions, Listed, Platform};

use crate::context::{Context, about_image, no_such_container_or_image};
use crate::failure::Failure;
use crate::output::entry;
use crate::output::json::{Html, Json};
use crate::output::table::RightColumns;

/// List the files of a container or an image
///
/// Nothing is unpacked and no container is needed. Links are followed within
/// the image.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder ls [OPTIONS] CONTAINER|IMAGE [PATH]",
    after_help = "Example:\n  larder ls -l app:1 /etc\n  larder ls -R --format json app:1 | jq -r .Path"
)]
pub struct LsArgs {
    /// Container or image
    #[arg(value_name = "CONTAINER|IMAGE")]
    name: String,
    /// Directory or file
    #[arg(default_value = "/", hide_default_value = true)]
    path: OsString,
    /// Show mode, owner, size and time
    #[arg(short)]
    long: bool,
    /// List what is below too
    #[arg(short = 'R', long)]
    recursive: bool,
    /// List the directory itself, not what is in it
    #[arg(short, long)]
    directory: bool,
    /// Show names that begin with a dot; they always are
    #[arg(short, long, hide = true)]
    all: bool,
    /// Output as json: an object a line
    #[arg(long, value_name = "FORMAT", value_parser = ["json"])]
    format: Option<String>,
    /// Platform of an image that has several, as os[/arch[/variant]]
    #[arg(long)]
    platform: Option<Platform>,
}

pub fn ls(cx: &mut Context, args: &LsArgs) -> Result<(), Failure> {
    let store = cx.store()?.ok_or_else(|| Failure::error(no_such_container_or_image(&args.name)))?;
    let task = cx.task(true)?;
    let options =
        ListOptions { platform: args.platform.clone(), recursive: args.recursive, itself: args.directory };
    let listing = store
        .listing(&args.name, args.path.as_bytes(), &options, &task)
        .map_err(|error| about_image(error, &store, &args.name))?;
    // There may be millions: none is kept, and for columns they are gone through twice.
    let mut columns = RightColumns::default();
    if args.long && args.format.is_none() {
        listing.files().for_each(|file| columns.measure(&entry::long(&file, name(&file, args))));
    }
    for file in listing.files() {
        task.check().map_err(larder_engine::Error::from)?;
        cx.print(&match (&args.format, args.long) {
            (Some(_), _) => Json::Object(entry::members(&file)).compact(Html::Plain) + "\n",
            (None, true) => columns.line(&entry::long(&file, name(&file, args))),
            (None, false) => name(&file, args) + "\n",
        })?;
    }
    Ok(())
}

/// The whole path where directories are mixed, else the name.
fn name(file: &Listed, args: &LsArgs) -> String {
    let path = if args.recursive || args.directory {
        &file.path[..]
    } else {
        file.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    };
    String::from_utf8_lossy(path).into_owned()
}
