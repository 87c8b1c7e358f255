use larder_engine::{Collected, PruneContainersOptions, PruneOptions, Pruned, RemovedContainer, Store, Task};

use crate::commands::gc;
use crate::context::{Context, refuse};
use crate::failure::Failure;
use crate::filter::{Filter, Wanted};
use crate::output::size;
use crate::space::Space;

/// Remove images that nobody names
///
/// With -a also those that have names but no container.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder image prune [OPTIONS]",
    after_help = "Example:\n  larder image prune -a --filter until=720h --filter label!=keep"
)]
pub struct PruneArgs {
    #[command(flatten)]
    images: Images,
    #[command(flatten)]
    space: Space,
}

/// Which images to remove, and how.
#[derive(Debug, clap::Args)]
pub struct Images {
    /// Remove all images that no container uses, not just those without a name
    #[arg(short, long)]
    all: bool,
    /// Only some: until=TIME or DURATION, label=KEY[=VALUE], label!=KEY[=VALUE]
    #[arg(long, value_name = "FILTER")]
    filter: Vec<Filter>,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
    /// Change nothing: say what would go, and what space would come back, with 'larder gc'
    #[arg(long)]
    dry_run: bool,
}

/// Remove containers that do not run
///
/// With all that they wrote.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder container prune [OPTIONS]",
    after_help = "Example:\n  larder container prune -f --filter until=24h"
)]
pub struct PruneContainersArgs {
    /// Only some: until=TIME or DURATION, label=KEY[=VALUE], label!=KEY[=VALUE]
    #[arg(long, value_name = "FILTER")]
    filter: Vec<Filter>,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
    /// Change nothing: say what would go, and what space would come back, with 'larder gc'
    #[arg(long)]
    dry_run: bool,
}

/// Remove containers that do not run and images that nobody names, then all garbage
///
/// The same as `larder container prune`, `larder image prune` and `larder gc`.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder system prune [OPTIONS]",
    after_help = "Example:\n  larder system prune -f --filter until=24h"
)]
pub struct SystemPruneArgs {
    #[command(flatten)]
    images: Images,
    #[arg(long, hide = true)]
    volumes: bool,
}

impl Images {
    fn options(&self) -> Result<PruneOptions, Failure> {
        let mut options = PruneOptions::default();
        let (dangling, until, labels) = Wanted::pruned(&self.filter)?.into_prune();
        options.all = dangling.map_or(self.all, |dangling| !dangling);
        options.until = until;
        options.labels = labels;
        Ok(options)
    }

    fn what(&self) -> &'static str {
        if self.all {
            "all images without at least one container associated to them"
        } else {
            "all dangling images"
        }
    }
}

pub fn prune(cx: &mut Context, args: &PruneArgs) -> Result<(), Failure> {
    let (args, space) = (&args.images, args.space);
    let options = PruneOptions { keep_space: space.is_kept(), ..args.options()? };
    if args.dry_run {
        return rehearse(cx, None, Some(&options));
    }
    if !args.force && !cx.confirm(&format!("WARNING! This will remove {}.\n", args.what()))? {
        return Ok(());
    }
    let collect =
        if space.is_kept() { |_: &Store, _: &Task| Ok(Collected::default()) } else { Store::reclaim };
    if remove(cx, &options, 0, collect)? {
        cx.advise(space.undo_advice(true));
    }
    Ok(())
}

pub fn system_prune(cx: &mut Context, args: &SystemPruneArgs) -> Result<(), Failure> {
    refuse("--volumes", args.volumes, "larder keeps no volumes")?;
    let images = &args.images;
    let options = images.options()?;
    let of_containers = PruneContainersOptions { until: options.until, labels: options.labels.clone() };
    if images.dry_run {
        return rehearse(cx, Some(&of_containers), Some(&options));
    }
    let warning = format!(
        "WARNING! This will remove:\n  - all stopped containers\n  - {}\n  - data that nothing uses\n\n",
        images.what()
    );
    if !images.force && !cx.confirm(&warning)? {
        return Ok(());
    }
    let mut written = 0;
    if let Some(store) = cx.store()? {
        let removed = store.prune_containers(&of_containers, &cx.task(false)?)?;
        written = written_by(&removed);
        cx.print(&told_containers(&removed))?;
    }
    remove(cx, &options, written, Store::gc).map(drop)
}

