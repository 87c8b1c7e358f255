use std::ffi::OsString;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt as _;

use larder_engine::{ErrorKind, GrepOptions, GrepTarget, LineMatch, Platform, SearchedImage};

use crate::context::{Context, about_image, about_one_of, no_such_container_or_image};
use crate::failure::Failure;
use crate::names;

/// Search in the files of all images
///
/// Prints the lines that match PATTERN, a regular expression, with the image and
/// the path of their file. Without IMAGE, all images are searched; containers are
/// searched if they are named. With a path, IMAGE:PATH, only that file, or what
/// is below that directory, is searched. Nothing is unpacked, and each content is
/// read once, however many images have it.
///
/// The exit code is 0 if something was found, and 1 if nothing was found or an
/// image could not be read.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder grep [OPTIONS] PATTERN [CONTAINER|IMAGE[:PATH]...]",
    after_help = "Example:\n  larder grep -n '^VERSION_ID=' app:1:/etc/os-release\n  larder grep -lF 'BEGIN PRIVATE KEY'"
)]
pub struct GrepArgs {
    /// Regular expression
    pattern: String,
    /// Containers or images to search, each with a path if only a part is meant
    #[arg(value_name = "CONTAINER|IMAGE[:PATH]")]
    targets: Vec<OsString>,
    /// Ignore the difference between upper and lower case
    #[arg(short, long)]
    ignore_case: bool,
    /// Take PATTERN as text, not as a regular expression
    #[arg(short = 'F', long)]
    fixed_strings: bool,
    /// Only print the files that have a line that matches
    #[arg(short = 'l', long)]
    files_with_matches: bool,
    /// Print the number of each line
    #[arg(short = 'n', long)]
    line_number: bool,
    /// Stop after so many lines of a file
    #[arg(short, long, value_name = "NUM")]
    max_count: Option<u64>,
    /// Platform of images that have several, as os[/arch[/variant]]
    #[arg(long)]
    platform: Option<Platform>,
}

pub fn grep(cx: &mut Context, args: &GrepArgs) -> Result<(), Failure> {
    let Some(store) = cx.store()? else {
        cx.note_missing_store();
        let absent = |name: &OsString| Failure::error(no_such_container_or_image(&name.to_string_lossy()));
        return Err(args.targets.first().map_or_else(Failure::silent, absent));
    };
    let task = cx.task(true)?;
    let mut targets = Vec::new();
    for text in &args.targets {
        let (name, path) = names::with_path(&store, text.as_bytes(), &task)
            .map_err(|failed| about_image(failed.error, &store, &failed.name))?;
        targets.push(GrepTarget { name, path });
    }
    let options = GrepOptions {
        platform: args.platform.clone(),
        ignore_case: args.ignore_case,
        fixed: args.fixed_strings,
        max_count: if args.files_with_matches {
            Some(args.max_count.unwrap_or(1).min(1))
        } else {
            args.max_count
        },
    };
    let search = store.grep(&args.pattern, &targets, &options, &task);
    let names = targets.iter().map(|target| &target.name);
    let mut search = search.map_err(|error| about_one_of(error, &store, names))?;
    let (mut has_found, mut has_failed) = (false, false);
    while let Some(image) = search.next_image() {
        let mut printed = Ok(());
        let searched = search.search(
            &store,
            &mut |path, line| {
                has_found = true;
                printed = print(cx, args, &image, path, line);
                if printed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            },
            &task,
        );
        printed?;
        match searched {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error.into()),
            Err(error) => {
                cx.tell(&Failure::from(error).prefixed(&image.name));
                has_failed = true;
            }
        }
    }
    if has_found && !has_failed { Ok(()) } else { Err(Failure::silent()) }
}

fn print(
    cx: &mut Context,
    args: &GrepArgs,
    image: &SearchedImage,
    path: &[u8],
    line: LineMatch<'_>,
) -> Result<(), Failure> {
    let file = format!("{}:{}", image.name, String::from_utf8_lossy(path));
    match line {
        _ if args.files_with_matches => cx.print(&format!("{file}\n")),
        LineMatch::Binary => cx.print(&format!("Binary file {file} matches\n")),
        LineMatch::Line { number, bytes, is_cut } => {
            let number = if args.line_number { format!("{number}:") } else { String::new() };
            cx.print(&format!("{file}:{number}"))?;
            cx.print_bytes(bytes)?;
            cx.print(if is_cut { "…\n" } else { "\n" })
        }
    }
}
