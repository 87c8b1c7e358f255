use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;

use larder_engine::{ErrorKind, FindOptions, Listed, Platform, SearchedImage};

use crate::context::{Context, about_one_of, no_such_container_or_image};
use crate::failure::Failure;
use crate::output::entry;
use crate::output::json::{Html, Json};
use crate::output::table::RightColumns;

/// Find files by name in all images
///
/// Without IMAGE, all images are searched; containers are searched if they are
/// named. A PATTERN without a slash is compared with the name of each file, one
/// with a slash with its whole path. * stands for any characters, ? for one,
/// [a-z] for one of several, none of them for a slash; ** stands for any number
/// of directories. A slash at the end finds directories only. Links are not
/// followed. Nothing is unpacked, and layers that images share are read once.
///
/// The exit code is 0 if something was found, and 1 if nothing was found or an
/// image could not be read.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder find [OPTIONS] PATTERN [CONTAINER|IMAGE...]",
    after_help = "Example:\n  larder find 'libssl.so*'\n  larder find -i '/etc/**/*.conf' app:1 app:2\n  \
                  larder find --format json '*.jar' | jq -r 'select(.Size > 1e7).Image' | uniq"
)]
pub struct FindArgs {
    /// Glob pattern
    pattern: OsString,
    /// Containers or images to search
    #[arg(value_name = "CONTAINER|IMAGE")]
    names: Vec<String>,
    /// Ignore the difference between upper and lower case
    #[arg(short, long)]
    ignore_case: bool,
    /// Only print where files are, as IMAGE:PATH
    #[arg(short, long)]
    quiet: bool,
    /// Output as json: an object a line
    #[arg(long, value_name = "FORMAT", value_parser = ["json"], conflicts_with = "quiet")]
    format: Option<String>,
    /// Platform of images that have several, as os[/arch[/variant]]
    #[arg(long)]
    platform: Option<Platform>,
}

pub fn find(cx: &mut Context, args: &FindArgs) -> Result<(), Failure> {
    let Some(store) = cx.store()? else {
        cx.note_missing_store();
        return Err(args
            .names
            .first()
            .map_or_else(Failure::silent, |name| Failure::error(no_such_container_or_image(name))));
    };
    let task = cx.task(true)?;
    let options = FindOptions { platform: args.platform.clone(), ignore_case: args.ignore_case };
    let search = store.find(args.pattern.as_bytes(), &args.names, &options, &task);
    let mut search = search.map_err(|error| about_one_of(error, &store, &args.names))?;
    let (mut has_found, mut has_failed) = (false, false);
    // Rows of all images line up, as far as their widths are known.
    let mut columns = RightColumns::default();
    while let Some(image) = search.next_image() {
        let found = match search.open(&store, &task) {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error.into()),
            Err(error) => {
                cx.tell(&Failure::from(error).prefixed(&image.name));
                has_failed = true;
                continue;
            }
        };
        let is_long = args.format.is_none() && !args.quiet;
        if is_long {
            found.files().for_each(|file| columns.measure(&entry::long(&file, place(&image, &file))));
        }
        for file in found.files() {
            task.check().map_err(larder_engine::Error::from)?;
            has_found = true;
            cx.print(&match is_long {
                true => columns.line(&entry::long(&file, place(&image, &file))),
                false if args.quiet => place(&image, &file) + "\n",
                false => json(&image, &file).compact(Html::Plain) + "\n",
            })?;
        }
    }
    if has_found && !has_failed { Ok(()) } else { Err(Failure::silent()) }
}

/// Where a file is, as `larder cp` takes it.
fn place(image: &SearchedImage, file: &Listed) -> String {
    format!("{}:{}", image.name, String::from_utf8_lossy(&file.path))
}

fn json(image: &SearchedImage, file: &Listed) -> Json {
    let of =
        [("Image".to_owned(), image.name.as_str().into()), ("ImageID".into(), image.id.to_string().into())];
    Json::Object(of.into_iter().chain(entry::members(file)).collect())
}
