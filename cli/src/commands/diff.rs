mod patch;
mod stat;

use larder_engine::{Change, ChangeKind, Difference, FileChange, Task};

use crate::context::{Context, about_image, no_such_container_or_image};
use crate::failure::Failure;
use crate::output::json::{Html, Json};

/// Show what was changed in a container or an image
///
/// A container is compared with its image, an image with what is below its top
/// layer, or either with the second name: A was added, C changed, D deleted.
///
/// --stat counts the bytes that were added to and removed from each file, and
/// --patch shows the lines, as `git diff` does and `git apply` and `patch -p1`
/// read it. Both leave out directories, and files of which only the owner, the
/// time or extended attributes changed. Files of more than 2 MiB are counted by
/// the chunks that they are stored as, and too large for --patch.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder diff [OPTIONS] CONTAINER|IMAGE [CONTAINER|IMAGE]",
    after_help = "Example:\n  larder diff web\n  larder diff --stat app:1.1 app:1.0\n  larder diff --format json app:1.1 app:1.0"
)]
pub struct DiffArgs {
    /// Container or image that was changed
    #[arg(value_name = "CONTAINER|IMAGE")]
    name: String,
    /// Container or image to compare it with
    #[arg(value_name = "CONTAINER|IMAGE")]
    against: Option<String>,
    /// Show the bytes that were added and removed, file by file
    #[arg(long)]
    stat: bool,
    /// Show the changed lines of text files
    #[arg(short, long, conflicts_with_all = ["stat", "format"])]
    patch: bool,
    /// Output as json: one object with the lists changed, added and deleted; with --stat an object a line
    #[arg(long, value_name = "FORMAT", value_parser = ["json"])]
    format: Option<String>,
}

pub fn diff(cx: &mut Context, args: &DiffArgs) -> Result<(), Failure> {
    let absent = || Failure::error(no_such_container_or_image(&args.name));
    let store = cx.store()?.ok_or_else(absent)?;
    let task = cx.task(true)?;
    let told = |error: larder_engine::Error| {
        let is_other = |name: &&String| error.to_string().ends_with(&format!(": {name}"));
        let name = args.against.as_ref().filter(is_other).unwrap_or(&args.name);
        about_image(error, &store, name)
    };
    let mut difference = store.difference(&args.name, args.against.as_deref(), &task).map_err(told)?;
    match args.format {
        _ if args.stat => stat::print(cx, &mut difference, args.format.is_some(), &task)?,
        _ if args.patch => patch::print(cx, &mut difference, &task)?,
        Some(_) => print_json(cx, &mut difference, &task)?,
        None => {
            for change in difference.changes(&task) {
                let change = change?;
                cx.print(&format!("{} {}\n", change.kind.letter(), path(&change)))?;
            }
        }
    }
    difference.finish(&store, &task).map_err(told)
}

fn path(change: &Change) -> String {
    String::from_utf8_lossy(&change.path).into_owned()
}

/// Mode bits of a file, if they are known before and after and differ.
fn mode_change(change: &FileChange) -> Option<(u32, u32)> {
    let modes = change.old.as_ref().zip(change.new.as_ref()).map(|(old, new)| (old.mode, new.mode));
    modes.filter(|(old, new)| old != new)
}

/// In podman's form. There may be millions of changes: none is kept, and they are gone
/// through once for each list.
fn print_json(cx: &mut Context, difference: &mut Difference, task: &Task) -> Result<(), Failure> {
    let kinds =
        [("changed", ChangeKind::Modified), ("added", ChangeKind::Added), ("deleted", ChangeKind::Deleted)];
    let mut before = "{";
    for (name, kind) in kinds {
        cx.print(&format!("{before}\"{name}\":["))?;
        let mut before_path = "";
        for change in difference.changes(task) {
            let change = change?;
            if change.kind == kind {
                let path = Json::from(path(&change)).compact(Html::Plain);
                cx.print(&format!("{before_path}{path}"))?;
                before_path = ",";
            }
        }
        cx.print("]")?;
        before = ",";
    }
    cx.print("}\n")
}
