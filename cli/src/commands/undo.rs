use std::io::{self, IsTerminal as _};

use larder_engine::{Error, ErrorKind, Store, Task, UndoOptions, Undone};

use crate::context::Context;
use crate::failure::Failure;

/// Undo an operation
///
/// Undoes the last entry of `larder log`, or the entries with these numbers:
/// names go back to what they named before, images that were removed come back
/// as long as their bytes are still there, and images that came go. On a terminal
/// it shows what it is about to do and asks first. An undo is an entry of the log
/// like any other: a second `larder undo` takes it back.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder undo [OPTIONS] [ENTRY...]",
    after_help = "Example:\n  larder undo\n  larder log app && larder undo --dry-run 17"
)]
pub struct UndoArgs {
    /// Numbers of entries, as `larder log` shows them, instead of the last one
    #[arg(value_name = "ENTRY")]
    entries: Vec<u64>,
    /// Show what would be undone, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask, and take back names that were given to other images since
    #[arg(short, long)]
    force: bool,
    /// Do not ask for confirmation on a terminal
    #[arg(short, long)]
    yes: bool,
}

pub fn undo(cx: &mut Context, args: &UndoArgs) -> Result<(), Failure> {
    let store = cx.store()?;
    let store = store.ok_or_else(|| Failure::error("nothing was done yet that could be undone"))?;
    let store = if args.dry_run { store.rehearsal() } else { store };
    let task = cx.task(true)?;
    let mut entries: Vec<_> = match args.entries.as_slice() {
        [] => vec![None],
        some => some.iter().copied().map(Some).collect(),
    };
    let is_asked = io::stdin().is_terminal() && io::stdout().is_terminal();
    if is_asked && !(args.dry_run || args.force || args.yes) {
        let rehearsal = store.rehearsal();
        let mut warning = String::new();
        for entry in &mut entries {
            let undone = undo_entry(&rehearsal, *entry, args, &task)?;
            warning.push_str(&told(&undone, true));
            // What was shown is what is undone, whatever is done to the store meanwhile.
            *entry = Some(undone.number);
        }
        if !cx.confirm(&warning)? {
            return Ok(());
        }
    }
    for entry in entries {
        let undone = undo_entry(&store, entry, args, &task)?;
        cx.print(&told(&undone, args.dry_run))?;
    }
    if !args.dry_run {
        cx.advise("to redo it, undo the undo: 'larder undo'");
    }
    Ok(())
}

fn undo_entry(store: &Store, number: Option<u64>, args: &UndoArgs, task: &Task) -> Result<Undone, Failure> {
    let options = UndoOptions { number, force: args.force };
    store.undo(&options, task).map_err(|error| hinted(error, store, &options, task))
}

/// With what there is to be done instead.
fn hinted(error: Error, store: &Store, options: &UndoOptions, task: &Task) -> Failure {
    let forced = UndoOptions { force: true, ..*options };
    let hint = match error.kind() {
        ErrorKind::Conflict if store.rehearsal().undo(&forced, task).is_ok() => {
            "-f takes it back all the same; larder log shows what was done"
        }
        ErrorKind::Conflict | ErrorKind::Unsupported | ErrorKind::InvalidInput => {
            "larder log shows what was done"
        }
        ErrorKind::NotFound => "load the image again; what is removed with --keep-space comes back until gc",
        _ => return error.into(),
    };
    Failure::from(error).hint(hint)
}

fn told(undone: &Undone, is_dry: bool) -> String {
    let what = if is_dry { "Would undo" } else { "Undone" };
    let mut lines = vec![format!("{what}: {} {}", undone.number, undone.verb)];
    lines.extend(undone.restored.iter().map(|id| format!("Restored: {id}")));
    lines.extend(undone.names.iter().map(|name| match &name.to {
        Some(to) => format!("Tagged: {} {to}", name.name.familiar()),
        None => format!("Untagged: {}", name.name.familiar()),
    }));
    lines.extend(undone.deleted.iter().map(|id| format!("Deleted: {id}")));
    let why = "it has other names, or containers were created of it";
    lines.extend(undone.kept.iter().map(|id| format!("Kept: {id}: {why}")));
    lines.extend(undone.renamed.iter().map(|(old, new)| format!("Renamed: {old} {new}")));
    lines.push(String::new());
    lines.join("\n")
}
