use larder_engine::{ErrorKind, RemoveContainerOptions, Store};

use crate::context::{Context, about_container, no_such_container, refuse};
use crate::failure::Failure;

/// Remove containers
///
/// With all that they wrote. All arguments are tried, whatever becomes of one.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "larder rm [OPTIONS] CONTAINER [CONTAINER...]",
    after_help = "Example:\n  larder rm web\n  larder rm -f $(larder ps -aq)"
)]
pub struct RmArgs {
    /// Containers, as a name, an ID or the beginning of one
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
    /// Remove it even if it runs; a missing container is no failure
    #[arg(short, long)]
    force: bool,
    /// Remove its anonymous volumes too; larder has none, so this changes nothing
    #[arg(short, long)]
    volumes: bool,
    #[arg(short, long, hide = true)]
    link: bool,
}

pub fn rm(cx: &mut Context, args: &RmArgs) -> Result<(), Failure> {
    refuse("--link", args.link, "there are no links between containers")?;
    let store = cx.store()?;
    let options = RemoveContainerOptions { force: args.force };
    let mut failed = false;
    let mut leaves_garbage = false;
    for name in &args.containers {
        match remove(store.as_ref(), name, &options) {
            Ok(leaves) => {
                leaves_garbage |= leaves;
                cx.print(&format!("{name}\n"))?;
            }
            Err((failure, is_missing)) => {
                cx.tell(&failure);
                failed |= !(is_missing && args.force);
            }
        }
    }
    if let Some(store) = store.filter(|_| leaves_garbage) {
        // The containers are gone whatever becomes of their space.
        if let Err(error) = store.reclaim_in_passing(&cx.task(false)?) {
            cx.tell(
                &Failure::from(error).hint("the containers are removed; larder gc gives their space back"),
            );
        }
    }
    if failed { Err(Failure::silent()) } else { Ok(()) }
}

/// Whether the container leaves garbage; or why it was not removed, and whether
/// that is because it is not there.
fn remove(
    store: Option<&Store>,
    name: &str,
    options: &RemoveContainerOptions,
) -> Result<bool, (Failure, bool)> {
    let store = store.ok_or_else(|| (Failure::error(no_such_container(name)), true))?;
    match store.remove_container(name, options) {
        Ok(removed) => Ok(removed.leaves_garbage),
        Err(error) => {
            let is_missing = error.kind() == ErrorKind::NotFound;
            Err((about_container(error, store, name), is_missing))
        }
    }
}
