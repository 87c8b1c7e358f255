use larder_engine::{Forecast, Store, Task};

use crate::context::Context;
use crate::failure::Failure;
use crate::output::size;
use crate::output::text::counted;

/// Give back space that nothing uses
///
/// Removing an image frees what it alone used; this frees the rest: what
/// interrupted loads left, and packs of which only a part is still in use. A
/// journal of more than 64 MiB, at least half of which is out of date, is
/// compacted: the log then begins with the latest 16 MiB of commands.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder gc [OPTIONS]",
    after_help = "Example:\n  larder gc\n  larder gc --dry-run"
)]
pub struct GcArgs {
    /// Show no progress, and print nothing on success
    #[arg(short, long)]
    quiet: bool,
    /// Change nothing: say what would be freed
    #[arg(long)]
    dry_run: bool,
}

pub fn gc(cx: &mut Context, args: &GcArgs) -> Result<(), Failure> {
    let store = cx.existing_store()?;
    if args.dry_run {
        let forecast = store.survey(&cx.task(args.quiet)?)?.forecast();
        return cx.print(&format!(
            "Would free {}: {} of {} garbage, {} would be removed, {} rewritten.\n",
            about(&forecast),
            forecast.dead_chunks,
            counted(forecast.live_chunks + forecast.dead_chunks, "chunk"),
            counted(forecast.packs_removed, "pack"),
            forecast.packs_rewritten
        ));
    }
    let collected = store.gc(&cx.task(args.quiet)?)?;
    if args.quiet {
        return Ok(());
    }
    let chunks = collected.live_chunks + collected.dead_chunks;
    let journal = match collected.journal_freed_bytes {
        0 => String::new(),
        bytes => format!("Compacted the journal: freed {}.\n", size::long(bytes)),
    };
    cx.print(&format!(
        "Freed {}: {} of {} garbage, {} removed, {} rewritten.\n{journal}",
        size::long(collected.freed_bytes),
        collected.dead_chunks,
        counted(chunks, "chunk"),
        counted(collected.packs_removed, "pack"),
        collected.packs_rewritten
    ))
}

/// Says what a collection would give back after what was rehearsed in `store`.
pub fn foretell(cx: &mut Context, store: &Store, task: &Task) -> Result<(), Failure> {
    let forecast = store.survey(task)?.forecast();
    cx.print(&format!("Space that would come back, with 'larder gc': {}\n", about(&forecast)))
}

/// The space that would come back; exact only where nothing is compressed again.
fn about(forecast: &Forecast) -> String {
    let about = if forecast.packs_rewritten > 0 && forecast.freed_bytes > 0 { "about " } else { "" };
    format!("{about}{}", size::long(forecast.freed_bytes))
}