/// `larder container prune`
pub fn prune_containers(cx: &mut Context, args: &PruneContainersArgs) -> Result<(), Failure> {
    let (dangling, until, labels) = Wanted::pruned(&args.filter)?.into_prune();
    if dangling.is_some() {
        return Err(Failure::error("Invalid filter 'dangling'"));
    }
    let options = PruneContainersOptions { until, labels };
    if args.dry_run {
        return rehearse(cx, Some(&options), None);
    }
    if !args.force && !cx.confirm("WARNING! This will remove all stopped containers.\n")? {
        return Ok(());
    }
    let mut freed = 0;
    if let Some(store) = cx.store()? {
        let task = cx.task(false)?;
        let removed = store.prune_containers(&options, &task)?;
        cx.print(&told_containers(&removed))?;
        freed = written_by(&removed);
        if removed.iter().any(|container| container.leaves_garbage) {
            freed += store.reclaim_in_passing(&task)?.freed_bytes;
        }
    }
    cx.print(&format!("Total reclaimed space: {}\n", size::long(freed)))
}

/// Says what would be removed, containers first, and what would come back.
fn rehearse(
    cx: &mut Context,
    containers: Option<&PruneContainersOptions>,
    images: Option<&PruneOptions>,
) -> Result<(), Failure> {
    let Some(store) = cx.store()?.map(|store| store.rehearsal()) else {
        return cx.print("Nothing would be removed: there is no store.\n");
    };
    let task = cx.task(false)?;
    if let Some(options) = containers {
        let removed = store.prune_containers(options, &task)?;
        cx.print(
            &told_containers(&removed).replace("Deleted Containers:", "Containers that would be deleted:"),
        )?;
    }
    if let Some(options) = images {
        cx.print(&told(&store.prune(options, &task)?, true))?;
    }
    gc::foretell(cx, &store, &task)
}

fn written_by(removed: &[RemovedContainer]) -> u64 {
    removed.iter().map(|container| container.writable_bytes).sum()
}

fn told_containers(removed: &[RemovedContainer]) -> String {
    let text: String = removed.iter().map(|container| format!("{}\n", container.id)).collect();
    if text.is_empty() { text } else { format!("Deleted Containers:\n{text}\n") }
}

/// Prunes, says what went, and gives the space back by `collect`, on top of what
/// was `freed` already. Returns `true` if an image was removed.
fn remove(
    cx: &mut Context,
    options: &PruneOptions,
    mut freed: u64,
    collect: fn(&Store, &Task) -> larder_engine::Result<Collected>,
) -> Result<bool, Failure> {
    let mut has_removed = false;
    if let Some(store) = cx.store()? {
        let task = cx.task(false)?;
        let pruned = store.prune(options, &task)?;
        cx.print(&told(&pruned, false))?;
        has_removed = !pruned.images.is_empty();
        freed += collect(&store, &task)?.freed_bytes;
    }
    cx.print(&format!("Total reclaimed space: {}\n", size::long(freed)))?;
    Ok(has_removed)
}

/// What went, as Docker tells it; or what would go.
fn told(pruned: &Pruned, would: bool) -> String {
    let (heading, untagged, deleted) = match would {
        false => ("Deleted Images:", "untagged", "deleted"),
        true => ("Images that would be deleted:", "would untag", "would delete"),
    };
    let mut text = String::new();
    for image in &pruned.images {
        text.extend(image.untagged.iter().map(|name| format!("{untagged}: {}\n", name.familiar())));
        text.extend(image.untagged_digests.iter().map(|digest| format!("{untagged}: {digest}\n")));
        text.extend(image.deleted.iter().map(|digest| format!("{deleted}: {digest}\n")));
    }
    if text.is_empty() { text } else { format!("{heading}\n{text}\n") }
}
