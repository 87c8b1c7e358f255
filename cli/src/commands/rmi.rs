use larder_engine::{ErrorKind, RemoveOptions, Removed, Store, Task};

use crate::commands::gc;
use crate::context::{Context, about_image, no_such_image, refuse};
use crate::failure::Failure;
use crate::space::Space;

/// Remove images
///
/// A name is taken away; with its last name an image goes, and the space that
/// nothing else uses is given back at once, unless it is to be kept for an undo.
/// All arguments are tried, whatever becomes of one.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder rmi [OPTIONS] IMAGE [IMAGE...]",
    after_help = "Example:\n  larder rmi app:1 app:2\n  larder rmi $(larder images -q -f dangling=true)"
)]
pub struct RmiArgs {
    /// Images, as NAME[:TAG], NAME@DIGEST or an ID
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
    /// Remove an ID that has several names, or an image that containers use, which keep what they
    /// need of it; a missing image is no failure
    #[arg(short, long)]
    force: bool,
    /// Change nothing: say what would go, and what space would come back, with 'larder gc'
    #[arg(long)]
    dry_run: bool,
    /// Keep parents that have no name; larder has none, so this changes nothing
    #[arg(long)]
    no_prune: bool,
    #[command(flatten)]
    space: Space,
    #[arg(long, hide = true)]
    platform: Option<String>,
}

pub fn rmi(cx: &mut Context, args: &RmiArgs) -> Result<(), Failure> {
    refuse("--platform", args.platform.is_some(), "an image is removed with all its platforms")?;
    let store = cx.store()?.map(|store| if args.dry_run { store.rehearsal() } else { store });
    let task = cx.task(false)?;
    let options = RemoveOptions { force: args.force, keep_space: args.space.is_kept() };
    let mut failed = false;
    let mut to_reclaim = None;
    let mut removals = 0;
    let mut has_deleted = false;
    for name in &args.images {
        if task.check().is_err() {
            failed = true;
            break;
        }
        match remove(store.as_ref(), name, &options, &task) {
            Ok(removed) => {
                cx.print(&told(&removed, args.dry_run))?;
                removals += 1;
                has_deleted |= !removed.deleted.is_empty();
                to_reclaim = if removed.deleted.is_empty() { to_reclaim } else { store.as_ref() };
            }
            Err(Refusal { failure, missing }) => {
                cx.tell(&failure);
                failed |= !(missing && args.force);
            }
        }
    }
    if let Some(store) = store.as_ref().filter(|_| args.dry_run) {
        gc::foretell(cx, store, &task)?;
    } else if let Some(store) = to_reclaim.filter(|_| !args.space.is_kept()) {
        // The images are gone whatever becomes of their space.
        if let Err(error) = store.reclaim(&task) {
            cx.tell(&Failure::from(error).hint("the images are removed; larder gc gives their space back"));
        }
    }
    if removals > 0 && !args.dry_run {
        let is_freed = has_deleted && !args.space.is_kept();
        cx.advise(match removals {
            1 => args.space.undo_advice(has_deleted),
            _ if is_freed => args.space.undo_advice(true),
            _ => "'larder undo ENTRY' takes a removal of 'larder log' back, until 'larder gc'",
        });
    }
    if failed { Err(Failure::silent()) } else { Ok(()) }
}

/// Why an image was not removed.
struct Refusal {
    failure: Failure,
    /// It was not there; with --force that is as good as removed.
    missing: bool,
}

fn remove(
    store: Option<&Store>,
    name: &str,
    options: &RemoveOptions,
    task: &Task,
) -> Result<Removed, Refusal> {
    let absent = || Refusal { failure: Failure::error(no_such_image(name)), missing: true };
    let store = store.ok_or_else(absent)?;
    store.remove(name, options, task).map_err(|error| {
        let kind = error.kind();
        let hint = match error.to_string().contains("container") {
            true => "-f removes it all the same; its containers keep what they need",
            false => "-f removes it with all its names",
        };
        let failure = about_image(error, store, name);
        let forcible = kind == ErrorKind::Conflict && !options.force;
        Refusal {
            failure: if forcible { failure.hint(hint) } else { failure },
            missing: kind == ErrorKind::NotFound,
        }
    })
}

/// What went, as Docker tells it; or what would go.
fn told(removed: &Removed, would: bool) -> String {
    let (untagged, deleted) = if would { ("Would untag", "Would delete") } else { ("Untagged", "Deleted") };
    let names = removed.untagged.iter().map(|name| format!("{untagged}: {}\n", name.familiar()));
    let digests = removed.untagged_digests.iter().map(|digest| format!("{untagged}: {digest}\n"));
    let deleted = removed.deleted.iter().map(|digest| format!("{deleted}: {digest}\n"));
    names.chain(digests).chain(deleted).collect()
}
