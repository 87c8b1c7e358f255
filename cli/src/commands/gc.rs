use crate::context::Context;
use crate::failure::Failure;
use crate::output::size;
use crate::output::text::counted;

/// Give back space that nothing uses
///
/// Removing an image frees what it alone used; this frees the rest: what
/// interrupted loads left, and packs of which only a part is still in use.
#[derive(Debug, clap::Args)]
#[command(override_usage = "larder gc [OPTIONS]", after_help = "Example:\n  larder gc")]
pub struct GcArgs {
    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
}

pub fn gc(cx: &mut Context, args: &GcArgs) -> Result<(), Failure> {
    let Some(store) = cx.store()? else { return cx.print("Freed 0B: there is no store.\n") };
    let collected = store.gc(&cx.task(args.quiet)?)?;
    let chunks = collected.live_chunks + collected.dead_chunks;
    cx.print(&format!(
        "Freed {}: {} of {} garbage, {} removed, {} rewritten.\n",
        size::long(collected.freed_bytes),
        collected.dead_chunks,
        counted(chunks, "chunk"),
        counted(collected.packs_removed, "pack"),
        collected.packs_rewritten
    ))
}
