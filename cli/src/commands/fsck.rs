mod report;

use std::path::{Path, PathBuf};
use std::time::Duration;

use larder_engine::{
    ErrorKind, FsckLevel, FsckOptions, RepairOptions, RepairSource, Store, Task, parse_duration,
};

use crate::context::{Context, refuse};
use crate::failure::Failure;
use crate::input;

/// Check the store, and repair it
///
/// Looks at every structure and at whether all that images need is there. With
/// --check data every byte in the packs is read and checked, with --check exact
/// every layer is made again as well and checked against its digest. What is
/// wrong is told with the images, layers and files that suffer. Exits with 1 if
/// anything is wrong.
///
/// A check of a level above quick that is stopped, by Ctrl-C or --max-duration,
/// goes on where it was when it is started again.
///
/// --repair saves what can be saved out of what is damaged, makes again what can
/// be made, and takes the rest from where --from says: an archive, or another
/// store. Without any of them, loading an image again heals it too.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder fsck [OPTIONS]",
    after_help = "Example:\n  larder fsck\n  larder fsck --check data --max-duration 10m\n  larder fsck --repair --from backup.tar"
)]
pub struct FsckArgs {
    /// How much to check: quick, data or exact
    #[arg(long = "check", alias = "level", value_name = "DEPTH", value_parser = level, default_value = "quick")]
    level: FsckLevel,
    /// Check everything: the same as --check exact
    #[arg(long)]
    verify: bool,
    /// Stop when this time is over, such as 90s or 10m; the next check goes on there
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    max_duration: Option<Duration>,
    /// Repair what is wrong
    #[arg(long)]
    repair: bool,
    /// An archive or another store to take what is missing from; may be given more than once
    #[arg(long, value_name = "PATH")]
    from: Vec<PathBuf>,
    /// Output as json, for programs
    #[arg(long, value_name = "FORMAT", value_parser = ["text", "json"], default_value = "text", hide_default_value = true)]
    format: String,
    /// Show no progress, and print nothing if all is well
    #[arg(short, long)]
    quiet: bool,
}

fn level(text: &str) -> Result<FsckLevel, String> {
    match text {
        "quick" => Ok(FsckLevel::Quick),
        "data" => Ok(FsckLevel::Data),
        "exact" => Ok(FsckLevel::Exact),
        _ => Err("expected quick, data or exact".into()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a duration is a number with a unit, such as 90s or 1h30m".to_owned();
    let nanoseconds = parse_duration(text).map_err(|_| wrong())?;
    u64::try_from(nanoseconds).map(Duration::from_nanos).map_err(|_| wrong())
}

pub fn fsck(cx: &mut Context, args: &FsckArgs) -> Result<(), Failure> {
    refuse("--max-duration", args.repair && args.max_duration.is_some(), "a repair is done to its end")?;
    refuse("--from", !args.repair && !args.from.is_empty(), "a check takes nothing: give --repair too")?;
    if args.repair {
        return repair(cx, args);
    }
    let options = FsckOptions { level: level_of(args), max_duration: args.max_duration };
    let store = cx.existing_store()?;
    let checked = store.fsck(&options, &cx.task(args.quiet)?)?;
    let shown = match args.format == "json" {
        true => report::document(&checked),
        false => report::text(&checked, options.level),
    };
    if !(args.quiet && args.format != "json" && checked.faults.is_empty() && !checked.is_unfinished) {
        cx.print(&shown)?;
    }
    if checked.faults.is_empty() { Ok(()) } else { Err(Failure::silent()) }
}

fn level_of(args: &FsckArgs) -> FsckLevel {
    if args.verify { FsckLevel::Exact } else { args.level }
}

fn repair(cx: &mut Context, args: &FsckArgs) -> Result<(), Failure> {
    let task = cx.task(args.quiet)?;
    let store = match Store::open_to_repair(cx.store_path()?, &task) {
        // Says what to do about it.
        Err(error) if error.kind() == ErrorKind::NotFound => cx.existing_store()?,
        other => other?,
    };
    let from = args.from.iter().map(|path| source(path, &task)).collect::<Result<Vec<_>, Failure>>()?;
    let repaired = store.repair(RepairOptions { level: level_of(args), from }, &task)?;
    let shown = match args.format == "json" {
        true => report::repaired_document(&repaired),
        false => report::repaired_text(&repaired),
    };
    if !(args.quiet && args.format != "json" && repaired.checked.faults.is_empty()) {
        cx.print(&shown)?;
    }
    if repaired.left.is_empty() { Ok(()) } else { Err(Failure::silent()) }
}

/// A directory with a store in it is one; everything else is an archive.
fn source(path: &Path, task: &Task) -> Result<RepairSource, Failure> {
    if path == Path::new("-") {
        return Ok(RepairSource::Archive(input::standard(task, || {
            Failure::plain("requested repair from stdin, but stdin is empty")
        })?));
    }
    if path.is_dir() {
        match Store::open(path) {
            Ok(store) => return Ok(RepairSource::Store(store)),
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            Err(_) => {}
        }
    }
    input::open(path).map(RepairSource::Archive)
}
